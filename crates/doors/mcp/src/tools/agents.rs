//! Who is here.

use std::collections::HashMap;

use client::protocol::{Agent, Call, Empty, Saying};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::{count, excerpt, moment};

pub(super) fn about() -> About {
    About {
        description: "Who is here: each agent's name (ask by it), role, directory, id, and what it says to be at.",
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
            "- {}{you}: {} in {}, by {} since {}, id {}{instance}{}",
            name(&agent.name),
            agent.role,
            name(&agent.repo_path),
            agent.door,
            moment(&agent.connected_at),
            agent.id,
            agent.saying.as_ref().map(saying).unwrap_or_default()
        ));
    }
    Ok(Outcome::text(lines.join("\n")))
}

/// What an agent says to be at, in its own words.
fn saying(said: &Saying) -> String {
    let more = said.description.as_deref().map(|more| format!(": {}", excerpt(more)));
    format!(", says {:?}{} since {}", name(&said.status), more.unwrap_or_default(), moment(&said.since))
}
