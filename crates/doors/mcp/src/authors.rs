//! How to speak of authors: a model can ask `api`, and can do little with a UUID.

use std::borrow::Cow;

use client::shown;

/// Tells the agent's own doings from those of others.
pub(crate) struct Authors {
    me: String,
}

impl Authors {
    /// `me` is the agent's membership.
    pub(crate) fn new(me: String) -> Self {
        Self { me }
    }

    /// Whether this is the agent itself.
    pub(crate) fn is_me(&self, id: &str) -> bool {
        self.me == id
    }

    /// How to speak of the author of this name: `you`, if it is the agent itself.
    pub(crate) fn of<'a>(&self, id: &str, name: &'a str) -> Cow<'a, str> {
        if self.is_me(id) { "you".into() } else { shown::name(name) }
    }
}
