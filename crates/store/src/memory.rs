//! The store that keeps nothing: what a test or a demonstration needs, and the plainest reading of the contract.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use indexmap::IndexMap;
use model::effect::{Effect, Job};
use model::lists::{Item, List};
use model::rows::Table;
use model::search::Term;
use model::{Position, Principal, Timestamp, WorkspaceName};

use crate::unlocked::Unlocked;
use crate::{
    AppendError, Batch, ClaimedJob, Hash, Head, Incarnation, LockedLog, PageLimit, PlacedRow, Projection,
    Receipt, Record, Result, Snapshot, Span, Store, StoreError, Terms, limits,
};

/// A store in memory.
#[derive(Clone, Default)]
pub struct MemoryStore {
    logs: Arc<Mutex<IndexMap<WorkspaceName, Log>>>,
}

struct Log {
    head: Head,
    records: Vec<Record>,
    receipts: HashMap<(Principal, String), Receipt>,
    jobs: BTreeMap<String, Waiting>,
    rows: HashMap<Table, IndexMap<String, PlacedRow>>,
    items: HashMap<List, BTreeMap<Position, Item>>,
    blobs: HashMap<Hash, Bytes>,
    projected: Position,
    snapshot: Option<Snapshot>,
    documents: BTreeMap<Position, BTreeSet<String>>,
    indexed: Position,
}

impl Log {
    /// Whether the batch was appended already.
    fn holds(&self, batch: &Batch) -> bool {
        let last = batch.head();
        let stored = usize::try_from(last.position.0).ok().and_then(|n| self.records.get(n.checked_sub(1)?));
        self.head.incarnation == last.incarnation && stored.is_some_and(|stored| stored.hash == last.hash)
    }

    fn carry_out(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect.clone() {
                Effect::Schedule { key, due, job } => {
                    self.jobs.insert(key, Waiting { due, job, held_until: Timestamp::default() });
                }
                Effect::Cancel { key } => drop(self.jobs.remove(&key)),
            }
        }
    }
}

struct Waiting {
    due: Timestamp,
    job: Job,
    held_until: Timestamp,
}

