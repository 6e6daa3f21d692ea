//! Why the hall does not do something.

use model::{Position, Refusal, WorkspaceName};
use store::StoreError;

/// Why a command was not carried out. Doors say it in their own protocol's form.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Declined {
    /// The model refused it; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The idempotency key was used for another command.
    #[error("this idempotency key was used for another command")]
    KeyReused,
    /// The idempotency key is empty or too long.
    #[error("an idempotency key has 1 to {} bytes", crate::limits::KEY_BYTES)]
    BadKey,
    /// It could not be kept; nothing has changed.
    #[error("nothing was written: {0}")]
    Unavailable(StoreError),
    /// It was sent to the disk or the database, and what became of it is not known.
    #[error("whether this was written is unknown, ask again after the server has restarted: {0}")]
    Unknown(StoreError),
    /// The read models are too far behind to take in more.
    #[error("nothing was written: the read models are behind; try again")]
    Behind,
    /// The hall is closing.
    #[error("nothing was written: the server is shutting down")]
    Closing,
}

/// Why the hall cannot open, or a workspace cannot be found or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HallError {
    /// There is no such workspace.
    #[error("there is no workspace {0:?}")]
    NoWorkspace(WorkspaceName),
    /// What is kept cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A query asked for what this log does not hold, or not yet.
    #[error("position {asked} is not reached; the log ends at {end}")]
    NotReached {
        /// What was asked for.
        asked: Position,
        /// Where the log ends here.
        end: Position,
    },
    /// A row of a read model cannot be understood.
    #[error("a read model cannot be read ({0}); `guildhall store rebuild` makes it anew")]
    Row(String),
    /// What was to be written at the start was declined.
    #[error(transparent)]
    Declined(#[from] Declined),
}

/// Why a command cannot be carried out if what it needs to know cannot be read.
pub(crate) fn unavailable(error: HallError) -> Declined {
    match error {
        HallError::Store(error) => Declined::Unavailable(error),
        other => Declined::Unavailable(StoreError::DamagedRow(other.to_string())),
    }
}
