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
    /// Addresses the hall listens on.
    pub listening: Vec<String>,
}

/// A member of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agent {
    /// The membership's id.
    pub id: String,
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
}
