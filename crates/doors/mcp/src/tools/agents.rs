//! Who is here.

use std::collections::HashMap;

use client::protocol::{Agent, Call, Empty};
use client::shown::name;
use serde_json::json;

use super::About;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::{count, moment};

pub(super) fn about() -> About {
    About {
        description: "Who is here: each agent's name (ask by it), role, directory and id.",
        properties: json!({}),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>) -> Result<Outcome, Failure> {
    let agents: Vec<Agent> = hall.call(Call::Agents(Empty {})).await?;
    let authors = hall.authors().await?;
    let mut namesakes: HashMap<&str, usize> = HashMap::new();
    for agent in &agents {
        *namesakes.entry(&agent.name).or_default() += 1;
    }
    let mut lines = vec![format!("{} here", count(agents.len(), "agent"))];
    for agent in &agents {
        let you = if authors.is_me(&agent.id) { " (you)" } else { "" };
        // Whoever bears a name alone is known by it.
        let instance = agent.instance.as_ref().filter(|_| namesakes[agent.name.as_str()] > 1);
        let instance = instance.map(|instance| format!(", session {instance}")).unwrap_or_default();
        lines.push(format!(
            "- {}{you}: {} in {}, by {} since {}, id {}{instance}",
            name(&agent.name),
            agent.role,
            name(&agent.repo_path),
            agent.door,
            moment(&agent.connected_at),
            agent.id
        ));
    }
    Ok(Outcome::text(lines.join("\n")))
}
