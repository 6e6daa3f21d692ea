//! Sending, reading and looking back.

use std::fmt::Write as _;

use client::protocol::{
    Call, Inbox, LONGEST_SECONDS, Mail, Message, Messages, Number, Past, Priority, Send, Sent,
};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::evidence::Part;
use crate::hall::Visit;
use crate::letters::{Long, Page, beginning_of, extent};
use crate::limits::{CONVERSATION, RESULT_CHARACTERS, RESULT_MESSAGES};
use crate::outcome::{Failure, Outcome};
use crate::text::below;
use crate::tools::send::PRIORITIES;

/// Messages of a conversation if nothing else is said.
const USUAL: u64 = 100;

pub(super) fn about_send() -> About {
    About {
        description: "Send a message to another Claude instance",
        properties: json!({
            "to": {"type": "string", "description": "Name or ID of the instance, or \"broadcast\""},
            "content": {"type": "string", "description": "The message"},
            "priority": {
                "type": "string",
                "enum": ["high", "normal", "low"],
                "description": "high is read first (default: normal)",
            },
            "ttl": {"type": "number", "description": "Milliseconds after which it is not delivered any more"},
            "maxRetries": {"type": "number", "description": "Not needed: a message waits until it is read"},
        }),
        required: &["to", "content"],
    }
}

pub(super) async fn send(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let to = arguments.text("to")?;
    let priority = arguments.word("priority", &PRIORITIES)?.unwrap_or_default();
    // 0 has always meant none.
    let ttl_ms = arguments.number("ttl", 0..=LONGEST_SECONDS * 1000)?.filter(|ttl| *ttl > 0);
    let send = Send {
        to: Some(to.clone()),
        content: arguments.text("content")?,
        priority,
        ttl_ms,
        ..Send::default()
    };
    let Sent { id, .. } = hall.call(Call::Send(send)).await?;
    let mut said = format!("Message sent to {}", name(&to));
    match priority {
        Priority::High => said.push_str(" (priority: high)"),
        Priority::Normal => {}
        Priority::Low => said.push_str(" (priority: low)"),
    }
    if let Some(ttl_ms) = ttl_ms {
        _ = write!(said, " (expires in {}s)", ttl_ms as f64 / 1000.0);
    }
    _ = write!(said, " (ID: {id})");
    Ok(Outcome::text(said))
}

pub(super) fn about_broadcast() -> About {
    About {
        description: "Broadcast a message to all Claude instances",
        properties: json!({"content": {"type": "string", "description": "The message"}}),
        required: &["content"],
    }
}

pub(super) async fn broadcast(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let content = arguments.text("content")?;
    let send = Send { to: Some("broadcast".into()), content, ..Send::default() };
    let Sent { id, .. } = hall.call(Call::Send(send)).await?;
    Ok(Outcome::text(format!("Message broadcast to all instances (ID: {id})")))
}

pub(super) fn about_get() -> About {
    About {
        description: "Get messages sent to this instance that it has not read yet",
        properties: json!({}),
        required: &[],
    }
}

pub(super) async fn get(hall: &Visit<'_>) -> Result<Outcome, Failure> {
    let mailbox = hall.mailbox().await?;
    let limit = usize::try_from(RESULT_MESSAGES).ok();
    let mail: Mail = hall.call(Call::Inbox(Inbox { limit })).await?;
    if mail.messages.is_empty() && mail.left == 0 {
        return Ok(Outcome::text("No new messages"));
    }
    let from = |message: &Message| hall.read_up_to(&mailbox, message.number);
    let page = Page::of(mail, mailbox.clone(), Long::InParts(&from), |message, part| {
        read(message, part, hall.was_shown(&mailbox, message.number))
    });
    let mut text =
        format!("You have {} new message(s):\n\n{}", page.letters.len(), page.letters.join("---\n"));
    if page.left > 0 {
        _ = write!(text, "---\n{} more: call linker_get_messages again", page.left);
    }
    Ok(Outcome::mail(text.trim_end(), page.shown))
}

