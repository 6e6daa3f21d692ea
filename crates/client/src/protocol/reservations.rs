//! Reservations: who says to be working on which files. Advisory: nobody is stopped, but whoever asks is told.

use serde::{Deserialize, Serialize};

use super::questions::is_false;

/// See [`Call::Reserve`](super::Call::Reserve).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reserve {
    /// Globs of files, relative to the project's root: `*` and `?` within a name, `**` for any number of whole names.
    pub files: Vec<String>,
    /// Whether others may hold them too, as long as they share.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared: bool,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// For how long, in seconds.
    pub ttl_seconds: u64,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// See [`Call::Release`](super::Call::Release).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Release {
    /// A reservation's id; all the caller's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// A claim on files that is in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reservation {
    /// Its id.
    pub id: String,
    /// Who holds it, by name.
    pub holder: String,
    /// Whether that is the caller.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mine: bool,
    /// Globs of files.
    pub files: Vec<String>,
    /// Whether others may hold them too.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared: bool,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Rises with each reservation of the workspace: whoever holds a larger one came later.
    pub fence: u64,
    /// When it was made or last renewed, ISO 8601.
    pub since: String,
    /// When it ends by itself, ISO 8601.
    pub until: String,
}
