//! Which calls may be sent again when the answer to the first sending was lost.

use uuid::Uuid;

use crate::protocol::Call;

impl Call {
    /// Whether carrying it out a second time does no harm: it only reads, changes nothing the second time, or
    /// carries an idempotency key.
    pub fn may_be_repeated(&self) -> bool {
        match self {
            Self::Status(_)
            | Self::Agents(_)
            | Self::Get(_)
            | Self::List(_)
            | Self::History(_)
            | Self::Question(_)
            | Self::Questions(_)
            | Self::Wait(_)
            | Self::Decisions(_)
            | Self::Workspaces(_)
            | Self::CreateWorkspace(_)
            | Self::Tokens(_) => true,
            Self::Share(_) | Self::Delete(_) | Self::Ask(_) | Self::Answer(_) | Self::Decide(_) => {
                self.once().is_some()
            }
            // A second introduction is an error, a second token a second secret, a second withdrawal finds nothing.
            Self::Hello(_) | Self::CreateToken(_) | Self::RevokeToken(_) => false,
        }
    }

    /// Gives the call a fresh idempotency key, if it can carry one and has none.
    #[must_use]
    pub fn once_only(mut self) -> Self {
        if let Some(once @ None) = self.once_mut() {
            *once = Some(fresh_key());
        }
        self
    }

    fn once(&self) -> Option<&str> {
        match self {
            Self::Share(share) => share.once.as_deref(),
            Self::Delete(delete) => delete.once.as_deref(),
            Self::Ask(ask) => ask.once.as_deref(),
            Self::Answer(answer) => answer.once.as_deref(),
            Self::Decide(decide) => decide.once.as_deref(),
            _ => None,
        }
    }

    fn once_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::Share(share) => Some(&mut share.once),
            Self::Delete(delete) => Some(&mut delete.once),
            Self::Ask(ask) => Some(&mut ask.once),
            Self::Answer(answer) => Some(&mut answer.once),
            Self::Decide(decide) => Some(&mut decide.once),
            _ => None,
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "ids of what the hall keeps are drawn in hall::clock; this key is the client's own, drawn once a call"
)]
fn fresh_key() -> String {
    Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Decide, Empty, TokenId};

    #[test]
    fn a_writing_call_may_be_repeated_once_it_has_a_key() {
        let decide =
            Call::Decide(Decide { decision: "x".into(), rationale: None, supersedes: None, once: None });
        assert!(!decide.may_be_repeated());
        let keyed = decide.once_only();
        assert!(keyed.may_be_repeated());
        let again = keyed.clone().once_only();
        assert_eq!(keyed.once(), again.once(), "a key that is there stays");
    }

    #[test]
    fn looking_may_be_repeated_and_withdrawing_a_token_may_not() {
        assert!(Call::Status(Empty {}).once_only().may_be_repeated());
        assert!(!Call::RevokeToken(TokenId { id: "t".into() }).once_only().may_be_repeated());
    }
}
