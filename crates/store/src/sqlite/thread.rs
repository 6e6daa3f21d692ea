//! Threads that are waited for, so that a process that ends after its store leaves nothing half done.

use std::thread::{Builder, JoinHandle};

use crate::{Result, StoreError};

/// A thread. Dropping this waits until it has ended, so whoever holds it drops first what keeps the thread going: in a
/// struct, that is the field before.
pub(super) struct Thread(Option<JoinHandle<()>>);

impl Thread {
    pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<Self> {
        let started = Builder::new().name(name.into()).spawn(work);
        let handle = started.map_err(|cause| StoreError::Unsuitable(format!("no thread {name}: {cause}")))?;
        Ok(Self(Some(handle)))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.0.take().is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("a thread of the store was cut short by a panic");
        }
    }
}
