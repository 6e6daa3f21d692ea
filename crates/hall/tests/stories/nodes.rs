//! Several nodes on one store: whoever wrote on one reads it on another.

use std::sync::Arc;
use std::time::Duration;

use hall::HallError;
use model::Position;
use store::MemoryStore;

use crate::scene::Scene;

/// Longer than any test: a node that is not asked to look does not.
const SELDOM: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_client_that_moves_to_another_node_reads_what_it_wrote() {
    let store = Arc::new(MemoryStore::default());
    let (here, there) = (Scene::node(store.clone(), SELDOM).await, Scene::node(store, SELDOM).await);
    let done = here.share("plan", "one").await;
    assert_eq!(there.workspace.state().context.get("plan"), None, "nobody has told it");

    there.workspace.reach(done.position).await.unwrap();
    assert_eq!(there.workspace.state().context.get("plan").unwrap().version, 1);
    // And what it writes there it reads here.
    let done = there.share("plan", "two").await;
    here.workspace.reach(done.position).await.unwrap();
    assert_eq!(here.workspace.state().context.get("plan").unwrap().version, 2);
}

#[tokio::test]
async fn a_position_that_nobody_wrote_is_waited_for_and_then_refused() {
    let scene = Scene::new().await;
    let end = scene.share("plan", "one").await.position;
    scene.workspace.reach(end).await.unwrap();
    let refused = scene.workspace.reach(Position(end.0 + 1)).await.unwrap_err();
    let HallError::NotReached { asked, end: at } = refused else { panic!("{refused}") };
    assert_eq!((asked, at), (Position(end.0 + 1), end));
}
