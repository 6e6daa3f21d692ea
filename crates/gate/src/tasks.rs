//! The tasks of a listener's connections: each has a name and a declared end, and none outlives the listener.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// The tasks that have been started and have not ended.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    running: TaskTracker,
    cut: CancellationToken,
}

impl Tasks {
    /// Runs a task of the connection with `peer`. It ends by itself, or is cut off by [`Tasks::finish`].
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        peer: SocketAddr,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let cut = self.cut.clone();
        // Boxed, or it would be kept twice: where it came from, and where it is waited for.
        let task = Box::pin(task);
        self.running.spawn(async move {
            tokio::select! {
                biased;
                () = task => {}
                () = cut.cancelled() => tracing::warn!(task = name, %peer, "cut off a connection that did not end"),
            }
        });
    }

    /// Cuts off all tasks when the guard is dropped.
    pub(crate) fn cut_at_end(&self) -> DropGuard {
        self.cut.clone().drop_guard()
    }

    /// Waits until all tasks have ended; cuts off those that take longer than this.
    pub(crate) async fn finish(&self, patience: Duration) {
        self.running.close();
        if tokio::time::timeout(patience, self.running.wait()).await.is_err() {
            self.cut.cancel();
            self.running.wait().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn peer() -> SocketAddr {
        ([127, 0, 0, 1], 1).into()
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_by_itself_is_not_waited_for_any_longer() {
        let (tasks, start) = (Tasks::default(), Instant::now());
        tasks.spawn("quick", peer(), ready(()));
        tasks.spawn("slow", peer(), tokio::time::sleep(PATIENCE / 2));
        tasks.finish(PATIENCE).await;
        assert_eq!(start.elapsed(), PATIENCE / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_is_cut_off() {
        let (tasks, held) = (Tasks::default(), std::sync::Arc::new(()));
        let holder = held.clone();
        tasks.spawn("endless", peer(), async move {
            pending::<()>().await;
            drop(holder);
        });
        tasks.finish(PATIENCE).await;
        assert_eq!(std::sync::Arc::strong_count(&held), 1, "the task is gone with all it held");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_is_cut_off_with_its_listener() {
        let (tasks, start) = (Tasks::default(), Instant::now());
        let listener = tasks.cut_at_end();
        tasks.spawn("endless", peer(), pending());
        drop(listener);
        tasks.finish(PATIENCE).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
