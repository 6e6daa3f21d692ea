//! Events: what has happened. An event holds everything a reader of it needs, so that one page of the log can be
//! shown, resumed from or projected without looking anything up.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::context::{ContextEntry, ContextRead, Deletion};
use crate::decisions::Decision;
use crate::directory::{Token, TokenRevoked, WorkspaceOpened};
use crate::ids::CommandId;
use crate::mailboxes::{Following, Taken};
use crate::messages::{Attachment, Message};
use crate::names::Principal;
use crate::questions::Question;
use crate::reservations::{Released, Reservation};
use crate::roster::{Departure, Membership};
use crate::statuses::Status;
use crate::time::Timestamp;

/// A place in one workspace's log. The first event stands at 1; 0 is before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The place after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One event, before or after it has a place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When: never before the event that precedes it.
    pub at: Timestamp,
    /// Who acted.
    pub by: Principal,
    /// The command this came from.
    pub command: CommandId,
    /// What happened.
    pub fact: Fact,
}

/// An event at its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its place in the log.
    pub position: Position,
    /// The event.
    pub event: Event,
}

/// What happened. The payloads are shared between state, readers and writers.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// An agent joined through a door.
    MemberJoined(Arc<Membership>),
    /// A membership whose connections were gone came back by using its id.
    MemberReturned(Arc<Membership>),
    /// A membership ended, or its last connection was gone too long.
    MemberLeft(Arc<Departure>),
    /// A key was given a value.
    ContextShared(Arc<ContextEntry>),
    /// A key was taken away.
    ContextDeleted(Arc<Deletion>),
    /// An agent read a key for the first time in this version.
    ContextRead(Arc<ContextRead>),
    /// A question was put.
    QuestionAsked(Arc<Question>),
    /// A question was answered, by somebody or by its default; may happen again.
    QuestionAnswered(Arc<Question>),
    /// A question nobody answered in time went to somebody else.
    QuestionPassed(Arc<Question>),
    /// A question nobody answered in time was given up.
    QuestionFailed(Arc<Question>),
    /// A decision was written down.
    DecisionLogged(Arc<Decision>),
    /// A message was sent to somebody, or to a topic.
    MessageSent(Arc<Message>),
    /// A message was sent to nobody that is known: a dead letter.
    MessageDied(Arc<Message>),
    /// A reader took messages.
    MessagesTaken(Arc<Taken>),
    /// A reader follows a topic from now on.
    TopicFollowed(Arc<Following>),
    /// A reader follows a topic no longer.
    TopicLeft(Arc<Following>),
    /// An agent said what it is at.
    StatusSet(Arc<Status>),
    /// Files were reserved, or a reservation renewed.
    FilesReserved(Arc<Reservation>),
    /// A reservation ended before its time.
    FilesReleased(Arc<Released>),
    /// A workspace was made. In the directory only.
    WorkspaceOpened(Arc<WorkspaceOpened>),
    /// A token was issued. In the directory only.
    TokenIssued(Arc<Token>),
    /// A token was withdrawn. In the directory only.
    TokenRevoked(Arc<TokenRevoked>),
    /// An event of a newer Guildhall: kept, passed over.
    Unknown(Arc<Unknown>),
}

impl Fact {
    /// The files that it refers to, whose bytes are kept beside the log.
    pub fn attachments(&self) -> &[Attachment] {
        match self {
            Self::MessageSent(message) | Self::MessageDied(message) => &message.attachments,
            _ => &[],
        }
    }
}

/// An event this version does not know, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Its kind.
    pub kind: String,
    /// The version of its encoding.
    pub version: u8,
    /// Its body.
    pub body: Vec<u8>,
}
