//! Messages as their readers see them: what waits, what was shown, how far it has come, what was said before.
//!
//! The log holds messages, and the read models [`lists`] of them; the state knows what each reader has had. What waits is
//! found by the lists a message stands in, from the reader's low-water mark on ([`waiting`]); so it costs what is unread,
//! not what is kept, and page by page hardly more ([`gathered`]). Looking changes nothing: what was [`shown`] is handed in
//! when there is evidence that it arrived, and until then the same is shown again. [`progress`] says how far a message has
//! come, [`find`] looks for messages by their ids, and [`history`] reads backwards.

mod find;
mod gathered;
mod history;
mod lists;
mod progress;
mod shown;
mod waiting;

use std::sync::Arc;

use model::mailboxes::Mailbox;
use model::messages::Message;
use model::{AgentId, Fact, Position};

pub use self::find::{Found, Handed};
pub(crate) use self::gathered::Gathered;
pub use self::history::Past;
pub use self::lists::{Noted, Within};
pub use self::progress::{Progress, Readers};
pub use self::shown::Shown;
pub use self::waiting::{Fetched, Waiting};
use crate::entry::Entry;
use crate::error::HallError;
use crate::recall::entry_of;
use crate::workspace::Workspace;

/// The message an event is about.
pub fn message(entry: &Entry) -> Option<&Arc<Message>> {
    match entry.fact() {
        Fact::MessageSent(message) | Fact::MessageDied(message) => Some(message),
        _ => None,
    }
}

impl Workspace {
    /// A reader's mailbox, as it stands.
    pub fn mailbox(&self, reader: &AgentId) -> Option<Mailbox> {
        self.state().mailboxes.get(reader).cloned()
    }

    /// The message at a place; none if something else stands there, or nothing yet.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn message_at(&self, place: Position) -> Result<Option<Arc<Message>>, HallError> {
        if place == Position::START || place > self.end() {
            return Ok(None);
        }
        Ok(message(&*self.entry(place).await?).cloned())
    }

    /// The events at these positions, in this order.
    ///
    /// # Errors
    /// If one of them is not there.
    pub async fn entries(&self, positions: &[Position]) -> Result<Vec<Arc<Entry>>, HallError> {
        let found: Vec<_> = positions.iter().map(|position| self.at_hand(*position)).collect();
        let missing = positions.iter().zip(&found).filter(|(_, found)| found.is_none());
        let missing: Vec<_> = missing.map(|(position, _)| *position).collect();
        let mut read = self.store().read_at(self.name(), &missing).await?.into_iter();
        let mut entries = Vec::with_capacity(found.len());
        for entry in found {
            entries.push(match entry {
                Some(entry) => entry,
                None => entry_of(self.name(), &read.next().expect("one is read for each that was missing"))?,
            });
        }
        Ok(entries)
    }

    /// Where the log ends that mailboxes are read from: what a reader was just shown is not behind it, although those who
    /// follow the log may not have been told of it yet.
    fn end(&self) -> Position {
        self.state().position()
    }
}
