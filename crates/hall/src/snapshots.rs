//! Snapshots: the state now and then, so that a start reads the last few thousand events and not all of them.
//!
//! A snapshot is a cache. It names the hash of its last event; one that does not fit the log is passed over.

use std::sync::Arc;

use model::{Position, State, WorkspaceName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Hash, Head, PageLimit, Snapshot, Store, StoreError};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::limits;
use crate::workspace::Shared;

/// When the next snapshot of a workspace is due.
pub(crate) struct Snapshots {
    taken: Position,
    at: Instant,
    running: TaskTracker,
}

/// A state as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept<S> {
    version: u32,
    state: S,
}

impl Snapshots {
    pub(crate) fn new(taken: Position) -> Self {
        Self { taken, at: Instant::now(), running: TaskTracker::new() }
    }

    /// Takes one if enough has happened since the last and none is being written.
    pub(crate) fn consider(&mut self, shared: &Arc<Shared>, head: &Head) {
        let since = head.position.0 - self.taken.0;
        if since < limits::SNAPSHOT_EVENTS
            || self.at.elapsed() < limits::SNAPSHOT_EVERY
            || !self.running.is_empty()
        {
            return;
        }
        // A large state is written seldom: never more of it than of what has happened.
        let size = shared.committed.read().expect("applying a decided event does not panic").size();
        if since < size as u64 {
            return;
        }
        let (snapshot, shared) = (self.take(shared, head), shared.clone());
        self.running.spawn(async move { save(&shared, snapshot).await });
    }

    /// Takes the last one.
    pub(crate) async fn finish(mut self, shared: &Arc<Shared>, head: &Head) {
        self.running.close();
        self.running.wait().await;
        if head.position > self.taken {
            let snapshot = self.take(shared, head);
            save(shared, snapshot).await;
        }
    }

    fn take(&mut self, shared: &Shared, head: &Head) -> (Head, State) {
        (self.taken, self.at) = (head.position, Instant::now());
        (*head, shared.committed.read().expect("applying a decided event does not panic").clone())
    }
}

async fn save(shared: &Shared, (head, state): (Head, State)) {
    let kept = Kept { version: State::VERSION, state };
    let encode = move || serde_json::to_vec(&kept).expect("states always serialise");
    let saved = match tokio::task::spawn_blocking(encode).await {
        Ok(state) => {
            let snapshot = Snapshot { position: head.position, hash: head.hash, state };
            shared.store.save_snapshot(&shared.name, snapshot).await
        }
        Err(cause) => Err(StoreError::Database(format!("encoding was cut short: {cause}"))),
    };
    if let Err(cause) = saved {
        // The next start reads more events, and is none the worse for it.
        tracing::warn!(workspace = %shared.name, %cause, "could not keep a snapshot");
    }
}

/// The newest state that a snapshot holds and the log confirms, and its hash; the empty one if there is none.
pub(crate) async fn restore(store: &dyn Store, log: &WorkspaceName) -> Result<(State, Hash), StoreError> {
    let empty = (State::default(), Hash::genesis(log));
    let Some(snapshot) = store.snapshot(log).await? else { return Ok(empty) };
    let Some(before) = snapshot.position.0.checked_sub(1) else { return Ok(empty) };
    let page = store.read(log, Position(before), PageLimit { events: 1, bytes: 0 }).await?;
    if page.first().is_none_or(|record| record.hash != snapshot.hash) {
        tracing::warn!(workspace = %log, "a snapshot does not fit the log; reading the log instead");
        return Ok(empty);
    }
    match read(&snapshot.state).filter(|state| state.position() == snapshot.position) {
        Some(state) => Ok((state, snapshot.hash)),
        None => {
            tracing::warn!(workspace = %log, "a snapshot is of another version; reading the log instead");
            Ok(empty)
        }
    }
}

/// The state in a snapshot, if this version wrote it.
fn read(kept: &[u8]) -> Option<State> {
    let kept: Kept<&RawValue> = serde_json::from_slice(kept).ok()?;
    (kept.version == State::VERSION).then(|| serde_json::from_str(kept.state.get()).ok())?
}
