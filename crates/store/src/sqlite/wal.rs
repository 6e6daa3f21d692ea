//! Looking at the write-ahead log of `log.db` before SQLite does.
//!
//! SQLite reads it up to the first frame whose checksum does not fit and passes over the rest without a word: after a
//! power cut that is the commit that was under way. A flipped bit looks the same to it, and would silently take back
//! every commit from there on. The two can be told apart, since each commit is synced before the next one begins: if
//! whole frames of a *later* commit stand behind the one that does not fit, that one was durable and has been damaged.
//!
//! Damage to the very last commit cannot be told from a power cut. The format is SQLite's, "WAL-mode File Format".

use std::fs;
use std::io;
use std::path::Path;

use super::files;
use crate::{Result, StoreError};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The running checksum.
type Sum = (u32, u32);

struct Wal<'a> {
    frames: &'a [u8],
    page: usize,
    salts: &'a [u8],
    big_endian: bool,
}

struct Frame<'a> {
    header: &'a [u8],
    page: &'a [u8],
}

/// Checks the write-ahead log beside a database that nobody has open.
///
/// # Errors
/// If commits that were synced can no longer be read.
pub(super) fn check(database: &Path) -> Result<()> {
    let path = files::beside(database, "-wal");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => {
            return Err(StoreError::Database(format!("cannot read {}: {cause}", path.display())));
        }
    };
    damage(&bytes).map_or(Ok(()), |what| {
        Err(StoreError::Database(format!(
            "{} is damaged: {what}. What was committed from there on cannot be read; restore a backup, or move that \
             file away to go on without everything in it",
            path.display()
        )))
    })
}

/// What is wrong with a write-ahead log, if it is more than an unfinished end.
fn damage(bytes: &[u8]) -> Option<String> {
    let (header, frames) = bytes.split_at_checked(HEADER)?;
    // The header is one sector, synced before the first frame is written: it is there whole or not at all.
    if header.iter().all(|byte| *byte == 0) {
        return None;
    }
    let big_endian = header[3] & 1 == 1;
    let page = word(header, 8) as usize;
    let sum = add((0, 0), &header[..24], big_endian);
    let well = word(header, 0) & !1 == 0x377f_0682 && sum == stored_sum(header, 24);
    if !well || !page.is_power_of_two() || !(512..=65_536).contains(&page) {
        return Some("its header does not fit its checksum".into());
    }
    let wal = Wal { frames, page, salts: &header[16..24], big_endian };
    let bad = wal.first_bad(sum)?;
    wal.goes_on_behind(bad).then(|| format!("frame {} of {} does not fit its checksum", bad + 1, wal.count()))
}

impl Wal<'_> {
    fn count(&self) -> usize {
        self.frames.len() / (FRAME_HEADER + self.page)
    }

    fn frame(&self, index: usize) -> Option<Frame<'_>> {
        let start = index * (FRAME_HEADER + self.page);
        let bytes = self.frames.get(start..start + FRAME_HEADER + self.page)?;
        let (header, page) = bytes.split_at(FRAME_HEADER);
        Some(Frame { header, page })
    }

    fn has_our_salts(&self, frame: &Frame<'_>) -> bool {
        &frame.header[8..16] == self.salts
    }

    /// What the checksum of a frame must be, given that of the one before.
    fn sum_of(&self, before: Sum, frame: &Frame<'_>) -> Sum {
        add(add(before, &frame.header[..8], self.big_endian), frame.page, self.big_endian)
    }

    /// The first frame that SQLite would not read.
    fn first_bad(&self, header: Sum) -> Option<usize> {
        let mut sum = header;
        for index in 0..self.count() {
            let frame = self.frame(index)?;
            sum = self.sum_of(sum, &frame);
            if !self.has_our_salts(&frame) || sum != stored_sum(frame.header, 16) {
                return Some(index);
            }
        }
        None
    }

    /// Whether a frame that follows a commit, and belongs to what was written before it, stands behind a bad one.
    fn goes_on_behind(&self, bad: usize) -> bool {
        let Some(mut previous) = self.frame(bad) else { return false };
        let mut commits = u32::from(previous.is_commit());
        for index in bad + 1..self.count() {
            let Some(frame) = self.frame(index) else { return false };
            let linked = self.sum_of(stored_sum(previous.header, 16), &frame) == stored_sum(frame.header, 16);
            // If it is the checksum of the bad one that is damaged, the next one does not link to it.
            if !self.has_our_salts(&frame) || (!linked && index > bad + 1) {
                return false;
            }
            if commits > 0 && linked {
                return true;
            }
            commits += u32::from(frame.is_commit());
            previous = frame;
        }
        false
    }
}

