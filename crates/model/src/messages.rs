//! Messages: what one says to another, to a topic, or to everybody.
//!
//! The log holds them, the state none: a message is found by the lists it stands in ([`crate::lists`]) and read by
//! position. What its readers have had of it stands in [`crate::mailboxes`].

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{Fact, Position};
use crate::ids::{AgentId, MemberId, MessageId};
use crate::limits;
use crate::names::Principal;
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::text::Text;
use crate::time::Timestamp;

/// A message, or a dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who sent it.
    pub from: Party,
    /// The membership it was sent through.
    pub through: MemberId,
    /// For whom it is.
    pub to: Recipient,
    /// Where the message stands that began the exchange which this one belongs to; none if this one may begin one.
    pub thread: Option<Position>,
    /// What it says.
    pub content: Text,
    /// How soon it wants to be read.
    pub priority: Priority,
    /// Files that belong to it.
    pub attachments: Arc<[Attachment]>,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// From when on it is not offered any more.
    pub expires_at: Option<Timestamp>,
    /// The dead letter that this one sends again.
    pub resends: Option<MessageId>,
}

/// An agent or person with a mailbox, and its name at the time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Party {
    /// Whose mailbox.
    pub id: AgentId,
    /// The name.
    pub name: Arc<str>,
}

/// For whom a message is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// One agent or person, present or away.
    Party(Party),
    /// Whoever follows this topic; [`BROADCAST`] is followed by all.
    Topic(Arc<str>),
    /// Nobody known: the message is a dead letter. Holds what was written.
    Unknown(Arc<str>),
}

/// The topic that everybody follows.
pub const BROADCAST: &str = "broadcast";

/// How soon a message wants to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others.
    High,
    /// In its turn.
    #[default]
    Normal,
    /// When there is nothing else.
    Low,
}

/// A file that belongs to a message. Its bytes are kept once for each digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What its sender calls it; never used as a path.
    pub name: Arc<str>,
    /// Its media type, as claimed.
    pub content_type: Arc<str>,
    /// SHA-256 of its bytes, in lower-case hex.
    pub digest: Arc<str>,
    /// How many bytes.
    pub bytes: u64,
}

/// Sends a message.
#[derive(Debug, Clone, Serialize)]
pub struct Send {
    /// The workspace, from which a person's mailbox is derived.
    pub workspace: Arc<str>,
    /// The author: a membership, or a person's standing id.
    pub author: MemberId,
    /// For whom, as written: an agent's name or id, a membership's id, `person:P`, or a topic.
    pub to: To,
    /// Where the message stands that it answers.
    pub reply_to: Option<Position>,
    /// Where the one stands that began their exchange: looked up before it is decided, since messages never change.
    #[serde(skip)]
    pub thread: Option<Position>,
    /// What it says.
    pub content: Text,
    /// How soon it wants to be read.
    pub priority: Priority,
    /// How long it is offered; for ever if absent.
    pub ttl: Option<Duration>,
    /// Files that belong to it, whose bytes are kept already.
    pub attachments: Arc<[Attachment]>,
    /// The dead letter that this sends again.
    pub resends: Option<MessageId>,
    /// Who is meant by `to`: looked up when it is decided, in the read model, where those are kept that are away.
    #[serde(skip)]
    pub found: Option<Party>,
}

/// For whom a message is, as its sender writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// One agent or person.
    Party(Arc<str>),
    /// Whoever follows a topic.
    Topic(Arc<str>),
}

/// How those are written to who speak for no agent and have not shown to be a person: shells of this machine, say.
const SHELL: &str = "shell:";

impl Party {
    /// Somebody who is no member: a person, or a process that only its principal is known of.
    pub fn without_membership(workspace: &str, by: &Principal) -> Self {
        let name = if by.is_shared() { format!("{SHELL}{by}") } else { format!("person:{by}") };
        Self { id: AgentId::of_person(workspace, by.as_str()), name: name.into() }
    }

    /// The principal in a name that [`Party::without_membership`] gives.
    pub fn principal_in(name: &str) -> Option<&str> {
        name.strip_prefix("person:").or_else(|| name.strip_prefix(SHELL))
    }
}

impl To {
    /// Reads what people and models write: `topic:NAME`, `broadcast`, or an agent or person by name or id.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix("topic:") {
            Some(topic) => Self::Topic(topic.into()),
            None if text == BROADCAST => Self::Topic(BROADCAST.into()),
            None => Self::Party(text.into()),
        }
    }
}

