//! Where everything is kept.
//!
//! A [`Store`] holds the logs of all workspaces, and what hangs on them: jobs and idempotency receipts, written in
//! the transaction of their events; read models, an index of words and snapshots, which follow and can be rebuilt. It
//! knows neither protocols nor what an event means.
//!
//! | backend | for | durability of an append |
//! |---|---|---|
//! | [`MemoryStore`] | tests and demonstrations | none |
//! | [`SqliteStore`] | one machine (the default) | fsynced before it returns |
//! | [`PostgresStore`] | several machines | the server's, which must have `fsync` and `synchronous_commit` on |
//!
//! All three pass one suite, `tests/contract`. Reading order: [`batch`], [`chain`], this trait, then a backend.
//!
//! The databases believe nothing that is not what they wrote. Events and the end of a log are proved by the chain;
//! everything else carries a digest of its own, see `seal.rs`, which is looked at whenever it is read; but for the index,
//! which only says where to look.

mod background;
pub mod batch;
pub mod chain;
pub mod error;
pub mod limits;
mod memory;
pub mod mend;
mod postgres;
mod projection;
mod room;
mod runs;
mod seal;
pub mod sqlite;
mod stored;
mod unlocked;
pub mod verify;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::effect::{Effect, Job};
use model::lists::{Item, List};
use model::rows::{Row, Table};
use model::search::Term;
use model::{Position, Principal, Timestamp, WorkspaceName};

pub use background::Background;
pub use batch::{Batch, Blob, Head, Incarnation, Receipt, Record};
pub use chain::Hash;
pub use error::{AppendError, StoreError};
pub use memory::MemoryStore;
pub use postgres::PostgresStore;
pub use projection::Projection;
pub use runs::Span;
pub use sqlite::SqliteStore;

/// The result of everything but an append.
pub type Result<T> = std::result::Result<T, StoreError>;

/// How much of a log to read at once: whichever bound is met first, but always one event.
#[derive(Debug, Clone, Copy)]
pub struct PageLimit {
    /// Events at most.
    pub events: usize,
    /// Bytes of headers and bodies at most.
    pub bytes: usize,
}

/// A job that this caller, and nobody else for the time of the lease, is to perform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    /// Where it belongs.
    pub log: WorkspaceName,
    /// Its name there.
    pub key: String,
    /// When it was due.
    pub due: Timestamp,
    /// What to do.
    pub job: Job,
}

/// A row of a read model at its place in its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedRow {
    /// The position of the event that first wrote it; unique within the table.
    pub place: Position,
    /// The row.
    pub row: Row,
}

/// By which words an event is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The event's position.
    pub place: Position,
    /// The words, each once, with a space between them; of letters and digits, folded, and no more of them than
    /// [`model::search::Document::terms`] makes.
    pub words: String,
}

/// A workspace's state at a position, as a cache for starting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// After which event.
    pub position: Position,
    /// That event's hash, which says for which history this is true.
    pub hash: Hash,
    /// The state, in the caller's encoding.
    pub state: Vec<u8>,
}

