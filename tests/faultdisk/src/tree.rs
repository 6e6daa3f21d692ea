//! The names on a disk, and the journal of their changes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

/// A directory, by its number in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirectoryId(usize);

/// A file, by its number in the trace; it may have several names, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(pub(crate) usize);

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Directory(DirectoryId),
    File(FileId),
}

/// A name in a directory.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    directory: DirectoryId,
    name: OsString,
}

/// One change of names: all of it happens or nothing.
#[derive(Clone, Debug)]
pub(crate) enum NameChange {
    Put(Place, Node),
    Remove(Place),
    Move(Place, Place),
}

impl NameChange {
    pub(crate) fn is_in(&self, directory: DirectoryId) -> bool {
        match self {
            NameChange::Put(place, _) | NameChange::Remove(place) => place.directory == directory,
            NameChange::Move(from, to) => from.directory == directory || to.directory == directory,
        }
    }
}

/// All names. Directories are never forgotten, so their numbers stay good in any version of the tree.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    directories: Vec<BTreeMap<OsString, Node>>,
}

impl Tree {
    pub(crate) fn new() -> Tree {
        Tree { directories: vec![BTreeMap::new()] }
    }

    /// A directory without a name so far; [`NameChange::Put`] gives it one.
    pub(crate) fn new_directory(&mut self) -> DirectoryId {
        self.directories.push(BTreeMap::new());
        DirectoryId(self.directories.len() - 1)
    }

    /// The place a relative path means, if the directories on the way exist.
    pub(crate) fn place(&self, path: &Path) -> Option<Place> {
        let Node::Directory(directory) = self.find(path.parent()?)? else { return None };
        Some(Place { directory, name: path.file_name()?.to_owned() })
    }

    pub(crate) fn at(&self, place: &Place) -> Option<Node> {
        self.directories[place.directory.0].get(&place.name).copied()
    }

    /// What a relative path stands for; the empty path is the disk itself.
    pub(crate) fn find(&self, path: &Path) -> Option<Node> {
        let mut node = Node::Directory(DirectoryId(0));
        for part in path.components() {
            let (Node::Directory(directory), Component::Normal(name)) = (node, part) else { return None };
            node = *self.directories[directory.0].get::<OsStr>(name)?;
        }
        Some(node)
    }

    pub(crate) fn apply(&mut self, change: &NameChange) {
        match change {
            NameChange::Put(place, node) => self.put(place, *node),
            NameChange::Remove(place) => {
                self.directories[place.directory.0].remove(&place.name);
            }
            // Two names of one file: POSIX leaves both alone.
            NameChange::Move(from, to) if self.at(from) == self.at(to) => {}
            NameChange::Move(from, to) => {
                if let Some(node) = self.directories[from.directory.0].remove(&from.name) {
                    self.put(to, node);
                }
            }
        }
    }

    fn put(&mut self, place: &Place, node: Node) {
        self.directories[place.directory.0].insert(place.name.clone(), node);
    }

    /// Calls `visit` with each name on the disk and what it stands for.
    pub(crate) fn walk(&self, visit: &mut impl FnMut(PathBuf, Node)) {
        self.walk_from(DirectoryId(0), Path::new(""), visit);
    }

    fn walk_from(&self, directory: DirectoryId, at: &Path, visit: &mut impl FnMut(PathBuf, Node)) {
        for (name, node) in &self.directories[directory.0] {
            let path = at.join(name);
            visit(path.clone(), *node);
            if let Node::Directory(below) = node {
                self.walk_from(*below, &path, visit);
            }
        }
    }
}
