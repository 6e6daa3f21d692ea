//! Snapshots: caches of a state, for starting.

use std::sync::Arc;

use guildhall_store::{Hash, Incarnation, Snapshot, Store};
use model::Position;

use crate::given::{id, log, name, opened};

pub(crate) fn snapshot(position: u64, state: &[u8]) -> Snapshot {
    Snapshot { position: Position(position), hash: Hash::of(state), state: state.to_vec() }
}

pub(crate) async fn the_newest_snapshot_is_kept(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert_eq!(store.snapshot(&log()).await.unwrap(), None);
    for kept in [snapshot(3, b"early"), snapshot(70_000, &[0xff; 3_000_000]), snapshot(70_001, b"")] {
        store.save_snapshot(&log(), kept.clone()).await.unwrap();
        assert_eq!(store.snapshot(&log()).await.unwrap(), Some(kept));
    }
}

pub(crate) async fn snapshots_of_two_logs_are_two(store: Arc<dyn Store>) {
    opened(&*store).await;
    let other = name("other");
    store.open_log(&other, Incarnation(id())).await.unwrap();
    store.save_snapshot(&log(), snapshot(3, b"here")).await.unwrap();
    assert_eq!(store.snapshot(&other).await.unwrap(), None);
    store.save_snapshot(&other, snapshot(4, b"there")).await.unwrap();
    assert_eq!(store.snapshot(&log()).await.unwrap(), Some(snapshot(3, b"here")));
}
