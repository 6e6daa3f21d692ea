//! Who is here.

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
    let (agents, names) = hall.names().await?;
    let mut lines = vec![format!("{} here", count(agents.len(), "agent"))];
    for agent in &agents {
        let you = if names.is_me(&agent.id) { " (you)" } else { "" };
        lines.push(format!(
            "- {}{you}: {} in {}, by {} since {}, id {}",
            agent.name,
            agent.role,
            agent.repo_path,
            agent.door,
            moment(&agent.connected_at),
            agent.id
        ));
    }
    Ok(Outcome::text(lines.join("\n")))
}
