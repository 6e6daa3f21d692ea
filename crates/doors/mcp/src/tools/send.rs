//! Sends messages.

use client::protocol::{Call, LONGEST_SECONDS, Priority, Resend, Send, Sent};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::count;

/// What `priority` may be.
pub(crate) const PRIORITIES: [(&str, Priority); 3] =
    [("high", Priority::High), ("normal", Priority::Normal), ("low", Priority::Low)];

pub(super) fn about() -> About {
    About {
        description: "Write to agents or people, here or away; it waits until they read it.",
        properties: json!({
            "to": {
                "type": "string",
                "description": "an agent's name or id, person:NAME, topic:NAME or broadcast; with `reply_to`, its \
                                sender if absent",
            },
            "content": {"type": "string"},
            "reply_to": {"type": "integer", "description": "number of the message it answers"},
            "priority": {"enum": ["high", "normal", "low"]},
            "ttl": {"type": "integer", "description": "seconds it is of use; no end if absent"},
            "resend": {"type": "integer", "description": "number of your dead letter, to send it again: with `to` or alone"},
        }),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    if let Some(dead) = arguments.number("resend", 1..=u64::MAX)? {
        return again(hall, arguments, dead).await;
    }
    let (to, reply_to) = recipient(arguments)?;
    let send = Send {
        to,
        content: arguments.text("content")?,
        reply_to,
        priority: arguments.word("priority", &PRIORITIES)?.unwrap_or_default(),
        ttl_ms: arguments.number("ttl", 1..=LONGEST_SECONDS)?.map(|seconds| seconds * 1000),
        ..Send::default()
    };
    let sent: Sent = hall.call(Call::Send(send)).await?;
    Ok(Outcome::text(format!("sent message #{} {}", sent.number, whom(&sent))))
}

/// A dead letter goes out as it was written.
async fn again(hall: &Visit<'_>, arguments: &Arguments, dead: u64) -> Result<Outcome, Failure> {
    let stays = arguments.first_of(&["content", "reply_to", "priority", "ttl"]);
    if let Some(other) = stays {
        return Err(Failure::argument(other, "stays what it was: give `resend` alone or with `to`"));
    }
    let to = arguments.optional_text("to")?;
    let sent: Sent = hall.call(Call::Resend(Resend { message: dead, to, once: None })).await?;
    Ok(Outcome::text(format!("sent dead letter #{dead} again as message #{} {}", sent.number, whom(&sent))))
}

/// `to api`; of a message to a topic also `, for 3 readers`.
pub(super) fn whom(Sent { to, readers, .. }: &Sent) -> String {
    let to = name(to);
    match readers {
        None => format!("to {to}"),
        Some(0) if to == "broadcast" => format!("to {to}; nobody else is here to read it"),
        Some(0) => format!("to {to}; nobody else follows this topic yet"),
        Some(some) => format!("to {to}, for {}", count(*some, "reader")),
    }
}

/// For whom a message is, and which one it answers: at least one of them must be said.
pub(super) fn recipient(arguments: &Arguments) -> Result<(Option<String>, Option<u64>), Failure> {
    let to = arguments.optional_text("to")?;
    let reply_to = arguments.number("reply_to", 1..=u64::MAX)?;
    if to.is_none() && reply_to.is_none() {
        return Err(Failure::argument("to", "is missing: say for whom it is, or which message it answers"));
    }
    Ok((to, reply_to))
}
