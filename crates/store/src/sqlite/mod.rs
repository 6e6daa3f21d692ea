//! The default store: two SQLite databases in one directory.
//!
//! | file | holds | written by | sync |
//! |---|---|---|---|
//! | `log.db` | logs, blobs, receipts, jobs | one thread, [`writer`] | `FULL`: each commit is fsynced |
//! | `views.db` | read models, snapshots | one thread, [`views`] | `NORMAL`: a power cut may take the newest rows, which are projected again |
//!
//! Both are in WAL mode, so the read-only connections of [`readers`] never wait for a writer. Copying the WAL back
//! into `log.db` happens on a thread of its own, [`checkpoint`], off the way of a commit.

mod checkpoint;
mod failure;
mod lock;
mod migrations;
mod readers;
mod records;
mod views;
mod wal;
mod writer;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use model::rows::Table;
use model::{Position, Principal, Timestamp, WorkspaceName};

use self::failure::failed;
pub use self::lock::{AlreadyRunning, DirectoryLock};
use self::readers::Readers;
use self::writer::Writer;
use crate::unlocked::Unlocked;
use crate::{
    AppendError, Batch, ClaimedJob, Head, Incarnation, LockedLog, PageLimit, PlacedRow, Receipt, Record,
    Result, Snapshot, Store,
};

/// The log's file name in the data directory.
pub const LOG_FILE: &str = "log.db";
/// The read models' file name in the data directory. It may be deleted while no server runs.
pub const VIEWS_FILE: &str = "views.db";

/// The store in SQLite. Cheap to clone; the threads end when the last clone is dropped.
#[derive(Clone)]
pub struct SqliteStore {
    writer: Writer,
    log: Readers,
    views: views::Views,
}

impl SqliteStore {
    /// Opens the databases in `directory`, making or migrating them as needed. The caller holds the directory's
    /// [`DirectoryLock`] for as long as the store lives.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(LOG_FILE);
        wal::check(&path)?;
        let mut connection = readers::open_for_writing(&path, "FULL")?;
        // Only the checkpoint thread copies the write-ahead log back, see [`checkpoint`].
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        migrations::migrate(&mut connection, migrations::LOG)?;
        checkpoint::settle(&connection);
        let log = Readers::new(path.clone());
        let ended = Arc::new(OnceLock::new());
        let checkpointer = checkpoint::Checkpointer::start(&path, ended.clone())?;
        let writer = Writer::start(connection, checkpointer, ended)?;
        Ok(Self { writer, log, views: views::Views::open(&directory.join(VIEWS_FILE))? })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn open_log(&self, log: &WorkspaceName, fresh: Incarnation) -> Result<Head> {
        self.writer.open_log(log.clone(), fresh).await
    }

    async fn logs(&self) -> Result<Vec<WorkspaceName>> {
        self.log.run(records::log_names).await
    }

    async fn head(&self, log: &WorkspaceName) -> Result<Head> {
        let log = log.clone();
        self.log.run(move |connection| records::head(connection, &log).map(|(_, head)| head)).await
    }

    async fn append(&self, batch: Arc<Batch>) -> std::result::Result<(), AppendError> {
        self.writer.append(batch).await
    }

    async fn lock(&self, log: &WorkspaceName) -> Result<Box<dyn LockedLog>> {
        // The directory's lock keeps other processes out, so the head moves only through this process's hall, which
        // gives each log one writer: there is nobody left to lock out.
        Ok(Box::new(Unlocked { store: self.clone(), head: self.head(log).await? }))
    }

    async fn read(&self, log: &WorkspaceName, after: Position, limit: PageLimit) -> Result<Vec<Record>> {
        let log = log.clone();
        self.log.run(move |connection| records::read(connection, &log, after, limit)).await
    }

    async fn receipt(&self, log: &WorkspaceName, by: &Principal, key: &str) -> Result<Option<Receipt>> {
        let (log, by, key) = (log.clone(), by.clone(), key.to_owned());
        self.log.run(move |connection| records::receipt(connection, &log, by, key)).await
    }

    async fn expire_receipts(&self, log: &WorkspaceName, before: Timestamp) -> Result<bool> {
        let log = log.clone();
        self.writer.write(move |transaction| records::expire_receipts(transaction, &log, before)).await
    }

    async fn claim_jobs(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<ClaimedJob>> {
        self.writer.write(move |transaction| records::claim_jobs(transaction, now, lease, most)).await
    }

    async fn finish_job(&self, job: &ClaimedJob) -> Result<()> {
        let job = job.clone();
        self.writer.write(move |transaction| records::finish_job(transaction, &job)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.log.run(records::next_due).await
    }

    async fn projected(&self, log: &WorkspaceName) -> Result<Position> {
        self.views.projected(log.clone()).await
    }

    async fn project(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        rows: &[PlacedRow],
    ) -> Result<bool> {
        self.views.project(log.clone(), from, to, rows.to_vec()).await
    }

    async fn row(&self, log: &WorkspaceName, table: Table, key: &str) -> Result<Option<PlacedRow>> {
        self.views.row(log.clone(), table, key.to_owned()).await
    }

    async fn rows(
        &self,
        log: &WorkspaceName,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<PlacedRow>> {
        self.views.rows(log.clone(), table, after, most).await
    }

    async fn clear_rows(&self, log: &WorkspaceName) -> Result<()> {
        self.views.clear(log.clone()).await
    }

    async fn save_snapshot(&self, log: &WorkspaceName, snapshot: Snapshot) -> Result<()> {
        self.views.save_snapshot(log.clone(), snapshot).await
    }

    async fn snapshot(&self, log: &WorkspaceName) -> Result<Option<Snapshot>> {
        self.views.snapshot(log.clone()).await
    }

    fn health(&self) -> std::result::Result<(), String> {
        self.writer.health()
    }
}
