//! A store that fails when told to: around another, changing nothing but the outcome of appends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use model::effect::Effect;
use model::lists::{Item, List};
use model::rows::Table;
use model::search::Term;
use model::{Position, Principal, Timestamp, WorkspaceName};
use store::{
    AppendError, Batch, ClaimedJob, Head, Incarnation, LockedLog, PageLimit, PlacedRow, Projection, Receipt,
    Record, Result, Snapshot, Span, Store, StoreError, Terms,
};
use tokio::sync::Notify;

/// What happens to one append.
pub(crate) enum Fault {
    /// The disk is full: nothing is written.
    Full,
    /// It is written, and nobody hears of it.
    LostAnswer,
    /// It is not written, and nobody hears of it.
    LostBatch,
    /// Receipts cannot be looked up, as long as this is the next fault.
    NoReceipts,
    /// The receipt of this key is damaged, as long as this is the next fault.
    DamagedReceipt(&'static str),
    /// The log reads as if it ended here, as long as this is the next fault.
    EndsAt(Position),
    /// The body of this event is gone, as long as this is the next fault.
    NoBody(Position),
    /// Another node comes first, and brings the read models this far.
    Overtaken(Position),
    /// The index cannot be written, as long as this is the next fault; appends leave it there.
    NoIndex,
    /// A page of rows comes only when all that has happened since is written, as long as this is the next fault.
    LateRows,
    /// It takes until it is let go; then what else is wrong with it happens.
    Slow(Arc<Slowness>, Box<Fault>),
    /// Nothing is wrong.
    None,
    /// Another writer comes first with this batch, made for the head it finds.
    Race(Box<dyn FnOnce(Head) -> Batch + Send>),
}

/// An append that takes until it is let go.
#[derive(Default)]
pub(crate) struct Slowness {
    pub(crate) reached: Notify,
    go_on: Notify,
}

impl Slowness {
    /// Lets it go, when what was submitted meanwhile has been decided.
    pub(crate) async fn end(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.go_on.notify_one();
    }
}

pub(crate) struct Faulty<S> {
    pub(crate) inner: S,
    pub(crate) faults: Mutex<VecDeque<Fault>>,
    /// Appends take their turns.
    turn: tokio::sync::Mutex<()>,
}

impl<S> Faulty<S> {
    pub(crate) fn around(inner: S) -> Arc<Self> {
        Arc::new(Self { inner, faults: Mutex::default(), turn: tokio::sync::Mutex::default() })
    }

    pub(crate) fn next(&self, fault: Fault) {
        self.faults.lock().unwrap().push_back(fault);
    }

    /// The next append takes until it is let go, and then has this fault.
    pub(crate) fn next_is_slow(&self, fault: Fault) -> Arc<Slowness> {
        let slowness = Arc::new(Slowness::default());
        self.next(Fault::Slow(slowness.clone(), Box::new(fault)));
        slowness
    }
}

#[async_trait]
impl<S: Store> Store for Faulty<S> {
    fn appends_under_way(&self) -> usize {
        self.inner.appends_under_way()
    }
    async fn append(&self, batch: Arc<Batch>) -> std::result::Result<(), AppendError> {
        let _turn = self.turn.lock().await;
        let lost = || AppendError::Unknown(StoreError::Database("the line is dead".into()));
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let stays = matches!(faults.front(), Some(Fault::NoIndex));
            if stays { None } else { faults.pop_front() }
        };
        let fault = match fault {
            Some(Fault::Slow(slowness, fault)) => {
                slowness.reached.notify_one();
                slowness.go_on.notified().await;
                Some(*fault)
            }
            fault => fault,
        };
        match fault {
            None
            | Some(
                Fault::NoReceipts
                | Fault::DamagedReceipt(_)
                | Fault::EndsAt(_)
                | Fault::NoBody(_)
                | Fault::Overtaken(_)
                | Fault::NoIndex
                | Fault::None
                | Fault::LateRows
                | Fault::Slow(..),
            ) => self.inner.append(batch).await,
            Some(Fault::Full) => Err(AppendError::Refused(StoreError::Full)),
            Some(Fault::LostBatch) => Err(lost()),
            Some(Fault::LostAnswer) => {
                self.inner.append(batch).await?;
                Err(lost())
            }
            Some(Fault::Race(other)) => {
                let head = self.inner.head(&batch.log).await?;
                self.inner.append(Arc::new(other(head))).await?;
                self.inner.append(batch).await
            }
        }
    }

