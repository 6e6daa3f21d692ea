//! Who is here, as the linker's clients see it: each name once, whichever doors it came by.

use std::borrow::Cow;

use hall::Workspace;
use indexmap::IndexMap;
use model::statuses::Status;
use model::{AgentId, Text};

use crate::door;
use crate::post::Post;
use crate::wire::frame::{Instance, Iso};

/// Everybody who is present, in the order they came. Who came by this door is present while connected: clients show
/// everybody who is listed as connected.
pub(crate) fn present(workspace: &Workspace, post: &Post) -> Vec<Instance> {
    let cards = post.cards();
    let mut listed: IndexMap<AgentId, Instance> = IndexMap::new();
    let state = workspace.state();
    for member in state.roster.members() {
        if listed.contains_key(&member.agent) {
            continue;
        }
        let instance = |description, registered_at, last_seen| Instance {
            id: member.agent.clone(),
            name: member.name.as_ref().to_owned(),
            description,
            registered_at: Iso(registered_at),
            last_seen: Iso(last_seen),
        };
        let status = state.statuses.get(&member.agent);
        let shown = match cards.get(&member.agent) {
            Some(card) => {
                let described = match status {
                    Some(status) => Some(with_status(card.description.as_ref().map(Text::decode), status)),
                    None => card.description.clone(),
                };
                instance(described, card.registered_at, card.last_seen)
            }
            None if *member.door != *door::NAME => {
                let place = format!("{}, {}", member.door, member.repo_path);
                let described = match status {
                    Some(status) => with_status(Some(place.into()), status),
                    None => Text::new(&place),
                };
                instance(Some(described), member.connected_at, member.connected_at)
            }
            None => continue,
        };
        listed.insert(member.agent.clone(), shown);
    }
    listed.into_values().collect()
}

/// What an instance says of itself, and what it says to be at: `UI (reviewing: the parser)`.
fn with_status(description: Option<Cow<'_, str>>, status: &Status) -> Text {
    let parts = [status.status.as_deref(), status.description.as_deref()];
    let status = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
    match description {
        Some(description) if !description.is_empty() => Text::new(&format!("{description} ({status})")),
        _ => Text::new(&status),
    }
}
