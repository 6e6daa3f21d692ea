//! What a connection's calls pass before they are carried out: how many may be under way, and how often its principal
//! may call.

use std::sync::Arc;

use client::protocol::{Call, ErrorCode};
use gate::rate::Allowance;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::limits;
use crate::refused::Refused;

/// The bounds of one connection.
pub(crate) struct Admission {
    calls: Arc<Semaphore>,
    waits: Arc<Semaphore>,
}

/// The right to have one call under way, until it is dropped.
pub(crate) struct Admitted {
    _call: OwnedSemaphorePermit,
    _wait: Option<OwnedSemaphorePermit>,
}

/// Counts a line, whatever is in it.
pub(crate) fn within_rate(allowance: &Allowance) -> Result<(), Refused> {
    if allowance.take(Instant::now()) {
        Ok(())
    } else {
        Err(Refused::new(ErrorCode::TooMany, "too many calls; slow down"))
    }
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self {
            calls: Arc::new(Semaphore::new(limits::CALLS)),
            waits: Arc::new(Semaphore::new(limits::WAITS)),
        }
    }

    /// Waits until one more call may be read.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        self.calls.clone().acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Lets a call that was read be carried out, or says why not.
    pub(crate) fn admit(
        &self,
        room: OwnedSemaphorePermit,
        allowance: &Allowance,
        call: &Call,
    ) -> Result<Admitted, Refused> {
        within_rate(allowance)?;
        let wait = if call.waits() {
            let free = self.waits.clone().try_acquire_owned().map_err(|_| {
                let message = format!("{} calls of this connection are waiting already", limits::WAITS);
                Refused::new(ErrorCode::TooMany, message)
            })?;
            Some(free)
        } else {
            None
        };
        Ok(Admitted { _call: room, _wait: wait })
    }
}
