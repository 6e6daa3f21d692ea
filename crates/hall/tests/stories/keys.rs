//! Idempotency keys: the same wish under the same key comes true once.

use std::time::Duration;

use hall::{Declined, Done};
use model::Principal;
use store::MemoryStore;

use crate::faulty::{Fault, Faulty};
use crate::scene::{Scene, share};

async fn once(scene: &Scene, key: &str, value: &str) -> Result<Done, Declined> {
    scene.workspace.submit_once(&Principal::local(), key, share("plan", value)).await?.outcome().await
}

#[tokio::test]
async fn a_repeated_command_is_answered_as_the_first_was_also_after_a_restart() {
    let scene = Scene::new().await;
    let first = once(&scene, "k1", "one").await.unwrap();
    let again = once(&scene, "k1", "one").await.unwrap();
    assert_eq!(again.entries[0].recorded(), first.entries[0].recorded());

    let scene = scene.again().await;
    let again = once(&scene, "k1", "one").await.unwrap();
    assert_eq!(again.entries[0].recorded(), first.entries[0].recorded());
    assert_eq!(scene.workspace.state().position(), first.position);
}

#[tokio::test]
async fn two_of_a_kind_in_one_batch_are_one() {
    let scene = Scene::new().await;
    let by = Principal::local();
    let a = scene.workspace.submit_once(&by, "k", share("plan", "x")).await.unwrap();
    let b = scene.workspace.submit_once(&by, "k", share("plan", "x")).await.unwrap();
    let (a, b) = (a.outcome().await.unwrap(), b.outcome().await.unwrap());
    assert_eq!(a.entries[0].recorded(), b.entries[0].recorded());
    assert_eq!(scene.workspace.state().context.get("plan").unwrap().version, 1);
}

#[tokio::test]
async fn while_the_first_is_being_committed_its_key_is_known() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let (by, slowness) = (Principal::local(), store.next_is_slow(Fault::None));
    let first = scene.workspace.submit_once(&by, "k", share("plan", "one")).await.unwrap();
    slowness.reached.notified().await;
    let same = scene.workspace.submit_once(&by, "k", share("plan", "one")).await.unwrap();
    let other = scene.workspace.submit_once(&by, "k", share("plan", "two")).await.unwrap();
    slowness.end().await;
    let (first, same) = (first.outcome().await.unwrap(), same.outcome().await.unwrap());
    assert_eq!(first.entries[0].recorded(), same.entries[0].recorded());
    assert!(matches!(other.outcome().await, Err(Declined::KeyReused)));
}

#[tokio::test]
async fn a_key_is_not_to_be_used_for_something_else() {
    let scene = Scene::new().await;
    once(&scene, "k", "one").await.unwrap();
    assert!(matches!(once(&scene, "k", "two").await, Err(Declined::KeyReused)));
    assert!(matches!(once(&scene, "", "two").await, Err(Declined::BadKey)));
    assert!(matches!(once(&scene, &"k".repeat(201), "two").await, Err(Declined::BadKey)));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let scene = Scene::new().await;
    once(&scene, "k", "one").await.unwrap();
    scene.later(Duration::from_secs(25 * 3600));
    once(&scene, "k", "two").await.unwrap();
    assert_eq!(scene.workspace.state().context.get("plan").unwrap().version, 2);
}
