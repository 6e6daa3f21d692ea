//! The default store: two SQLite databases in one directory.
//!
//! | file | holds | written by | sync |
//! |---|---|---|---|
//! | `log.db` | logs, blobs, receipts, jobs | one thread, [`writer`] | `FULL`: each commit is fsynced |
//! | `views.db` | read models, the index of words, snapshots | one at a time, [`views`] | `NORMAL`: a power cut may take the newest rows, which are projected again |
//!
//! Both are in WAL mode, so the read-only connections of [`readers`] never wait for a writer. Copying the WAL back
//! into `log.db` happens on a thread of its own, [`checkpoint`], off the way of a commit.

mod checkpoint;
mod failure;
mod files;
mod jobs;
mod lists;
mod lock;
mod migrations;
mod opening;
mod readers;
mod receipts;
mod records;
mod search;
mod thread;
mod views;
mod wal;
mod writer;

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::effect::Effect;
use model::lists::{Item, List};
use model::rows::Table;
use model::search::Term;
use model::{Position, Principal, Timestamp, WorkspaceName};

use self::failure::{failed, nonsense};
pub use self::files::is_kept;
pub use self::lock::{AlreadyRunning, DirectoryLock};
use self::opening::Purpose;
use self::readers::Readers;
use self::writer::Writer;
use crate::unlocked::Unlocked;
use crate::{
    AppendError, Batch, ClaimedJob, Hash, Head, Incarnation, LockedLog, PageLimit, PlacedRow, Projection,
    Receipt, Record, Result, Snapshot, Span, Store, StoreError, Terms, limits,
};

/// The log's file name in the data directory.
pub const LOG_FILE: &str = "log.db";
/// The read models' file name in the data directory. It may be deleted while no server runs.
pub const VIEWS_FILE: &str = "views.db";

/// The store in SQLite. Cheap to clone. Dropping the last clone waits until what was asked for is written and the
/// threads have ended.
#[derive(Clone)]
pub struct SqliteStore {
    // Before the writer: the connection that closes last copies the write-ahead log back, and must be one that can.
    log: Readers,
    writer: Arc<Writer>,
    views: views::Views,
}

impl SqliteStore {
    /// Opens the databases in `directory`, making or migrating them as needed. The caller holds the directory's
    /// [`DirectoryLock`] for as long as the store lives.
    ///
    /// A damaged `views.db` is moved aside and made anew; a large one is not looked through for damage.
    ///
    /// # Errors
    /// [`StoreError::Opening`] names the file that cannot be opened. [`StoreError::LogGone`] if there was a log.
    pub fn open(directory: &Path) -> Result<Self> {
        Self::open_for(directory, Purpose::Serving)
    }

    /// The same to make the read models anew: `views.db` is looked through, however large it is.
    pub fn open_to_rebuild(directory: &Path) -> Result<Self> {
        Self::open_for(directory, Purpose::Rebuilding)
    }

    /// The same to verify what is kept: a damaged `views.db` is left as it is, and whatever is asked of it is answered
    /// with [`StoreError::DamagedViews`].
    pub fn open_to_verify(directory: &Path) -> Result<Self> {
        Self::open_for(directory, Purpose::Verifying)
    }

    fn open_for(directory: &Path, purpose: Purpose) -> Result<Self> {
        is_kept(directory)?;
        let (path, views) = (directory.join(LOG_FILE), directory.join(VIEWS_FILE));
        wal::check(&path)?;
        let (log, writer) = Self::open_log_file(&path)
            .map_err(|cause| StoreError::Opening { file: path, cause: cause.into() })?;
        let views = views::Views::open(&views, purpose)
            .map_err(|cause| StoreError::Opening { file: views, cause: cause.into() })?;
        Ok(Self { log, writer: Arc::new(writer), views })
    }

