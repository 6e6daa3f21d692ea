//! Queries of mailboxes: what waits for an agent, and what it was told and has said before. Looking is no receipt.
//!
//! An agent is shown what was sent to a topic, to it and by it; what others have said to one another is theirs.

use std::sync::Arc;

use hall::mail::Past;
use hall::{Identity, Workspace};
use model::lists::{List, MessageItem};
use model::messages::{Message, Party, Recipient};
use model::{AgentId, Position};

use crate::list::List as Array;
use crate::speaker::own;
use crate::wire::error::{Code, TrpcError};
use crate::wire::mail::{GetMessage, Inbox, ListMessages, Which};
use crate::wire::shape::Shape;
use crate::{data, limits, refusal};

pub(crate) async fn inbox(
    workspace: &Workspace,
    identity: &Identity,
    inbox: &Inbox<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let me = own(workspace, identity, &inbox.agent_id).await?.agent.clone();
    let mut most = inbox.limit.unwrap_or(limits::MESSAGES);
    let start = out.len();
    loop {
        let fetched = workspace.fetch(&me, most, limits::MESSAGE_BYTES).await.map_err(unreadable)?;
        out.extend_from_slice(b"{\"messages\":");
        let mut array = Array::begin(out);
        let written = fetched.messages.iter().try_for_each(|entry| {
            let Some(message) = hall::mail::message(entry) else { return Ok(()) };
            data::message(entry.position(), message).write(array.item()?);
            Ok(())
        });
        match written.and_then(|()| array.end()) {
            Ok(()) => {}
            // The contents fit, and what stands around them does not: long names, many files. What is left out is left.
            Err(error) if error.code() == Code::PayloadTooLarge && fetched.messages.len() > 1 => {
                out.truncate(start);
                most = fetched.messages.len() / 2;
                continue;
            }
            Err(error) => return Err(error),
        }
        let receipt: Vec<_> =
            fetched.receipt.ranges.iter().map(|(from, to)| format!("[{from},{to}]")).collect();
        let rest = format!(",\"left\":{},\"receipt\":[{}]}}", fetched.left, receipt.join(","));
        out.extend_from_slice(rest.as_bytes());
        return Ok(());
    }
}

pub(crate) async fn get(
    workspace: &Workspace,
    identity: &Identity,
    get: &GetMessage<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let me = own(workspace, identity, &get.agent_id).await?.agent.clone();
    let message = find(workspace, &me, get.number).await?;
    let place = Position(get.number);
    let mut shape = data::message(place, &message);
    if message.from.id == me {
        let progress = workspace.progress_of(place, &message).await.map_err(unreadable)?;
        shape.progress = Some(data::progress(&progress));
    }
    shape.write(out);
    Ok(())
}

pub(crate) async fn list(
    workspace: &Workspace,
    identity: &Identity,
    list: &ListMessages<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let me = own(workspace, identity, &list.agent_id).await?.agent.clone();
    let most = list.limit.unwrap_or(limits::MESSAGES);
    let before = list.before.map(Position);
    let mut began = None;
    let past = match &list.which {
        Which::Received => workspace.received(&me, before, most).await,
        Which::With(name) => {
            let other = workspace.agent_called(name).await.map_err(unreadable)?;
            let nobody = || TrpcError::new(Code::NotFound, &format!("nobody is known as {name:?}"));
            workspace.between(&me, &other.ok_or_else(nobody)?, before, most).await
        }
        Which::Topic(topic) => workspace.newest(&List::Topic(topic.as_ref().into()), before, most).await,
        Which::Thread(number) => {
            let named = find(workspace, &me, *number).await?;
            let place = named.thread.unwrap_or(Position(*number));
            let first = workspace.message_at(place).await.map_err(unreadable)?;
            // Who was drawn in later is not shown how it began, if that was between others.
            began = first
                .filter(|first| may_read(&me, &first.from, &first.to))
                .map(|_| place)
                .filter(|place| before.is_none_or(|before| *place < before));
            let wanted = |item: &MessageItem| may_read(&me, &item.from, &item.to);
            workspace.newest_of(&List::Thread(place), before, most, wanted).await
        }
        Which::Sent => workspace.newest(&List::From(me), before, most).await,
        Which::Dead => {
            let wanted = |item: &MessageItem| item.from.id == me;
            workspace.newest_of(&List::DeadLetters, before, most, wanted).await
        }
    };
    write_oldest_first(workspace, past.map_err(unreadable)?, began, most, out).await
}

/// Appends messages, a thread's with the one that `began` it; as many of the newest as fit.
async fn write_oldest_first(
    workspace: &Workspace,
    past: Past,
    began: Option<Position>,
    most: usize,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let Past { messages, mut before } = past;
    let mut places: Vec<_> = messages.iter().map(|(place, _)| *place).collect();
    match began.filter(|_| before.is_none()) {
        Some(_) if places.len() == most => before = places.last().copied(),
        began => places.extend(began),
    }
    let mut bytes = 0;
    let fit = messages.iter().take_while(|(_, item)| {
        let first = bytes == 0;
        bytes += item.bytes + 1;
        first || bytes <= limits::MESSAGE_BYTES
    });
    let fit = fit.count();
    if fit < messages.len() {
        places.truncate(fit);
        before = places.last().copied();
    }
    let (mut texts, mut size) = (Vec::new(), 0);
    for entry in workspace.entries(&places).await.map_err(unreadable)? {
        let Some(message) = hall::mail::message(&entry) else { continue };
        let mut text = Vec::new();
        data::message(entry.position(), message).write(&mut text);
        size += text.len() + 1;
        if size > limits::REPLY_BYTES && !texts.is_empty() {
            before = Some(places[texts.len() - 1]);
            break;
        }
        texts.push(text);
    }
    out.extend_from_slice(b"{\"messages\":[");
    out.extend_from_slice(&texts.into_iter().rev().collect::<Vec<_>>().join(&b','));
    let rest = match before {
        Some(before) => format!("],\"more\":true,\"before\":{before}}}"),
        None => "],\"more\":false}".into(),
    };
    out.extend_from_slice(rest.as_bytes());
    Ok(())
}

/// The message of a number, for one who may read it.
///
/// # Errors
/// NOT_FOUND if no message has it, FORBIDDEN if it is neither from this agent nor to it, nor to a topic.
pub(crate) async fn find(
    workspace: &Workspace,
    me: &AgentId,
    number: u64,
) -> Result<Arc<Message>, TrpcError> {
    let found = workspace.message_at(Position(number)).await.map_err(unreadable)?;
    let missing = || TrpcError::new(Code::NotFound, &format!("there is no message {number}"));
    let message = found.ok_or_else(missing)?;
    if !may_read(me, &message.from, &message.to) {
        let why = format!("message {number} is neither from this agent nor for it");
        return Err(TrpcError::new(Code::Forbidden, &why));
    }
    Ok(message)
}

fn may_read(me: &AgentId, from: &Party, to: &Recipient) -> bool {
    from.id == *me
        || match to {
            Recipient::Party(party) => party.id == *me,
            Recipient::Topic(_) => true,
            Recipient::Unknown(_) => false,
        }
}

fn unreadable(error: hall::HallError) -> TrpcError {
    refusal::unreadable(&error)
}
