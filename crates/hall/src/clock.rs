//! Time and chance: the only place that reads the wall clock and draws ids.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::{CommandId, Timestamp};
use uuid::Uuid;

/// The hall's clock. Tests hold one that moves when told.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start.as_millis()))))
    }

    /// The time now.
    #[allow(clippy::disallowed_methods, reason = "the one place that may")]
    pub fn now(&self) -> Timestamp {
        let millis = match &self.0 {
            Some(set) => set.load(Ordering::SeqCst),
            None => {
                let since =
                    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
        };
        Timestamp::from_millis(millis)
    }

    /// Moves a manual clock.
    ///
    /// # Panics
    /// If this is the machine's clock.
    pub fn set(&self, now: Timestamp) {
        self.0.as_ref().expect("only a manual clock can be set").store(now.as_millis(), Ordering::SeqCst);
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
