//! How events are stored: a header and a body, both JSON, each kind with a version of its own.
//!
//! The header says what a reader may want without the body, and survives when a body is pruned. Texts stand in the
//! body exactly as their authors sent them. Stored forms never change, not even by a field that may be missing: a kind
//! that must change gets a new version here and a step in [`crate::upcast`], and the golden logs of the old ones go on
//! opening.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{Event, Fact, Unknown};
use crate::ids::CommandId;
use crate::names::Principal;
use crate::time::Timestamp;
use crate::upcast::upcast;

/// A stored event that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("stored {part} cannot be read: {cause}")]
pub struct Unreadable {
    part: &'static str,
    cause: serde_json::Error,
}

#[derive(Serialize, Deserialize)]
struct Header<'a> {
    kind: Cow<'a, str>,
    v: u8,
    at: Timestamp,
    by: Principal,
    cmd: CommandId,
}

/// Every kind of event: its name in the log, the version written now, and its fact.
macro_rules! kinds {
    ($($name:literal $version:literal => $fact:ident),+ $(,)?) => {
        fn kind(fact: &Fact) -> (&str, u8) {
            match fact {
                $(Fact::$fact(_) => ($name, $version),)+
                Fact::Unknown(unknown) => (&unknown.kind, unknown.version),
            }
        }

        fn write_body(fact: &Fact, to: &mut Vec<u8>) {
            match fact {
                $(Fact::$fact(body) => write_json(body, to),)+
                Fact::Unknown(unknown) => to.extend_from_slice(&unknown.body),
            }
        }

        fn read_body(kind: &str, version: u8, body: &[u8]) -> Result<Fact, serde_json::Error> {
            Ok(match kind {
                $($name if (1..=$version).contains(&version) => {
                    Fact::$fact(serde_json::from_slice(&upcast($name, version, $version, body)?)?)
                })+
                _ => Fact::Unknown(Arc::new(Unknown { kind: kind.to_owned(), version, body: body.to_vec() })),
            })
        }

        /// The names of all kinds this version knows, with the version it writes.
        pub const KINDS: &[(&str, u8)] = &[$(($name, $version)),+];
    };
}

kinds! {
    "member.joined" 2 => MemberJoined,
    "member.returned" 2 => MemberReturned,
    "member.left" 2 => MemberLeft,
    "context.shared" 1 => ContextShared,
    "context.deleted" 1 => ContextDeleted,
    "context.read" 1 => ContextRead,
    "question.asked" 1 => QuestionAsked,
    "question.answered" 1 => QuestionAnswered,
    "question.passed" 1 => QuestionPassed,
    "question.failed" 1 => QuestionFailed,
    "decision.logged" 1 => DecisionLogged,
    "message.sent" 1 => MessageSent,
    "message.died" 1 => MessageDied,
    "messages.taken" 1 => MessagesTaken,
    "topic.followed" 1 => TopicFollowed,
    "topic.left" 1 => TopicLeft,
    "agent.status_set" 1 => StatusSet,
    "files.reserved" 1 => FilesReserved,
    "files.released" 1 => FilesReleased,
    "workspace.opened" 1 => WorkspaceOpened,
    "token.issued" 1 => TokenIssued,
    "token.revoked" 1 => TokenRevoked,
}

/// An event as it is stored: its header and, right behind it, its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Both.
    pub bytes: Vec<u8>,
    /// How many bytes the header is.
    pub header_length: usize,
}

impl Encoded {
    /// The header alone.
    pub fn header(&self) -> &[u8] {
        &self.bytes[..self.header_length]
    }

    /// The body alone.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.header_length..]
    }
}

/// What most events fit in, header and body.
const INITIAL_CAPACITY: usize = 1024;

/// Writes an event as it is stored.
pub fn encode(event: &Event) -> Encoded {
    let (kind, v) = kind(&event.fact);
    let header =
        Header { kind: kind.into(), v, at: event.at, by: event.by.clone(), cmd: event.command.clone() };
    let mut bytes = Vec::with_capacity(INITIAL_CAPACITY);
    write_json(&header, &mut bytes);
    let header_length = bytes.len();
    write_body(&event.fact, &mut bytes);
    Encoded { bytes, header_length }
}

fn write_json(value: &impl Serialize, to: &mut Vec<u8>) {
    serde_json::to_writer(to, value).expect("stored things always serialise, and memory takes them");
}

/// Reads an event back, bringing old versions up to the present one.
pub fn decode(header: &[u8], body: &[u8]) -> Result<Event, Unreadable> {
    let header: Header<'_> =
        serde_json::from_slice(header).map_err(|cause| Unreadable { part: "event header", cause })?;
    let fact =
        read_body(&header.kind, header.v, body).map_err(|cause| Unreadable { part: "event body", cause })?;
    Ok(Event { at: header.at, by: header.by, command: header.cmd, fact })
}
