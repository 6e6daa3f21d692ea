//! How the hall and the agent stand.

use client::protocol::{Call, Empty, Status};
use client::shown;
use serde_json::json;

use crate::about::About;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::{count, moment};

pub(super) fn about() -> About {
    About {
        description: "Who you are here and how things stand: agents, context keys, open questions.",
        properties: json!({}),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>) -> Result<Outcome, Failure> {
    let status: Status = hall.call(Call::Status(Empty {})).await?;
    let me = hall.introduced().await?;
    let ready = match (status.ready, &status.reason) {
        (true, _) => "ready".to_owned(),
        (false, Some(reason)) => format!("not ready: {reason}"),
        (false, None) => "not ready".to_owned(),
    };
    let mut lines = vec![
        format!("you are {}, id {}", shown::name(&hall.name()), me.member),
        format!(
            "guildhall {}, workspace {}: {ready}, at position {} of {}",
            status.server,
            status.workspace,
            status.position,
            status.as_of.as_deref().map_or("nothing yet".into(), moment)
        ),
        format!(
            "{} here, {}, {} ({} for you)",
            count(status.agents, "agent"),
            count(status.context_keys, "context key"),
            count(status.open_questions, "open question"),
            status.for_you
        ),
    ];
    if status.messages > 0 {
        lines.push(format!("{} for you to read: use `inbox`", count(status.messages, "message")));
    }
    if !status.listening.is_empty() {
        lines.push(format!("listening on {}", status.listening.join(", ")));
    }
    Ok(Outcome::text(lines.join("\n")))
}
