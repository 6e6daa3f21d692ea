//! Everything that happened on the disk, in order, read back from the recorder's file.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::chance::Chance;
use crate::history::{History, Loss, Sync};
use crate::image::{Entry, Image, is_shared_memory};
use crate::protocol::{CREATED, HEADER, Header, Kind, SUCCEEDED, TRUNCATED};
use crate::tree::{DirectoryId, FileId, NameChange, Node, Tree};

/// A moment: how many bytes the trace had. What has returned to the program by then stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub(crate) u64);

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {} of the trace", self.0)
    }
}

/// Why a trace proves nothing.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The trace or the disk could not be read.
    #[error("the trace or the disk cannot be read")]
    Io(#[from] io::Error),
    /// Nobody recorded: the loader did not load the recorder, say because the program is linked statically.
    #[error("no program has recorded anything")]
    Silent,
    /// These bytes are not a record.
    #[error("no record at {0}")]
    Corrupt(Position),
    /// A record speaks of something that does not exist, so an earlier change was not recorded.
    #[error("at {at}: {kind:?} of {path:?} does not follow from what was recorded before")]
    Unexplained {
        /// Where the record ends.
        at: Position,
        /// What was recorded.
        kind: Kind,
        /// Of what; empty if the record has no path.
        path: PathBuf,
    },
    /// A file was changed through a mapping, which is not recorded.
    #[error("{0:?} was mapped shared and writable")]
    Mapped(PathBuf),
    /// Replayed without any loss, the trace does not give what is really there.
    #[error("changes were made that are not recorded: {0:?} differ")]
    Incomplete(Vec<PathBuf>),
}

/// The trace of a disk from [`crate::Disk::new`] to the moment it was read.
pub struct Trace {
    directory: PathBuf,
    bytes: Vec<u8>,
    ends: Vec<Position>,
    files: Vec<History>,
    before: Tree,
    names: Vec<(Position, NameChange)>,
    directory_syncs: Vec<(DirectoryId, Sync)>,
}

impl Trace {
    pub(crate) fn read(directory: &Path, base: &Image, bytes: Vec<u8>) -> Result<Trace, TraceError> {
        let mut tree = Tree::new();
        let mut files = Vec::new();
        for (path, entry) in base.entries() {
            let node = match entry {
                Entry::Directory => Node::Directory(tree.new_directory()),
                Entry::File(bytes) => {
                    files.push(History::of(bytes.clone()));
                    Node::File(FileId(files.len() - 1))
                }
            };
            if let Some(place) = tree.place(path) {
                tree.apply(&NameChange::Put(place, node));
            }
        }
        let trace = Trace {
            directory: directory.to_owned(),
            bytes: Vec::new(),
            ends: Vec::new(),
            files,
            before: tree.clone(),
            names: Vec::new(),
            directory_syncs: Vec::new(),
        };
        Reader { trace, tree, handles: HashMap::new() }.read(bytes)
    }

