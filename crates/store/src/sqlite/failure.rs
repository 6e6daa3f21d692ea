//! What SQLite's result codes mean for the store.

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};

use crate::StoreError;

/// Sorts an error by what can be done about it.
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error() {
        Some(code) if code.code == ErrorCode::DiskFull => StoreError::Full,
        Some(code) if [SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC].contains(&code.extended_code) => {
            StoreError::Ended(error.to_string())
        }
        Some(code) if [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase].contains(&code.code) => {
            StoreError::Malformed(error.to_string())
        }
        _ => StoreError::Database(error.to_string()),
    }
}

/// A value that is stored but cannot have been written by this program.
pub(super) fn nonsense(what: &str) -> StoreError {
    StoreError::Database(format!("the database is damaged: {what}"))
}
