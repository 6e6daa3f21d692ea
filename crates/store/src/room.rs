//! Whether there is room to write, as far as the last writes tell.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::StoreError;

/// From a write that is refused for want of room until one succeeds there is none. Only a write can tell: what the
/// system says is free may be kept for others, and what one write finds too little may do for the next.
#[derive(Default)]
pub(crate) struct Room {
    full: AtomicBool,
}

impl Room {
    /// Takes note of something that was written.
    pub(crate) fn written(&self) {
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("there is room to write again");
        }
    }

    /// Takes note of something that was not. Said once for all that follow.
    pub(crate) fn refused(&self, cause: &StoreError) {
        if matches!(cause, StoreError::Full) && !self.full.swap(true, Ordering::Relaxed) {
            tracing::warn!(%cause, "a write is refused, and so are the next until there is room");
        }
    }

    /// Whether there is room; if not, why nothing is written.
    pub(crate) fn health(&self) -> Result<(), String> {
        if self.full.load(Ordering::Relaxed) { Err(StoreError::Full.to_string()) } else { Ok(()) }
    }
}
