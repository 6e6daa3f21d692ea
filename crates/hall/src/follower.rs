//! Reading on: a cursor into a log that waits at its end.

use std::sync::Arc;

use model::Position;
use store::{Incarnation, PageLimit, StoreError};
use tokio::sync::watch;

use crate::entry::Entry;
use crate::limits;
use crate::recall::entry_of;
use crate::workspace::Workspace;

/// A reader with a place in a log. It holds nothing between pages, so one that is slow costs nobody anything: it
/// reads the store until it has caught up.
pub struct Follower {
    workspace: Workspace,
    position: Position,
    head: watch::Receiver<Position>,
}

/// A run of events, in order, without a gap.
pub type Page = Vec<Arc<Entry>>;

impl Follower {
    pub(crate) fn new(workspace: Workspace, after: Position, head: watch::Receiver<Position>) -> Self {
        Self { workspace, position: after, head }
    }

    /// The last event that was taken.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Which life of the log the position belongs to.
    pub fn incarnation(&self) -> Incarnation {
        self.workspace.incarnation()
    }

    /// Whether there is something to take.
    pub fn is_behind(&self) -> bool {
        *self.head.borrow() > self.position
    }

    /// Waits until there is something to take. Ends with an error when the workspace closes. May be cancelled.
    pub async fn wait(&mut self) -> Result<(), watch::error::RecvError> {
        let position = self.position;
        self.head.wait_for(|head| *head > position).await.map(drop)
    }

    /// Takes the next page if it is in memory, as it is for a reader that keeps up.
    pub fn take_at_hand(&mut self) -> Option<Page> {
        let page = self.workspace.tail().page(self.position)?;
        self.position = page.last()?.position();
        Some(page)
    }

    /// Takes the next page, from the store if need be. An empty one means the end of the log.
    pub async fn take(&mut self) -> Result<Page, StoreError> {
        if let Some(page) = self.take_at_hand() {
            return Ok(page);
        }
        let limit = PageLimit { events: limits::PAGE_EVENTS, bytes: limits::PAGE_BYTES };
        let log = self.workspace.name();
        let head = *self.head.borrow();
        let records = self.workspace.store().read(log, self.position, limit).await?;
        // The store may be ahead of what this process has published; only the latter is everybody's.
        let seen = records.iter().take_while(|record| record.position <= head);
        let page: Page = seen.map(|record| entry_of(log, record)).collect::<Result<_, _>>()?;
        if let Some(last) = page.last() {
            self.position = last.position();
        }
        Ok(page)
    }
}