    fn open_log_file(path: &Path) -> Result<(Readers, Writer)> {
        let mut connection = readers::open_for_writing(path, "FULL")?;
        // Only the checkpoint thread copies the write-ahead log back, see [`checkpoint`].
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        let settled = checkpoint::settle(&connection);
        match &settled {
            Ok(()) => {}
            Err(cause @ (StoreError::Full | StoreError::Unsuitable(_))) => {
                tracing::warn!(%cause, "nothing can be written to the log yet");
            }
            Err(cause) => return Err(cause.clone()),
        }
        migrations::migrate(&mut connection, migrations::LOG, &settled)?;
        let ended = Arc::new(OnceLock::new());
        let checkpointer = checkpoint::Checkpointer::start(path, ended.clone())?;
        Ok((Readers::new(path.to_owned()), Writer::start(connection, checkpointer, &settled, ended)?))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn open_log(&self, log: &WorkspaceName, fresh: Incarnation) -> Result<Head> {
        let name = log.clone();
        let look = move |connection: &_| {
            let (_, head) = records::head(connection, &name)?;
            jobs::check(connection, &name)?;
            Ok(head)
        };
        match self.log.run(look).await {
            // Only what is not there needs the writer, and room on the disk.
            Err(StoreError::NoSuchLog(_)) => self.writer.open_log(log.clone(), fresh).await,
            found => found,
        }
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

    fn appends_under_way(&self) -> usize {
        limits::APPENDS_UNDER_WAY
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
        self.log.run(move |connection| receipts::find(connection, &log, &by, &key)).await
    }

    async fn expire_receipts(&self, log: &WorkspaceName, before: Timestamp) -> Result<bool> {
        let log = log.clone();
        self.writer.write(move |transaction| receipts::expire(transaction, &log, before)).await
    }

    async fn claim_jobs(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<ClaimedJob>> {
        self.writer.write(move |transaction| jobs::claim(transaction, now, lease, most)).await
    }

    async fn finish_job(&self, job: &ClaimedJob) -> Result<()> {
        let job = job.clone();
        self.writer.write(move |transaction| jobs::finish(transaction, &job)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.log.run(jobs::next_due).await
    }

    async fn projected(&self, log: &WorkspaceName) -> Result<Position> {
        self.views.projected(log.clone()).await
    }

    async fn project(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        projection: Arc<Projection>,
    ) -> Result<bool> {
        self.views.project(log.clone(), from, to, projection).await
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

    async fn items(&self, log: &WorkspaceName, list: &List, span: Span) -> Result<Vec<Item>> {
        self.views.items(log.clone(), list.clone(), span).await
    }

    async fn lists(&self, log: &WorkspaceName, after: &str, most: usize) -> Result<Vec<List>> {
        self.views.lists(log.clone(), after.to_owned(), most).await
    }

    async fn read_at(&self, log: &WorkspaceName, positions: &[Position]) -> Result<Vec<Record>> {
        let (log, positions) = (log.clone(), positions.to_vec());
        let read = move |connection: &_| {
            positions.iter().map(|position| records::read_one(connection, &log, *position)).collect()
        };
        self.log.run(read).await
    }

    async fn blob(&self, log: &WorkspaceName, digest: &Hash) -> Result<Option<Bytes>> {
        let (log, digest) = (log.clone(), *digest);
        self.log.run(move |connection| records::blob(connection, &log, &digest)).await
    }

    async fn clear_rows(&self, log: &WorkspaceName) -> Result<()> {
        self.views.clear(log.clone(), self.logs().await?).await
    }

    async fn check(&self, log: &WorkspaceName) -> Result<()> {
        let (name, logs) = (log.clone(), self.logs().await?);
        let check = move |connection: &_| {
            jobs::check(connection, &name)?;
            receipts::check(connection, &name)?;
            // Not the events: they have no index, and their order is checked by reading them.
            for table in ["log", "job", "receipt"] {
                if let Some(what) = readers::disorder(connection, table)? {
                    return Err(nonsense(&what));
                }
            }
            Ok(())
        };
        self.log.run(check).await?;
        self.views.check(logs).await
    }

    async fn mend(&self, log: &WorkspaceName, effects: &[Effect]) -> Result<()> {
        let (log, effects) = (log.clone(), effects.to_vec());
        let mend = move |transaction: &_| {
            jobs::replace(transaction, &log, &effects)?;
            receipts::forget_damaged(transaction, &log)
        };
        self.writer.write(mend).await
    }

    async fn save_snapshot(&self, log: &WorkspaceName, snapshot: Snapshot) -> Result<()> {
        self.views.save_snapshot(log.clone(), snapshot).await
    }

    async fn snapshot(&self, log: &WorkspaceName) -> Result<Option<Snapshot>> {
        self.views.snapshot(log.clone()).await
    }

    async fn indexed(&self, log: &WorkspaceName) -> Result<Position> {
        self.views.indexed(log.clone()).await
    }

    async fn index(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        documents: &[Terms],
    ) -> Result<bool> {
        self.views.index(log.clone(), from, to, documents.to_vec()).await
    }

    async fn search(
        &self,
        log: &WorkspaceName,
        terms: &[Term],
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Position>> {
        self.views.search(log.clone(), terms.to_vec(), before, most).await
    }

    fn health(&self) -> std::result::Result<(), String> {
        self.writer.health()
    }
}
