//! Read models: rows and lists follow the log in transactions of their own, off the way of a command.
//!
//! What is not yet written is held here, bounded, and laid over what the store holds; so a query sees every
//! committed event, and the store may be written seldom and in large pieces. The larger they are, the more items of a
//! list are written as one.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};

use indexmap::IndexMap;
use model::lists::{Item, List};
use model::rows::Table;
use model::{Position, WorkspaceName};
use store::{PlacedRow, Projection, Span, Store, StoreError};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::backlog::Backlog;
use crate::limits;
use crate::workspace::Shared;

/// The rows and items on their way to the store.
pub(crate) struct Projector {
    waiting: Mutex<Backlog>,
    /// Something begins to wait, or much does.
    wake: Notify,
    /// An attempt to write has ended.
    tried: Notify,
}

// === impl Projector ===

impl Projector {
    /// A projector whose store stands at `written`.
    pub(crate) fn new(written: Position) -> Self {
        Self { waiting: Mutex::new(Backlog::new(written)), wake: Notify::new(), tried: Notify::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, Backlog> {
        self.waiting.lock().expect("nothing panics while it holds what waits")
    }

    /// Takes note of what the committed events between two positions write. What the store has seen is passed over.
    pub(crate) fn note(&self, from: Position, to: Position, projection: Projection) {
        let mut waiting = self.waiting();
        let idle = waiting.new.is_empty();
        waiting.note(from, to, projection);
        let first = idle && !waiting.new.is_empty();
        if first || waiting.is_much() {
            self.wake.notify_one();
        }
    }

    /// Whether so much waits that no more may be noted.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting().is_full()
    }

    /// Waits until more may be noted, [`limits::ROOM_PATIENCE`] at most, and not at all if there is room, or no hope of
    /// any. Whether there is.
    pub(crate) async fn room(&self) -> bool {
        let room = async {
            loop {
                // Before looking, so that no attempt ends unnoticed in between.
                let tried = self.tried.notified();
                let (full, stuck) = {
                    let waiting = self.waiting();
                    (waiting.is_full(), waiting.stuck)
                };
                if !full || stuck {
                    return !full;
                }
                tried.await;
            }
        };
        timeout(limits::ROOM_PATIENCE, room).await.unwrap_or(false)
    }

    /// Waits until much is to be written, or the first of it has waited long enough.
    async fn due(&self) {
        self.wake.notified().await;
        let mut enough = pin!(sleep(limits::PROJECT_AFTER));
        while !self.waiting().is_much() {
            tokio::select! {
                () = &mut enough => return,
                () = self.wake.notified() => {}
            }
        }
    }

    /// What to write, and between which positions; `None` if there is nothing. It stays visible until
    /// [`Projector::tried`].
    fn next(&self) -> Option<(Position, Position, Arc<Projection>)> {
        self.waiting().begin()
    }

    /// Takes note of how far the store's read models have come, or that they could not be written.
    fn tried(&self, outcome: Result<Position, StoreError>) -> Result<(), StoreError> {
        let mut waiting = self.waiting();
        waiting.stuck = outcome.is_err();
        let outcome = outcome.map(|written| {
            waiting.reached(written);
            if waiting.writing.is_some() || !waiting.new.is_empty() {
                // It came while the rest was written, and may have woken nobody.
                self.wake.notify_one();
            }
        });
        drop(waiting);
        self.tried.notify_waiters();
        outcome
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
            let mut versions = waiting.rows().filter(|new| new.row.table == table && new.row.key == key);
            let first = versions.next().cloned();
            let last = versions.last().map(|last| last.row.clone());
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
        for new in self.waiting().rows().filter(|new| new.row.table == table) {
            match waiting.get_mut(&new.row.key) {
                Some(first) => first.row = new.row.clone(),
                None => drop(waiting.insert(new.row.key.clone(), new.clone())),
            }
        }
        waiting.into_values().collect()
    }

    /// The lists that have items which wait, in no order.
    pub(crate) fn lists_waiting(&self) -> Vec<List> {
        self.waiting().pieces().flat_map(Projection::lists).map(|(list, _)| list.clone()).collect()
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
        let waiting: Vec<_> =
            self.waiting().pieces().flat_map(|piece| span.cut(piece.list(list))).cloned().collect();
        let mut page = store.items(log, list, span).await?;
        if waiting.is_empty() {
            return Ok(page);
        }
        page.extend(waiting);
        page.sort_by_key(|item| item.place);
        page.dedup_by_key(|item| item.place);
        if span.newest_first {
            page.reverse();
        }
        page.truncate(span.most);
        Ok(page)
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
        let mut known: HashMap<_, _> =
            page.iter().enumerate().map(|(index, old)| (old.row.key.clone(), index)).collect();
        for new in waiting {
            if let Some(index) = known.get(&new.row.key) {
                page[*index].row = new.row;
            } else if whole && new.place > after {
                // It stands where it was first written: perhaps on a page before this, perhaps since this one was read.
                let stored = store.row(log, table, &new.row.key).await?;
                let place = stored.map_or(new.place, |stored| stored.place);
                if place > after {
                    known.insert(new.row.key.clone(), page.len());
                    page.push(PlacedRow { place, ..new });
                }
            }
        }
        page.sort_by_key(|row| row.place);
        page.truncate(most);
        Ok(page)
    }
}

/// Writes a workspace's read models as they come, until `closing`; what waits by then is still written.
pub(crate) async fn run(shared: Arc<Shared>, closing: CancellationToken) {
    let projector = &shared.projector;
    while !closing.is_cancelled() {
        tokio::select! {
            () = projector.due() => {}
            () = closing.cancelled() => break,
        }
        if let Err(cause) = write(&shared).await {
            tracing::warn!(workspace = %shared.name, %cause, "could not write a read model; trying again");
            sleep(limits::PROJECT_AFTER).await;
            projector.wake.notify_one();
        }
    }
    if let Err(cause) = write(&shared).await {
        tracing::warn!(workspace = %shared.name, %cause, "a read model stays behind until the next start");
    }
    projector.waiting().stuck = true;
}

async fn write(shared: &Shared) -> Result<(), StoreError> {
    let Some((from, to, projection)) = shared.projector.next() else { return Ok(()) };
    let written = match shared.store.project(&shared.name, from, to, projection.clone()).await {
        Ok(true) => {
            let tried = shared.projector.tried(Ok(to));
            // Freeing its thousands of parts takes a while, in which nobody should have to wait.
            drop(tokio::task::spawn_blocking(move || drop(projection)));
            return tried;
        }
        // They did not stand where this node thought: another has written them.
        Ok(false) => shared.store.projected(&shared.name).await,
        Err(cause) => Err(cause),
    };
    drop(projection);
    shared.projector.tried(written)
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use model::event::Recorded;
    use model::messages::{Message, Party, Priority, Recipient};
    use model::{AgentId, CommandId, Event, Fact, MemberId, MessageId, Principal, Text, Timestamp};
    use store::{Incarnation, MemoryStore};
    use uuid::Uuid;

    use super::*;

    fn message(place: u64) -> Recorded {
        let web = Party { id: AgentId::of("default", "web"), name: "web".into() };
        let fact = Fact::MessageSent(Arc::new(Message {
            id: MessageId::from(Uuid::from_u128(place.into())),
            from: web.clone(),
            through: MemberId::hall(),
            to: Recipient::Party(web),
            thread: None,
            content: Text::new("hello"),
            priority: Priority::Normal,
            attachments: Arc::new([]),
            sent_at: Timestamp::default(),
            expires_at: None,
            resends: None,
        }));
        let command = CommandId::from(Uuid::from_u128(place.into()));
        let event = Event { at: Timestamp::default(), by: Principal::local(), command, fact };
        Recorded { position: Position(place), event }
    }

    fn note(projector: &Projector, messages: RangeInclusive<u64>) {
        let mut projection = Projection::default();
        messages.clone().for_each(|place| projection.add(&message(place)));
        projector.note(Position(messages.start() - 1), Position(*messages.end()), projection);
    }

    fn full() -> Projector {
        let projector = Projector::new(Position::START);
        note(&projector, 1..=limits::PENDING_ITEMS as u64 / 3 + 1);
        projector
    }

    fn broken() -> StoreError {
        StoreError::Database("it is broken".into())
    }

    #[tokio::test]
    async fn whoever_writes_waits_until_there_is_room() {
        let projector = full();
        let write = async {
            tokio::task::yield_now().await;
            let (_, to, _) = projector.next().unwrap();
            projector.tried(Ok(to)).unwrap();
        };
        let (room, ()) = tokio::join!(projector.room(), write);
        assert!(room);
    }

    #[tokio::test]
    async fn and_not_for_a_disk_that_takes_nothing() {
        let projector = full();
        let fail = async {
            tokio::task::yield_now().await;
            projector.next().unwrap();
            projector.tried(Err(broken())).unwrap_err();
        };
        let (room, ()) = tokio::join!(projector.room(), fail);
        assert!(!room);
        let (_, to, _) = projector.next().unwrap();
        projector.tried(Ok(to)).unwrap();
        assert!(projector.room().await, "it has come back");
    }

    #[tokio::test]
    async fn what_is_being_written_and_what_came_since_is_seen_once() {
        let (store, log) = (MemoryStore::default(), WorkspaceName::default_workspace());
        store.open_log(&log, Incarnation(Uuid::nil())).await.unwrap();
        let projector = Projector::new(Position::START);
        let places = async |newest_first, most| {
            let span = Span { after: Position::START, before: None, most, newest_first };
            let items = projector.items(&store, &log, &List::Messages, span).await.unwrap();
            items.iter().map(|item| item.place.0).collect::<Vec<_>>()
        };
        note(&projector, 1..=2);
        let (from, to, projection) = projector.next().unwrap();
        note(&projector, 3..=3);
        assert_eq!(places(false, 9).await, [1, 2, 3]);
        // An attempt that failed is made again with the same.
        projector.tried(Err(broken())).unwrap_err();
        assert_eq!(projector.next().unwrap(), (from, to, projection.clone()));
        assert!(store.project(&log, from, to, projection).await.unwrap());
        assert_eq!(places(false, 9).await, [1, 2, 3]);
        assert_eq!(places(true, 2).await, [3, 2]);
        projector.tried(Ok(to)).unwrap();
        assert_eq!(places(false, 2).await, [1, 2]);
        assert_eq!(places(true, 9).await, [3, 2, 1]);
    }

    #[tokio::test]
    async fn what_another_node_has_written_is_let_go_of() {
        let projector = Projector::new(Position::START);
        note(&projector, 1..=4);
        projector.next().unwrap();
        note(&projector, 5..=6);
        projector.tried(Ok(Position(3))).unwrap();
        let (from, to, rest) = projector.next().unwrap();
        assert_eq!((from, to, rest.list(&List::Messages).len()), (Position(3), Position(4), 1));
        projector.tried(Ok(Position(5))).unwrap();
        let (from, to, rest) = projector.next().unwrap();
        assert_eq!((from, to, rest.list(&List::Messages).len()), (Position(5), Position(6), 1));
        projector.tried(Ok(Position(9))).unwrap();
        assert!(projector.next().is_none());
        // Of what comes now a part is there already, or all of it.
        note(&projector, 7..=8);
        assert!(projector.next().is_none());
        note(&projector, 9..=11);
        let (from, to, rest) = projector.next().unwrap();
        assert_eq!((from, to, rest.list(&List::Messages).len()), (Position(9), Position(11), 2));
    }
}
