//! Workspaces and tokens.

use serde::{Deserialize, Serialize};

/// A workspace's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Workspace {
    /// The name.
    pub name: String,
}

/// See [`Call::CreateToken`](super::Call::CreateToken).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateToken {
    /// `owner`, `operator`, `member`, `viewer` or `agent`.
    pub role: String,
    /// Who acts with it; a principal of its own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where; everywhere if empty.
    #[serde(default)]
    pub workspaces: Vec<String>,
    /// How long it lives, in seconds; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_seconds: Option<u64>,
}

/// A token without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// Its id, for revoking it.
    pub id: String,
    /// Who acts with it.
    pub principal: String,
    /// What it allows.
    pub role: String,
    /// Where; everywhere if empty.
    #[serde(default)]
    pub workspaces: Vec<String>,
    /// When it was issued, ISO 8601.
    pub issued_at: String,
    /// When it ends by itself, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A token with its secret, shown once.
#[derive(Clone, Serialize, Deserialize)]
pub struct IssuedToken {
    /// The secret.
    pub token: String,
    /// The rest.
    #[serde(flatten)]
    pub about: Token,
}

/// A token's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenId {
    /// The id.
    pub id: String,
}
