//! Marking messages as read, and how far the agent's own have come.

use client::protocol::{Call, MarkRead, Marked, Message, Messages, Number, Past, Progress, Readers};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::letters::dead_letter;
use crate::limits::{CONVERSATION, MARKED_AT_ONCE, PAGES_FOR_AN_ID};
use crate::outcome::{Failure, Outcome};
use crate::text::moment;

/// Messages listed without an id: as many as a conversation shows.
const USUAL: usize = 100;

pub(super) fn about_mark() -> About {
    About {
        description: "Mark messages as read",
        properties: json!({
            "messageIds": {
                "type": "array",
                "items": {"type": "string"},
                "description": "IDs of the messages, as linker_get_messages shows them",
            },
        }),
        required: &["messageIds"],
    }
}

pub(super) async fn mark(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let messages = arguments.texts("messageIds")?;
    if messages.is_empty() {
        return Err(Failure::argument("messageIds", "must be a non-empty array"));
    }
    if messages.len() > MARKED_AT_ONCE {
        return Err(Failure::argument("messageIds", format_args!("takes at most {MARKED_AT_ONCE}")));
    }
    let Marked { count } = hall.call(Call::MarkRead(MarkRead { messages })).await?;
    Ok(Outcome::text(format!("Marked {count} message(s) as read")))
}

pub(super) fn about_get() -> About {
    About {
        description: "Get delivery and read receipts for messages this instance has sent",
        properties: json!({
            "messageId": {"type": "string", "description": "ID of one message, as it was told when sent; all if absent"},
        }),
        required: &[],
    }
}

pub(super) async fn get(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    match arguments.optional_text("messageId")? {
        Some(id) => one(hall, &id).await,
        None => all(hall).await,
    }
}

async fn all(hall: &Visit<'_>) -> Result<Outcome, Failure> {
    let own = page(hall, None, USUAL).await?.items;
    if own.is_empty() {
        return Ok(Outcome::text("No receipts: this instance has sent no messages"));
    }
    let steps = own.iter().filter_map(|message| message.progress.as_ref());
    let delivered = steps.clone().filter(|come| was_delivered(come)).count();
    let read = steps.filter(|come| come.read_at.is_some()).count();
    let mut lines = vec![format!("Message receipts ({delivered} delivered, {read} read):")];
    lines.extend(own.iter().map(|message| {
        let furthest = steps_of(message).pop().unwrap_or_else(|| format!("Sent to {}", name(&message.to)));
        format!("Message {}: {furthest}", message.id)
    }));
    Ok(Outcome::text(lines.join("\n")))
}

async fn one(hall: &Visit<'_>, id: &str) -> Result<Outcome, Failure> {
    let Some(number) = find(hall, id).await? else {
        return Ok(Outcome::text(format!(
            "No receipts for message {}: this instance sent none of that ID",
            name(id)
        )));
    };
    let message: Message = hall.call(Call::Message(Number { message: number })).await?;
    let steps = steps_of(&message);
    let mut lines = vec![format!(
        "Message {} to {}, sent at {}:",
        message.id,
        name(&message.to),
        moment(&message.sent_at)
    )];
    lines.extend(steps);
    if lines.len() == 1 {
        lines.push("Not delivered yet".into());
    }
    Ok(Outcome::text(lines.join("\n")))
}

/// The number of a message of the agent's own, by its id, looking back from the newest.
async fn find(hall: &Visit<'_>, id: &str) -> Result<Option<u64>, Failure> {
    let most = usize::try_from(CONVERSATION).unwrap_or(USUAL);
    let mut before = None;
    for _ in 0..PAGES_FOR_AN_ID {
        let Past { items, before: older } = page(hall, before, most).await?;
        if let Some(found) = items.iter().find(|message| message.id == id) {
            return Ok(Some(found.number));
        }
        if older.is_none() {
            break;
        }
        before = older;
    }
    Ok(None)
}

async fn page(hall: &Visit<'_>, before: Option<u64>, limit: usize) -> Result<Past, Failure> {
    let what = Messages { sent: true, before, limit: Some(limit), ..Messages::default() };
    hall.call(Call::Messages(what)).await
}

/// With a capital letter, as the other lines.
fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect()
}

fn was_delivered(come: &Progress) -> bool {
    come.delivered_at.is_some() || come.in_context_at.is_some()
}

/// What happened to a message, in turn.
fn steps_of(message: &Message) -> Vec<String> {
    if message.dead {
        return vec![sentence(&dead_letter(message))];
    }
    let Some(come @ Progress { delivered_at, in_context_at, read_at, expired, readers }) = &message.progress
    else {
        return Vec::new();
    };
    if *expired {
        return vec![sentence(&come.in_words())];
    }
    let to = name(&message.to);
    // Of a message to many it is said with how many it has come so far, and when with the first.
    let with = |count: fn(&Readers) -> usize| match readers {
        Some(readers) => format!("{} of {} readers of {to}, the first", count(readers), readers.all),
        None => to.clone().into_owned(),
    };
    [
        (format!("Delivered to {}", with(|readers| readers.delivered)), delivered_at),
        (format!("In the context of {}", with(|readers| readers.in_context)), in_context_at),
        (format!("Read by {}", with(|readers| readers.read)), read_at),
    ]
    .into_iter()
    .filter_map(|(what, at)| Some(format!("{what} at {}", moment(at.as_deref()?))))
    .collect()
}
