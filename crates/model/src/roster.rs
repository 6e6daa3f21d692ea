//! Who is here. An agent is a durable name; a membership is one way it is present.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::event::Fact;
use crate::ids::{AgentId, MemberId};
use crate::limits;
use crate::messages::{Party, To};
use crate::names::Principal;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// What a member says it is for. The words are the coordinator protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Has what others need.
    Source,
    /// Needs what others have.
    Target,
}

impl Role {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// One joining of an agent through one door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// Its own id, valid for ever: using it after the member went missing brings it back.
    pub id: MemberId,
    /// The agent that joined.
    pub agent: AgentId,
    /// The agent's name.
    pub name: Arc<str>,
    /// Who holds the name.
    pub principal: Principal,
    /// What it is for.
    pub role: Role,
    /// The directory it works in.
    pub repo_path: Arc<str>,
    /// The door it came through: `trpc`, `mcp`, …
    pub door: Arc<str>,
    /// Which of several running agents of this name it is, in the words of its host: Claude Code gives its session.
    pub instance: Option<Arc<str>>,
    /// When it joined.
    pub connected_at: Timestamp,
}

/// Joins: always a new membership, also for a name that is here already.
#[derive(Debug, Clone, Serialize)]
pub struct Join {
    /// The workspace, from which the agent's id is derived.
    pub workspace: Arc<str>,
    /// The agent's name.
    pub name: Arc<str>,
    /// What it is for.
    pub role: Role,
    /// The directory it works in.
    pub repo_path: Arc<str>,
    /// The door it comes through.
    pub door: &'static str,
    /// Which of several running agents of this name it is, if its host says so.
    pub instance: Option<Arc<str>>,
    /// Who holds the name, if anybody ever joined under it: added when it is decided, from the read model, where names
    /// of agents that are away are kept.
    #[serde(skip)]
    pub held_by: Option<Principal>,
}

/// Ends a membership; one that is not here is no error and no event.
#[derive(Debug, Clone, Serialize)]
pub struct Leave {
    /// Which.
    pub member: MemberId,
    /// Why.
    pub reason: Reason,
}

/// Why a membership ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Somebody said so. Using the id again does not bring it back.
    Left,
    /// Its last connection was gone too long. Using the id again brings it back.
    Lapsed,
}

/// The end of a membership.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// Who went.
    pub member: Arc<Membership>,
    /// Why.
    pub reason: Reason,
}

/// The members present, in the order they joined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    members: IndexMap<MemberId, Arc<Membership>>,
    /// What their names and paths hold.
    bytes: usize,
}

impl Roster {
    /// All members, in the order they joined.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Arc<Membership>> {
        self.members.values()
    }

    /// A member that is present.
    pub fn get(&self, id: &MemberId) -> Option<&Arc<Membership>> {
        self.members.get(id)
    }

    /// The agents that are present.
    pub(crate) fn agents(&self) -> HashSet<&AgentId> {
        self.members().map(|member| &member.agent).collect()
    }

    /// How often each name is here, for telling namesakes apart.
    pub fn names(&self) -> HashMap<&str, usize> {
        let mut names = HashMap::new();
        for member in self.members() {
            *names.entry(&*member.name).or_default() += 1;
        }
        names
    }

    pub(crate) fn join(
        &self,
        id: MemberId,
        by: &Principal,
        at: Timestamp,
        join: &Join,
    ) -> Result<Vec<Fact>, Refusal> {
        if join.name.len() > limits::NAME_BYTES {
            return Err(Refusal::TooLarge {
                what: "name",
                bytes: join.name.len(),
                limit: limits::NAME_BYTES,
            });
        }
        // An agent of such a name could not be addressed, and would be taken for whom it is named after.
        if let Some(hidden) = join.name.chars().find(|character| is_invisible(*character)) {
            let hidden = hidden.escape_unicode();
            return Err(Refusal::Invalid(format!("a name has no invisible characters, such as {hidden}")));
        }
        let of_nobody = Address::parse(&join.name)
            .is_ok_and(|address| !matches!(address, Address::Agent(_) | Address::Member(_)));
        let of_a_shell = Party::principal_in(&join.name).is_some();
        if of_nobody || of_a_shell || matches!(To::parse(&join.name), To::Topic(_)) {
            return Err(Refusal::Invalid(format!("the name {:?} means somebody else", join.name)));
        }
        if join.repo_path.len() > limits::PATH_BYTES {
            return Err(Refusal::TooLarge {
                what: "repoPath",
                bytes: join.repo_path.len(),
                limit: limits::PATH_BYTES,
            });
        }
        if let Some(instance) =
            join.instance.as_ref().filter(|instance| instance.len() > limits::INSTANCE_BYTES)
        {
            let (bytes, limit) = (instance.len(), limits::INSTANCE_BYTES);
            return Err(Refusal::TooLarge { what: "instance", bytes, limit });
        }
        self.room(join.name.len() + join.repo_path.len())?;
        let present = self.members().find(|member| member.name == join.name).map(|member| &member.principal);
        if let Some(holder) = present.or(join.held_by.as_ref()).filter(|holder| *holder != by) {
            return Err(Refusal::Conflict(format!(
                "the name {:?} is held by another principal, {holder}",
                join.name
            )));
        }
        Ok(vec![Fact::MemberJoined(Arc::new(Membership {
            id,
            agent: AgentId::of(&join.workspace, &join.name),
            name: join.name.clone(),
            principal: by.clone(),
            role: join.role,
            repo_path: join.repo_path.clone(),
            door: join.door.into(),
            instance: join.instance.clone(),
            connected_at: at,
        }))])
    }

    pub(crate) fn bring_back(&self, member: &Arc<Membership>) -> Result<Vec<Fact>, Refusal> {
        if self.members.contains_key(&member.id) {
            return Ok(vec![]);
        }
        self.room(member.bytes())?;
        Ok(vec![Fact::MemberReturned(member.clone())])
    }

    pub(crate) fn leave(&self, leave: &Leave) -> Vec<Fact> {
        let gone = self.members.get(&leave.member);
        gone.map(|member| {
            Fact::MemberLeft(Arc::new(Departure { member: member.clone(), reason: leave.reason }))
        })
        .into_iter()
        .collect()
    }

    /// Whether one more member fits, whose name and path hold this much.
    fn room(&self, bytes: usize) -> Result<(), Refusal> {
        let (what, limit) = if self.members.len() >= limits::MEMBERS {
            ("members", limits::MEMBERS)
        } else if self.bytes + bytes > limits::ROSTER_BYTES {
            ("bytes of names and paths", limits::ROSTER_BYTES)
        } else {
            return Ok(());
        };
        Err(Refusal::Full { what, limit, remedy: "let some leave first" })
    }

    pub(crate) fn arrived(&mut self, member: &Arc<Membership>) {
        self.bytes += member.bytes();
        let before = self.members.insert(member.id.clone(), member.clone());
        self.bytes -= before.map_or(0, |before| before.bytes());
    }

    pub(crate) fn departed(&mut self, departure: &Departure) {
        let gone = self.members.shift_remove(&departure.member.id);
        self.bytes -= gone.map_or(0, |gone| gone.bytes());
    }
}

/// Whether a character leaves no trace on a screen, so that two names would look alike that are not.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl Membership {
    /// What its texts hold on to, in bytes.
    fn bytes(&self) -> usize {
        self.name.len() + self.repo_path.len() + self.instance.as_ref().map_or(0, |instance| instance.len())
    }
}
