//! Whom a question is for.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::MemberId;
use crate::limits;
use crate::roster::Membership;

/// Someone a question can be put to. Written `web` (an agent), `role:target`, `person:ada`, `person`
/// (whichever person answers first), or a membership's UUID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// One membership, as tRPC clients name it.
    Member(MemberId),
    /// An agent by name, whichever way it is here.
    Agent(Arc<str>),
    /// Every member that joined in this role.
    Role(Arc<str>),
    /// A person by principal name.
    Person(Arc<str>),
    /// Whichever person answers first.
    AnyPerson,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address is an agent's name, `role:R`, `person:P`, `person` or a membership's UUID, of 1 to {} bytes",
    limits::NAME_BYTES
)]
pub struct NotAnAddress;

impl Address {
    /// Reads the written form.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let named = |name: &str| if name.is_empty() { Err(NotAnAddress) } else { Ok(name.into()) };
        if text.len() > limits::NAME_BYTES {
            return Err(NotAnAddress);
        }
        match text.split_once(':') {
            Some(("role", role)) => Ok(Self::Role(named(role)?)),
            Some(("person", person)) => Ok(Self::Person(named(person)?)),
            _ if text == "person" => Ok(Self::AnyPerson),
            _ => match MemberId::parse(text) {
                Ok(member) => Ok(Self::Member(member)),
                Err(_) => Ok(Self::Agent(named(text)?)),
            },
        }
    }

    /// Whether this membership is meant.
    pub fn reaches(&self, member: &Membership) -> bool {
        match self {
            Self::Member(id) => *id == member.id,
            Self::Agent(name) => *name == member.name,
            Self::Role(role) => **role == *member.role.as_str(),
            Self::Person(_) | Self::AnyPerson => false,
        }
    }

    /// Whether a person is meant, and `principal` in particular.
    pub fn reaches_person(&self, principal: &str) -> bool {
        match self {
            Self::Person(name) => **name == *principal,
            Self::AnyPerson => true,
            Self::Member(_) | Self::Agent(_) | Self::Role(_) => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) => write!(f, "{id}"),
            Self::Agent(name) => f.write_str(name),
            Self::Role(role) => write!(f, "role:{role}"),
            Self::Person(name) => write!(f, "person:{name}"),
            Self::AnyPerson => f.write_str("person"),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = NotAnAddress;
    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> String {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_written() {
        for text in ["web", "role:target", "person:ada", "person", "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "role:", "person:"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
