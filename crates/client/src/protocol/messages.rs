//! Messages: between agents and people, in threads, and to topics.
//!
//! A message is named by its number, which is its place in the workspace's log; its id is for doors that speak of ids.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use serde::{Deserialize, Serialize};

use super::questions::is_false;

/// See [`Call::Send`](super::Call::Send).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Send {
    /// For whom: an agent's name or id, a membership's id, `person:NAME`, `topic:NAME`, or `broadcast`, which is the topic
    /// that everybody follows. If absent, whoever wrote the message that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What it says.
    pub content: String,
    /// The number of the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// How soon it wants to be read.
    #[serde(default)]
    pub priority: Priority,
    /// How long it is offered, in milliseconds, [`LONGEST_SECONDS`](super::LONGEST_SECONDS) at most; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
    /// Files that belong to it, no two of one name.
    #[serde(default)]
    pub files: Vec<File>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// How soon a message wants to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A file with its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct File {
    /// What its sender calls it, at most 255 bytes; never a path.
    pub name: String,
    /// Its media type, as claimed.
    pub content_type: String,
    /// Its bytes, at most [`FILE_BYTES`](super::FILE_BYTES), in Base64 with padding.
    pub base64: String,
}

impl File {
    /// A file of these bytes.
    pub fn new(name: impl Into<String>, content_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self { name: name.into(), content_type: content_type.into(), base64: STANDARD.encode(bytes) }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// If [`File::base64`] is none.
    pub fn bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        STANDARD.decode(&self.base64)
    }
}

/// See [`Call::Send`](super::Call::Send).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sent {
    /// Its number.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// For whom it is: as [`Message::to`].
    pub to: String,
    /// When, ISO 8601.
    pub sent_at: String,
    /// Of one to a topic, for how many it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<usize>,
}

/// See [`Call::Inbox`](super::Call::Inbox).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Inbox {
    /// How many at most, 1 to 1000; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What waits for a reader.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Messages, whole: high priority before normal before low, oldest first within each.
    pub messages: Vec<Message>,
    /// How many more wait.
    pub left: usize,
    /// What to say in [`Call::Took`](super::Call::Took) when the reader has these: the first and the last place of each
    /// stretch of its mailbox.
    pub receipt: Vec<(u64, u64)>,
}

/// See [`Call::Took`](super::Call::Took).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Took {
    /// As it came with [`Mail`].
    pub receipt: Vec<(u64, u64)>,
    /// How far they have come.
    pub stage: Stage,
}

/// How far a message has come with a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The reader has fetched it; its model was given a part of it at most.
    Delivered,
    /// The reader's model was given it, and has gone on since.
    InContext,
    /// The reader says that it has read it.
    Read,
}

/// See [`Call::MarkRead`](super::Call::MarkRead).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MarkRead {
    /// Numbers or ids of messages to the caller, 1000 at most.
    pub messages: Vec<String>,
}

/// Of how many things a call spoke: messages of the caller's that it named, claims that it ended; of
/// [`Call::Took`](super::Call::Took) 1 if it was news, else 0.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Marked {
    /// So many.
    pub count: usize,
}

/// See [`Call::Messages`](super::Call::Messages). At most one of the first five says which; without any, the caller's own
/// mailbox, read or not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Messages {
    /// Those between the caller and this agent or person, by name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// Those to this topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Those of the thread that the message of this number belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<u64>,
    /// The caller's own, with how far they have come.
    #[serde(default)]
    pub sent: bool,
    /// Those that found no recipient: the caller's, and of others what it may read.
    #[serde(default)]
    pub dead: bool,
    /// Only those before this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many at most, 1 to 1000; 100 if absent. The newest are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What [`Call::Messages`](super::Call::Messages) gives.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Past {
    /// Messages, oldest first.
    pub items: Vec<Message>,
    /// If there may be older ones: what to ask for those before. That can be so although none were found, since no list is
    /// looked through without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// See [`Call::Message`](super::Call::Message).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Number {
    /// A message's number.
    pub message: u64,
}

/// See [`Call::File`](super::Call::File).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileOf {
    /// The message's number.
    pub message: u64,
    /// The file's name.
    pub name: String,
}

