//! Who is here, as the linker's clients see it: each name once, whichever doors it came by.

use hall::Workspace;
use indexmap::IndexMap;
use model::{AgentId, Text};

use crate::door;
use crate::post::Post;
use crate::wire::frame::{Instance, Iso};

/// Everybody who is present, in the order they came. Who came by this door is present while connected: clients show
/// everybody who is listed as connected.
pub(crate) fn present(workspace: &Workspace, post: &Post) -> Vec<Instance> {
    let cards = post.cards();
    let mut listed: IndexMap<AgentId, Instance> = IndexMap::new();
    for member in workspace.state().roster.members() {
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
        let shown = match cards.get(&member.agent) {
            Some(card) => instance(card.description.clone(), card.registered_at, card.last_seen),
            None if *member.door != *door::NAME => {
                let described = Text::new(&format!("{}, {}", member.door, member.repo_path));
                instance(Some(described), member.connected_at, member.connected_at)
            }
            None => continue,
        };
        listed.insert(member.agent.clone(), shown);
    }
    listed.into_values().collect()
}
