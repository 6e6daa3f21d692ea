//! Tokens: what a client shows to be let in.
//!
//! A token is `guildhall_` and 256 random bits in URL-safe base64. The hall keeps only its SHA-256: the secret is
//! shown once, when it is issued.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::directory::{Grant, Token};
use model::{Principal, Timestamp, TokenId, WorkspaceName};
use sha2::{Digest as _, Sha256};

/// What every token begins with, so that it is recognised where it should not be.
pub const PREFIX: &str = "guildhall_";

/// Who somebody turned out to be.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who acts.
    pub principal: Principal,
    /// What they may do.
    pub grant: Grant,
    /// Where; everywhere if empty.
    pub workspaces: Arc<[WorkspaceName]>,
    /// The token they showed, if they showed one.
    pub token: Option<TokenId>,
    /// When that token ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl Identity {
    /// A process of the hall's own user on this machine.
    pub fn local() -> Self {
        Self::without_token(Principal::local(), Grant::Agent)
    }

    /// The person who owns the hall.
    pub fn owner() -> Self {
        Self::without_token(Principal::owner(), Grant::Owner)
    }

    /// Whoever comes through a compatibility listener without a token.
    pub fn compat() -> Self {
        Self::without_token(Principal::compat(), Grant::Member)
    }

    fn without_token(principal: Principal, grant: Grant) -> Self {
        Self { principal, grant, workspaces: Arc::default(), token: None, expires_at: None }
    }

    /// Whether this is known to be a person: what they showed was issued to one who decides.
    pub fn is_person(&self) -> bool {
        matches!(self.grant, Grant::Owner | Grant::Operator)
    }

    /// Whether they may enter a workspace.
    pub fn may_enter(&self, workspace: &WorkspaceName) -> bool {
        self.workspaces.is_empty() || self.workspaces.contains(workspace)
    }
}

impl From<&Token> for Identity {
    fn from(token: &Token) -> Self {
        Self {
            principal: token.principal.clone(),
            grant: token.grant,
            workspaces: token.workspaces.clone(),
            token: Some(token.id.clone()),
            expires_at: token.expires_at,
        }
    }
}

/// A token with its secret: the only moment at which both are known.
pub struct IssuedToken {
    /// What is kept.
    pub token: Arc<Token>,
    /// What is not.
    pub secret: Secret,
}

/// A token's text. Its debug form hides it.
pub struct Secret(String);

impl Secret {
    /// Draws a new one.
    ///
    /// # Errors
    /// If the operating system has no randomness.
    pub(crate) fn draw() -> Result<Self, getrandom::Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random))))
    }

    /// The text, to show it to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({PREFIX}…)")
    }
}

/// What the hall keeps of a secret: its SHA-256 in lower-case hex. Looking it up in a map tells an attacker who
/// measures time nothing but how much of a hash of his own choosing agrees.
pub(crate) fn digest(secret: &str) -> Arc<str> {
    let hash = Sha256::digest(secret);
    hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_fresh_and_never_printed() {
        let (a, b) = (Secret::draw().unwrap(), Secret::draw().unwrap());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), PREFIX.len() + 43);
        assert!(!format!("{a:?}").contains(&a.reveal()[PREFIX.len()..]));
    }
}
