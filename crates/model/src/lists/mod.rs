//! Lists: in which order messages are found by whoever looks for them.
//!
//! An item stands in its list at a place, and says enough to choose it without reading the message. Like rows
//! ([`crate::rows`]), items are made from one event alone. They are stored in [`run`]s, since one alone is hardly larger
//! than what it costs to keep it.

pub mod run;

use std::sync::Arc;

use serde::Serialize;

use crate::event::{Fact, Position, Recorded};
use crate::ids::{AgentId, MessageId};
use crate::mailboxes::{Stage, Taken};
use crate::messages::{Message, Party, Priority, Recipient};
use crate::time::Timestamp;

/// A list. What it is written as is stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum List {
    /// All messages that found a recipient.
    Messages,
    /// All that did not.
    DeadLetters,
    /// Those to one agent or person.
    To(AgentId),
    /// Those to a topic.
    Topic(Arc<str>),
    /// Those from one agent or person, dead letters too.
    From(AgentId),
    /// Those that answer the message at a place, or each other under it.
    Thread(Position),
    /// What a reader has had, as [`TakenItem`]s: each stands at the end of its range, and no two ranges overlap.
    Taken(AgentId, Stage),
}

/// One item. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its place in its list, where no other stands. Of a message: its position in the log.
    pub place: Position,
    /// What it says.
    pub note: Note,
}

/// What an item says. All items of a list are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Note {
    /// Of a message; all its lists share it.
    Message(Arc<MessageItem>),
    /// Of what a reader has had.
    Taken(TakenItem),
}

/// What a list of messages says of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageItem {
    /// Its id.
    pub id: MessageId,
    /// Who sent it.
    pub from: Party,
    /// For whom it is.
    pub to: Recipient,
    /// How soon it wants to be read.
    pub priority: Priority,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// From when on it is not offered any more.
    pub expires_at: Option<Timestamp>,
    /// How many bytes its content is, as it is kept.
    pub bytes: u64,
}

/// What a reader took at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TakenItem {
    /// Where the range begins.
    pub from: Position,
    /// When.
    pub at: Timestamp,
    /// The event that says so.
    pub event: Position,
}

impl List {
    /// As it is stored.
    pub fn key(&self) -> String {
        match self {
            Self::Messages => "messages".into(),
            Self::DeadLetters => "dead".into(),
            Self::To(agent) => format!("to/{agent}"),
            Self::Topic(topic) => format!("topic/{topic}"),
            Self::From(agent) => format!("from/{agent}"),
            Self::Thread(place) => format!("thread/{place}"),
            Self::Taken(agent, Stage::Delivered) => format!("delivered/{agent}"),
            Self::Taken(agent, Stage::InContext) => format!("in_context/{agent}"),
            Self::Taken(agent, Stage::Read) => format!("read/{agent}"),
        }
    }

    /// Reads the stored form; `None` if no list is written so.
    pub fn parse(key: &str) -> Option<Self> {
        let agent = |id| AgentId::parse(id).ok();
        Some(match key.split_once('/') {
            None if key == "messages" => Self::Messages,
            None if key == "dead" => Self::DeadLetters,
            None => return None,
            Some(("to", id)) => Self::To(agent(id)?),
            Some(("topic", topic)) => Self::Topic(topic.into()),
            Some(("from", id)) => Self::From(agent(id)?),
            Some(("thread", place)) => Self::Thread(Position(place.parse().ok()?)),
            Some(("delivered", id)) => Self::Taken(agent(id)?, Stage::Delivered),
            Some(("in_context", id)) => Self::Taken(agent(id)?, Stage::InContext),
            Some(("read", id)) => Self::Taken(agent(id)?, Stage::Read),
            Some(_) => return None,
        })
    }
}

// === impl Item ===

impl Item {
    /// The event it comes from.
    pub fn event(&self) -> Position {
        match &self.note {
            Note::Message(_) => self.place,
            Note::Taken(taken) => taken.event,
        }
    }
}

/// Puts the items of an event into their lists.
pub fn put_items(recorded: &Recorded, put: impl FnMut(List, Item)) {
    match &recorded.event.fact {
        Fact::MessageSent(message) | Fact::MessageDied(message) => {
            put_message(recorded.position, message, put);
        }
        Fact::MessagesTaken(taken) => put_taken(recorded, taken, put),
        _ => {}
    }
}

fn put_message(place: Position, message: &Message, mut put: impl FnMut(List, Item)) {
    let note = Arc::new(MessageItem {
        id: message.id.clone(),
        from: message.from.clone(),
        to: message.to.clone(),
        priority: message.priority,
        sent_at: message.sent_at,
        expires_at: message.expires_at,
        bytes: message.content.bytes() as u64,
    });
    let mut put = |list| put(list, Item { place, note: Note::Message(note.clone()) });
    match &message.to {
        Recipient::Party(party) => {
            put(List::Messages);
            put(List::To(party.id.clone()));
        }
        Recipient::Topic(topic) => {
            put(List::Messages);
            put(List::Topic(topic.clone()));
        }
        Recipient::Unknown(_) => put(List::DeadLetters),
    }
    put(List::From(message.from.id.clone()));
    if let Some(first) = message.thread {
        put(List::Thread(first));
    }
}

fn put_taken(recorded: &Recorded, taken: &Taken, mut put: impl FnMut(List, Item)) {
    let (at, event) = (recorded.event.at, recorded.position);
    for &(from, place) in &*taken.ranges {
        let note = Note::Taken(TakenItem { from, at, event });
        put(List::Taken(taken.reader.id.clone(), taken.stage), Item { place, note });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_reads_back_as_it_is_stored() {
        let agent = AgentId::of("default", "web");
        for list in [
            List::Messages,
            List::DeadLetters,
            List::To(agent.clone()),
            List::Topic("a/b".into()),
            List::From(agent.clone()),
            List::Thread(Position(7)),
            List::Taken(agent.clone(), Stage::Delivered),
            List::Taken(agent.clone(), Stage::InContext),
            List::Taken(agent, Stage::Read),
        ] {
            assert_eq!(List::parse(&list.key()), Some(list));
        }
        for key in ["", "to", "to/", "to/web", "message", "nowhere/x"] {
            assert_eq!(List::parse(key), None, "{key}");
        }
    }
}
