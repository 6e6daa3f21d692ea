//! Reading single events by position: from the tail, from a cache, from the store.

use std::sync::Arc;

use model::{Position, WorkspaceName};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use store::{PageLimit, Record, Store, StoreError};

use crate::entry::Entry;
use crate::limits;
use crate::tail::Tail;

/// Events read back lately.
pub(crate) struct Recall {
    cache: Cache<Position, Arc<Entry>, Weight>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Position, Arc<Entry>> for Weight {
    fn weight(&self, _: &Position, entry: &Arc<Entry>) -> u64 {
        // What doors encode is about as large as the event itself.
        2 * entry.weight() as u64
    }
}

impl Recall {
    pub(crate) fn new() -> Self {
        Self { cache: Cache::with_weighter(1_000, limits::RECALL_BYTES, Weight) }
    }

    /// The event at `position`, if it is in memory.
    pub(crate) fn at_hand(&self, tail: &Tail, position: Position) -> Option<Arc<Entry>> {
        tail.get(position).or_else(|| self.cache.get(&position))
    }

    /// The event at `position`, which was committed.
    pub(crate) async fn fetch(
        &self,
        store: &dyn Store,
        log: &WorkspaceName,
        position: Position,
    ) -> Result<Arc<Entry>, StoreError> {
        let before = Position(position.0.saturating_sub(1));
        let page = store.read(log, before, PageLimit { events: 1, bytes: 0 }).await?;
        let record = page.first().ok_or_else(|| missing(log, position))?;
        let entry = entry_of(log, record)?;
        self.cache.insert(position, entry.clone());
        Ok(entry)
    }
}

/// A stored event as readers share it.
pub(crate) fn entry_of(log: &WorkspaceName, record: &Record) -> Result<Arc<Entry>, StoreError> {
    let recorded = record.decode(log)?.ok_or_else(|| missing(log, record.position))?;
    Ok(Arc::new(Entry::new(recorded, None, record.bytes())))
}

fn missing(log: &WorkspaceName, position: Position) -> StoreError {
    StoreError::Damaged { log: log.to_string(), position, what: "it is missing".into() }
}