    /// Where the trace ends.
    pub fn end(&self) -> Position {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The ends of all records, in order: each is a moment at which the power may fail.
    pub fn moments(&self) -> &[Position] {
        &self.ends
    }

    /// The disk as the program saw it at a moment, nothing lost.
    pub fn image_without_loss(&self, at: Position) -> Image {
        self.image(at, Loss::Nothing, &mut Chance::new(0))
    }

    /// The same run on a disk that lied: each sync of a file reported what it reported and made nothing durable. Names are
    /// as durable as they were. A test that stays green on this one proves nothing.
    #[must_use]
    pub fn without_file_syncs(mut self) -> Trace {
        self.files.iter_mut().for_each(History::forget_syncs);
        self
    }

    /// Compares a replay without loss with the real directory. Call it when the program has ended.
    ///
    /// # Errors
    /// [`TraceError::Incomplete`] when the recorder missed something; [`TraceError::Io`] when the directory cannot be read.
    pub fn check_complete(&self) -> Result<(), TraceError> {
        let differences = self.image_without_loss(self.end()).differences(&Image::of(&self.directory)?);
        if differences.is_empty() { Ok(()) } else { Err(TraceError::Incomplete(differences)) }
    }

    pub(crate) fn image(&self, cut: Position, loss: Loss, chance: &mut Chance) -> Image {
        let tree = self.tree(cut, loss, chance);
        // Every file draws, named or not, so that the fate of one does not depend on the name of another.
        let contents: Vec<_> =
            self.files.iter().map(|file| file.after(cut, loss, chance, &self.bytes)).collect();
        let mut image = Image::default();
        tree.walk(&mut |path, node| match node {
            Node::Directory(_) => image.insert(path, Entry::Directory),
            Node::File(_) if is_shared_memory(&path) => {}
            Node::File(file) => image.insert(path, Entry::File(contents[file.0].clone())),
        });
        image
    }

    /// The names after a power cut: a prefix of the journal.
    fn tree(&self, cut: Position, loss: Loss, chance: &mut Chance) -> Tree {
        let before = |position| self.names.partition_point(|(ended, _)| *ended <= position);
        let happened = before(cut);
        let durable = self
            .directory_syncs
            .iter()
            .filter(|(_, sync)| sync.succeeded && sync.ended <= cut)
            .filter_map(|(directory, sync)| {
                let covered = &self.names[..before(sync.covers)];
                covered.iter().rposition(|(_, change)| change.is_in(*directory)).map(|last| last + 1)
            })
            .max()
            .unwrap_or(0);
        let kept = match loss {
            Loss::Nothing => happened,
            Loss::Everything => durable,
            Loss::After(moment) => before(moment).clamp(durable, happened),
            Loss::Mixed { .. } => durable + chance.below((happened - durable) as u64 + 1) as usize,
        };
        let mut tree = self.before.clone();
        self.names[..kept].iter().for_each(|(_, change)| tree.apply(change));
        tree
    }
}

struct Reader {
    trace: Trace,
    tree: Tree,
    handles: HashMap<u64, (FileId, PathBuf)>,
}

impl Reader {
    fn read(mut self, bytes: Vec<u8>) -> Result<Trace, TraceError> {
        let mut at = 0;
        while let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<HEADER>()) {
            let header = Header::decode(head).ok_or(TraceError::Corrupt(Position(at as u64)))?;
            let path = at + HEADER;
            let other = path + usize::from(header.path_len);
            let data = other + usize::from(header.other_len);
            let end = data + header.data_len as usize;
            // The last record of a killed program may be cut short: its call never returned.
            let (Some(path), Some(other), true) =
                (bytes.get(path..other), bytes.get(other..data), end <= bytes.len())
            else {
                break;
            };
            let paths = (Path::new(OsStr::from_bytes(path)), Path::new(OsStr::from_bytes(other)));
            let ended = Position(end as u64);
            self.take(&header, paths, data..end, ended).ok_or_else(|| TraceError::Unexplained {
                at: ended,
                kind: header.kind,
                path: paths.0.to_owned(),
            })??;
            self.trace.ends.push(ended);
            at = end;
        }
        if self.trace.ends.is_empty() {
            return Err(TraceError::Silent);
        }
        self.trace.bytes = bytes;
        Ok(self.trace)
    }

    /// Takes in one record; `None` if it does not follow from those before.
    fn take(
        &mut self,
        header: &Header,
        (path, other): (&Path, &Path),
        data: std::ops::Range<usize>,
        ended: Position,
    ) -> Option<Result<(), TraceError>> {
        let sync = Sync { covers: Position(header.number), ended, succeeded: header.flags & SUCCEEDED != 0 };
        match header.kind {
            Kind::Started => {}
            Kind::Open => self.open(header, path, ended)?,
            Kind::Write => self.file(header.handle)?.write(ended, header.number, data),
            Kind::Resize => self.file(header.handle)?.resize(ended, header.number),
            Kind::Sync => self.file(header.handle)?.sync(sync),
            Kind::SyncDirectory => {
                let Node::Directory(directory) = self.tree.find(path)? else { return None };
                self.trace.directory_syncs.push((directory, sync));
            }
            Kind::Rename => {
                let (from, to) = (self.tree.place(path)?, self.tree.place(other)?);
                self.tree.at(&from)?;
                self.change(ended, NameChange::Move(from, to));
            }
            Kind::Link => {
                let node = self.tree.find(path)?;
                let place = self.tree.place(other)?;
                self.change(ended, NameChange::Put(place, node));
            }
            Kind::Unlink | Kind::RemoveDirectory => {
                let place = self.tree.place(path)?;
                // A shared-memory file from before the trace is in no image; anything else must be known.
                if self.tree.at(&place).is_none() && !is_shared_memory(path) {
                    return None;
                }
                self.change(ended, NameChange::Remove(place));
            }
            Kind::MakeDirectory => {
                let place = self.tree.place(path)?;
                let node = Node::Directory(self.trace.before.new_directory());
                self.tree.new_directory();
                self.change(ended, NameChange::Put(place, node));
            }
            Kind::Mapped => {
                let (_, path) = self.handles.get(&header.handle)?;
                if !is_shared_memory(path) {
                    return Some(Err(TraceError::Mapped(path.clone())));
                }
            }
        }
        Some(Ok(()))
    }

    fn open(&mut self, header: &Header, path: &Path, ended: Position) -> Option<()> {
        let known = self.tree.find(path);
        let created = header.flags & CREATED != 0;
        let file = match known {
            Some(Node::File(file)) if !created => file,
            None if created || is_shared_memory(path) => {
                let place = self.tree.place(path)?;
                self.trace.files.push(History::default());
                let file = FileId(self.trace.files.len() - 1);
                self.change(ended, NameChange::Put(place, Node::File(file)));
                file
            }
            _ => return None,
        };
        self.handles.insert(header.handle, (file, path.to_owned()));
        if header.flags & TRUNCATED != 0 && !created {
            self.file(header.handle)?.resize(ended, 0);
        }
        Some(())
    }

