//! Who the agent is here, and who else is.

use std::collections::HashSet;

use client::protocol::{Agent, Call, Empty, Saying, SetStatus, Welcome};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::limits::DESCRIPTION_BYTES;
use crate::outcome::{Failure, Outcome};
use crate::text::moment;

/// What an agent says to be at that has only described itself.
const AVAILABLE: &str = "available";

pub(super) fn about_register() -> About {
    About {
        description: "Register this Claude instance with a name and description",
        properties: json!({
            "name": {"type": "string", "description": "The name other instances know this one by"},
            "description": {"type": "string", "description": "What this instance is working on"},
        }),
        required: &["name", "description"],
    }
}

/// Under the name it has, the agent only describes itself; under another, it is another from now on.
pub(super) async fn register(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let new = arguments.text("name")?;
    let description = arguments.optional_text("description")?;
    // Before anything changes.
    if let Some(bytes) = description.as_ref().map(String::len).filter(|bytes| *bytes > DESCRIPTION_BYTES) {
        let why = format_args!("is {bytes} bytes, and {DESCRIPTION_BYTES} at most are kept");
        return Err(Failure::argument("description", why));
    }
    let welcome =
        if new == hall.name() { hall.introduced().await? } else { hall.rename(new.clone()).await? };
    if let Some(description) = description {
        let status = SetStatus { status: Some(AVAILABLE.into()), description: Some(description) };
        let Agent { .. } = hall.call(Call::SetStatus(status)).await?;
    }
    Ok(Outcome::text(format!("Successfully registered as \"{}\" (ID: {})", name(&new), own_id(&welcome))))
}

/// The id that the agent keeps, under which the linker's other clients know it; of an older hall, its membership's.
pub(super) fn own_id(welcome: &Welcome) -> &str {
    welcome.agent_id.as_deref().unwrap_or(&welcome.member)
}

pub(super) fn about_list() -> About {
    About { description: "List all connected Claude instances", properties: json!({}), required: &[] }
}

pub(super) async fn list(hall: &Visit<'_>) -> Result<Outcome, Failure> {
    let agents: Vec<Agent> = hall.call(Call::Agents(Empty {})).await?;
    if agents.is_empty() {
        return Ok(Outcome::text("No instances connected"));
    }
    let mut lines = vec!["Connected Claude instances:".to_owned()];
    let mut listed = HashSet::new();
    for agent in &agents {
        let id = agent.agent_id.as_ref().unwrap_or(&agent.id);
        // One agent may be here several times, in several sessions or by several doors.
        if !listed.insert(id) {
            continue;
        }
        lines.push(format!("- {}: {}", name(&agent.name), description(agent)));
        // Not "now": who has just been cut off is listed a while longer.
        lines.push(format!("  (ID: {id}, Last seen: here since {})", moment(&agent.connected_at)));
    }
    Ok(Outcome::text(lines.join("\n")))
}

/// What an agent says of itself; of one that says nothing, where it works.
fn description(agent: &Agent) -> String {
    match &agent.saying {
        Some(Saying { status, description: Some(more), .. }) if status == AVAILABLE => {
            name(more).into_owned()
        }
        Some(Saying { status, description: Some(more), .. }) => format!("{}: {}", name(status), name(more)),
        Some(Saying { status, description: None, .. }) => name(status).into_owned(),
        None => format!("{} in {}", agent.role, name(&agent.repo_path)),
    }
}
