//! Idempotency receipts grow old: after a day of event time they count no more, and are swept away in the background.

use std::sync::Arc;

use model::Timestamp;
use store::Receipt;
use tokio_util::task::TaskTracker;

use crate::limits;
use crate::workspace::Shared;

/// When a workspace's receipts were last swept.
#[derive(Default)]
pub(crate) struct Sweeper {
    swept: Timestamp,
    running: TaskTracker,
}

/// Whether a receipt still counts at a time.
pub(crate) fn counts(receipt: &Receipt, now: Timestamp) -> bool {
    now < receipt.at.after(limits::RECEIPT_LIFE)
}

impl Sweeper {
    /// Sweeps if an hour of event time has passed since the last time. Never waited for.
    pub(crate) fn consider(&mut self, shared: &Arc<Shared>, now: Timestamp) {
        if now < self.swept.after(limits::SWEEP_EVERY) || !self.running.is_empty() {
            return;
        }
        self.swept = now;
        let life = i64::try_from(limits::RECEIPT_LIFE.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(now.as_millis().saturating_sub(life));
        let shared = shared.clone();
        self.running.spawn(async move {
            loop {
                match shared.store.expire_receipts(&shared.name, before).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    // They do no harm; the next sweep takes them.
                    Err(cause) => {
                        return tracing::warn!(workspace = %shared.name, %cause, "could not sweep receipts");
                    }
                }
            }
        });
    }
}
