//! Sends messages.

use client::protocol::{Call, LONGEST_SECONDS, Priority, Send, Sent};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};

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
        }),
        required: &["content"],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let (to, reply_to) = recipient(arguments)?;
    let send = Send {
        to,
        content: arguments.text("content")?,
        reply_to,
        priority: arguments.word("priority", &PRIORITIES)?.unwrap_or_default(),
        ttl_ms: arguments.number("ttl", 1..=LONGEST_SECONDS)?.map(|seconds| seconds * 1000),
        ..Send::default()
    };
    let Sent { number, to, .. } = hall.call(Call::Send(send)).await?;
    Ok(Outcome::text(format!("sent message #{number} to {}", name(&to))))
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
