//! Decisions.

use serde::{Deserialize, Serialize};

/// See [`Call::Decide`](super::Call::Decide).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decide {
    /// What was decided.
    pub decision: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// The id of the decision that no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: String,
    /// What was decided.
    pub decision: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// The id of the decision that no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// Who wrote it down, by id.
    pub by: String,
    /// The same by name: the agent's, or of whoever is none the principal's.
    #[serde(default)]
    pub by_name: String,
    /// When, ISO 8601.
    pub at: String,
}

impl Decision {
    /// Who is to be named as its author: an older hall gives the id only.
    pub fn author(&self) -> &str {
        if self.by_name.is_empty() { &self.by } else { &self.by_name }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Page {
    /// How many at most, 1 to 1000; 100 if absent. The newest are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}
