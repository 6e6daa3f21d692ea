//! What the recorder inside the program and the test outside tell each other. This one file is compiled into both.
//!
//! Three environment variables place the recorder: the directory that is the disk, the trace it appends to, and the
//! control words it obeys. The trace is a sequence of records: a [`Header`] of 32 bytes, little-endian, then
//! `path_len` bytes of path, `other_len` bytes of a second path, `data_len` bytes of data. Paths are relative to the
//! disk's directory. The order of the records is the order of the operations, over all threads and processes, and a
//! record is complete before the call it describes returns to the program.
//!
//! The control file is [`WORDS`] words of 64 bits in native order. The recorder maps it; the test writes single words.

/// Absolute, canonical path of the directory that is the disk.
pub const DIRECTORY: &str = "FAULTDISK_DIR";
/// Absolute path of the trace, outside of the disk.
pub const TRACE: &str = "FAULTDISK_TRACE";
/// Absolute path of the control words, outside of the disk.
pub const CONTROL: &str = "FAULTDISK_CONTROL";

/// How many control words there are.
pub const WORDS: usize = 6;
/// Control word: bytes that still fit on the disk; negative means any number.
pub const SPACE: usize = 0;
/// Control word: syncs that will still succeed before one fails; negative means all.
pub const SYNC_FUSE: usize = 1;
/// Control word: 1 if only one sync fails, 0 if all do from then on.
pub const SYNC_ONCE: usize = 2;
/// Control word, written by the recorder: writes refused or shortened for want of space.
pub const WRITES_REFUSED: usize = 3;
/// Control word, written by the recorder: syncs that failed on demand.
pub const SYNCS_FAILED: usize = 4;
/// Control word, written by the recorder: syncs asked for, of files and directories.
pub const SYNCS: usize = 5;

/// Length of an encoded [`Header`] in bytes.
pub const HEADER: usize = 32;
const MAGIC: u32 = 0x4b53_4446;

/// Flag of [`Kind::Open`]: the file did not exist before.
pub const CREATED: u8 = 1;
/// Flag of [`Kind::Open`]: the file was cut to nothing.
pub const TRUNCATED: u8 = 2;
/// Flag of [`Kind::Sync`] and [`Kind::SyncDirectory`]: the call reported success.
pub const SUCCEEDED: u8 = 4;

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A process began to record; `number` is its process id.
    Started = 1,
    /// `path` was opened as `handle`.
    Open = 2,
    /// `data` was written to `handle` at byte `number`.
    Write = 3,
    /// `handle` was given the size `number`.
    Resize = 4,
    /// A sync of `handle` ended; it covers what stood in the trace before offset `number`.
    Sync = 5,
    /// A sync of directory `path` ended; it covers what stood in the trace before offset `number`.
    SyncDirectory = 6,
    /// `path` became the second path.
    Rename = 7,
    /// `path` got the second path as another name.
    Link = 8,
    /// The name `path` of a file was removed.
    Unlink = 9,
    /// Directory `path` was made.
    MakeDirectory = 10,
    /// Directory `path` was removed.
    RemoveDirectory = 11,
    /// `handle` was mapped shared and writable: what is stored through the mapping is not in the trace.
    Mapped = 12,
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What happened.
    pub kind: Kind,
    /// [`CREATED`], [`TRUNCATED`], [`SUCCEEDED`].
    pub flags: u8,
    /// Length of the path in bytes.
    pub path_len: u16,
    /// Length of the second path in bytes.
    pub other_len: u16,
    /// Length of the data in bytes.
    pub data_len: u32,
    /// The open file; a number is bound anew by each [`Kind::Open`], and no two live files share one.
    pub handle: u64,
    /// An offset or a size, as the kind says.
    pub number: u64,
}

impl Header {
    /// The header as it stands in the trace.
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[5] = self.flags;
        bytes[6..8].copy_from_slice(&self.path_len.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.other_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.data_len.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.handle.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` if these bytes are not one.
    pub fn decode(bytes: &[u8; HEADER]) -> Option<Header> {
        let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if word(0) != MAGIC {
            return None;
        }
        Some(Header {
            kind: Kind::from_byte(bytes[4])?,
            flags: bytes[5],
            path_len: half(6),
            other_len: half(8),
            data_len: word(12),
            handle: long(16),
            number: long(24),
        })
    }
}

impl Kind {
    const ALL: [Kind; 12] = [
        Kind::Started,
        Kind::Open,
        Kind::Write,
        Kind::Resize,
        Kind::Sync,
        Kind::SyncDirectory,
        Kind::Rename,
        Kind::Link,
        Kind::Unlink,
        Kind::MakeDirectory,
        Kind::RemoveDirectory,
        Kind::Mapped,
    ];

    fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_reads_back_as_it_was_written() {
        for kind in Kind::ALL {
            let header = Header {
                kind,
                flags: CREATED | SUCCEEDED,
                path_len: 300,
                other_len: 7,
                data_len: 70_000,
                handle: u64::MAX - 5,
                number: 1 << 40,
            };
            assert_eq!(Header::decode(&header.encode()), Some(header));
        }
        assert_eq!(Header::decode(&[0; HEADER]), None);
    }
}
