//! Names for the ids under which the hall keeps authors: a model can ask `api`, and can do little with a UUID.

use std::borrow::Cow;
use std::collections::HashMap;

use client::protocol::Agent;

/// The names of those who are here.
pub(crate) struct Names {
    me: String,
    by_id: HashMap<String, String>,
}

impl Names {
    pub(crate) fn new(agents: &[Agent], me: String) -> Self {
        let by_id = agents.iter().map(|agent| (agent.id.clone(), agent.name.clone())).collect();
        Self { me, by_id }
    }

    /// Whether this is the agent itself.
    pub(crate) fn is_me(&self, id: &str) -> bool {
        self.me == id
    }

    /// How to speak of an author: `you`, a name, or the id of one who is no longer here.
    pub(crate) fn of<'a>(&'a self, id: &'a str) -> Cow<'a, str> {
        if self.is_me(id) {
            return "you".into();
        }
        match self.by_id.get(id) {
            Some(name) => name.into(),
            None => format!("{id} (not here)").into(),
        }
    }
}
