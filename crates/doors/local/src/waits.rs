//! Which calls of a connection wait for something, so that another call can end that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

/// Calls that wait, by id, with what ends their waiting. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<HashMap<u64, CancellationToken>>>);

impl Waits {
    /// A call begins to wait.
    pub(crate) fn begin(&self, id: u64, ending: CancellationToken) {
        self.0.lock().expect("nothing panics while it is held").insert(id, ending);
    }

    /// Ends a call's waiting; whether it was waiting.
    pub(crate) fn end(&self, id: u64) -> bool {
        let waiting = self.forget(id);
        waiting.as_ref().map(CancellationToken::cancel);
        waiting.is_some()
    }

    /// A call no longer waits.
    pub(crate) fn forget(&self, id: u64) -> Option<CancellationToken> {
        self.0.lock().expect("nothing panics while it is held").remove(&id)
    }
}
