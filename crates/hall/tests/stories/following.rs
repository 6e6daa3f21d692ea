//! Followers: whoever reads, reads everything, in order, once.

use model::{Fact, Position, Principal};

use crate::scene::{Scene, share};

/// More than is kept in memory for followers that keep up.
const MANY: u64 = 10_000;

#[tokio::test]
async fn one_that_lags_behind_the_memory_reads_the_store_and_misses_nothing() {
    let scene = Scene::new().await;
    let mut slow = scene.workspace.follow(Position::START);
    let mut submitted = Vec::new();
    for n in 0..MANY {
        submitted
            .push(scene.workspace.submit(&Principal::local(), share("n", &n.to_string())).await.unwrap());
        if submitted.len() == 500 {
            for outcome in submitted.drain(..) {
                outcome.outcome().await.unwrap();
            }
        }
    }
    let mut expected = 1;
    while slow.is_behind() {
        for entry in slow.take().await.unwrap() {
            assert_eq!(entry.position().0, expected);
            let Fact::ContextShared(shared) = entry.fact() else { panic!("{entry:?}") };
            assert_eq!(shared.version, expected);
            expected += 1;
        }
    }
    assert_eq!(expected, MANY + 1);
}

#[tokio::test]
async fn one_that_waits_is_woken_by_the_next_event_only() {
    let scene = Scene::new().await;
    let mut follower = scene.workspace.follow(scene.workspace.state().position());
    assert!(!follower.is_behind());
    let waiting = tokio::spawn(async move {
        follower.wait().await.unwrap();
        follower.take().await.unwrap().len()
    });
    scene.share("k", "v").await;
    assert_eq!(waiting.await.unwrap(), 1);
}

#[tokio::test]
async fn a_reply_never_comes_before_what_it_tells_of_can_be_seen() {
    let scene = Scene::new().await;
    let mut follower = scene.workspace.follow(Position::START);
    for n in 0..50 {
        let done = scene.share("k", &n.to_string()).await;
        let page = follower.take_at_hand().expect("published before it was answered");
        assert_eq!(page.last().unwrap().position(), done.position);
        assert!(scene.workspace.state().position() >= done.position);
    }
}
