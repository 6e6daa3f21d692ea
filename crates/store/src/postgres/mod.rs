//! The distributed store: any number of servers on one PostgreSQL database.
//!
//! Nobody owns a log. Whoever appends says where it believes the log to end, and one conditional statement
//! ([`append`]) lets the first through and tells the others where the log ends now. Leases are counted by the
//! database's clock. Each method is one statement, so no transaction is held across anybody's thinking, except under
//! [`Store::lock`], which the server ends if it is not used.
//!
//! Connections are not encrypted: the database is on this machine or on a network that is trusted like it, or
//! behind a tunnel. Statements are prepared and settings belong to the session, so a pooler between the two must pool
//! sessions, not transactions.

mod append;
mod failure;
mod jobs;
mod lists;
mod migrations;
mod pool;
mod receipts;
mod records;
mod search;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::effect::Effect;
use model::lists::{Item, List};
use model::rows::Table;
use model::search::Term;
use model::{Position, Principal, Timestamp, WorkspaceName};
use tokio_postgres::Config;

use self::pool::{Pool, Presence};
use crate::{
    AppendError, Batch, ClaimedJob, Hash, Head, Incarnation, LockedLog, PageLimit, PlacedRow, Projection,
    Receipt, Record, Result, Snapshot, Span, Store, StoreError, Terms,
};

/// The store in PostgreSQL. Cheap to clone; the connections close when the last clone is dropped.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    /// The numbers of logs, which never change.
    ids: Arc<Mutex<HashMap<WorkspaceName, i32>>>,
}

impl PostgresStore {
    /// Connects, and makes or migrates the tables in the first schema of the search path. The URL is
    /// `postgres://user:password@host:port/database`, or libpq's `key=value` form; see [`Config`].
    ///
    /// Refuses a server without `fsync` or `synchronous_commit`: what it acknowledges could be lost. Refuses also a
    /// database that somebody has to himself, see [`PostgresStore::connect_alone`].
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_as(url, Presence::OneOfMany).await
    }

    /// The same, but has the database to itself until it is dropped: for what must not be done while a server runs.
    ///
    /// # Errors
    /// [`StoreError::Unsuitable`] if another store is connected to the database, and stays so for
    /// [`limits::LOCK_TIMEOUT`](crate::limits::LOCK_TIMEOUT). Any method fails once the connection that keeps the
    /// others out is lost.
    pub async fn connect_alone(url: &str) -> Result<Self> {
        Self::connect_as(url, Presence::Alone).await
    }

    async fn connect_as(url: &str, presence: Presence) -> Result<Self> {
        let config: Config = url
            .parse()
            .map_err(|cause| StoreError::Unsuitable(format!("its URL cannot be read: {}", full(&cause))))?;
        let pool = Arc::new(Pool::new(config, presence).await?);
        migrations::migrate(&pool).await?;
        Ok(Self { pool, ids: Arc::default() })
    }

    async fn id(&self, log: &WorkspaceName) -> Result<i32> {
        let known = self.ids.lock().expect("nothing panics while it holds this").get(log).copied();
        if let Some(id) = known {
            return Ok(id);
        }
        let id = records::id(&self.pool, log).await?;
        self.ids.lock().expect("nothing panics while it holds this").insert(log.clone(), id);
        Ok(id)
    }
}

