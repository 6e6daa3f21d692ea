//! Who is here, as the linker's clients see it: each name once, whichever doors it came by.

use std::borrow::Cow;

use hall::Workspace;
use indexmap::IndexMap;
use model::statuses::Status;
use model::{AgentId, Text};

use crate::dispatcher::Dispatcher;
use crate::door;
use crate::wire::frame::{Instance, Iso};

/// Everybody who is present, in the order they came. Who came by this door is present while connected: clients show
/// everybody who is listed as connected.
pub(crate) fn present(workspace: &Workspace, dispatcher: &Dispatcher) -> Vec<Instance> {
    let profiles = dispatcher.profiles();
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
        let shown = match profiles.get(&member.agent) {
            Some(profile) => {
                let described = match status {
                    Some(status) => Some(with_status(profile.description.as_ref().map(Text::decode), status)),
                    None => profile.description.clone(),
                };
                instance(described, profile.registered_at, profile.last_seen)
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
