//! The bounds of what is typed and read here, each with what it protects against.

/// The longest that a question may wait, a message be offered or a reservation last, in seconds: a year, as the hall
/// allows. A longer time would only hide a mistaken unit.
pub(crate) const WAIT_SECONDS: u64 = 366 * 24 * 3600;
/// The bytes of a file that is sent, as the hall allows. A file is in memory, whole, wherever it passes.
pub(crate) const FILE_BYTES: usize = 8 * 1024 * 1024;
/// The bytes of a name under which a file is written; most file systems have no longer ones.
pub(crate) const FILE_NAME_BYTES: usize = 255;
/// Names that are tried for a file whose name is taken: a directory with more of one name was not meant.
pub(crate) const FILE_NAMES: u32 = 1_000;
/// What one search finds, as the hall allows: each of them is read from the log.
pub(crate) const HITS: i64 = 100;
