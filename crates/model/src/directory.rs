//! The hall's own facts: which workspaces there are, and who holds a token to which of them. They live in a log of
//! their own, the directory, and so have the same chain, snapshots and recovery as everything else.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use crate::event::Fact;
use crate::ids::TokenId;
use crate::limits;
use crate::names::{Principal, WorkspaceName};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// What the holder of a token may do. Each kind of client gets the narrowest that serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// Everything, including tokens and workspaces.
    Owner,
    /// Everything inside its workspaces.
    Operator,
    /// Reads and writes.
    Member,
    /// Reads.
    Viewer,
    /// An agent's own: reads and writes.
    Agent,
}

impl Grant {
    /// All of them, in the order above.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Operator, Self::Member, Self::Viewer, Self::Agent];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Member => "member",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
        }
    }

    /// The grant of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == word)
    }

    /// Whether it may change a workspace.
    pub fn may_write(self) -> bool {
        self != Self::Viewer
    }
}

/// A token as the hall knows it: all but the secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Its public id.
    pub id: TokenId,
    /// Who acts with it.
    pub principal: Principal,
    /// What it allows.
    pub grant: Grant,
    /// Where; everywhere if empty.
    pub workspaces: Arc<[WorkspaceName]>,
    /// SHA-256 of the secret, in lower-case hex.
    pub digest: Arc<str>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl Token {
    /// Whether it opens `workspace` at this moment.
    pub fn opens(&self, workspace: &WorkspaceName, now: Timestamp) -> bool {
        self.is_live(now) && (self.workspaces.is_empty() || self.workspaces.contains(workspace))
    }

    /// Whether it has not expired.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// A workspace was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceOpened {
    /// Its name.
    pub name: WorkspaceName,
}

/// A token was withdrawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// Which.
    pub id: TokenId,
}

/// Makes a workspace; one that exists is no error and no event.
#[derive(Debug, Clone, Serialize)]
pub struct OpenWorkspace {
    /// Its name.
    pub name: WorkspaceName,
}

/// Issues a token for a secret that only its digest is known of.
#[derive(Debug, Clone, Serialize)]
pub struct IssueToken {
    /// Who acts with it; a principal of its own if absent.
    pub principal: Option<Principal>,
    /// What it allows.
    pub grant: Grant,
    /// Where; everywhere if empty.
    pub workspaces: Arc<[WorkspaceName]>,
    /// SHA-256 of the secret, in lower-case hex.
    pub digest: Arc<str>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Withdraws a token.
#[derive(Debug, Clone, Serialize)]
pub struct RevokeToken {
    /// Which.
    pub id: TokenId,
}

/// Workspaces and tokens in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    workspaces: IndexSet<WorkspaceName>,
    tokens: IndexMap<Arc<str>, Arc<Token>>,
}

impl Directory {
    /// All workspaces, in the order they were made.
    pub fn workspaces(&self) -> impl ExactSizeIterator<Item = &WorkspaceName> {
        self.workspaces.iter()
    }

    pub(crate) fn size(&self) -> usize {
        self.workspaces.len() + self.tokens.len()
    }

    /// Whether the workspace exists.
    pub fn has(&self, name: &WorkspaceName) -> bool {
        self.workspaces.contains(name)
    }

    /// The token whose secret has this SHA-256 (lower-case hex). It may have expired.
    pub fn token(&self, digest: &str) -> Option<&Arc<Token>> {
        self.tokens.get(digest)
    }

    /// All tokens that have not been revoked, in the order they were issued.
    pub fn tokens(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.values()
    }

    pub(crate) fn open(&self, open: &OpenWorkspace) -> Result<Vec<Fact>, Refusal> {
        if self.has(&open.name) {
            return Ok(vec![]);
        }
        if self.workspaces.len() >= limits::WORKSPACES {
            return Err(Refusal::Full {
                what: "workspaces",
                limit: limits::WORKSPACES,
                remedy: "use those there are",
            });
        }
        Ok(vec![Fact::WorkspaceOpened(Arc::new(WorkspaceOpened { name: open.name.clone() }))])
    }

    pub(crate) fn issue(&self, id: TokenId, at: Timestamp, issue: &IssueToken) -> Result<Vec<Fact>, Refusal> {
        if self.tokens.values().filter(|token| token.is_live(at)).count() >= limits::TOKENS {
            return Err(Refusal::Full { what: "tokens", limit: limits::TOKENS, remedy: "revoke some first" });
        }
        if let Some(unknown) = issue.workspaces.iter().find(|name| !self.has(name)) {
            return Err(Refusal::NotFound { what: "Workspace", id: unknown.to_string() });
        }
        let owners_own = issue.grant == Grant::Owner && issue.principal == Some(Principal::owner());
        if let Some(name) = issue.principal.as_ref().filter(|name| name.is_reserved() && !owners_own) {
            return Err(Refusal::Invalid(format!("the name {name} is the hall's own")));
        }
        let own =
            || Principal::parse(&format!("token-{}", &id.as_str()[..13])).expect("hex digits and dashes");
        Ok(vec![Fact::TokenIssued(Arc::new(Token {
            principal: issue.principal.clone().unwrap_or_else(own),
            grant: issue.grant,
            workspaces: issue.workspaces.clone(),
            digest: issue.digest.clone(),
            issued_at: at,
            expires_at: issue.expires_at,
            id,
        }))])
    }

    pub(crate) fn revoke(&self, revoke: &RevokeToken) -> Result<Vec<Fact>, Refusal> {
        if !self.tokens.values().any(|token| token.id == revoke.id) {
            return Err(Refusal::NotFound { what: "Token", id: revoke.id.to_string() });
        }
        Ok(vec![Fact::TokenRevoked(Arc::new(TokenRevoked { id: revoke.id.clone() }))])
    }

    pub(crate) fn was_opened(&mut self, opened: &WorkspaceOpened) {
        self.workspaces.insert(opened.name.clone());
    }

    pub(crate) fn was_issued(&mut self, token: &Arc<Token>) {
        // What has expired makes room; the event's own time decides, so every replay drops the same ones.
        self.tokens.retain(|_, other| other.is_live(token.issued_at));
        self.tokens.insert(token.digest.clone(), token.clone());
    }

    pub(crate) fn was_revoked(&mut self, revoked: &TokenRevoked) {
        self.tokens.retain(|_, token| token.id != revoked.id);
    }
}
