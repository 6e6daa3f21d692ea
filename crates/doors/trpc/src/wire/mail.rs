//! The inputs of `messages.*` and `topics.*`, which are ours: the coordinator knows no messages.

use std::borrow::Cow;

use super::error::TrpcError;
use super::field::{Field, object};
use super::issue::{Issue, Issues, MAX_SAFE_INTEGER};
use super::page::{self, Position};
use super::request::Input;
use super::text::JsonText;
use super::uuid_text::UuidText;
use crate::limits;

/// `messages.send`
#[derive(Clone, Debug)]
pub struct Send<'a> {
    /// Who sends.
    pub agent_id: UuidText<'a>,
    /// For whom: an agent's name or id, `person:NAME`, `topic:NAME` or `broadcast`. Not empty.
    pub to: Cow<'a, str>,
    /// Not empty.
    pub content: JsonText<'a>,
    /// The number of the message that it answers.
    pub reply_to: Option<u64>,
    /// How soon it wants to be read.
    pub priority: Priority,
    /// For how many milliseconds it is offered; for ever if absent.
    pub ttl_ms: Option<u64>,
    /// Given again with the same message, it is the same one: nothing is sent twice.
    pub key: Option<Cow<'a, str>>,
}

/// How soon a message wants to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// `"high"`
    High,
    /// `"normal"`
    Normal,
    /// `"low"`
    Low,
}

/// `messages.inbox`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbox<'a> {
    /// Whose.
    pub agent_id: UuidText<'a>,
    /// At most so many messages, 1 to [`page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// Answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `messages.took`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Took<'a> {
    /// Who took them.
    pub agent_id: UuidText<'a>,
    /// What `messages.inbox` gave with them: stretches of the log, from a position to another, both included.
    pub receipt: Vec<(u64, u64)>,
    /// How far they have come.
    pub stage: Stage,
}

/// How far messages have come with their reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `"delivered"`: the reader has them.
    Delivered,
    /// `"in_context"`: its model has them.
    InContext,
    /// `"read"`: it has read them.
    Read,
}

/// `messages.markRead`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkRead<'a> {
    /// Who has read them.
    pub agent_id: UuidText<'a>,
    /// Which, at most [`limits::MARKED`].
    pub ids: Vec<Named<'a>>,
}

/// A message as it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// By its id.
    Id(Cow<'a, str>),
    /// By its number.
    Number(u64),
}

/// `messages.list`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMessages<'a> {
    /// Who looks.
    pub agent_id: UuidText<'a>,
    /// At which messages.
    pub which: Which<'a>,
    /// Only those with a number below this one.
    pub before: Option<u64>,
    /// The newest of them: at most so many, 1 to [`page::MAX_LIMIT`].
    pub limit: Option<usize>,
    /// Answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// Which messages to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those of the agent's mailbox, read or not.
    Received,
    /// Those that the agent and another have sent one another.
    With(Cow<'a, str>),
    /// Those to a topic.
    Topic(Cow<'a, str>),
    /// Those of the exchange that the message with this number belongs to.
    Thread(u64),
    /// Those that the agent has sent.
    Sent,
    /// Those of them that found nobody.
    Dead,
}

/// `messages.get`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetMessage<'a> {
    /// Who looks.
    pub agent_id: UuidText<'a>,
    /// The message's number.
    pub number: u64,
    /// Answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `messages.onMessage` and `messages.onMessageTracked`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnMessage<'a> {
    /// Whose mailbox is followed.
    pub agent_id: UuidText<'a>,
    /// The last event seen, as the input says it.
    pub last_event_id: Option<Cow<'a, str>>,
}

/// `topics.follow`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowTopic<'a> {
    /// Who follows it.
    pub agent_id: UuidText<'a>,
    /// Which, not empty.
    pub topic: Cow<'a, str>,
    /// Whether from now on, or no longer.
    pub follow: bool,
}

// === Reading them ===

const PRIORITIES: (&[&str], [Priority; 3]) =
    (&["high", "normal", "low"], [Priority::High, Priority::Normal, Priority::Low]);

const STAGES: (&[&str], [Stage; 3]) =
    (&["delivered", "in_context", "read"], [Stage::Delivered, Stage::InContext, Stage::Read]);

