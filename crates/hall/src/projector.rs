//! Read models: rows follow the log in transactions of their own, off the way of a command.
//!
//! What is not yet written is held here, bounded, and laid over what the store holds; so a query sees every
//! committed event, and the store may be written seldom and in large pieces.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use indexmap::IndexMap;
use model::lists::{Item, List, items};
use model::rows::{Table, rows};
use model::{Position, WorkspaceName};
use store::{PlacedRow, Projection, Span, Store, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::entry::Entry;
use crate::limits;
use crate::workspace::Shared;

/// The rows on their way to the store.
pub(crate) struct Projector {
    waiting: Mutex<Waiting>,
    wake: Notify,
}

struct Waiting {
    /// How far the store's rows have come.
    written: Position,
    /// How far the rows below have come.
    seen: Position,
    rows: Vec<PlacedRow>,
    items: Vec<WaitingItem>,
}

/// An item on its way to its list.
#[derive(Clone)]
struct WaitingItem {
    /// The event it comes from, which is not always its place.
    from: Position,
    item: Item,
}

impl Projector {
    /// A projector whose store stands at `written`.
    pub(crate) fn new(written: Position) -> Self {
        Self {
            waiting: Mutex::new(Waiting { written, seen: written, rows: Vec::new(), items: Vec::new() }),
            wake: Notify::new(),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds the rows")
    }

    /// Takes note of committed events. Those the store has seen are passed over.
    pub(crate) fn note(&self, entries: &[Arc<Entry>]) {
        let mut waiting = self.waiting();
        let (before, written) = (waiting.len(), waiting.written);
        for entry in entries.iter().filter(|entry| entry.position() > written) {
            waiting.seen = entry.position();
            let new =
                rows(entry.recorded()).into_iter().map(|row| PlacedRow { place: entry.position(), row });
            waiting.rows.extend(new);
            let from = entry.position();
            waiting.items.extend(items(entry.recorded()).into_iter().map(|item| WaitingItem { from, item }));
        }
        let lag = waiting.seen.0 - waiting.written.0;
        let first = before == 0 && waiting.len() > 0;
        if first || waiting.len() >= limits::PROJECT_ROWS || lag >= limits::SNAPSHOT_EVENTS {
            self.wake.notify_one();
        }
    }

    /// Whether no more may be noted until some is written.
    pub(crate) fn is_full(&self) -> bool {
        let waiting = self.waiting();
        let bytes = || waiting.rows.iter().map(|row| row.row.body.len()).sum::<usize>();
        // What a row weighs at the least keeps the sum from being taken each time. Items are small.
        waiting.len() > limits::PENDING_ROWS
            || (waiting.rows.len() > limits::PENDING_BYTES / model::limits::PROSE_TOKEN_BYTES
                && bytes() > limits::PENDING_BYTES)
    }

    /// One row, as of the newest noted event.
    pub(crate) async fn row(
        &self,
        store: &dyn Store,
        log: &WorkspaceName,
        table: Table,
        key: &str,
    ) -> Result<Option<PlacedRow>, StoreError> {
        // Looked at before the store: a row that is written in between is then seen twice, never not at all.
        let waiting = {
            let waiting = self.waiting();
            let mut versions = waiting.rows.iter().filter(|new| new.row.table == table && new.row.key == key);
            let first = versions.next().cloned();
            let last = versions.next_back().map(|last| last.row.clone());
            first.map(|first| (first.place, last.unwrap_or(first.row)))
        };
        let stored = store.row(log, table, key).await?;
        Ok(match (waiting, stored) {
            // It keeps the place at which it was first written.
            (Some((_, newest)), Some(stored)) => Some(PlacedRow { row: newest, ..stored }),
            (Some((place, row)), None) => Some(PlacedRow { place, row }),
            (None, stored) => stored,
        })
    }

    /// The rows of a table that wait, each key once: where it was first written, with what was written last.
    fn waiting_in(&self, table: Table) -> Vec<PlacedRow> {
        let mut waiting: IndexMap<String, PlacedRow> = IndexMap::new();
        for new in self.waiting().rows.iter().filter(|new| new.row.table == table) {
            match waiting.get_mut(&new.row.key) {
                Some(first) => first.row = new.row.clone(),
                None => drop(waiting.insert(new.row.key.clone(), new.clone())),
            }
        }
        waiting.into_values().collect()
    }

    /// A part of a list, as of the newest noted event.
    pub(crate) async fn items(
        &self,
        store: &dyn Store,
        log: &WorkspaceName,
        list: &List,
        span: Span,
    ) -> Result<Vec<Item>, StoreError> {
        // Looked at before the store: an item that is written in between is then seen twice, never not at all.
        let waiting: Vec<_> = {
            let waiting = self.waiting();
            let within =
                |place: Position| place > span.after && span.before.is_none_or(|before| place < before);
            let of_list = waiting.items.iter().filter(|new| new.item.list == *list && within(new.item.place));
            of_list.map(|new| new.item.clone()).collect()
        };
        let stored = store.items(log, list, span).await?;
        if waiting.is_empty() {
            return Ok(stored);
        }
        let page: BTreeMap<_, _> = stored.into_iter().chain(waiting).map(|item| (item.place, item)).collect();
        let page = page.into_values();
        Ok(if span.newest_first {
            page.rev().take(span.most).collect()
        } else {
            page.take(span.most).collect()
        })
    }

    /// A page of rows after a place, as of the newest noted event.
    pub(crate) async fn rows(
        &self,
        store: &dyn Store,
        log: &WorkspaceName,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<PlacedRow>, StoreError> {
        let waiting = self.waiting_in(table);
        let mut page = store.rows(log, table, after, most).await?;
        let whole = page.len() < most;
        for new in waiting {
            if let Some(old) = page.iter_mut().find(|old| old.row.key == new.row.key) {
                old.row = new.row;
            } else if whole && new.place > after && store.row(log, table, &new.row.key).await?.is_none() {
                page.push(new);
            }
        }
        page.truncate(most);
        Ok(page)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.rows.len() + self.items.len()
    }
}

/// Writes a workspace's rows as they come, until `closing`; what waits by then is still written.
pub(crate) async fn run(shared: Arc<Shared>, closing: CancellationToken) {
    let projector = &shared.projector;
    while !closing.is_cancelled() {
        tokio::select! {
            () = projector.wake.notified() => {}
            () = closing.cancelled() => break,
        }
        if projector.waiting().len() < limits::PROJECT_ROWS {
            tokio::select! {
                () = tokio::time::sleep(limits::PROJECT_AFTER) => {}
                () = closing.cancelled() => break,
            }
        }
        if let Err(cause) = write(&shared).await {
            tracing::warn!(workspace = %shared.name, %cause, "could not write a read model; trying again");
            tokio::time::sleep(limits::PROJECT_AFTER).await;
            projector.wake.notify_one();
        }
    }
    if let Err(cause) = write(&shared).await {
        tracing::warn!(workspace = %shared.name, %cause, "a read model stays behind until the next start");
    }
}

async fn write(shared: &Shared) -> Result<(), StoreError> {
    let (from, to, rows, items) = {
        let waiting = shared.projector.waiting();
        let items: Vec<_> = waiting.items.iter().map(|waiting| waiting.item.clone()).collect();
        (waiting.written, waiting.seen, waiting.rows.clone(), items)
    };
    if from == to {
        return Ok(());
    }
    let moved =
        shared.store.project(&shared.name, from, to, Projection { rows: &rows, items: &items }).await?;
    // If they did not stand where this node thought, another node has written them; where they stand now, tells.
    let written = if moved { to } else { shared.store.projected(&shared.name).await? };
    let mut waiting = shared.projector.waiting();
    waiting.rows.retain(|row| row.place > written);
    waiting.items.retain(|item| item.from > written);
    if waiting.len() > 0 {
        // They came while these were written, and woke nobody.
        shared.projector.wake.notify_one();
    }
    waiting.written = written;
    waiting.seen = waiting.seen.max(written);
    Ok(())
}
