//! What the model's things look like to tRPC clients.

use std::sync::Arc;

use bytes::Bytes;
use hall::Entry;
use hall::mail::Progress;
use model::context::{ContextEntry, Deletion};
use model::decisions::Decision;
use model::messages::{Message, Priority, Recipient};
use model::questions::{Question, Status};
use model::roster::{Membership, Role};
use model::{Fact, MemberId, Position, Text, Timestamp};

use crate::list;
use crate::wire::error::TrpcError;
use crate::wire::shape::{self, Id, Shape};
use crate::wire::text::JsonText;
use crate::wire::{input, mail};

/// The form of an event that these clients get; see [`Entry::encoded`].
struct TrpcForm;

/// An event as data: the entry, question, decision or message it is about. For a change of the roster, the whole roster, as
/// long as the event remembers it. `None` for what these clients know nothing of.
///
/// # Errors
/// If the roster is too large to be sent.
pub(crate) fn event(entry: &Entry) -> Result<Option<Bytes>, TrpcError> {
    match entry.fact() {
        Fact::ContextShared(_)
        | Fact::QuestionAsked(_)
        | Fact::QuestionAnswered(_)
        | Fact::QuestionPassed(_)
        | Fact::DecisionLogged(_)
        | Fact::MessageSent(_) => {}
        Fact::MemberJoined(_) | Fact::MemberReturned(_) | Fact::MemberLeft(_) => {
            if entry.roster().is_none() {
                return Ok(None);
            }
        }
        _ => return Ok(None),
    }
    let encoded = entry.encoded::<TrpcForm>(|entry| {
        let mut out = Vec::with_capacity(512);
        match entry.fact() {
            Fact::ContextShared(shared) => context_entry(shared, None).write(&mut out),
            Fact::QuestionAsked(asked) | Fact::QuestionAnswered(asked) | Fact::QuestionPassed(asked) => {
                question(asked).write(&mut out);
            }
            Fact::DecisionLogged(logged) => decision(logged).write(&mut out),
            Fact::MessageSent(sent) => message(entry.position(), sent).write(&mut out),
            _ => {
                let roster = entry.roster().into_iter().flat_map(|roster| roster.iter());
                if agents(roster, &mut out).is_err() {
                    return Bytes::new();
                }
            }
        }
        out.into()
    });
    // Nothing at all stands for what is too large, so that this too is found out once and not by every subscriber.
    if encoded.is_empty() { Err(list::too_large()) } else { Ok(Some(encoded)) }
}

/// Members of the roster, as clients see them.
///
/// # Errors
/// If they are too large.
pub(crate) fn agents<'a>(
    members: impl Iterator<Item = &'a Arc<Membership>>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    list::write(members.map(|member| agent(member)), out)
}

pub(crate) fn agent(member: &Membership) -> shape::Agent<'_> {
    shape::Agent {
        id: id(&member.id),
        name: &member.name,
        role: match member.role {
            Role::Source => input::Role::Source,
            Role::Target => input::Role::Target,
        },
        repo_path: &member.repo_path,
        connected_at: member.connected_at.as_millis(),
    }
}

pub(crate) fn context_entry(entry: &ContextEntry, version: Option<u64>) -> shape::ContextEntry<'_, String> {
    shape::ContextEntry {
        id: Id::Text(entry.id.as_str()),
        key: &entry.key,
        value: token(&entry.value),
        tags: &entry.tags,
        created_by: id(&entry.created_by),
        created_at: entry.created_at.as_millis(),
        updated_at: entry.updated_at.as_millis(),
        version,
    }
}

pub(crate) fn question(question: &Question) -> shape::Question<'_> {
    shape::Question {
        id: Id::Text(question.id.as_str()),
        question: token(&question.text),
        from: id(&question.from),
        to: question.to_member.as_ref().map(id),
        created_at: question.asked_at.as_millis(),
        status: match &question.status {
            Status::Pending { .. } => shape::Status::Pending,
            Status::Answered(answered) => shape::Status::Answered(shape::Answered {
                answer: token(&answered.answer),
                by: id(&answered.by),
                at: answered.at.as_millis(),
            }),
            Status::Failed { .. } => shape::Status::Failed,
        },
    }
}

/// A version of a key that took it away. Ours: the coordinator has no history.
pub(crate) fn deletion(deletion: &Deletion, at: Timestamp) -> shape::Deletion<'_> {
    shape::Deletion {
        id: Id::Text(deletion.id.as_str()),
        key: &deletion.key,
        by: id(&deletion.by),
        at: at.as_millis(),
        version: deletion.version,
    }
}

pub(crate) fn decision(decision: &Decision) -> shape::Decision<'_> {
    shape::Decision {
        id: Id::Text(decision.id.as_str()),
        decision: token(&decision.decision),
        rationale: decision.rationale.as_ref().map(token),
        by: id(&decision.by),
        created_at: decision.at.as_millis(),
    }
}

/// A message at its place in the log. Ours: the coordinator knows none.
pub(crate) fn message(place: Position, message: &Message) -> shape::Message<'_> {
    let files = message.attachments.iter().map(|file| shape::File {
        name: &file.name,
        content_type: &file.content_type,
        bytes: file.bytes,
        digest: &file.digest,
    });
    shape::Message {
        number: place.0,
        id: Id::Text(message.id.as_str()),
        from: Id::Text(message.from.id.as_str()),
        from_name: &message.from.name,
        to: message.to.written(),
        content: token(&message.content),
        thread: message.thread.map(|began| began.0),
        priority: match message.priority {
            Priority::High => mail::Priority::High,
            Priority::Normal => mail::Priority::Normal,
            Priority::Low => mail::Priority::Low,
        },
        files: files.collect(),
        sent_at: message.sent_at.as_millis(),
        expires_at: message.expires_at.map(Timestamp::as_millis),
        dead: matches!(message.to, Recipient::Unknown(_)),
        progress: None,
    }
}

/// How far a message has come.
pub(crate) fn progress(progress: &Progress) -> shape::Progress {
    shape::Progress {
        delivered: progress.delivered.map(Timestamp::as_millis),
        in_context: progress.in_context.map(Timestamp::as_millis),
        read: progress.read.map(Timestamp::as_millis),
    }
}

fn id(id: &MemberId) -> Id<'_> {
    Id::Text(id.as_str())
}

fn token(text: &Text) -> JsonText<'_> {
    JsonText::of(text.as_raw()).expect("a text is a JSON string")
}
