//! Identifiers: one type per kind of thing, so that a question's id can never be given where a member's is meant.
//!
//! On every wire an id is text, and text is what it stays: clients compare ids letter by letter, so `ABC…` and `abc…`
//! are two ids here too.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID: {0:?}")]
pub struct NotAnId(pub String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }

        impl $name {
            /// Takes a hyphenated UUID of 36 characters, in either case, and keeps its spelling.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                if text.len() == 36 && Uuid::try_parse(text).is_ok() {
                    Ok(Self(text.into()))
                } else {
                    Err(NotAnId(text.chars().take(64).collect()))
                }
            }

            /// The id it would be in lower case, if that is another.
            pub fn in_lower_case(&self) -> Option<Self> {
                self.0.contains(|c: char| c.is_ascii_uppercase()).then(|| Self(self.0.to_ascii_lowercase().into()))
            }

            /// The id as it is written on every wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                let mut buffer = Uuid::encode_buffer();
                Self((&*uuid.hyphenated().encode_lower(&mut buffer)).into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    };
}

id! {
    /// One joining of an agent through one door. Also what an author of an entry is known by on the wire: a client
    /// of the compatibility listener may name any UUID, and that claim is what is recorded.
    MemberId
}
id! {
    /// A durable agent: a name in a workspace. Derived from the name, see [`AgentId::of`].
    AgentId
}
id! {
    /// A key's context entry, the same through all its versions.
    EntryId
}
id! {
    /// A question, and the ticket its asker holds.
    QuestionId
}
id! {
    /// A decision.
    DecisionId
}
id! {
    /// A message, in every mailbox it lies in.
    MessageId
}
id! {
    /// A reservation.
    ReservationId
}
id! {
    /// A token's public name; its secret is never kept.
    TokenId
}
id! {
    /// One command, from the frame it came in to the events it made: the correlation id of logs and events.
    CommandId
}

macro_rules! made_by_command {
    ($($name:ident),+) => {
        $(impl From<&CommandId> for $name {
            /// The id of what a command makes is the command's own.
            fn from(command: &CommandId) -> Self {
                Self(command.0.clone())
            }
        })+
    };
}

made_by_command!(MemberId, EntryId, QuestionId, DecisionId, MessageId, ReservationId, TokenId);

/// Namespace of the name-based ids below; an arbitrary constant that must never change.
const NAMES: Uuid = Uuid::from_u128(0x6775_696c_6468_616c_6c00_6e61_6d65_7300);

impl AgentId {
    /// The agent called `name` in `workspace`. Deriving the id keeps agents that are away out of memory: whoever
    /// knows the name knows the id.
    pub fn of(workspace: &str, name: &str) -> Self {
        Uuid::new_v5(&NAMES, format!("agent\0{workspace}\0{name}").as_bytes()).into()
    }

    /// The mailbox of a person, who is there without joining.
    pub fn of_person(workspace: &str, principal: &str) -> Self {
        Uuid::new_v5(&NAMES, format!("person's mailbox\0{workspace}\0{principal}").as_bytes()).into()
    }
}

impl MemberId {
    /// The standing id of a person, who speaks without joining.
    pub fn of_person(workspace: &str, principal: &str) -> Self {
        Uuid::new_v5(&NAMES, format!("person\0{workspace}\0{principal}").as_bytes()).into()
    }

    /// The hall itself, as author of what happens when a deadline passes.
    pub fn hall() -> Self {
        Uuid::nil().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_the_spelling_its_client_used() {
        let upper = MemberId::parse("AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE").unwrap();
        assert_eq!(upper.as_str(), "AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE");
        assert_ne!(upper, MemberId::parse("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee").unwrap());
    }

    #[test]
    fn what_is_no_uuid_is_no_id() {
        for text in
            ["", "x", "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee"]
        {
            assert!(MemberId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_name_in_two_workspaces_is_two_agents() {
        assert_eq!(AgentId::of("default", "web"), AgentId::of("default", "web"));
        assert_ne!(AgentId::of("default", "web"), AgentId::of("other", "web"));
    }
}