/// An error with its causes, which `tokio_postgres` leaves out of the text.
fn full(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn open_log(&self, log: &WorkspaceName, fresh: Incarnation) -> Result<Head> {
        // Looked for first, since an insert that finds it there would use up a number.
        let Some(head) = records::head(&self.pool, log).await? else {
            records::create_log(&self.pool, log, fresh).await?;
            return self.head(log).await;
        };
        jobs::check(&self.pool, log).await?;
        Ok(head)
    }

    async fn logs(&self) -> Result<Vec<WorkspaceName>> {
        records::log_names(&self.pool).await
    }

    async fn head(&self, log: &WorkspaceName) -> Result<Head> {
        let found = records::head(&self.pool, log).await?;
        found.ok_or_else(|| StoreError::NoSuchLog(log.to_string()))
    }

    async fn append(&self, batch: Arc<Batch>) -> std::result::Result<(), AppendError> {
        append::append(&self.pool, &batch).await
    }

    async fn lock(&self, log: &WorkspaceName) -> Result<Box<dyn LockedLog>> {
        append::lock_for_caller(&self.pool, log).await
    }

    async fn read(&self, log: &WorkspaceName, after: Position, limit: PageLimit) -> Result<Vec<Record>> {
        records::read(&self.pool, self.id(log).await?, log, after, limit).await
    }

    async fn receipt(&self, log: &WorkspaceName, by: &Principal, key: &str) -> Result<Option<Receipt>> {
        receipts::find(&self.pool, self.id(log).await?, log, by, key).await
    }

    async fn expire_receipts(&self, log: &WorkspaceName, before: Timestamp) -> Result<bool> {
        receipts::expire(&self.pool, self.id(log).await?, log, before).await
    }

    async fn claim_jobs(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<ClaimedJob>> {
        jobs::claim(&self.pool, now, lease, most).await
    }

    async fn finish_job(&self, job: &ClaimedJob) -> Result<()> {
        jobs::finish(&self.pool, self.id(&job.log).await?, job).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        jobs::next_due(&self.pool).await
    }

    async fn projected(&self, log: &WorkspaceName) -> Result<Position> {
        views::projected(&self.pool, self.id(log).await?, log).await
    }

    async fn project(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        projection: Arc<Projection>,
    ) -> Result<bool> {
        views::project(&self.pool, self.id(log).await?, log, from, to, &projection).await
    }

    async fn row(&self, log: &WorkspaceName, table: Table, key: &str) -> Result<Option<PlacedRow>> {
        views::row(&self.pool, self.id(log).await?, log, table, key).await
    }

    async fn rows(
        &self,
        log: &WorkspaceName,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<PlacedRow>> {
        views::rows(&self.pool, self.id(log).await?, log, table, after, most).await
    }

    async fn items(&self, log: &WorkspaceName, list: &List, span: Span) -> Result<Vec<Item>> {
        lists::read(&self.pool, self.id(log).await?, log, list, span).await
    }

    async fn lists(&self, log: &WorkspaceName, after: &str, most: usize) -> Result<Vec<List>> {
        lists::names(&self.pool, self.id(log).await?, log, after, most).await
    }

    async fn read_at(&self, log: &WorkspaceName, positions: &[Position]) -> Result<Vec<Record>> {
        records::read_each(&self.pool, self.id(log).await?, log, positions).await
    }

    async fn blob(&self, log: &WorkspaceName, digest: &Hash) -> Result<Option<Bytes>> {
        records::blob(&self.pool, self.id(log).await?, log, digest).await
    }

    async fn clear_rows(&self, log: &WorkspaceName) -> Result<()> {
        views::clear(&self.pool, self.id(log).await?, log).await
    }

    async fn check(&self, log: &WorkspaceName) -> Result<()> {
        let id = self.id(log).await?;
        jobs::check(&self.pool, log).await?;
        receipts::check(&self.pool, id, log).await?;
        views::check(&self.pool, id).await?;
        lists::check(&self.pool).await?;
        search::check(&self.pool).await
    }

    async fn mend(&self, log: &WorkspaceName, effects: &[Effect]) -> Result<()> {
        let id = self.id(log).await?;
        receipts::forget_damaged(&self.pool, id, log).await?;
        jobs::replace(&self.pool, id, log, effects).await
    }

    async fn save_snapshot(&self, log: &WorkspaceName, snapshot: Snapshot) -> Result<()> {
        views::save_snapshot(&self.pool, self.id(log).await?, log, &snapshot).await
    }

    async fn snapshot(&self, log: &WorkspaceName) -> Result<Option<Snapshot>> {
        views::snapshot(&self.pool, self.id(log).await?, log).await
    }

    async fn indexed(&self, log: &WorkspaceName) -> Result<Position> {
        search::indexed(&self.pool, self.id(log).await?, log).await
    }

    async fn index(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        documents: &[Terms],
    ) -> Result<bool> {
        search::index(&self.pool, self.id(log).await?, log, from, to, documents).await
    }

    async fn search(
        &self,
        log: &WorkspaceName,
        terms: &[Term],
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Position>> {
        search::search(&self.pool, self.id(log).await?, terms, before, most).await
    }

    fn health(&self) -> std::result::Result<(), String> {
        self.pool.health()
    }
}
