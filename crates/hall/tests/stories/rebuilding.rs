//! Read models made anew: from a log that can be read to its end, or not at all.

use std::sync::Arc;
use std::time::Duration;

use hall::{HallError, Options};
use model::{Position, WorkspaceName};
use store::{MemoryStore, Store, StoreError};

use crate::faulty::{Fault, Faulty};
use crate::scene::Scene;

fn log() -> WorkspaceName {
    WorkspaceName::default_workspace()
}

/// A store on which some agents have been, and what its read models are then.
async fn lived_in() -> (Arc<Faulty<MemoryStore>>, String) {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    for name in ["web", "api", "docs"] {
        scene.join(name).await;
    }
    scene.hall.close().await;
    let rows = hall::dump(&*store, &log()).await.unwrap();
    assert_eq!(rows.lines().count(), 6, "three agents and three members");
    (store, rows)
}

fn is_damaged_at(position: u64, outcome: Result<impl std::fmt::Debug, StoreError>) {
    match outcome {
        Err(StoreError::Damaged { position: found, .. }) => assert_eq!(found, Position(position)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_to_its_end_leaves_the_read_models_as_they_were() {
    let (store, rows) = lived_in().await;
    let head = store.head(&log()).await.unwrap().position;
    for (fault, bad) in [(Fault::EndsAt(Position(2)), 3), (Fault::NoBody(Position(2)), 2)] {
        store.next(fault);
        is_damaged_at(bad, hall::rebuild(&*store, &log()).await);
        store.faults.lock().unwrap().clear();
        assert_eq!(hall::dump(&*store, &log()).await.unwrap(), rows);
        assert_eq!(store.projected(&log()).await.unwrap(), head);
    }
    assert_eq!(hall::rebuild(&*store, &log()).await.unwrap(), head);
    assert_eq!(hall::dump(&*store, &log()).await.unwrap(), rows);
}

#[tokio::test]
async fn a_start_does_not_take_read_models_for_whole_that_a_log_in_pieces_was_made_into() {
    for (fault, bad) in [(Fault::EndsAt(Position(2)), 3), (Fault::NoBody(Position(2)), 2)] {
        let (store, _) = lived_in().await;
        store.clear_rows(&log()).await.unwrap();
        // The state is in a snapshot, so that nothing but the read models needs the events before.
        store.next(fault);
        let options = Options { presence_grace: Duration::from_secs(60), ..Options::default() };
        match hall::Hall::open(store, options).await {
            Err(HallError::Store(error)) => is_damaged_at(bad, Err::<(), _>(error)),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it opens"),
        }
    }
}

#[tokio::test]
async fn nodes_that_start_together_leave_no_gap_in_the_read_models() {
    let (store, rows) = lived_in().await;
    store.clear_rows(&log()).await.unwrap();
    store.next(Fault::Overtaken(Position(2)));
    let scene = Scene::on(store.clone()).await;
    assert!(store.faults.lock().unwrap().is_empty(), "the other node was there");
    assert_eq!(hall::dump(&*store, &log()).await.unwrap(), rows);
    scene.hall.close().await;
}
