//! Sending messages, and looking at those of before.

use std::sync::Arc;
use std::time::Duration;

use client::protocol::{self as wire, ErrorCode, FileOf, Messages, Number, Resend, Sent};
use hall::mail::Past;
use hall::{Done, attach};
use model::lists::{List, MessageItem};
use model::messages::{Attachment, Message, Priority, Recipient, Send, To};
use model::{Fact, MessageId, Position, Text};
use store::Blob;

use super::list::{PAGE_BYTES, most};
use super::questions::who_is_here;
use super::{Request, unreadable};
use crate::caller::Caller;
use crate::refused::Refused;
use crate::told;

pub(super) async fn send(Request { caller, .. }: Request<'_>, send: wire::Send) -> Result<Sent, Refused> {
    if send.content.is_empty() && send.files.is_empty() {
        return Err(Refused::bad_request("a message has at least one character, or a file"));
    }
    let answered = match send.reply_to {
        Some(number) => Some(find(caller, number).await?),
        None => None,
    };
    let to = match (&send.to, answered) {
        (Some(to), _) => To::parse(to),
        // What one adds to one's own message is for whom that was.
        (None, Some(answered)) if answered.from.id == caller.party().id => match &answered.to {
            Recipient::Topic(topic) => To::Topic(topic.clone()),
            Recipient::Party(party) => To::Party(party.name.clone()),
            Recipient::Unknown(written) => To::Party(written.clone()),
        },
        (None, Some(answered)) => To::Party(answered.from.name.clone()),
        (None, None) => return Err(Refused::bad_request("a message is for somebody, or answers another")),
    };
    let files = send.files.iter().map(|file| {
        let bytes =
            file.bytes().map_err(|cause| Refused::bad_request(format!("{:?}: {cause}", file.name)))?;
        let (name, content_type) = (file.name.as_str().into(), file.content_type.as_str().into());
        Ok(hall::File { name, content_type, bytes: bytes.into() })
    });
    let (attachments, blobs) = attach(files.collect::<Result<_, Refused>>()?);
    let letter = Letter {
        to,
        reply_to: send.reply_to.map(Position),
        content: Text::new(&send.content),
        priority: match send.priority {
            wire::Priority::High => Priority::High,
            wire::Priority::Normal => Priority::Normal,
            wire::Priority::Low => Priority::Low,
        },
        ttl: send.ttl_ms.map(Duration::from_millis),
        attachments,
        resends: None,
    };
    post(caller, letter, blobs, send.once.as_deref()).await
}

pub(super) async fn resend(Request { caller, .. }: Request<'_>, again: Resend) -> Result<Sent, Refused> {
    let dead = find(caller, again.message).await?;
    let Recipient::Unknown(written) = &dead.to else {
        return Err(Refused::bad_request(format!("message {} is no dead letter", again.message)));
    };
    if dead.from.id != caller.party().id {
        // Its words are its author's; the owner may pass them on.
        caller.must_be_owner(&format!("send again what {} wrote", dead.from.name))?;
    }
    let letter = Letter {
        to: To::parse(again.to.as_deref().unwrap_or(written)),
        reply_to: dead.thread,
        content: dead.content.clone(),
        priority: dead.priority,
        ttl: None,
        attachments: dead.attachments.clone(),
        resends: Some(dead.id.clone()),
    };
    // The bytes of its files are kept already.
    post(caller, letter, vec![], again.once.as_deref()).await
}

/// What is to be sent, but for who sends it.
struct Letter {
    to: To,
    reply_to: Option<Position>,
    content: Text,
    priority: Priority,
    ttl: Option<Duration>,
    attachments: Arc<[Attachment]>,
    resends: Option<MessageId>,
}

async fn post(
    caller: &Caller,
    letter: Letter,
    blobs: Vec<Blob>,
    once: Option<&str>,
) -> Result<Sent, Refused> {
    let Letter { to, reply_to, content, priority, ttl, attachments, resends } = letter;
    let send = Send {
        workspace: caller.workspace.name().into(),
        author: caller.author.clone(),
        to,
        reply_to,
        thread: None,
        content,
        priority,
        ttl,
        attachments,
        resends,
        found: None,
    };
    let done = caller.workspace.send(&caller.principal, once, send, blobs).await?;
    let (number, message) = sent(&done).ok_or_else(|| Refused::without_events("sending"))?;
    if let Recipient::Unknown(to) = &message.to {
        return Err(Refused::not_found(format!(
            "nobody is known as {to:?}; {}. The message is kept as dead letter {number} and can be sent again to somebody else",
            who_is_here(caller)
        )));
    }
    let readers = matches!(message.to, Recipient::Topic(_)).then(|| {
        let state = caller.workspace.state();
        state.mailboxes.iter().filter(|(reader, mailbox)| mailbox.is_for(reader, number, message)).count()
    });
    Ok(Sent {
        readers,
        number: number.0,
        id: message.id.to_string(),
        to: message.to.written().into_owned(),
        sent_at: message.sent_at.to_string(),
    })
}

