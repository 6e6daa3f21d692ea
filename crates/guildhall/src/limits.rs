//! The bounds of what is typed and read here, each with what it protects against.

/// What one search finds, as the hall allows: each of them is read from the log.
pub(crate) const HITS: i64 = 100;