    async fn open_log(&self, log: &WorkspaceName, fresh: Incarnation) -> Result<Head> {
        self.inner.open_log(log, fresh).await
    }
    async fn logs(&self) -> Result<Vec<WorkspaceName>> {
        self.inner.logs().await
    }
    async fn head(&self, log: &WorkspaceName) -> Result<Head> {
        self.inner.head(log).await
    }
    async fn lock(&self, log: &WorkspaceName) -> Result<Box<dyn LockedLog>> {
        self.inner.lock(log).await
    }
    async fn read(&self, log: &WorkspaceName, after: Position, limit: PageLimit) -> Result<Vec<Record>> {
        let mut records = self.inner.read(log, after, limit).await?;
        match self.faults.lock().unwrap().front() {
            Some(Fault::EndsAt(end)) => records.retain(|record| record.position <= *end),
            Some(Fault::NoBody(at)) => {
                records
                    .iter_mut()
                    .filter(|record| record.position == *at)
                    .for_each(|record| record.body = None);
            }
            _ => {}
        }
        Ok(records)
    }
    async fn receipt(&self, log: &WorkspaceName, by: &Principal, key: &str) -> Result<Option<Receipt>> {
        match self.faults.lock().unwrap().front() {
            Some(Fault::NoReceipts) => return Err(StoreError::Database("no more connections".into())),
            Some(Fault::DamagedReceipt(damaged)) if *damaged == key => {
                let (log, by, key) = (log.to_string(), by.to_string(), key.to_owned());
                return Err(StoreError::DamagedReceipt { log, by, key });
            }
            _ => {}
        }
        self.inner.receipt(log, by, key).await
    }
    async fn expire_receipts(&self, log: &WorkspaceName, before: Timestamp) -> Result<bool> {
        self.inner.expire_receipts(log, before).await
    }
    async fn claim_jobs(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<ClaimedJob>> {
        self.inner.claim_jobs(now, lease, most).await
    }
    async fn finish_job(&self, job: &ClaimedJob) -> Result<()> {
        self.inner.finish_job(job).await
    }
    async fn next_due(&self) -> Result<Option<Timestamp>> {
        self.inner.next_due().await
    }
    async fn projected(&self, log: &WorkspaceName) -> Result<Position> {
        self.inner.projected(log).await
    }
    async fn project(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        projection: Arc<Projection>,
    ) -> Result<bool> {
        let overtaken = match self.faults.lock().unwrap().front() {
            Some(Fault::Overtaken(stand)) => Some(*stand),
            _ => None,
        };
        if let Some(stand) = overtaken {
            self.faults.lock().unwrap().pop_front();
            let mut theirs = Projection::default();
            theirs.rows.extend(projection.rows.iter().filter(|row| row.place <= stand).cloned());
            assert!(self.inner.project(log, from, stand, theirs.into()).await?);
        }
        self.inner.project(log, from, to, projection).await
    }
    async fn items(&self, log: &WorkspaceName, list: &List, span: Span) -> Result<Vec<Item>> {
        self.inner.items(log, list, span).await
    }
    async fn lists(&self, log: &WorkspaceName, after: &str, most: usize) -> Result<Vec<List>> {
        self.inner.lists(log, after, most).await
    }
    async fn read_at(&self, log: &WorkspaceName, positions: &[Position]) -> Result<Vec<Record>> {
        self.inner.read_at(log, positions).await
    }
    async fn row(&self, log: &WorkspaceName, table: Table, key: &str) -> Result<Option<PlacedRow>> {
        self.inner.row(log, table, key).await
    }
    async fn rows(
        &self,
        log: &WorkspaceName,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<PlacedRow>> {
        let page = self.inner.rows(log, table, after, most).await?;
        let is_late = matches!(self.faults.lock().unwrap().front(), Some(Fault::LateRows));
        while is_late && self.inner.projected(log).await? < self.inner.head(log).await?.position {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(page)
    }
    async fn blob(&self, log: &WorkspaceName, digest: &store::Hash) -> Result<Option<bytes::Bytes>> {
        self.inner.blob(log, digest).await
    }

    async fn clear_rows(&self, log: &WorkspaceName) -> Result<()> {
        self.inner.clear_rows(log).await
    }
    async fn check(&self, log: &WorkspaceName) -> Result<()> {
        self.inner.check(log).await
    }
    async fn mend(&self, log: &WorkspaceName, effects: &[Effect]) -> Result<()> {
        self.inner.mend(log, effects).await
    }
    async fn save_snapshot(&self, log: &WorkspaceName, snapshot: Snapshot) -> Result<()> {
        self.inner.save_snapshot(log, snapshot).await
    }
    async fn snapshot(&self, log: &WorkspaceName) -> Result<Option<Snapshot>> {
        self.inner.snapshot(log).await
    }
    async fn indexed(&self, log: &WorkspaceName) -> Result<Position> {
        self.inner.indexed(log).await
    }
    async fn index(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        documents: &[Terms],
    ) -> Result<bool> {
        if let Some(Fault::NoIndex) = self.faults.lock().unwrap().front() {
            return Err(StoreError::Database("the index is locked".into()));
        }
        self.inner.index(log, from, to, documents).await
    }
    async fn search(
        &self,
        log: &WorkspaceName,
        terms: &[Term],
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Position>> {
        self.inner.search(log, terms, before, most).await
    }
    fn health(&self) -> std::result::Result<(), String> {
        self.inner.health()
    }
}
