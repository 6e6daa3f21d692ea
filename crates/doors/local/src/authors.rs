//! Names of authors. The log keeps ids; people and models speak of names.

use std::collections::HashMap;
use std::sync::Arc;

use client::protocol as wire;
use hall::{Entry, HallError};
use model::questions::name_without_membership;
use model::{Fact, MemberId, Position};

use crate::caller::Caller;
use crate::told;

/// Names that were looked up for one answer, each of them once.
pub(crate) struct Authors<'a> {
    caller: &'a Caller,
    known: HashMap<MemberId, Arc<str>>,
}

impl<'a> Authors<'a> {
    pub(crate) fn new(caller: &'a Caller) -> Self {
        Self { caller, known: HashMap::new() }
    }

    /// The name of who wrote the event at a position: the agent's, present or not; if it was none, as
    /// [`name_without_membership`] has it.
    ///
    /// # Errors
    /// If either cannot be read.
    pub(crate) async fn name(&mut self, author: &MemberId, at: Position) -> Result<Arc<str>, HallError> {
        if let Some(name) = self.known.get(author) {
            return Ok(name.clone());
        }
        let Caller { workspace, author: own, agent, principal, .. } = self.caller;
        let name = if author == own {
            agent.as_ref().map_or_else(|| name_without_membership(principal), |member| member.name.clone())
        } else if let Some(member) = workspace.member(author).await? {
            member.name.clone()
        } else {
            name_without_membership(&workspace.entry(at).await?.recorded().event.by)
        };
        self.known.insert(author.clone(), name.clone());
        Ok(name)
    }

    /// A version of a key, from the event that made it; `None` if the event made none.
    ///
    /// # Errors
    /// If its author cannot be read.
    pub(crate) async fn entry(&mut self, event: &Arc<Entry>) -> Result<Option<wire::Entry>, HallError> {
        let author = match event.fact() {
            Fact::ContextShared(entry) => &entry.updated_by,
            Fact::ContextDeleted(deletion) => &deletion.by,
            _ => return Ok(None),
        };
        let name = self.name(author, event.position()).await?;
        Ok(told::entry(event, &name))
    }
}
