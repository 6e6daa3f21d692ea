//! Closing and opening: the state, the read models and the snapshot agree with the log.

use std::sync::Arc;

use model::rows::Table;
use model::{Command, MemberId, Position, Principal, Text, WorkspaceName, decisions};
use store::{SqliteStore, Store};

use crate::scene::{Scene, share};

#[tokio::test]
async fn everything_is_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let scene = Scene::on(Arc::new(SqliteStore::open(directory.path()).unwrap())).await;
    let web = scene.join("web").await;
    scene.share("plan", "one").await;
    scene.share("plan", "two").await;
    let log = Command::Log(decisions::Log {
        decision: Text::new("Use one port"),
        rationale: None,
        supersedes: None,
        author: web.id.clone(),
    });
    scene.workspace.carry_out(&Principal::local(), log).await.unwrap();
    let (state, life) = (scene.workspace.state().clone(), scene.workspace.incarnation());

    let scene = scene.again().await;
    assert_eq!(*scene.workspace.state(), state);
    assert_eq!(scene.workspace.incarnation(), life);
    let decisions: Vec<(Position, decisions::Decision)> =
        scene.workspace.rows(Table::Decisions, Position::START, 10).await.unwrap();
    assert_eq!(decisions[0].1.decision.decode(), "Use one port");
    assert_eq!(decisions[0].1.by, web.id);
}

#[tokio::test]
async fn read_models_made_anew_are_the_same_to_the_letter() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let scene = Scene::on(store.clone()).await;
    for n in 0..20 {
        scene.join(&format!("agent-{n}")).await;
        scene.share("k", "v").await;
    }
    scene.hall.close().await;
    let name = WorkspaceName::default_workspace();
    let before = hall::dump(&*store, &name).await.unwrap();
    assert_eq!(before.lines().count(), 40, "20 agents and 20 members");
    hall::rebuild(&*store, &name).await.unwrap();
    assert_eq!(hall::dump(&*store, &name).await.unwrap(), before);
}

#[tokio::test]
async fn a_snapshot_of_another_history_is_passed_over() {
    let store: Arc<dyn Store> = Arc::new(store::MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    scene.share("plan", "one").await;
    let state = scene.workspace.state().clone();
    scene.hall.close().await;
    let name = WorkspaceName::default_workspace();
    let mut snapshot = store.snapshot(&name).await.unwrap().expect("one is taken at the end");
    snapshot.hash = store::Hash::of(b"another history");
    snapshot.state = serde_json::to_vec(&model::State::default()).unwrap();
    store.save_snapshot(&name, snapshot).await.unwrap();
    let scene = Scene::on(store).await;
    assert_eq!(*scene.workspace.state(), state);
}

#[tokio::test]
async fn a_snapshot_of_another_version_is_passed_over() {
    let store: Arc<dyn Store> = Arc::new(store::MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    scene.share("plan", "one").await;
    let state = scene.workspace.state().clone();
    scene.hall.close().await;
    let name = WorkspaceName::default_workspace();
    let snapshot = store.snapshot(&name).await.unwrap().expect("one is taken at the end");
    // It parses, and says that no key was ever shared.
    let mut stale: serde_json::Value = serde_json::from_slice(&snapshot.state).unwrap();
    stale["version"] = 0.into();
    stale["state"]["context"] = serde_json::to_value(model::State::default().context).unwrap();
    let state_of_old = serde_json::to_vec(&stale).unwrap();
    store.save_snapshot(&name, store::Snapshot { state: state_of_old, ..snapshot }).await.unwrap();
    let scene = Scene::on(store).await;
    assert_eq!(*scene.workspace.state(), state);
}

#[tokio::test]
async fn what_was_submitted_before_closing_is_carried_out_and_nothing_after() {
    let scene = Scene::new().await;
    let mut submitted = Vec::new();
    for n in 0..100 {
        submitted
            .push(scene.workspace.submit(&Principal::local(), share("n", &n.to_string())).await.unwrap());
    }
    scene.hall.close().await;
    for outcome in submitted {
        outcome.outcome().await.unwrap();
    }
    let late = scene.workspace.carry_out(&Principal::local(), share("n", "late")).await;
    assert!(matches!(late, Err(hall::Declined::Closing)), "{late:?}");
    assert_eq!(scene.workspace.state().context.get("n").unwrap().version, 100);
    assert!(scene.workspace.state().roster.get(&MemberId::hall()).is_none());
}