impl Frame<'_> {
    /// The last frame of a commit names the size of the database.
    fn is_commit(&self) -> bool {
        word(self.header, 4) != 0
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn stored_sum(bytes: &[u8], at: usize) -> Sum {
    (word(bytes, at), word(bytes, at + 4))
}

fn add((mut one, mut two): Sum, bytes: &[u8], big_endian: bool) -> Sum {
    for pair in bytes.chunks_exact(8) {
        let [first, second] = [0, 4].map(|at| {
            let word = word(pair, at);
            if big_endian { word } else { word.swap_bytes() }
        });
        one = one.wrapping_add(first).wrapping_add(two);
        two = two.wrapping_add(second).wrapping_add(one);
    }
    (one, two)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The write-ahead log of a database with so many commits of several frames each, and how many bytes the last of
    /// them takes.
    fn written(commits: usize) -> (Vec<u8>, usize) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.db");
        let database = super::super::readers::open_for_writing(&path, "FULL").unwrap();
        database.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        database.execute_batch("CREATE TABLE said (body BLOB)").unwrap();
        let wal = || fs::read(directory.path().join("log.db-wal")).unwrap();
        let mut before = 0;
        for _ in 0..commits {
            before = wal().len();
            database.execute("INSERT INTO said VALUES (zeroblob(10000))", []).unwrap();
        }
        let wal = wal();
        let last = wal.len() - before;
        (wal, last)
    }

    #[test]
    fn what_sqlite_writes_is_well_wherever_it_is_cut_off() {
        let (wal, _) = written(5);
        for length in (0..=wal.len()).step_by(97).chain([wal.len()]) {
            assert_eq!(damage(&wal[..length]), None, "{length} of {}", wal.len());
        }
        assert_eq!(damage(&vec![0; wal.len()]), None, "a file whose data never arrived");
    }

    #[test]
    fn a_commit_under_way_may_be_in_pieces() {
        let (wal, last) = written(5);
        for start in (wal.len() - last..wal.len()).step_by(512) {
            let mut torn = wal.clone();
            let end = (start + 512).min(torn.len());
            torn[start..end].fill(0);
            assert_eq!(damage(&torn), None, "{start}");
        }
    }

    #[test]
    fn a_flipped_bit_in_any_commit_but_the_last_is_damage() {
        let (mut wal, last) = written(5);
        for byte in (0..wal.len() - last).step_by(13) {
            wal[byte] ^= 0x04;
            let found = damage(&wal);
            assert!(found.is_some(), "byte {byte}");
            wal[byte] ^= 0x04;
        }
    }

    #[test]
    fn frames_of_an_earlier_round_are_nobodys() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.db");
        let database = super::super::readers::open_for_writing(&path, "FULL").unwrap();
        database.execute_batch("CREATE TABLE said (body BLOB)").unwrap();
        for _ in 0..5 {
            database.execute("INSERT INTO said VALUES (zeroblob(10000))", []).unwrap();
        }
        database.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
        database.execute("INSERT INTO said VALUES (zeroblob(100))", []).unwrap();
        check(&path).unwrap();
    }
}