/// See [`Call::Resend`](super::Call::Resend).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resend {
    /// The number of a dead letter.
    pub message: u64,
    /// For whom, as in [`Send::to`]; for whom it was, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// A message. In [`News`](super::News) and lists, a long one is an excerpt; [`Call::Message`](super::Call::Message) gives it whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// Its number.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Who sent it, by name.
    pub from: String,
    /// The same by id.
    pub from_id: String,
    /// For whom it is: an agent's name, `person:NAME`, `topic:NAME`, `broadcast`; of a dead letter what was written.
    pub to: String,
    /// The number of the message that began its thread, if that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<u64>,
    /// What it says.
    pub content: String,
    /// Whether this is the beginning only: its first [`EXCERPT_CHARACTERS`](super::EXCERPT_CHARACTERS).
    #[serde(default, skip_serializing_if = "is_false")]
    pub excerpt: bool,
    /// How many characters the whole has, if this is the beginning only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters: Option<usize>,
    /// How soon it wants to be read.
    #[serde(default)]
    pub priority: Priority,
    /// Files that belong to it.
    #[serde(default)]
    pub files: Vec<Attachment>,
    /// When it was sent, ISO 8601.
    pub sent_at: String,
    /// From when on it is not offered any more, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Whether nobody was known by the name it was sent to.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dead: bool,
    /// How far it has come, if it is the caller's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

/// A file of a message, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What its sender calls it.
    pub name: String,
    /// Its media type, as claimed.
    pub content_type: String,
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hex.
    pub digest: String,
}

/// How far a message has come, with times in ISO 8601: with its recipient; of one to a topic, with the first of its readers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// When it was fetched, and the reader had shown that it received it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<String>,
    /// When the reader's model had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_context_at: Option<String>,
    /// When the reader said that it had read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<String>,
    /// Whether its time was over before it came anywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub expired: bool,
    /// Of a message to a topic, with how many it has come how far; the times are then the first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readers: Option<Readers>,
}

impl Progress {
    /// In words: `delivered 2026-…Z, read 2026-…Z`; of a message to a topic `delivered with 1 of 3, first 2026-…Z`.
    pub fn in_words(&self) -> String {
        if self.expired {
            return "expired; nobody is known to have had it in time".into();
        }
        let count =
            |of: fn(&Readers) -> usize| self.readers.as_ref().map(|readers| (of(readers), readers.all));
        let steps = [
            ("delivered", &self.delivered_at, count(|readers| readers.delivered)),
            ("in context", &self.in_context_at, count(|readers| readers.in_context)),
            ("read", &self.read_at, count(|readers| readers.read)),
        ];
        let words = steps.iter().filter_map(|(step, at, count)| match (at, count) {
            (Some(at), Some((some, all))) => Some(format!("{step} with {some} of {all}, first {at}")),
            (Some(at), None) => Some(format!("{step} {at}")),
            (None, _) => None,
        });
        let words: Vec<_> = words.collect();
        match (&self.readers, words.is_empty()) {
            (Some(Readers { all: 0, .. }), _) => "nobody else follows this topic".into(),
            (_, true) => "not delivered yet".into(),
            (_, false) => words.join(", "),
        }
    }
}

/// With how many of those who follow its topic, here or away, a message has come how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readers {
    /// For whom it is.
    pub all: usize,
    /// Who have had it.
    pub delivered: usize,
    /// Whose model had it.
    pub in_context: usize,
    /// Who say that they have read it.
    pub read: usize,
}

/// The name of a topic, as people write it: with `topic:` before it or without.
pub fn topic_name(written: &str) -> &str {
    written.strip_prefix("topic:").unwrap_or(written)
}

/// A topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Topic {
    /// Its name, without `topic:`.
    pub name: String,
    /// Whether the caller follows it.
    pub followed: bool,
    /// How many follow it.
    pub followers: usize,
    /// When somebody last wrote to it, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<String>,
}

/// See [`Call::Follow`](super::Call::Follow).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Follow {
    /// The topic's name, without `topic:`.
    pub topic: String,
    /// Whether from now on, or no longer.
    pub follow: bool,
}

/// Whether a call has changed anything.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Changed {
    /// Whether it was not so before.
    pub success: bool,
}
