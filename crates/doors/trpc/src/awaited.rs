//! Queries of one session that wait until the log has come as far as they ask.

use std::collections::{BTreeMap, VecDeque};

use model::Position;
use tokio::time::Instant;

use crate::calls::Deferred;

/// Those that wait. What they ask for is looked at all together, however many they are.
#[derive(Default)]
pub(crate) struct Awaited {
    /// By the position that each asks for, and the number by which it came.
    queries: BTreeMap<(Position, u64), Deferred>,
    /// Until when each waits, the earliest first: all wait equally long.
    deadlines: VecDeque<(Instant, (Position, u64))>,
    came: u64,
}

impl Awaited {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queries.len()
    }

    /// Adds one. Its deadline is no earlier than those of all before.
    pub(crate) fn add(&mut self, position: Position, deadline: Instant, query: Deferred) {
        self.came += 1;
        self.queries.insert((position, self.came), query);
        self.deadlines.push_back((deadline, (position, self.came)));
    }

    /// One that waits for no more than this position.
    pub(crate) fn take_reached(&mut self, head: Position) -> Option<Deferred> {
        let first = self.queries.first_entry().filter(|first| first.key().0 <= head)?;
        let query = first.remove();
        self.forget_deadlines();
        Some(query)
    }

    /// One of them, whatever it waits for.
    pub(crate) fn take_any(&mut self) -> Option<Deferred> {
        self.take_reached(Position(u64::MAX))
    }

    /// One whose deadline is over, and the position it waited for.
    pub(crate) fn take_late(&mut self, now: Instant) -> Option<(Position, Deferred)> {
        let (_, key) = self.deadlines.front().filter(|(deadline, _)| *deadline <= now)?;
        let late = self.queries.remove(key).map(|query| (key.0, query));
        self.forget_deadlines();
        late
    }

    /// The next deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Lets go of the deadlines of those that wait no more: up to the first that does, and of all if they are the most.
    fn forget_deadlines(&mut self) {
        while self.deadlines.front().is_some_and(|(_, key)| !self.queries.contains_key(key)) {
            self.deadlines.pop_front();
        }
        if self.deadlines.len() > 2 * self.queries.len() {
            self.deadlines.retain(|(_, key)| self.queries.contains_key(key));
        }
    }
}
