//! Names of those who act and of the places they act in.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// A name that does not follow the rules of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{kind} must be 1 to {most} characters of a–z, 0–9, '-', '_' or '.', and begin with a letter or digit: {name:?}"
)]
pub struct BadName {
    kind: &'static str,
    most: usize,
    name: String,
}

fn check(kind: &'static str, most: usize, name: &str) -> Result<Arc<str>, BadName> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let good = name.len() <= most
        && name.starts_with(letter)
        && name.chars().all(|c| letter(c) || matches!(c, '-' | '_' | '.'));
    if good { Ok(name.into()) } else { Err(BadName { kind, most, name: name.chars().take(80).collect() }) }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $most:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $type(Arc<str>);

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $type {
            /// Takes a name that follows the rules of [`BadName`]'s message.
            pub fn parse(name: &str) -> Result<Self, BadName> {
                check($kind, $most, name).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadName;
            fn try_from(name: String) -> Result<Self, BadName> {
                Self::parse(&name)
            }
        }

        impl From<&$type> for Arc<str> {
            /// Shares the text.
            fn from(name: &$type) -> Self {
                name.0.clone()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name! {
    /// Who acts. Every event names one.
    Principal, "a principal", 64
}
name! {
    /// A workspace: a namespace with one log.
    WorkspaceName, "a workspace name", 64
}

impl Principal {
    fn fixed(name: &'static str) -> Self {
        Self(name.into())
    }

    /// The person who owns this hall.
    pub fn owner() -> Self {
        Self::fixed("owner")
    }

    /// Agents and commands of the hall's own user on this machine.
    pub fn local() -> Self {
        Self::fixed("local")
    }

    /// Everybody who comes through a compatibility listener without a token.
    pub fn compat() -> Self {
        Self::fixed("compat")
    }

    /// The hall itself, when a timer acts.
    pub fn hall() -> Self {
        Self::fixed("hall")
    }

    /// Whether many act under it who are not told apart, so that it names no person.
    pub fn is_shared(&self) -> bool {
        matches!(self.as_str(), "local" | "compat" | "hall")
    }

    /// Whether the name is one of the four above, which no token may carry.
    pub fn is_reserved(&self) -> bool {
        matches!(self.as_str(), "owner" | "local" | "compat" | "hall")
    }
}

impl WorkspaceName {
    /// Where clients go that name no workspace.
    pub fn default_workspace() -> Self {
        Self("default".into())
    }

    /// The log in which the hall keeps its own facts: workspaces and tokens. The name cannot be given to a workspace,
    /// since [`WorkspaceName::parse`] refuses its first letter.
    pub fn directory() -> Self {
        Self("@hall".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_lower_case_and_safe_in_a_path() {
        for good in ["default", "a", "team-1", "v1.2_x"] {
            assert!(WorkspaceName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "@hall", "-x", "..", "A", "a/b", "ä", &"x".repeat(65)] {
            assert!(WorkspaceName::parse(bad).is_err(), "{bad}");
        }
    }
}
