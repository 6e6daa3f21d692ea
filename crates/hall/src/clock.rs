//! Time and chance: the only place that reads the wall clock and draws ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{CommandId, Timestamp};
use uuid::Uuid;

/// The hall's clock. Tests hold one that moves when told, or one that is ahead of the machine's.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

/// What a clock goes by.
#[derive(Clone, Debug)]
enum Source {
    /// The machine's clock, so much ahead.
    Machine { ahead: Duration },
    /// What it was last set to, in milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Default for Source {
    fn default() -> Self {
        Self::Machine { ahead: Duration::ZERO }
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// The machine's clock, and so much ahead of it.
    pub fn ahead(ahead: Duration) -> Self {
        Self(Source::Machine { ahead })
    }

    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.as_millis()))))
    }

    /// The time now.
    #[allow(clippy::disallowed_methods, reason = "the one place that may")]
    pub fn now(&self) -> Timestamp {
        let millis = match &self.0 {
            Source::Manual(set) => set.load(Ordering::SeqCst),
            Source::Machine { ahead } => {
                let since =
                    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.saturating_add(*ahead).as_millis()).unwrap_or(i64::MAX)
            }
        };
        Timestamp::from_millis(millis)
    }

    /// Moves a manual clock.
    ///
    /// # Panics
    /// If this goes by the machine's clock.
    pub fn set(&self, now: Timestamp) {
        match &self.0 {
            Source::Manual(set) => set.store(now.as_millis(), Ordering::SeqCst),
            Source::Machine { .. } => panic!("only a manual clock can be set"),
        }
    }
}

/// A fresh random id.
#[allow(clippy::disallowed_methods, reason = "the one place that may")]
pub fn draw() -> Uuid {
    Uuid::new_v4()
}

/// A fresh command id, from which the id of what the command makes is taken.
pub(crate) fn command_id() -> CommandId {
    draw().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_ahead_goes_on_from_there() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let ahead = Clock::ahead(DAY);
        let before = Clock::system().now().after(DAY);
        let now = ahead.now();
        let after = Clock::system().now().after(DAY);
        assert!(before <= now && now <= after, "{before} {now} {after}");
        assert_eq!(Clock::ahead(Duration::MAX).now(), Timestamp::from_millis(i64::MAX));
    }
}
