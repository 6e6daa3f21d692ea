//! How things stand, and who is here.

use serde::{Deserialize, Serialize};

/// How things stand. Everything is as of `position`, `as_of`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub server: String,
    /// The workspace.
    pub workspace: String,
    /// The log's end.
    pub position: u64,
    /// When the last event happened, ISO 8601; absent if nothing has happened yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// Whether commands can be carried out.
    pub ready: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members present.
    pub agents: usize,
    /// Keys with a value.
    pub context_keys: usize,
    /// Questions waiting for an answer.
    pub open_questions: usize,
    /// Open questions that wait for the caller.
    pub for_you: usize,
    /// Messages that wait for the caller.
    #[serde(default)]
    pub messages: usize,
    /// Addresses the hall listens on.
    pub listening: Vec<String>,
}

/// A member of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agent {
    /// The membership's id.
    pub id: String,
    /// The agent's own, the same each time it comes, by whichever door. Older halls do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The agent's name.
    pub name: String,
    /// `source` or `target`.
    pub role: String,
    /// The directory it works in.
    pub repo_path: String,
    /// The door it came through.
    pub door: String,
    /// Which of several running agents of this name it is, in the words of its host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Who holds the name.
    pub principal: String,
    /// When it joined, ISO 8601.
    pub connected_at: String,
    /// What it says to be at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saying: Option<Saying>,
}

/// What an agent says to be at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// A word or two, such as `reviewing`.
    pub status: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Since when, ISO 8601.
    pub since: String,
}

/// See [`Call::SetStatus`](super::Call::SetStatus).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SetStatus {
    /// A word or two, at most 256 bytes; nothing any more if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// More about it, at most 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
