//! The connection itself: who speaks on it, and its calls under way.

use serde::{Deserialize, Serialize};

/// See [`Call::Hello`](super::Call::Hello).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`](super::VERSION) of the caller.
    pub version: u32,
    /// The workspace; `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Who speaks.
    pub speaker: Speaker,
}

/// Who speaks on a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// An agent, through its MCP bridge. The bridge's parent process and all that descends from it are from then on
    /// that agent's own, and are refused what only people may do.
    Agent {
        /// The agent's name.
        name: String,
        /// `source` or `target`.
        role: String,
        /// The directory it works in.
        repo_path: String,
        /// Which of several running agents of this name it is, if its host says so; at most 256 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instance: Option<String>,
        /// The membership to go on with after a lost connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<String>,
    },
    /// A person at a terminal. With the owner's credential, as owner; without it, as a local process that may look,
    /// ask, share and decide.
    Person {
        /// The owner's token, from its file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<String>,
    },
}

/// The result of [`Call::Hello`](super::Call::Hello).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Welcome {
    /// [`VERSION`](super::VERSION) of the hall.
    pub version: u32,
    /// The program's version.
    pub server: String,
    /// The workspace.
    pub workspace: String,
    /// Who the caller is as author: a membership, or a person's standing id.
    pub member: String,
    /// Who the caller is to those who write messages: an agent's id, the same each time it comes, or a person's standing
    /// id. Older halls do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The principal the caller acts as.
    pub principal: String,
    /// Which life of the workspace's log this is. Positions of another life mean nothing in this one.
    #[serde(default)]
    pub incarnation: String,
}

/// See [`Call::Cancel`](super::Call::Cancel).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cancel {
    /// The id of the call, which must be a number.
    pub id: u64,
}

/// Whether there was something to cancel.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cancelled {
    /// Whether that call was waiting.
    pub success: bool,
}
