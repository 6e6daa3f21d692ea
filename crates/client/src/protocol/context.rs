//! Shared context.

use serde::{Deserialize, Serialize};

use super::questions::is_false;

/// See [`Call::Share`](super::Call::Share).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Share {
    /// The key, of at least one character.
    pub key: String,
    /// The value.
    pub value: String,
    /// Tags of this version.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Only if the key is at this version; 0 for a key that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
    /// An idempotency key: the same call with the same key within 24 hours is carried out once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// A key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Key {
    /// The key.
    pub key: String,
}

/// See [`Call::List`](super::Call::List).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct List {
    /// Tags an entry must have, all of them.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many at most, 1 to 1000; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only keys after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whole values. Otherwise long ones are excerpts.
    #[serde(default)]
    pub values: bool,
}

/// See [`Call::History`](super::Call::History).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct History {
    /// The key.
    pub key: String,
    /// How many at most, 1 to 1000; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Begins with the version that stands at this position, [`Entry::previous`] of another one; with the newest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Whole values. Otherwise long ones are excerpts.
    #[serde(default)]
    pub values: bool,
}

/// See [`Call::Delete`](super::Call::Delete).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delete {
    /// The key.
    pub key: String,
    /// Only if the key is at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// Whether there was something to take away.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Deleted {
    /// Whether it is gone because of this call.
    pub success: bool,
}

/// One version of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value; absent if this version is a deletion, or unreadable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether this is the beginning of the value only: its first [`EXCERPT_CHARACTERS`](super::EXCERPT_CHARACTERS).
    #[serde(default, skip_serializing_if = "is_false")]
    pub excerpt: bool,
    /// Why the version could not be read, if it is damaged. Who made it and when is not known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Counts changes of the key from 1.
    pub version: u64,
    /// Who made this version, by id.
    pub by: String,
    /// The same by name: an agent's, `person:NAME`, or the principal's that many share.
    #[serde(default)]
    pub by_name: String,
    /// When, ISO 8601.
    pub at: String,
    /// Where in the log the version before this one stands, to go on from with [`History::from`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u64>,
}

impl Entry {
    /// Who is to be named as its author: an older hall gives the id only.
    pub fn author(&self) -> &str {
        if self.by_name.is_empty() { &self.by } else { &self.by_name }
    }
}