/// The message last, so that no line of it can be taken for another's head.
fn read(message: &Message, part: Option<Part>, before: bool) -> String {
    let mut head = format!("From: {}\nTime: {}\nID: {}", name(&message.from), message.sent_at, message.id);
    match message.priority {
        Priority::High => head.push_str("\nPriority: high"),
        Priority::Normal => {}
        Priority::Low => head.push_str("\nPriority: low"),
    }
    if !message.files.is_empty() {
        let files: Vec<_> = message.files.iter().map(|file| name(&file.name)).collect();
        let (files, number) = (files.join(", "), message.number);
        _ = write!(
            head,
            "\nFiles: {files} (to save them: guildhall inbox --message {number} --save DIRECTORY)"
        );
    }
    if let Some(part) = &part {
        let more = if part.is_last() { ", the last" } else { "; linker_get_messages goes on behind them" };
        _ = write!(head, "\nPart: {}{more}", extent(part));
    }
    // Of what is read part by part the beginning was shown before in any case.
    if before && part.is_none_or(|part| part.from == 0) {
        head.push_str("\n(shown before)");
    }
    format!("{head}\nMessage: {}\n\n", below(&message.content))
}

pub(super) fn about_conversation() -> About {
    About {
        description: "Get the conversation so far, with one instance or with all",
        properties: json!({
            "with": {"type": "string", "description": "Name or ID of the other instance"},
            "limit": {"type": "number", "description": "How many messages, the newest (default: 100)"},
        }),
        required: &[],
    }
}

pub(super) async fn conversation(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let with = arguments.optional_text("with")?;
    // 0 has always meant all.
    let limit = match arguments.number("limit", 0..=u64::MAX)?.unwrap_or(USUAL) {
        0 => CONVERSATION,
        limit => limit.min(CONVERSATION),
    };
    let what = Messages { with: with.clone(), limit: usize::try_from(limit).ok(), ..Messages::default() };
    let mut said: Past = hall.call(Call::Messages(what.clone())).await?;
    if with.is_none() {
        // With all: what it was sent, and what it has sent.
        let own: Past = hall.call(Call::Messages(Messages { sent: true, ..what })).await?;
        said = both(said, own, usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let Past { items, before } = said;
    if items.is_empty() && before.is_none() {
        return Ok(Outcome::text("No conversation history"));
    }
    let mut room = RESULT_CHARACTERS;
    let mut lines = Vec::new();
    let mut cut = before.is_some();
    // From the newest, so that the oldest are left out if not all fit.
    for message in items.into_iter().rev() {
        let message = match message.excerpt {
            true => hall.call(Call::Message(Number { message: message.number })).await?,
            false => message,
        };
        let mut line = spoken(&message, with.is_none());
        if line.chars().count() > RESULT_CHARACTERS {
            let all = message.content.chars().count();
            line = format!("{}… ({all} characters in all)", spoken(&beginning_of(&message), with.is_none()));
        }
        let length = line.chars().count();
        if length > room && !lines.is_empty() {
            cut = true;
            break;
        }
        room = room.saturating_sub(length);
        lines.push(line);
    }
    lines.reverse();
    let heading = match with {
        Some(with) => format!("Conversation with {}:", name(&with)),
        None => "Conversation history:".into(),
    };
    let older = cut.then(|| "(older messages are left out)".to_owned());
    let text: Vec<_> = std::iter::once(heading).chain(older).chain(lines).collect();
    Ok(Outcome::text(text.join("\n")))
}

/// Two lists as one, oldest first, and of them so many of the newest.
fn both(one: Past, other: Past, most: usize) -> Past {
    let mut items: Vec<_> = one.items.into_iter().chain(other.items).collect();
    // What is older than one of them reaches is not known.
    let mut before = one.before.max(other.before);
    items.retain(|message| before.is_none_or(|before| message.number >= before));
    items.sort_by_key(|message| message.number);
    items.dedup_by_key(|message| message.number);
    let left_out = items.len().saturating_sub(most);
    if left_out > 0 {
        items.drain(..left_out);
        before = items.first().map(|oldest| oldest.number);
    }
    Past { items, before }
}

/// `[time] from: content`, with the id that the other tools take.
fn spoken(message: &Message, everybody: bool) -> String {
    let to = if everybody { format!(" to {}", name(&message.to)) } else { String::new() };
    format!(
        "[{}] {}{to}: {} (ID: {})",
        message.sent_at,
        name(&message.from),
        below(&message.content),
        message.id
    )
}
