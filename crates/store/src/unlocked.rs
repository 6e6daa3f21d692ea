//! A lock for stores that need none: nobody else writes to them.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{AppendError, Batch, Head, LockedLog, Store};

/// A log whose appends are conditional and have no rival: losing again is impossible, or costs nothing.
pub(crate) struct Unlocked<S> {
    pub(crate) store: S,
    pub(crate) head: Head,
}

#[async_trait]
impl<S: Store> LockedLog for Unlocked<S> {
    fn head(&self) -> Head {
        self.head
    }

    async fn append(self: Box<Self>, batch: Arc<Batch>) -> std::result::Result<(), AppendError> {
        self.store.append(batch).await
    }
}
