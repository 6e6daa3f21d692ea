//! What the server sends: one flat JSON object a frame, `type` first, keys in the old broker's order.

use std::borrow::Cow;

use bytes::Bytes;
use model::messages::Priority;
use model::{AgentId, MessageId, Text, Timestamp};
use serde::{Serialize, Serializer};

/// A frame to a client.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub enum Frame<'a> {
    /// The first frame of every connection; its id is for logs only.
    Connected { connection_id: String },
    /// Answers `register`.
    Registered { instance_id: &'a AgentId, name: &'a str },
    /// Somebody else has registered, or registered again.
    InstanceJoined { instance: Joined<'a> },
    /// A message, live.
    NewMessage { message: Message<'a> },
    /// The same in short, directly after it.
    MessageNotification { notification: Notification<'a> },
    /// Answers `get_messages`.
    Messages { messages: Vec<Message<'a>> },
    /// Answers `get_message_count`.
    MessageCount { count: usize, from: Vec<&'a str>, high_priority: usize },
    /// Answers `list_instances`.
    Instances { instances: Vec<Instance> },
    /// Answers `get_conversation`.
    Conversation { messages: Vec<Said<'a>> },
    /// Answers `mark_read`.
    MarkedRead { count: usize },
    /// Answers `get_receipts`.
    Receipts { receipts: Vec<Receipt> },
    /// Answers `get_stats`.
    Stats { stats: Stats },
    /// A recipient has a message.
    DeliveryReceipt { receipt: DeliveryReceipt<'a> },
    /// A recipient says that it has read a message.
    ReadReceipt { receipt: ReadReceipt<'a> },
    /// Answers `heartbeat`.
    HeartbeatAck,
    /// Something was not done.
    Error { error: String },
}

/// Who has registered.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Joined<'a> {
    pub id: &'a AgentId,
    pub name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a Text>,
}

/// A message as its recipient gets it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Message<'a> {
    pub id: &'a MessageId,
    pub from: &'a AgentId,
    pub from_name: &'a str,
    pub content: Cow<'a, Text>,
    pub timestamp: Iso,
    pub priority: Priority,
    /// Live only: a fetched message does not say whom else it is for.
    #[serde(skip_serializing_if = "is_false")]
    pub broadcast: bool,
}

/// A message in short.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Notification<'a> {
    /// The sender's name.
    pub from: &'a str,
    pub preview: &'a str,
    pub timestamp: Iso,
    pub priority: Priority,
    #[serde(skip_serializing_if = "is_false")]
    pub broadcast: bool,
    pub has_more: bool,
}

/// A message as part of a conversation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Said<'a> {
    pub id: &'a MessageId,
    pub from: &'a AgentId,
    /// An instance's id, or a topic: `broadcast`.
    pub to: &'a str,
    pub content: Cow<'a, Text>,
    pub timestamp: Iso,
    pub from_name: &'a str,
}

/// Somebody who is here.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Instance {
    pub id: AgentId,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    pub registered_at: Iso,
    pub last_seen: Iso,
}

/// How far a message of the caller's has come.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Receipt {
    pub id: MessageId,
    /// An instance's id, or a topic: `broadcast`.
    pub to: String,
    pub status: Status,
    pub sent_at: Iso,
    pub delivered_at: Option<Iso>,
    pub read_at: Option<Iso>,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words are the wire document's")]
pub enum Status {
    Sent,
    Delivered,
    Read,
}

/// A recipient has a message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct DeliveryReceipt<'a> {
    pub message_id: &'a MessageId,
    /// Who fetched it.
    pub to: &'a AgentId,
    pub status: Status,
    pub delivered_at: Iso,
}

/// A recipient says that it has read a message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct ReadReceipt<'a> {
    pub message_id: &'a MessageId,
    /// For whom it was sent: an instance's id, or a topic.
    pub to: &'a str,
    pub status: Status,
    pub read_at: Iso,
}

/// Figures of a workspace.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Stats {
    pub total: usize,
    pub by_status: ByStatus,
    pub by_priority: ByPriority,
    pub expired: usize,
    /// Milliseconds, over the messages that were delivered; 0 if none was.
    pub avg_delivery_time: i64,
    pub instances: Instances,
}

/// Messages by how far they have come.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct ByStatus {
    pub sent: usize,
    pub delivered: usize,
    pub read: usize,
}

/// Messages by how soon they wanted to be read.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct ByPriority {
    pub high: usize,
    pub normal: usize,
    pub low: usize,
}

/// How many are here.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the fields are the wire document's")]
pub struct Instances {
    pub total: usize,
    pub connected: usize,
}

/// A time as every wire writes it, with three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Iso(pub Timestamp);

/// What most frames fit in.
const INITIAL_CAPACITY: usize = 1024;

// === impl Frame ===

impl Frame<'_> {
    /// As it is sent.
    pub fn encode(&self) -> Bytes {
        let mut frame = Vec::with_capacity(INITIAL_CAPACITY);
        serde_json::to_writer(&mut frame, self).expect("frames have text keys only, and write into memory");
        frame.into()
    }

    /// Something was not done.
    pub fn error(why: impl ToString) -> Self {
        Self::Error { error: why.to_string() }
    }
}

// === impl Iso ===

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}
