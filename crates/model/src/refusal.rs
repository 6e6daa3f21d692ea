//! Why a command makes no events.

/// A command that was understood and is refused; nothing has changed. Doors say it in their own protocol's form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What the command names does not exist.
    #[error("{what} not found: {id}")]
    NotFound {
        /// The kind of thing, capitalised, such as `Question`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Somebody else was first: a version moved on, or a name is taken.
    #[error("{0}")]
    Conflict(String),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// A part of the command is over its bound.
    #[error("{what} is {bytes} bytes, and {limit} at most are kept")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// How large it came.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// One more of these would go over the workspace's bound.
    #[error("this workspace already holds {limit} {what}; {remedy}")]
    Full {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
        /// What makes room.
        remedy: &'static str,
    },
    /// The parts do not fit together.
    #[error("{0}")]
    Invalid(String),
}
