//! What PostgreSQL's errors mean for the store.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

use crate::StoreError;

/// Why a statement gave no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server said no: the statement did nothing.
    Refused(StoreError),
    /// The connection went away before there was an answer: the statement may have been carried out, may be at it
    /// still, and may even begin only later, if it waits in a buffer on the way.
    Lost(StoreError),
}

impl Failure {
    /// For whoever can do the same with either.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Refused(error) | Self::Lost(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let lost = match error.as_db_error() {
            // The server's last words before it ends the connection. It may speak them after a commit.
            Some(said) => matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic)),
            // Without a source: the connection was closed. What has another source failed before it was sent.
            None => error.source().is_none_or(|source| source.is::<io::Error>()),
        };
        let error = failed(error);
        if lost { Self::Lost(error) } else { Self::Refused(error) }
    }
}

/// Sorts an error by what can be done about it.
pub(super) fn failed(error: Error) -> StoreError {
    match error.as_db_error() {
        Some(said) if *said.code() == SqlState::DISK_FULL => StoreError::Full,
        Some(said) if *said.code() == SqlState::LOCK_NOT_AVAILABLE => {
            StoreError::Database("another server holds the lock for too long".into())
        }
        Some(said) => StoreError::Database(format!("{} ({})", said.message(), said.code().code())),
        None => match error.source() {
            Some(source) => StoreError::Database(format!("{error}: {source}")),
            None => StoreError::Database(error.to_string()),
        },
    }
}

/// A value that is stored but cannot have been written by this program.
pub(super) fn nonsense(what: &str) -> StoreError {
    StoreError::Database(format!("the database is damaged: {what}"))
}
