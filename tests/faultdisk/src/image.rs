//! What is on a disk: directories and the bytes of files, without sockets, pipes and shared-memory files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The content of a disk; paths are relative to its directory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Image {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Directory,
    File(Vec<u8>),
}

impl Image {
    /// Reads a directory.
    ///
    /// # Errors
    /// When it cannot be read, or has a symbolic link in it, which this model does not know.
    pub fn of(directory: &Path) -> io::Result<Image> {
        let mut image = Image::default();
        image.read(directory, Path::new(""))?;
        Ok(image)
    }

    fn read(&mut self, directory: &Path, relative: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory.join(relative))? {
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, relative.join(entry.file_name()));
            if kind.is_symlink() {
                return Err(io::Error::other(format!("{} is a symbolic link", path.display())));
            }
            if kind.is_dir() {
                self.entries.insert(path.clone(), Entry::Directory);
                self.read(directory, &path)?;
            } else if kind.is_file() && !is_shared_memory(&path) {
                self.entries.insert(path, Entry::File(fs::read(entry.path())?));
            }
        }
        Ok(())
    }

    pub(crate) fn insert(&mut self, path: PathBuf, entry: Entry) {
        self.entries.insert(path, entry);
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.as_path(), entry))
    }

    /// The bytes of a file, if there is one of this name.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<&[u8]> {
        match self.entries.get(path.as_ref())? {
            Entry::File(bytes) => Some(bytes),
            Entry::Directory => None,
        }
    }

    /// The paths of all files, in order.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.entries().filter(|(_, entry)| matches!(entry, Entry::File(_))).map(|(path, _)| path)
    }

    /// The paths that are in one image only, or not the same in both.
    pub fn differences(&self, other: &Image) -> Vec<PathBuf> {
        let paths: BTreeSet<_> = self.entries.keys().chain(other.entries.keys()).collect();
        paths
            .into_iter()
            .filter(|path| self.entries.get(*path) != other.entries.get(*path))
            .cloned()
            .collect()
    }

    /// Writes the image into a directory, which is created if it is missing and must be empty. Files get 0600 and
    /// directories 0700.
    ///
    /// # Errors
    /// When the directory is not empty or cannot be written.
    pub fn write_to(&self, directory: &Path) -> io::Result<()> {
        let mut maker = fs::DirBuilder::new();
        maker.mode(0o700).recursive(true).create(directory)?;
        if fs::read_dir(directory)?.next().is_some() {
            return Err(io::Error::new(
                io::ErrorKind::DirectoryNotEmpty,
                "an image needs an empty directory",
            ));
        }
        // In the order of paths a directory comes before what is in it.
        for (path, entry) in &self.entries {
            let path = directory.join(path);
            match entry {
                Entry::Directory => maker.create(path)?,
                Entry::File(bytes) => {
                    let mut file =
                        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                    file.write_all(bytes)?;
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sizes = self.entries.iter().map(|(path, entry)| match entry {
            Entry::Directory => (path, None),
            Entry::File(bytes) => (path, Some(bytes.len())),
        });
        f.debug_map().entries(sizes).finish()
    }
}

/// Whether this is SQLite's index of its log, which is rebuilt after a crash and never part of an image.
pub(crate) fn is_shared_memory(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"-shm")
}
