//! How the connection stands, and what the agent says to be at.

use client::protocol::{Agent, Call, Empty, SetStatus, Status};
use client::shown::name;
use serde_json::json;

use super::registration::own_id;
use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};

pub(super) fn about_status() -> About {
    About { description: "Show how this instance is connected", properties: json!({}), required: &[] }
}

/// A hall that is away is what this tool is there to tell, and so no failure of it.
pub(super) async fn status(hall: &Visit<'_>) -> Result<Outcome, Failure> {
    let status = match hall.call::<Status>(Call::Status(Empty {})).await {
        Ok(status) => status,
        Err(failure) if failure.is_of_the_way_there() => return Ok(Outcome::text(away(hall, &failure))),
        Err(failure) => return Err(failure),
    };
    let welcome = hall.introduced().await?;
    let mut lines = vec![
        "✅ Connected".to_owned(),
        String::new(),
        "Connection Details:".into(),
        "- State: connected".into(),
        "- WebSocket: none, a unix socket".into(),
        format!("- Broker URL: {}", hall.socket().display()),
        format!("- Instance Name: {}", name(&hall.name())),
        format!("- Instance ID: {}", own_id(&welcome)),
        "- Registered: yes".into(),
        String::new(),
        "Health:".into(),
        // It has answered just now.
        "- Last heartbeat: 0s ago".into(),
        "- Reconnect attempts: 0, no limit".into(),
        format!("- Pending messages: {}", status.messages),
    ];
    if !status.ready {
        let why = status.reason.as_deref().map_or_else(String::new, |why| format!(": {}", name(why)));
        lines.push(format!("\n⚠️ The hall is not ready{why}. Wait, and try again."));
    }
    Ok(Outcome::text(lines.join("\n")))
}

fn away(hall: &Visit<'_>, failure: &Failure) -> String {
    format!(
        "❌ Not connected: {}\n\nConnection Details:\n- State: reconnecting\n- Broker URL: {}\n- Instance Name: {}\n\
         - Registered: no\n\nHealth:\n- Reconnect attempts: under way, no limit\n\n⚠️ Tell your user; the connection is \
         taken up again by itself, with the same name.",
        failure.why(),
        hall.socket().display(),
        name(&hall.name())
    )
}

pub(super) fn about_update() -> About {
    About {
        description: "Tell the other instances what this one is at; linker_list_instances shows it",
        properties: json!({
            "status": {"type": "string", "description": "A word or two, such as working_on or reviewing"},
            "description": {"type": "string", "description": "More about it"},
        }),
        required: &["status"],
    }
}

pub(super) async fn update(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let status = arguments.text("status")?;
    let description = arguments.optional_text("description")?;
    let said = description.as_deref().map(|more| format!(": {}", name(more))).unwrap_or_default();
    let said = format!("Status updated: {}{said}", name(&status));
    let Agent { .. } = hall.call(Call::SetStatus(SetStatus { status: Some(status), description })).await?;
    Ok(Outcome::text(said))
}
