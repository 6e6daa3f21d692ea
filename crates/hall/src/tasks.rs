//! Background tasks: each has a name, is told when to end, and is never lost without a word.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one hall.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    /// Runs a task that ends when the hall closes. If it ends by a panic, the hall closes: without it the hall
    /// would go on and do only half of what it says.
    pub(crate) fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        let running = tokio::spawn(task);
        self.tracker.spawn(async move {
            if let Err(cause) = running.await {
                tracing::error!(task = name, %cause, "a background task was cut short; closing");
                cancel.cancel();
            }
        });
    }

    /// Resolves when tasks are to end.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Tells all tasks to end, and waits for them.
    pub(crate) async fn close(&self) {
        self.cancel.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
