//! What the writer looks up in the moment of deciding: facts about agents that are away, which the state does not hold
//! and which may have changed since the command came in.

use std::sync::Arc;

use model::lists::{List, Note};
use model::messages::{Party, To};
use model::rows::{AgentRow, MemberRow, Table};
use model::{AgentId, Command, MemberId, Position, Principal, State};
use serde::de::DeserializeOwned;
use store::{Span, StoreError};

use crate::workspace::Shared;

/// Tells a command what deciding it needs to know.
pub(crate) async fn inform(
    shared: &Shared,
    working: &State,
    command: &mut Command,
) -> Result<(), StoreError> {
    match command {
        Command::Join(join) => {
            // Whoever ever joined under a name holds it. Who has done so just now is in no row yet.
            let id = AgentId::of(&join.workspace, &join.name);
            join.held_by = match working.mailboxes.holder(&id) {
                Some(holder) => Some(holder.clone()),
                None => agent(shared, &id).await?.map(|agent| agent.principal),
            };
        }
        Command::Send(send) => {
            if let To::Party(to) = &send.to {
                send.found = recipient(shared, working, &send.workspace, to).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Who is meant: a name counts before an id.
async fn recipient(
    shared: &Shared,
    working: &State,
    workspace: &str,
    to: &Arc<str>,
) -> Result<Option<Party>, StoreError> {
    // Nearly everybody who was ever here has a mailbox, and its id follows from the name.
    let named = AgentId::of(workspace, to);
    if working.mailboxes.get(&named).is_some() {
        return Ok(Some(Party { id: named, name: to.clone() }));
    }
    if let Some(person) = Party::principal_in(to) {
        let id = AgentId::of_person(workspace, person);
        let known = person == Principal::owner().as_str() || working.mailboxes.get(&id).is_some();
        return Ok(known.then(|| Party { id, name: to.clone() }));
    }
    let Ok(member) = MemberId::parse(to) else {
        // Of somebody who was here in passing there may be a row only.
        let may_be_known = working.mailboxes.has_forgotten();
        return if may_be_known { Ok(agent(shared, &named).await?.map(party)) } else { Ok(None) };
    };
    if let Some(member) = working.roster.get(&member) {
        return Ok(Some(Party { id: member.agent.clone(), name: member.name.clone() }));
    }
    // Those that are here cost no reading, and those that have joined in this very batch are in no row yet.
    let here = working.roster.members().find(|member| member.agent.as_str() == &**to);
    if let Some(member) = here {
        return Ok(Some(Party { id: member.agent.clone(), name: member.name.clone() }));
    }
    if let Some(row) = row::<MemberRow>(shared, Table::Members, member.as_str()).await? {
        return Ok(Some(Party { id: row.member.agent, name: row.member.name }));
    }
    let Ok(id) = AgentId::parse(to) else { return Ok(None) };
    if let Some(agent) = agent(shared, &id).await? {
        return Ok(Some(party(agent)));
    }
    // A person has no row, and is called as in what they have written.
    let span = Span { after: Position::START, before: None, most: 1, newest_first: true };
    let written = shared.projector.items(&*shared.store, &shared.name, &List::From(id), span).await?;
    Ok(written.into_iter().find_map(|item| match item.note {
        Note::Message(message) => Some(message.from.clone()),
        Note::Taken(_) => None,
    }))
}

fn party(agent: AgentRow) -> Party {
    Party { id: agent.id, name: agent.name.into() }
}

async fn agent(shared: &Shared, id: &AgentId) -> Result<Option<AgentRow>, StoreError> {
    row(shared, Table::Agents, id.as_str()).await
}

async fn row<T: DeserializeOwned>(shared: &Shared, table: Table, key: &str) -> Result<Option<T>, StoreError> {
    let row = shared.projector.row(&*shared.store, &shared.name, table, key).await?;
    row.map(|row| serde_json::from_slice(&row.row.body).map_err(|e| StoreError::DamagedRow(e.to_string())))
        .transpose()
}
