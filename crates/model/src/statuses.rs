//! What agents say to be at, as long as they are here.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::event::Fact;
use crate::ids::{AgentId, MemberId};
use crate::limits;
use crate::messages::Party;
use crate::refusal::Refusal;
use crate::roster::{Departure, Roster};
use crate::time::Timestamp;

/// Says what an agent is at, in place of what it said before; saying the same again is no event.
#[derive(Debug, Clone, Serialize)]
pub struct SetStatus {
    /// The agent's membership, which must be here.
    pub author: MemberId,
    /// A word or two, at most [`limits::STATUS_BYTES`]; none to say nothing any more.
    pub status: Option<Arc<str>>,
    /// More about it, at most [`limits::NAME_BYTES`].
    pub description: Option<Arc<str>>,
}

/// An agent said what it is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who.
    pub agent: Party,
    /// A word or two; none if it says nothing any more.
    pub status: Option<Arc<str>>,
    /// More about it.
    pub description: Option<Arc<str>>,
    /// When it said so.
    pub since: Timestamp,
}

/// Of each agent that is here, what it said last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Statuses {
    of: IndexMap<AgentId, Arc<Status>>,
}

impl Statuses {
    /// What an agent says to be at.
    pub fn get(&self, agent: &AgentId) -> Option<&Arc<Status>> {
        self.of.get(agent)
    }

    pub(crate) fn size(&self) -> usize {
        self.of.len()
    }

    pub(crate) fn set(&self, at: Timestamp, roster: &Roster, set: &SetStatus) -> Result<Vec<Fact>, Refusal> {
        let member = roster
            .get(&set.author)
            .ok_or_else(|| Refusal::NotFound { what: "Agent", id: set.author.to_string() })?;
        for (what, text, limit) in [
            ("status", &set.status, limits::STATUS_BYTES),
            ("description", &set.description, limits::NAME_BYTES),
        ] {
            if let Some(text) = text.as_ref().filter(|text| text.len() > limit) {
                return Err(Refusal::TooLarge { what, bytes: text.len(), limit });
            }
        }
        if set.status.is_none() && set.description.is_some() {
            return Err(Refusal::Invalid("a description says more about a status, and there is none".into()));
        }
        let said = self.get(&member.agent).map(|said| (&said.status, &said.description));
        if said.unwrap_or((&None, &None)) == (&set.status, &set.description) {
            return Ok(vec![]);
        }
        Ok(vec![Fact::StatusSet(Arc::new(Status {
            agent: Party { id: member.agent.clone(), name: member.name.clone() },
            status: set.status.clone(),
            description: set.description.clone(),
            since: at,
        }))])
    }

    pub(crate) fn was_set(&mut self, status: &Arc<Status>) {
        if status.status.is_some() {
            self.of.insert(status.agent.id.clone(), status.clone());
        } else {
            self.of.shift_remove(&status.agent.id);
        }
    }

    /// A member has left `roster`: what its agent said is no longer so, unless it is still here in another membership.
    pub(crate) fn departed(&mut self, roster: &Roster, departure: &Departure) {
        let agent = &departure.member.agent;
        // Most agents say nothing, so most departures need no look through the roster.
        if self.of.contains_key(agent) && roster.members().all(|member| member.agent != *agent) {
            self.of.shift_remove(agent);
        }
    }
}
