//! Calls that write: from a valid input to a command, and from its events to the reply.

use hall::{Declined, Done, Identity, Workspace};
use model::context::{Delete, Share};
use model::messages::Recipient;
use model::questions::{Answer, Ask};
use model::roster::{Join, Leave, Reason, Role};
use model::{Address, Command, Fact, MemberId, Position, Refusal, Text, decisions};

use crate::wire::error::{Code, TrpcError};
use crate::wire::input;
use crate::wire::procedure::Mutation;
use crate::wire::shape::{Count, JoinResult, Shape, Success};
use crate::wire::text::JsonText;
use crate::{data, ids, messages};

/// A mutation that can be submitted.
pub(crate) struct Prepared {
    /// Who does it, if it names an author.
    pub(crate) author: Option<MemberId>,
    pub(crate) command: Command,
    pub(crate) reply: Reply,
    /// Under which it is done once.
    pub(crate) key: Option<String>,
}

/// What is replied when it is done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// What the event is about.
    Event,
    /// An entry with its version.
    EntryWithVersion,
    /// Who joined, and the session.
    Joined,
    /// Whether anything changed.
    Changed,
    /// The message that was sent; an error if it found nobody.
    Sent,
    /// How many messages were marked.
    Marked(usize),
}

/// Builds the command of a mutation by somebody.
///
/// # Errors
/// If what it is about is not the caller's, or cannot be read.
pub(crate) async fn prepare(
    workspace: &Workspace,
    identity: &Identity,
    mutation: Mutation<'_>,
) -> Result<Prepared, TrpcError> {
    let (author, command, reply) = match mutation {
        Mutation::SessionJoin(join) => {
            let role = match join.role {
                input::Role::Source => Role::Source,
                input::Role::Target => Role::Target,
            };
            let join = Join {
                workspace: workspace.name().into(),
                name: join.name.into(),
                role,
                repo_path: join.repo_path.into(),
                door: "trpc",
                instance: None,
                held_by: None,
            };
            (None, Command::Join(join), Reply::Joined)
        }
        Mutation::SessionLeave(leave) => {
            let member = ids::member(&leave.agent_id);
            // Leaving brings nobody back, so the author is not asked for; whose membership it is, is checked all the same.
            let command = Command::Leave(Leave { member: member.clone(), reason: Reason::Left });
            (Some(member), command, Reply::Changed)
        }
        Mutation::ContextShare(share) => {
            let author = ids::member(&share.agent_id);
            let command = Command::Share(Share {
                key: share.key.into(),
                value: text(share.value),
                tags: share.tags.into_iter().map(String::from).collect(),
                author: author.clone(),
                if_version: share.if_version,
            });
            (Some(author), command, if share.with_version { Reply::EntryWithVersion } else { Reply::Event })
        }
        Mutation::ContextDelete(delete) => {
            let author = ids::member(&delete.agent_id);
            let command = Command::Delete(Delete {
                key: delete.key.into(),
                author: author.clone(),
                if_version: delete.if_version,
            });
            (Some(author), command, Reply::Changed)
        }
        Mutation::QuestionsAsk(ask) => {
            let author = ids::member(&ask.agent_id);
            let command = Command::Ask(Ask {
                text: text(ask.question),
                author: author.clone(),
                to: ask.to.iter().map(|to| Address::Member(ids::member(to))).collect(),
                options: [].into(),
                patience: None,
            });
            (Some(author), command, Reply::Event)
        }
        Mutation::QuestionsAnswer(answer) => {
            let author = ids::member(&answer.agent_id);
            let question = ids::question(&answer.question_id);
            let command = Command::Answer(Answer {
                question,
                answer: text(answer.answer),
                author: author.clone(),
                person: identity.is_person(),
                known: None,
            });
            (Some(author), command, Reply::Event)
        }
        Mutation::DecisionsLog(log) => {
            let author = ids::member(&log.agent_id);
            let command = Command::Log(decisions::Log {
                decision: text(log.decision),
                rationale: log.rationale.map(text),
                supersedes: None,
                author: author.clone(),
            });
            (Some(author), command, Reply::Event)
        }
        // Boxed, since what they look up would make every session larger that looks nothing up.
        Mutation::MessagesSend(send) => return Box::pin(messages::send(workspace, identity, send)).await,
        Mutation::MessagesTook(took) => return Box::pin(messages::took(workspace, identity, took)).await,
        Mutation::MessagesMarkRead(marked) => {
            return Box::pin(messages::mark_read(workspace, identity, marked)).await;
        }
        Mutation::TopicsFollow(follow) => {
            return Box::pin(messages::follow(workspace, identity, follow)).await;
        }
    };
    Ok(Prepared { author, command, reply, key: None })
}

/// Appends the data of the reply to a mutation that was carried out.
pub(crate) fn write_reply(
    workspace: &Workspace,
    reply: Reply,
    done: &Done,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let entry = done.entries.last();
    match (reply, entry.map(|entry| entry.fact())) {
        (Reply::Changed, fact) => Success(fact.is_some()).write(out),
        (Reply::Joined, Some(Fact::MemberJoined(member))) => {
            JoinResult { agent: data::agent(member), session_id: workspace.incarnation().0 }.write(out);
        }
        (Reply::EntryWithVersion, Some(Fact::ContextShared(shared))) => {
            data::context_entry(shared, Some(shared.version)).write(out);
        }
        (Reply::Marked(count), _) => Count(count).write(out),
        (Reply::Sent, Some(Fact::MessageDied(letter))) => {
            return Err(nobody(&letter.to, entry.map_or(done.position, |entry| entry.position())));
        }
        (Reply::Event | Reply::Sent, Some(_)) => {
            let data = entry.map(|entry| data::event(entry)).transpose()?.flatten();
            out.extend_from_slice(&data.ok_or_else(unexpected)?);
        }
        _ => return Err(unexpected()),
    }
    Ok(())
}

/// What is said of a message to nobody who is known.
fn nobody(to: &Recipient, number: Position) -> TrpcError {
    let to = to.written();
    let message = format!("nobody is known as {to:?}; the message is kept as dead letter {number}");
    TrpcError::new(Code::NotFound, &message)
}

fn unexpected() -> TrpcError {
    TrpcError::new(Code::InternalServerError, "the call was carried out, and its result cannot be shown")
}

/// Why a caller may not write at all.
pub(crate) fn read_only() -> Declined {
    Declined::Refused(Refusal::Forbidden("this token may only read".into()))
}

pub(crate) fn text(token: JsonText<'_>) -> Text {
    Text::from_raw(token.raw()).expect("a string token")
}