    fn file(&mut self, handle: u64) -> Option<&mut History> {
        let (file, _) = self.handles.get(&handle)?;
        self.trace.files.get_mut(file.0)
    }

    fn change(&mut self, ended: Position, change: NameChange) {
        self.tree.apply(&change);
        self.trace.names.push((ended, change));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cut::Cut;

    fn record(kind: Kind, flags: u8, number: u64, path: &str, data: &[u8]) -> Vec<u8> {
        let (path_len, data_len) = (path.len() as u16, data.len() as u32);
        let header = Header { kind, flags, path_len, other_len: 0, data_len, handle: 1, number };
        [&header.encode()[..], path.as_bytes(), data].concat()
    }

    fn read(records: &[Vec<u8>]) -> Result<Trace, TraceError> {
        Trace::read(Path::new("/nowhere"), &Image::default(), records.concat())
    }

    #[test]
    fn the_cut_off_last_record_of_a_killed_program_is_no_part_of_the_trace() {
        let whole = [record(Kind::Open, CREATED, 0, "log", b""), record(Kind::Write, 0, 0, "", b"kept")];
        let mut cut = record(Kind::Write, 0, 4, "", b"never returned");
        cut.truncate(HEADER + 5);
        let trace = read(&[whole.concat(), cut]).unwrap();
        assert_eq!(trace.image_without_loss(trace.end()).file("log"), Some(&b"kept"[..]));
    }

    #[test]
    fn what_is_no_record_and_what_does_not_follow_are_errors() {
        let opened = record(Kind::Open, CREATED, 0, "log", b"");
        assert!(matches!(read(&[opened.clone(), vec![7; 40]]), Err(TraceError::Corrupt(at)) if at.0 == 35));
        let unknown = record(Kind::Open, 0, 0, "log", b"");
        assert!(matches!(read(&[unknown]), Err(TraceError::Unexplained { kind: Kind::Open, .. })));
        let unlinked = record(Kind::Unlink, 0, 0, "other", b"");
        assert!(matches!(read(&[opened, unlinked]), Err(TraceError::Unexplained { kind: Kind::Unlink, .. })));
    }

    #[test]
    fn only_shared_memory_may_be_stored_to_through_a_mapping_and_no_image_has_it() {
        let mapped =
            |path| read(&[record(Kind::Open, CREATED, 0, path, b""), record(Kind::Mapped, 0, 0, "", b"")]);
        assert!(matches!(mapped("hall.db"), Err(TraceError::Mapped(path)) if path == Path::new("hall.db")));
        let trace = mapped("hall.db-shm").unwrap();
        assert_eq!(trace.image_without_loss(trace.end()), Image::default());
    }

    #[test]
    fn a_sync_covers_only_what_was_written_before_it_began() {
        let opened = record(Kind::Open, CREATED, 0, "log", b"");
        let named = record(Kind::SyncDirectory, SUCCEEDED, opened.len() as u64, "", b"");
        let early = record(Kind::Write, 0, 0, "", &[1; 512]);
        let began = (opened.len() + named.len() + early.len()) as u64;
        let late = record(Kind::Write, 0, 512, "", &[2; 512]);
        let synced = record(Kind::Sync, SUCCEEDED, began, "", b"");
        let trace = read(&[opened, named, early, late, synced]).unwrap();
        let lengths = (0..100).map(|seed| {
            let image = Cut::at(seed, trace.end()).image(&trace);
            let log = image.file("log").unwrap();
            assert_eq!(log[..512], [1; 512], "seed {seed}");
            log.iter().filter(|byte| **byte != 0).count()
        });
        let (short, long): (Vec<_>, Vec<_>) = lengths.partition(|length| *length == 512);
        assert!(!short.is_empty() && !long.is_empty());
    }

    #[test]
    fn a_truncation_that_is_lost_leaves_the_old_bytes_and_one_that_is_kept_never_shows_them_again() {
        let opened = record(Kind::Open, CREATED, 0, "log", b"");
        let named = record(Kind::SyncDirectory, SUCCEEDED, opened.len() as u64, "", b"");
        let old = record(Kind::Write, 0, 0, "", &[1; 2048]);
        let began = (opened.len() + named.len() + old.len()) as u64;
        let synced = record(Kind::Sync, SUCCEEDED, began, "", b"");
        let cut = record(Kind::Resize, 0, 0, "", b"");
        let new = record(Kind::Write, 0, 1024, "", &[2; 1024]);
        let trace = read(&[opened, named, old, synced, cut, new]).unwrap();
        let (mut kept, mut lost) = (0, 0);
        for seed in 0..200 {
            let image = Cut::at(seed, trace.end()).image(&trace);
            let log = image.file("log").unwrap();
            if log.contains(&1) {
                lost += 1;
                assert_eq!(log, [1; 2048], "seed {seed}: the old file, whole");
            } else {
                kept += 1;
                assert!(log.iter().take(1024).all(|byte| *byte == 0), "seed {seed}: a hole");
            }
        }
        assert!(kept > 0 && lost > 0, "{kept} kept, {lost} lost");
    }
}