impl Recipient {
    /// As [`To::parse`] reads it; of a dead letter what was written.
    pub fn written(&self) -> Cow<'_, str> {
        match self {
            Self::Party(party) => Cow::Borrowed(&party.name),
            Self::Topic(topic) if **topic == *BROADCAST => Cow::Borrowed(BROADCAST),
            Self::Topic(topic) => Cow::Owned(format!("topic:{topic}")),
            Self::Unknown(written) => Cow::Borrowed(written),
        }
    }
}

impl Message {
    /// Whether it is no longer offered.
    pub fn is_expired(&self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| expires <= at)
    }
}

pub(crate) fn send(
    id: MessageId,
    by: &Principal,
    at: Timestamp,
    roster: &Roster,
    send: &Send,
) -> Result<Vec<Fact>, Refusal> {
    Refusal::unless_text_fits("content", &send.content, limits::VALUE_BYTES, limits::VALUE_TOKEN_BYTES)?;
    match &send.to {
        To::Topic(topic) => check_topic(topic)?,
        To::Party(to) if to.is_empty() || to.len() > limits::NAME_BYTES => {
            return Err(Refusal::Invalid(format!("a recipient has 1 to {} bytes", limits::NAME_BYTES)));
        }
        To::Party(_) => {}
    }
    if send.attachments.len() > limits::ATTACHMENTS {
        return Err(Refusal::Invalid(format!("a message has at most {} attachments", limits::ATTACHMENTS)));
    }
    send.attachments.iter().try_for_each(check_attachment)?;
    let mut names = HashSet::new();
    if !send.attachments.iter().all(|attachment| names.insert(&attachment.name)) {
        return Err(Refusal::Invalid("the files of a message have different names".into()));
    }
    if send.ttl.is_some_and(|ttl| ttl.as_millis() > u128::from(limits::DEADLINE_MS)) {
        return Err(Refusal::Invalid("a time to live is at most 366 days".into()));
    }
    let from = party(&send.author, by, &send.workspace, roster)?;
    let to = match (&send.to, &send.found) {
        (To::Topic(topic), _) => Recipient::Topic(topic.clone()),
        (To::Party(_), Some(found)) => Recipient::Party(found.clone()),
        (To::Party(written), None) => Recipient::Unknown(written.clone()),
    };
    let dead = matches!(to, Recipient::Unknown(_));
    let message = Arc::new(Message {
        id,
        from,
        through: send.author.clone(),
        to,
        thread: send.thread,
        content: send.content.clone(),
        priority: send.priority,
        attachments: send.attachments.clone(),
        sent_at: at,
        expires_at: send.ttl.map(|ttl| at.after(ttl)),
        resends: send.resends.clone(),
    });
    Ok(vec![if dead { Fact::MessageDied(message) } else { Fact::MessageSent(message) }])
}

fn check_attachment(attachment: &Attachment) -> Result<(), Refusal> {
    for (what, text) in [("a file's name", &attachment.name), ("a media type", &attachment.content_type)] {
        let limit = limits::ATTACHMENT_NAME_BYTES;
        if text.is_empty() || text.len() > limit || text.contains(char::is_control) {
            return Err(Refusal::Invalid(format!(
                "{what} has 1 to {limit} bytes, and no control characters"
            )));
        }
    }
    let (bytes, limit) = (usize::try_from(attachment.bytes).unwrap_or(usize::MAX), limits::ATTACHMENT_BYTES);
    if bytes > limit {
        return Err(Refusal::TooLarge { what: "a file", bytes, limit });
    }
    Ok(())
}

/// Refuses what is no topic's name.
pub(crate) fn check_topic(topic: &str) -> Result<(), Refusal> {
    if topic.is_empty() || topic.len() > limits::TOPIC_BYTES || topic.contains('\0') {
        return Err(Refusal::Invalid(format!("a topic has 1 to {} bytes", limits::TOPIC_BYTES)));
    }
    Ok(())
}

/// Whose mailbox an author's is.
///
/// # Errors
/// [`Refusal::NotFound`] if the author is neither here nor the person who acts.
pub(crate) fn party(
    author: &MemberId,
    by: &Principal,
    workspace: &str,
    roster: &Roster,
) -> Result<Party, Refusal> {
    match roster.get(author) {
        Some(member) => Ok(Party { id: member.agent.clone(), name: member.name.clone() }),
        None if *author == MemberId::of_person(workspace, by.as_str()) => {
            Ok(Party::without_membership(workspace, by))
        }
        None => Err(Refusal::NotFound { what: "Sender", id: author.to_string() }),
    }
}
