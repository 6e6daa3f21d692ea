//! Search: the events that hold what was looked for, newest first, by page.

use std::sync::Arc;

use model::search::{Kind, Query, document};
use model::{Fact, Position, State, Timestamp};
use store::StoreError;

use crate::entry::Entry;
use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// A page of what was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The events, newest first. Of a key in the shared context only the version that is current.
    pub hits: Vec<Arc<Entry>>,
    /// What to give as `before` to go on; `None` if that was all. The search may have stopped short of a full page, or
    /// of any hit, for having looked through enough, and what is left may hold none.
    pub next: Option<Position>,
    /// The last event that was searched. What came after it is not found yet.
    pub as_of: Position,
    /// What that is in time: now, or when that event happened if there are newer ones.
    pub as_of_time: Timestamp,
}

impl Workspace {
    /// Searches for events of these kinds, of all if there are none: `most` at a time, at least one, before a position if
    /// one is given. Waits a moment, [`limits::SEARCH_PATIENCE`], until all that is committed can be found.
    ///
    /// # Errors
    /// If the store cannot be read, or the index is damaged.
    pub async fn search(
        &self,
        query: &Query,
        kinds: &[Kind],
        before: Option<Position>,
        most: usize,
    ) -> Result<Found, HallError> {
        let head = *self.head().borrow();
        self.indexer().reach(head).await;
        // Asked for before the search, so that all up to there is found; and not further than this node has come.
        let indexed = self.store().indexed(self.name()).await?;
        let head = *self.head().borrow();
        let as_of = indexed.min(head);
        let as_of_time = match as_of {
            as_of if as_of == head => self.now(),
            Position::START => Timestamp::default(),
            as_of => self.entry(as_of).await?.recorded().event.at,
        };

        let (query, terms) = (Arc::new(query.clone()), query.terms());
        let mut before = before.map_or(as_of.next(), |before| before.min(as_of.next()));
        let (mut hits, mut looked_at, mut bytes) = (Vec::new(), 0, 0);
        let next = 'pages: loop {
            let page = self.store().search(self.name(), &terms, Some(before), limits::SEARCH_PAGE).await?;
            for places in page.chunks(limits::SEARCH_READ) {
                let entries = self.entries(places).await?;
                looked_at += entries.len();
                bytes += entries.iter().map(|entry| entry.weight()).sum::<usize>();
                for entry in self.matching(query.clone(), kinds, entries).await? {
                    before = entry.position();
                    hits.push(entry);
                    if hits.len() >= most {
                        break 'pages Some(before);
                    }
                }
                before = *places.last().expect("a chunk is never empty");
                if looked_at >= limits::SEARCH_CANDIDATES || bytes >= limits::SEARCH_BYTES {
                    break 'pages Some(before);
                }
            }
            if page.len() < limits::SEARCH_PAGE {
                break None;
            }
        };
        Ok(Found { hits, next, as_of, as_of_time })
    }

    /// Those that hold what is looked for. They are read whole, on a thread where that holds up nobody.
    async fn matching(
        &self,
        query: Arc<Query>,
        kinds: &[Kind],
        mut entries: Vec<Arc<Entry>>,
    ) -> Result<Vec<Arc<Entry>>, HallError> {
        let kinds = kinds.to_vec();
        let look = move || {
            entries.retain(|entry| {
                let wanted = |kind| kinds.is_empty() || kinds.contains(&kind);
                document(entry.fact()).is_some_and(|found| wanted(found.kind) && query.matches(&found))
            });
            entries
        };
        let mut entries = tokio::task::spawn_blocking(look)
            .await
            .map_err(|cause| StoreError::Database(format!("a search was cut short: {cause}")))?;
        let state = self.state();
        entries.retain(|entry| is_current(&state, entry));
        Ok(entries)
    }
}

/// Whether nothing has taken its place. Only keys are given other values.
fn is_current(state: &State, entry: &Entry) -> bool {
    match entry.fact() {
        Fact::ContextShared(shared) => {
            state.context.get(&shared.key).is_some_and(|current| current.position == entry.position())
        }
        _ => true,
    }
}