impl<'a> Send<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, to, content, reply_to, priority, ttl_ms, key] =
            object(input, ["agentId", "to", "content", "replyTo", "priority", "ttlMs", "key"])?;
        let issues = &mut Issues::default();
        let choose =
            |field: Field<'a>, issues: &mut Issues| field.choice(PRIORITIES.0, &PRIORITIES.1, issues);
        let ttl =
            |field: Field<'a>, issues: &mut Issues| field.integer(1, model::limits::DEADLINE_MS, issues);
        match (
            agent_id.uuid(issues),
            to.filled(issues),
            content.filled(issues),
            reply_to.optional(issues, number),
            priority.optional(issues, choose),
            ttl_ms.optional(issues, ttl),
            key.optional(issues, Field::filled),
        ) {
            (
                Some(agent_id),
                Some(to),
                Some(content),
                Some(reply_to),
                Some(priority),
                Some(ttl_ms),
                Some(key),
            ) => Ok(Self {
                agent_id,
                to: to.decode(),
                content,
                reply_to,
                priority: priority.unwrap_or(Priority::Normal),
                ttl_ms,
                key: key.map(JsonText::decode),
            }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Inbox<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, limit, min_pos] = object(input, ["agentId", "limit", "minPos"])?;
        let issues = &mut Issues::default();
        let (agent_id, limit) = (agent_id.uuid(issues), limit.optional(issues, most));
        match (agent_id, limit, Position::read(min_pos, issues)) {
            (Some(agent_id), Some(limit), Some(min_pos)) => Ok(Self { agent_id, limit, min_pos }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Took<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, receipt, stage] = object(input, ["agentId", "receipt", "stage"])?;
        let issues = &mut Issues::default();
        let (agent_id, receipt) = (agent_id.uuid(issues), stretches(receipt, issues));
        match (agent_id, receipt, stage.choice(STAGES.0, &STAGES.1, issues)) {
            (Some(agent_id), Some(receipt), Some(stage)) => Ok(Self { agent_id, receipt, stage }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> MarkRead<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, ids] = object(input, ["agentId", "ids"])?;
        let issues = &mut Issues::default();
        let (agent_id, named) = (agent_id.uuid(issues), ids.items(limits::MARKED, issues));
        // One that names nothing does not keep the others from being told.
        let ids = named.map(|named| named.into_iter().map(|field| name(field, issues)).collect::<Vec<_>>());
        match (agent_id, ids.and_then(|ids| ids.into_iter().collect())) {
            (Some(agent_id), Some(ids)) => Ok(Self { agent_id, ids }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> ListMessages<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, with, topic, thread, sent, dead, before, limit, min_pos] = object(
            input,
            ["agentId", "with", "topic", "thread", "sent", "dead", "before", "limit", "minPos"],
        )?;
        let issues = &mut Issues::default();
        let agent_id = agent_id.uuid(issues);
        let which = Which::read([with, topic, thread, sent, dead], issues);
        let (before, limit) = (before.optional(issues, number), limit.optional(issues, most));
        match (agent_id, which, before, limit, Position::read(min_pos, issues)) {
            (Some(agent_id), Some(which), Some(before), Some(limit), Some(min_pos)) => {
                Ok(Self { agent_id, which, before, limit, min_pos })
            }
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Which<'a> {
    fn read([with, topic, thread, sent, dead]: [Field<'a>; 5], issues: &mut Issues) -> Option<Self> {
        let filled = |field: Field<'a>, issues: &mut Issues| field.filled(issues).map(JsonText::decode);
        let (with, topic) = (with.optional(issues, filled), topic.optional(issues, filled));
        let thread = thread.optional(issues, number);
        let sent = sent.optional(issues, Field::boolean);
        let dead = dead.optional(issues, Field::boolean);
        let said = [
            with?.map(Self::With),
            topic?.map(Self::Topic),
            thread?.map(Self::Thread),
            sent?.filter(|sent| *sent).map(|_| Self::Sent),
            dead?.filter(|dead| *dead).map(|_| Self::Dead),
        ];
        let mut said = said.into_iter().flatten();
        match (said.next(), said.next()) {
            (None, _) => Some(Self::Received),
            (Some(which), None) => Some(which),
            (Some(_), Some(_)) => {
                issues.push_whole(Issue::Custom(
                    "at most one of with, topic, thread, sent and dead says which",
                ));
                None
            }
        }
    }
}

impl<'a> GetMessage<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, numbered, min_pos] = object(input, ["agentId", "number", "minPos"])?;
        let issues = &mut Issues::default();
        match (agent_id.uuid(issues), number(numbered, issues), Position::read(min_pos, issues)) {
            (Some(agent_id), Some(number), Some(min_pos)) => Ok(Self { agent_id, number, min_pos }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> OnMessage<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, last] = object(input, ["agentId", "lastEventId"])?;
        let issues = &mut Issues::default();
        let agent_id = agent_id.uuid(issues);
        let last = match input.last_event_id {
            Some(id) => Some(Some(id.decode())),
            None => last.optional(issues, Field::decoded),
        };
        match (agent_id, last) {
            (Some(agent_id), Some(last_event_id)) => Ok(Self { agent_id, last_event_id }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> FollowTopic<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, topic, follow] = object(input, ["agentId", "topic", "follow"])?;
        let issues = &mut Issues::default();
        match (agent_id.uuid(issues), topic.filled(issues), follow.boolean(issues)) {
            (Some(agent_id), Some(topic), Some(follow)) => {
                Ok(Self { agent_id, topic: topic.decode(), follow })
            }
            _ => Err(issues.refusal()),
        }
    }
}

/// A message's number: its position in the log.
fn number(field: Field<'_>, issues: &mut Issues) -> Option<u64> {
    field.integer(1, MAX_SAFE_INTEGER, issues)
}

/// How many messages are wanted.
fn most(field: Field<'_>, issues: &mut Issues) -> Option<usize> {
    field.integer(1, page::MAX_LIMIT.into(), issues).and_then(|most| usize::try_from(most).ok())
}

/// The stretches of a receipt, each an array of two numbers.
fn stretches(field: Field<'_>, issues: &mut Issues) -> Option<Vec<(u64, u64)>> {
    let stretches = field.items(limits::RECEIPT_RANGES, issues)?;
    let stretch = |field: Field<'_>, issues: &mut Issues| {
        let [from, to] = field.parts(issues)?;
        let (from, to) = (number(from, issues), number(to, issues));
        Some((from?, to?))
    };
    let read: Vec<_> = stretches.into_iter().map(|field| stretch(field, issues)).collect();
    read.into_iter().collect()
}

/// A message by its id or number.
fn name<'a>(field: Field<'a>, issues: &mut Issues) -> Option<Named<'a>> {
    if field.is_number() {
        return number(field, issues).map(Named::Number);
    }
    match field.as_text() {
        Some(id) => Some(Named::Id(id.decode())),
        None => field.wrong_type("string or number", issues),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0a1b2c3d-0000-4000-8000-00000000000f";

    /// What `read` makes of an input with these fields and an agent.
    fn read<T>(
        fields: &str,
        read: impl for<'a> FnOnce(&Input<'a>) -> Result<T, TrpcError>,
    ) -> Result<T, TrpcError> {
        let json = format!(r#"{{"agentId":"{ID}"{fields}}}"#);
        let input = Input { raw: Some(serde_json::from_str(&json).unwrap()), last_event_id: None };
        read(&input)
    }

    #[test]
    fn a_message_is_of_normal_priority_and_for_ever_unless_it_says_otherwise() {
        let plain = read(r#","to":"web","content":"x""#, |input| {
            Send::read(input).map(|send| (send.priority, send.ttl_ms, send.reply_to))
        });
        assert_eq!(plain.unwrap(), (Priority::Normal, None, None));
        let longest = model::limits::DEADLINE_MS;
        for (ttl, taken) in [(0, false), (1, true), (longest, true), (longest + 1, false)] {
            let read = read(&format!(r#","to":"web","content":"x","ttlMs":{ttl}"#), |input| {
                Send::read(input).map(|send| send.ttl_ms)
            });
            assert_eq!(read.is_ok(), taken, "{ttl}");
        }
    }

    #[test]
    fn at_most_one_field_says_which_messages_are_listed() {
        let which = |fields: &str| {
            read(fields, |input| ListMessages::read(input).map(|list| format!("{:?}", list.which)))
        };
        assert_eq!(which("").unwrap(), "Received");
        assert_eq!(which(r#","sent":false,"dead":false"#).unwrap(), "Received");
        assert_eq!(which(r#","sent":true,"dead":false"#).unwrap(), "Sent");
        assert_eq!(which(r#","thread":7"#).unwrap(), "Thread(7)");
        let error = which(r#","with":"web","dead":true"#).unwrap_err();
        assert!(error.message().contains("at most one of with, topic, thread, sent and dead"), "{error}");
    }

    #[test]
    fn a_receipt_has_no_more_stretches_than_an_inbox_gives() {
        let took = |stretches: usize| {
            let receipt = vec!["[1,2]"; stretches].join(",");
            read(&format!(r#","receipt":[{receipt}],"stage":"read""#), |input| {
                Took::read(input).map(|took| took.receipt.len())
            })
        };
        assert_eq!(took(limits::RECEIPT_RANGES).unwrap(), limits::RECEIPT_RANGES);
        assert!(took(limits::RECEIPT_RANGES + 1).is_err());
    }

    #[test]
    fn messages_are_named_by_number_or_id() {
        let named = |ids: &str| {
            read(&format!(r#","ids":{ids}"#), |input| {
                MarkRead::read(input).map(|marked| format!("{:?}", marked.ids))
            })
        };
        assert_eq!(named(r#"["7",7]"#).unwrap(), r#"[Id("7"), Number(7)]"#);
        let error = named("[null,0,{}]").unwrap_err().message().into_owned();
        let issues: Vec<serde_json::Value> = serde_json::from_str(&error).unwrap();
        let places: Vec<_> = issues.iter().map(|issue| issue["path"][1].as_u64().unwrap()).collect();
        assert_eq!(places, [0, 1, 2], "each is told");
    }
}