/// Everything that is kept. Cheap to share; all methods may be called from many tasks at once.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Opens a log, making it with this incarnation if it does not exist. Refuses one with a damaged job, since what
    /// should fall due might not.
    async fn open_log(&self, log: &WorkspaceName, fresh: Incarnation) -> Result<Head>;

    /// The names of all logs, in the order they were made.
    async fn logs(&self) -> Result<Vec<WorkspaceName>>;

    /// Where a log ends now.
    async fn head(&self, log: &WorkspaceName) -> Result<Head>;

    /// Appends a batch, all or nothing, if the log still ends where the batch expects it to. When this returns,
    /// the batch is durable. Appending a batch that is in the log already succeeds and changes nothing, so one
    /// whose outcome is unknown is tried again.
    async fn append(&self, batch: Arc<Batch>) -> std::result::Result<(), AppendError>;

    /// How many batches of one log may be under way at once. They are appended in the order in which their
    /// [`Store::append`] was first polled; each is made with [`Batch::behind`] the one before it, and none is appended
    /// behind one that is not.
    fn appends_under_way(&self) -> usize {
        1
    }

    /// Takes the sole right to append to a log until the guard is dropped. For a writer that lost several races.
    async fn lock(&self, log: &WorkspaceName) -> Result<Box<dyn LockedLog>>;

    /// The events after a position, oldest first. Each was checked against its digest and the chain.
    async fn read(&self, log: &WorkspaceName, after: Position, limit: PageLimit) -> Result<Vec<Record>>;

    /// What became of a command that was given under this key. A damaged receipt is an error, not none.
    async fn receipt(&self, log: &WorkspaceName, by: &Principal, key: &str) -> Result<Option<Receipt>>;

    /// Forgets receipts written before a time, some thousand at most; whether there are more. Damaged ones stay.
    async fn expire_receipts(&self, log: &WorkspaceName, before: Timestamp) -> Result<bool>;

    /// Takes jobs due at `now` that nobody else holds, oldest first, and holds them for `lease`, or for
    /// [`limits::LEASE`] if that is shorter. A damaged job is held and reported like the others, but not returned.
    async fn claim_jobs(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<ClaimedJob>>;

    /// Removes a job that was performed, unless it was scheduled anew meanwhile.
    async fn finish_job(&self, job: &ClaimedJob) -> Result<()>;

    /// When the next job that nobody holds is due.
    async fn next_due(&self) -> Result<Option<Timestamp>>;

    /// How far a log's read models have come.
    async fn projected(&self, log: &WorkspaceName) -> Result<Position>;

    /// Writes a projection and moves the read models from one position to a later one; `false` if they no longer stood
    /// at the first. Items are written once: no event's are projected again unless all are, from the start.
    async fn project(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        projection: Arc<Projection>,
    ) -> Result<bool>;

    /// One row of a read model.
    async fn row(&self, log: &WorkspaceName, table: Table, key: &str) -> Result<Option<PlacedRow>>;

    /// The rows of a table after a place, in order.
    async fn rows(
        &self,
        log: &WorkspaceName,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<PlacedRow>>;

    /// A part of a list.
    async fn items(&self, log: &WorkspaceName, list: &List, span: Span) -> Result<Vec<Item>>;

    /// The lists that hold anything, in the order of how they are written, behind `after`.
    async fn lists(&self, log: &WorkspaceName, after: &str, most: usize) -> Result<Vec<List>>;

    /// The events at these positions, in this order, each checked as in [`Store::read`]. A position that the log does
    /// not hold is an error.
    async fn read_at(&self, log: &WorkspaceName, positions: &[Position]) -> Result<Vec<Record>>;

    /// The bytes that were appended with [`Batch::blobs`] under a digest, which they are checked against.
    async fn blob(&self, log: &WorkspaceName, digest: &Hash) -> Result<Option<Bytes>>;

    /// Empties a log's read models and its index, which then stand at the start. What belongs to no log goes too.
    async fn clear_rows(&self, log: &WorkspaceName) -> Result<()>;

    /// Checks what reading the log and its rows does not come by: all jobs and receipts of the log, those that belong
    /// to no log, that rows are found by their keys, and that the index of words is in order.
    async fn check(&self, log: &WorkspaceName) -> Result<()>;

    /// Takes away all jobs of a log, those that belong to none, and damaged receipts; then carries out these effects.
    /// See [`mend`](mod@mend).
    async fn mend(&self, log: &WorkspaceName, effects: &[Effect]) -> Result<()>;

    /// Keeps a snapshot in place of an earlier one.
    async fn save_snapshot(&self, log: &WorkspaceName, snapshot: Snapshot) -> Result<()>;

    /// The snapshot kept last; `None` also if what is kept is damaged.
    async fn snapshot(&self, log: &WorkspaceName) -> Result<Option<Snapshot>>;

    /// How far a log is indexed: up to there events are found by their words.
    async fn indexed(&self, log: &WorkspaceName) -> Result<Position>;

    /// Writes what events are found by, and moves the index from one position to a later one; `false` if it no longer
    /// stood at the first. A document that exists is replaced.
    async fn index(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        documents: &[Terms],
    ) -> Result<bool>;

    /// Where the events stand that are found by all of these terms, newest first: up to [`Store::indexed`], and before
    /// a position if one is given. None if there are no terms. The index carries no digests, so whoever shows an event
    /// looks whether it holds what was looked for.
    async fn search(
        &self,
        log: &WorkspaceName,
        terms: &[Term],
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Position>>;

    /// Whether appends can succeed, as far as the last ones tell; if not, why. After one that was refused for want of
    /// room only one that succeeds shows that there is room again.
    fn health(&self) -> std::result::Result<(), String>;
}

/// The sole right to append to one log.
#[async_trait]
pub trait LockedLog: Send {
    /// Where the log ends, as long as the lock is held.
    fn head(&self) -> Head;

    /// Appends and lets go.
    async fn append(self: Box<Self>, batch: Arc<Batch>) -> std::result::Result<(), AppendError>;
}
