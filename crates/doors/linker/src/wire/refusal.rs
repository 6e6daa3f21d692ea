//! What is said when something is not done. The one word clients look for is [`UNKNOWN_SENDER`].

use std::fmt;

use crate::limits;

/// A client that reads this in an error registers again. It is never said in answer to a registration: that would go
/// on for ever.
pub const UNKNOWN_SENDER: &str = "Unknown sender";

/// Why a frame is not served. The first three texts are the old broker's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not JSON, or a part that it needs is missing or of another type.
    Format,
    /// Nobody knows this type; how JavaScript would write it.
    UnknownType(String),
    /// `mark_read` came without an array of ids.
    MessageIds,
    /// `mark_read` came with too many at once.
    TooManyMessageIds,
    /// `register` came without a name that can be addressed.
    Name,
    /// `register` came with a description over its bound.
    Description,
    /// `send_message` did not say to whom.
    NoRecipient,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("Invalid message format"),
            Self::UnknownType(text) => write!(f, "Unknown message type: {text}"),
            Self::MessageIds => f.write_str("Invalid messageIds"),
            Self::TooManyMessageIds => {
                write!(f, "Invalid messageIds: at most {} at once", limits::MARKED)
            }
            Self::Name => write!(
                f,
                "Invalid name: a name is a text of 1 to {} bytes, and not \"broadcast\"",
                model::limits::NAME_BYTES
            ),
            Self::Description => {
                write!(f, "Invalid description: at most {} bytes are kept", limits::DESCRIPTION_BYTES)
            }
            Self::NoRecipient => f.write_str("Unknown recipient: \"to\" is a name, an id or \"broadcast\""),
        }
    }
}
