//! Which calls may be sent again when the answer to the first sending was lost, and how.

use std::time::Duration;

use uuid::Uuid;

use crate::protocol::{Call, Effect};

impl Call {
    /// Whether carrying it out a second time does no harm: it only reads, changes nothing the second time, or
    /// carries an idempotency key.
    pub fn may_be_repeated(&self) -> bool {
        match self.method().effect {
            Effect::Looks | Effect::Waits | Effect::Harmless => true,
            Effect::Once => self.once().is_some_and(Option::is_some),
            Effect::Single => false,
        }
    }

    /// Whether it leaves everything as it was, so that nobody need ask whether it was done.
    pub fn only_looks(&self) -> bool {
        matches!(self.method().effect, Effect::Looks | Effect::Waits)
    }

    /// Whether it waits for something to happen.
    pub fn waits(&self) -> bool {
        self.wait_seconds().is_some_and(|seconds| *seconds > 0)
    }

    /// The call as it is made again after `spent`: it waits for what is left of its time.
    #[must_use]
    pub(crate) fn after(&self, spent: Duration) -> Self {
        let mut again = self.clone();
        if let Some(seconds) = again.wait_seconds_mut() {
            *seconds = seconds.saturating_sub(spent.as_secs());
        }
        again
    }

    /// Gives the call a fresh idempotency key, if it can carry one and has none.
    #[must_use]
    pub fn once_only(mut self) -> Self {
        if let Some(once @ None) = self.once_mut() {
            *once = Some(fresh_key());
        }
        self
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
    use crate::protocol::{Decide, Empty, TokenId, Wait};

    #[test]
    fn a_wait_that_is_made_again_waits_for_what_is_left() {
        let wait = Call::Wait(Wait { wait_seconds: 45, after: Some(7) });
        for (spent, left) in [(0, 45), (40, 5), (60, 0)] {
            let again = wait.after(Duration::from_secs(spent));
            let Call::Wait(Wait { wait_seconds, after: Some(7) }) = again else { panic!("{again:?}") };
            assert_eq!(wait_seconds, left);
            assert_eq!(again.waits(), left > 0);
        }
    }

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
