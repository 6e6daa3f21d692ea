//! Why a command makes no events.

use crate::limits;
use crate::text::Text;

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
    /// One more of these would go over a bound.
    #[error("there can be at most {limit} {what}; {remedy}")]
    Full {
        /// What there are too many of, and of whose if they are not the workspace's.
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

impl Refusal {
    /// Refuses a text over its bound, which holds for the text itself; with its escapes it may be `token_limit`.
    pub(crate) fn unless_text_fits(
        what: &'static str,
        text: &Text,
        limit: usize,
        token_limit: usize,
    ) -> Result<(), Self> {
        if let Some(bytes) = text.exceeds(limit) {
            return Err(Self::TooLarge { what, bytes, limit });
        }
        if text.bytes() > token_limit {
            return Err(Self::TooLarge { what, bytes: text.bytes(), limit: token_limit });
        }
        Ok(())
    }

    /// Refuses a prose text over its bounds.
    pub(crate) fn unless_prose_fits(what: &'static str, text: &Text) -> Result<(), Self> {
        Self::unless_text_fits(what, text, limits::PROSE_BYTES, limits::PROSE_TOKEN_BYTES)
    }
}