impl MemoryStore {
    fn logs(&self) -> MutexGuard<'_, IndexMap<WorkspaceName, Log>> {
        self.logs.lock().expect("no method panics while it holds the lock")
    }

    fn with<T>(&self, log: &WorkspaceName, read: impl FnOnce(&mut Log) -> T) -> Result<T> {
        self.logs().get_mut(log).map(read).ok_or_else(|| StoreError::NoSuchLog(log.to_string()))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn open_log(&self, log: &WorkspaceName, fresh: Incarnation) -> Result<Head> {
        let new = || Log {
            head: Head::empty(log, fresh),
            records: vec![],
            receipts: HashMap::new(),
            jobs: BTreeMap::new(),
            rows: HashMap::new(),
            items: HashMap::new(),
            blobs: HashMap::new(),
            projected: Position::START,
            snapshot: None,
            documents: BTreeMap::new(),
            indexed: Position::START,
        };
        Ok(self.logs().entry(log.clone()).or_insert_with(new).head)
    }

    async fn logs(&self) -> Result<Vec<WorkspaceName>> {
        Ok(self.logs().keys().cloned().collect())
    }

    async fn head(&self, log: &WorkspaceName) -> Result<Head> {
        self.with(log, |log| log.head)
    }

    async fn append(&self, batch: Arc<Batch>) -> std::result::Result<(), AppendError> {
        batch.check()?;
        self.with(&batch.log, |log| {
            if Some(log.head) != batch.expected() {
                return if log.holds(&batch) { Ok(()) } else { Err(AppendError::Moved(log.head)) };
            }
            log.head = batch.head();
            log.records.extend(batch.records().iter().cloned());
            for receipt in &batch.receipts {
                log.receipts.insert((receipt.by.clone(), receipt.key.clone()), receipt.clone());
            }
            log.blobs.extend(batch.blobs.iter().map(|blob| (blob.digest, blob.bytes.clone())));
            log.carry_out(batch.effects());
            Ok(())
        })?
    }

    fn appends_under_way(&self) -> usize {
        limits::APPENDS_UNDER_WAY
    }

    async fn lock(&self, log: &WorkspaceName) -> Result<Box<dyn LockedLog>> {
        // Appends are conditional, and nobody is slow here: losing again costs nothing.
        let head = self.with(log, |log| log.head)?;
        Ok(Box::new(Unlocked { store: self.clone(), head }))
    }

    async fn read(&self, log: &WorkspaceName, after: Position, limit: PageLimit) -> Result<Vec<Record>> {
        self.with(log, |log| {
            let mut bytes = 0;
            let from = usize::try_from(after.0).unwrap_or(usize::MAX).min(log.records.len());
            let page = log.records[from..].iter().take(limit.events.max(1)).take_while(|record| {
                let first = bytes == 0;
                bytes += record.bytes();
                first || bytes <= limit.bytes
            });
            page.cloned().collect()
        })
    }

    async fn receipt(&self, log: &WorkspaceName, by: &Principal, key: &str) -> Result<Option<Receipt>> {
        self.with(log, |log| log.receipts.get(&(by.clone(), key.to_owned())).cloned())
    }

    async fn expire_receipts(&self, log: &WorkspaceName, before: Timestamp) -> Result<bool> {
        self.with(log, |log| log.receipts.retain(|_, receipt| receipt.at >= before))?;
        Ok(false)
    }

    async fn claim_jobs(&self, now: Timestamp, lease: Duration, most: usize) -> Result<Vec<ClaimedJob>> {
        let mut logs = self.logs();
        let mut due: Vec<_> = logs
            .iter_mut()
            .flat_map(|(log, content)| content.jobs.iter_mut().map(move |(key, waiting)| (log, key, waiting)))
            .filter(|(_, _, waiting)| waiting.due <= now && waiting.held_until <= now)
            .collect();
        due.sort_by_key(|(_, _, waiting)| waiting.due);
        let take = due.into_iter().take(most).map(|(log, key, waiting)| {
            waiting.held_until = now.after(lease.min(limits::LEASE));
            ClaimedJob { log: log.clone(), key: key.clone(), due: waiting.due, job: waiting.job.clone() }
        });
        Ok(take.collect())
    }

    async fn finish_job(&self, job: &ClaimedJob) -> Result<()> {
        self.with(&job.log, |log| {
            if log.jobs.get(&job.key).is_some_and(|waiting| waiting.due == job.due) {
                log.jobs.remove(&job.key);
            }
        })
    }

    async fn next_due(&self) -> Result<Option<Timestamp>> {
        let logs = self.logs();
        let waiting = logs.values().flat_map(|log| log.jobs.values());
        Ok(waiting.map(|waiting| waiting.due.max(waiting.held_until)).min())
    }

    async fn projected(&self, log: &WorkspaceName) -> Result<Position> {
        self.with(log, |log| log.projected)
    }

    async fn project(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        projection: Arc<Projection>,
    ) -> Result<bool> {
        self.with(log, |log| {
            if log.projected != from {
                return false;
            }
            log.projected = to;
            for (list, items) in projection.lists() {
                let list = log.items.entry(list.clone()).or_default();
                list.extend(items.iter().map(|item| (item.place, item.clone())));
            }
            for new in &projection.rows {
                let table = log.rows.entry(new.row.table).or_default();
                match table.get_mut(&new.row.key) {
                    Some(old) => old.row = new.row.clone(),
                    None => drop(table.insert(new.row.key.clone(), new.clone())),
                }
            }
            true
        })
    }

    async fn row(&self, log: &WorkspaceName, table: Table, key: &str) -> Result<Option<PlacedRow>> {
        self.with(log, |log| log.rows.get(&table).and_then(|rows| rows.get(key)).cloned())
    }

    async fn rows(
        &self,
        log: &WorkspaceName,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<PlacedRow>> {
        self.with(log, |log| {
            let rows = log.rows.get(&table).into_iter().flat_map(IndexMap::values);
            rows.filter(|row| row.place > after).take(most).cloned().collect()
        })
    }

    async fn items(&self, log: &WorkspaceName, list: &List, span: Span) -> Result<Vec<Item>> {
        self.with(log, |log| {
            let before = span.before.map_or(Bound::Unbounded, Bound::Excluded);
            if span.before.is_some_and(|before| before <= span.after.next()) {
                return vec![];
            }
            let items = log.items.get(list).into_iter();
            let items = items.flat_map(|items| items.range((Bound::Excluded(span.after), before)));
            let items = items.map(|(_, item)| item.clone());
            if span.newest_first {
                items.rev().take(span.most).collect()
            } else {
                items.take(span.most).collect()
            }
        })
    }

    async fn lists(&self, log: &WorkspaceName, after: &str, most: usize) -> Result<Vec<List>> {
        self.with(log, |log| {
            let keys: BTreeMap<_, _> = log.items.keys().map(|list| (list.key(), list.clone())).collect();
            keys.into_iter().filter(|(key, _)| &**key > after).take(most).map(|(_, list)| list).collect()
        })
    }

    async fn read_at(&self, log: &WorkspaceName, positions: &[Position]) -> Result<Vec<Record>> {
        let mut records = Vec::with_capacity(positions.len());
        for position in positions {
            let before = Position(position.0.saturating_sub(1));
            let page = self.read(log, before, PageLimit { events: 1, bytes: 0 }).await?;
            records.push(page.into_iter().next().ok_or_else(|| StoreError::missing(log, *position))?);
        }
        Ok(records)
    }

    async fn blob(&self, log: &WorkspaceName, digest: &Hash) -> Result<Option<Bytes>> {
        self.with(log, |log| log.blobs.get(digest).cloned())
    }

    async fn clear_rows(&self, log: &WorkspaceName) -> Result<()> {
        self.with(log, |log| {
            log.rows.clear();
            log.items.clear();
            log.projected = Position::START;
            log.documents.clear();
            log.indexed = Position::START;
        })
    }

    async fn check(&self, log: &WorkspaceName) -> Result<()> {
        self.with(log, |_| ())
    }

    async fn mend(&self, log: &WorkspaceName, effects: &[Effect]) -> Result<()> {
        self.with(log, |log| {
            log.jobs.clear();
            log.carry_out(effects);
        })
    }

    async fn save_snapshot(&self, log: &WorkspaceName, snapshot: Snapshot) -> Result<()> {
        self.with(log, |log| log.snapshot = Some(snapshot))
    }

    async fn snapshot(&self, log: &WorkspaceName) -> Result<Option<Snapshot>> {
        self.with(log, |log| log.snapshot.clone())
    }

    async fn indexed(&self, log: &WorkspaceName) -> Result<Position> {
        self.with(log, |log| log.indexed)
    }

    async fn index(
        &self,
        log: &WorkspaceName,
        from: Position,
        to: Position,
        documents: &[Terms],
    ) -> Result<bool> {
        self.with(log, |log| {
            if log.indexed != from {
                return false;
            }
            log.indexed = to;
            for Terms { place, words } in documents {
                log.documents.insert(*place, words.split(' ').map(str::to_owned).collect());
            }
            true
        })
    }

    async fn search(
        &self,
        log: &WorkspaceName,
        terms: &[Term],
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Position>> {
        if terms.is_empty() {
            return Ok(vec![]);
        }
        let holds = |words: &BTreeSet<String>, term: &Term| match term {
            Term::Word(word) => words.contains(word),
            Term::Prefix(prefix) => {
                let first = words.range::<str, _>((Bound::Included(&**prefix), Bound::Unbounded)).next();
                first.is_some_and(|word| word.starts_with(&**prefix))
            }
        };
        self.with(log, |log| {
            let before = before.map_or(Bound::Unbounded, Bound::Excluded);
            let newest_first = log.documents.range((Bound::Unbounded, before)).rev();
            let found = newest_first.filter(|(_, words)| terms.iter().all(|term| holds(words, term)));
            found.map(|(place, _)| *place).take(most).collect()
        })
    }

    fn health(&self) -> std::result::Result<(), String> {
        Ok(())
    }
}
