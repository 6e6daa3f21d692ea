//! What can go wrong with what is kept.

use std::path::PathBuf;

use model::{Position, WorkspaceName};

use crate::batch::Head;
use crate::chain::Hash;

/// Why the store could not do something. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk. Reads go on, and appends too once there is room.
    #[error("the disk is full")]
    Full,
    /// The disk did not confirm a write. What it holds is unknown until the store is opened again.
    #[error("the disk failed to confirm a write, so nothing more is written until a restart: {0}")]
    Ended(String),
    /// What is stored is damaged.
    #[error("the log {log} is damaged at position {position}: {what}")]
    Damaged {
        /// Which log.
        log: String,
        /// The first bad position.
        position: Position,
        /// What does not fit.
        what: String,
    },
    /// A damaged row of a read model, which `guildhall store rebuild` mends.
    #[error("a read model is damaged ({0}); `guildhall store rebuild` makes it anew")]
    DamagedRow(String),
    /// Bytes that an event refers to are gone, or not what was kept.
    #[error("a file kept in the log {log} under {digest} is damaged; restore a backup")]
    DamagedBlob {
        /// Which log.
        log: String,
        /// The SHA-256 under which it was kept, in hex.
        digest: String,
    },
    /// A damaged job. It is not performed, the others are; `guildhall store rebuild` schedules it anew.
    #[error("the job {key:?} of the log {log} is damaged; `guildhall store rebuild` schedules it anew")]
    DamagedJob {
        /// Which log; `?` if that is what is damaged.
        log: String,
        /// Its key, as it reads now.
        key: String,
    },
    /// A damaged receipt: whether its command was carried out, and with what result, cannot be said.
    #[error(
        "the receipt of {by} for the key {key:?} in the log {log} is damaged; `guildhall store rebuild` forgets it, \
         and a command given under this key is then carried out as a new one"
    )]
    DamagedReceipt {
        /// Which log; `?` if it belongs to none.
        log: String,
        /// Whose it is, as it reads now.
        by: String,
        /// Its key, as it reads now.
        key: String,
    },
    /// A body over the last bound. Doors refuse earlier, with a better explanation.
    #[error("the body of event {position} is {bytes} bytes, and {limit} at most are kept")]
    TooLarge {
        /// Which event of the batch.
        position: Position,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// A batch that was to follow another, which was not appended.
    #[error("what was to stand before it in the log {log} was not appended")]
    Orphaned {
        /// Which log.
        log: String,
    },
    /// There is no such log.
    #[error("there is no log {0:?}")]
    NoSuchLog(String),
    /// Written by a newer version.
    #[error(
        "the database was written by a newer Guildhall (schema {found}, this one knows {known}); use that version"
    )]
    Newer {
        /// Its schema number.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// A migration is recorded with another text than this program has for it.
    #[error("migration {0} of the database differs from this program's; it was made by a modified Guildhall")]
    ForeignMigration(u32),
    /// The database cannot be used as it is set up.
    #[error("the database is not usable: {0}")]
    Unsuitable(String),
    /// The database did not answer, or answered with an error of its own.
    #[error("the database failed: {0}")]
    Database(String),
    /// SQLite cannot make sense of a file.
    #[error("the database is damaged: {0}")]
    Malformed(String),
    /// The same of the read models, which are made anew when a server starts or by `guildhall store rebuild`.
    #[error("{file} is damaged ({what}); `guildhall store rebuild` makes it anew from the log")]
    DamagedViews {
        /// Which file.
        file: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// A database file cannot be opened.
    #[error("{file}: {cause}")]
    Opening {
        /// Which file.
        file: PathBuf,
        /// Why.
        cause: Box<StoreError>,
    },
    /// Whether anything is kept in a directory cannot be told.
    #[error("cannot look into {directory}: {cause}")]
    CannotLook {
        /// Which directory.
        directory: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// The log is gone, and what was made from it is there.
    #[error(
        "{log} is gone or empty, and {views} remembers {remembered}; restore {log}, or remove {views} to begin anew"
    )]
    LogGone {
        /// The file of the log.
        log: PathBuf,
        /// The file of the read models.
        views: PathBuf,
        /// How many events of which logs.
        remembered: String,
    },
}

impl StoreError {
    /// An event that was written is not there.
    pub(crate) fn missing(log: &WorkspaceName, position: Position) -> Self {
        Self::Damaged { log: log.to_string(), position, what: "it is missing".into() }
    }

    /// Bytes that an event refers to are gone, or others.
    pub(crate) fn damaged_blob(log: &WorkspaceName, digest: &Hash) -> Self {
        Self::DamagedBlob { log: log.to_string(), digest: digest.to_string() }
    }

    /// Damage that is found at an event nobody wrote begins where the log ends.
    pub(crate) fn at_most_at(self, end: Position) -> Self {
        match self {
            Self::Damaged { log, position, what } => Self::Damaged { log, position: position.min(end), what },
            other => other,
        }
    }
}

/// Why a batch was not, or may not have been, appended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Somebody else appended first; the log ends here now. Nothing was written.
    #[error("the log has moved on to {}", .0.position)]
    Moved(Head),
    /// Nothing was written.
    #[error(transparent)]
    Refused(#[from] StoreError),
    /// The commit was sent and its outcome never heard of; it may even take place later. Appending the same batch
    /// again settles it.
    #[error("whether the append succeeded is unknown: {0}")]
    Unknown(StoreError),
}