fn sent(done: &Done) -> Option<(Position, &Arc<Message>)> {
    done.entries.iter().find_map(|entry| match entry.fact() {
        Fact::MessageSent(message) | Fact::MessageDied(message) => Some((entry.position(), message)),
        _ => None,
    })
}

pub(super) async fn get(
    Request { caller, .. }: Request<'_>,
    Number { message: number }: Number,
) -> Result<wire::Message, Refused> {
    let (message, now) = (find(caller, number).await?, caller.door.hall.clock().now());
    let mut told = told::message(Position(number), &message);
    if message.from.id == caller.party().id && !told.dead {
        let progress = caller.workspace.progress_of(Position(number), &message).await?;
        told.progress = Some(told::progress(&progress, message.is_expired(now)));
    }
    Ok(told)
}

pub(super) async fn file(Request { caller, .. }: Request<'_>, file: FileOf) -> Result<wire::File, Refused> {
    let message = find(caller, file.message).await?;
    let attachment = message.attachments.iter().find(|attachment| *attachment.name == *file.name);
    let attachment = attachment.ok_or_else(|| {
        let names: Vec<_> =
            message.attachments.iter().map(|attachment| format!("{:?}", attachment.name)).collect();
        let has = if names.is_empty() { "no files".into() } else { format!("these: {}", names.join(", ")) };
        Refused::not_found(format!("message {} has no file {:?}; it has {has}", file.message, file.name))
    })?;
    let bytes = caller.workspace.file(attachment).await?;
    Ok(wire::File::new(&*attachment.name, &*attachment.content_type, &bytes))
}

pub(super) async fn list(
    Request { caller, .. }: Request<'_>,
    messages: Messages,
) -> Result<wire::Past, Refused> {
    let most = most(messages.limit)?;
    let (workspace, me) = (&caller.workspace, caller.party().id);
    let before = messages.before.map(Position);
    let Messages { with, topic, thread, sent, dead, .. } = messages;
    let may_read = |item: &MessageItem| caller.may_read(&item.from.id, &item.to);
    let mut began = None;
    let past = match (with, topic, thread, sent, dead) {
        (None, None, None, false, false) => workspace.received(&me, before, most).await?,
        (Some(with), None, None, false, false) => {
            let other = workspace.agent_called(&with).await?.ok_or_else(|| {
                Refused::not_found(format!("nobody is known as {with:?}; {}", who_is_here(caller)))
            })?;
            workspace.between(&me, &other, before, most).await?
        }
        (None, Some(topic), None, false, false) => {
            workspace.newest(&List::Topic(topic.into()), before, most).await?
        }
        (None, None, Some(number), false, false) => {
            let place = find(caller, number).await?.thread.unwrap_or(Position(number));
            // What is between others is left out.
            let first = workspace.message_at(place).await?;
            began = first
                .filter(|first| caller.may_read(&first.from.id, &first.to))
                .map(|_| place)
                .filter(|place| before.is_none_or(|before| *place < before));
            workspace.newest_of(&List::Thread(place), before, most, may_read).await?
        }
        (None, None, None, true, false) => workspace.newest(&List::From(me), before, most).await?,
        (None, None, None, false, true) => {
            workspace.newest_of(&List::DeadLetters, before, most, may_read).await?
        }
        _ => {
            return Err(Refused::bad_request("at most one of with, topic, thread, sent and dead says which"));
        }
    };
    told(caller, past, began, most).await
}

/// Messages as they are told, oldest first; a thread's with the one that `began` it. No more of them are read than fit a page.
async fn told(
    caller: &Caller,
    past: Past,
    began: Option<Position>,
    most: usize,
) -> Result<wire::Past, Refused> {
    let (mut places, mut bytes, mut before) = (Vec::new(), 0, past.before);
    for (place, item) in &past.messages {
        bytes += item.bytes;
        if bytes > PAGE_BYTES as u64 && !places.is_empty() {
            before = places.last().copied();
            break;
        }
        places.push(*place);
    }
    match began.filter(|_| before.is_none()) {
        Some(_) if places.len() == most => before = places.last().copied(),
        began => places.extend(began),
    }
    let (me, now) = (caller.party().id, caller.door.hall.clock().now());
    let mut items = Vec::with_capacity(places.len());
    for entry in caller.workspace.entries(&places).await?.iter().rev() {
        let Some(message) = hall::mail::message(entry) else { continue };
        let mut told = told::message_excerpt(entry.position(), message);
        if message.from.id == me && !told.dead {
            let progress = caller.workspace.progress_of(entry.position(), message).await?;
            told.progress = Some(told::progress(&progress, message.is_expired(now)));
        }
        items.push(told);
    }
    Ok(wire::Past { items, before: before.map(|before| before.0) })
}

/// The message of a number.
pub(super) async fn find(caller: &Caller, number: u64) -> Result<Arc<Message>, Refused> {
    let found = caller.workspace.message_at(Position(number)).await.map_err(unreadable)?;
    let message = found.ok_or_else(|| Refused::not_found(format!("there is no message {number}")))?;
    if !caller.may_read(&message.from.id, &message.to) {
        return Err(Refused::new(ErrorCode::Forbidden, format!("message {number} is between others")));
    }
    Ok(message)
}
