//! What somebody sees when the store fails: the truth, and nothing that is taken back later.

use hall::Declined;
use model::rows::Table;
use model::{
    Command, CommandId, Event, Fact, Position, Principal, Proposal, State, Text, Timestamp, decisions,
};
use store::{Batch, MemoryStore, Store as _, StoreError};
use uuid::Uuid;

use crate::faulty::{Fault, Faulty};
use crate::scene::{Scene, join, share};

#[tokio::test]
async fn a_full_disk_refuses_what_is_asked_and_keeps_what_was_there() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    scene.share("plan", "one").await;
    let before = scene.workspace.state().clone();

    store.next(Fault::Full);
    let refused = scene.workspace.carry_out(&Principal::local(), share("plan", "two")).await.unwrap_err();
    assert!(matches!(refused, Declined::Unavailable(StoreError::Full)), "{refused}");
    assert_eq!(*scene.workspace.state(), before, "nothing of it is to be seen");

    // There is room again: what comes next is decided as if the refused command had never been.
    let done = scene.share("plan", "three").await;
    let Fact::ContextShared(entry) = done.entries[0].fact() else { panic!("{done:?}") };
    assert_eq!(entry.version, 2);
}

#[tokio::test]
async fn what_was_decided_behind_a_refused_batch_is_decided_again_without_it() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let (by, slowness) = (Principal::local(), store.next_is_slow(Fault::Full));
    let first = scene.workspace.submit(&by, share("plan", "one")).await.unwrap();
    slowness.reached.notified().await;
    let second = scene.workspace.submit(&by, share("plan", "two")).await.unwrap();
    let third = scene.workspace.submit_once(&by, "key", share("plan", "three")).await.unwrap();
    slowness.end().await;

    assert!(matches!(first.outcome().await, Err(Declined::Unavailable(StoreError::Full))));
    for (outcome, version) in [(second.outcome().await, 1), (third.outcome().await, 2)] {
        let done = outcome.unwrap();
        let Fact::ContextShared(entry) = done.entries[0].fact() else { panic!("{done:?}") };
        assert_eq!(entry.version, version, "the first was never shared");
    }
    let again = scene.workspace.submit_once(&by, "key", share("plan", "three")).await.unwrap();
    let Fact::ContextShared(entry) = again.outcome().await.unwrap().entries[0].fact().clone() else {
        panic!()
    };
    assert_eq!(entry.version, 2, "its receipt is that of what was kept");
}

/// What is submitted behind an append that takes until it is let go, each command in a batch of its own.
async fn one_by_one(scene: &Scene, values: &[&str]) -> Vec<hall::Submitted> {
    let mut submitted = Vec::new();
    for value in values {
        submitted.push(scene.workspace.submit(&Principal::local(), share("plan", value)).await.unwrap());
        // Enough for the writer to decide it and hand it over.
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }
    submitted
}

async fn version(submitted: hall::Submitted) -> Result<u64, Declined> {
    let done = submitted.outcome().await?;
    let Fact::ContextShared(entry) = done.entries[0].fact() else { panic!("{done:?}") };
    Ok(entry.version)
}

/// Of each the version, or none if nobody knows whether it was written.
async fn versions(submitted: Vec<hall::Submitted>) -> Vec<Option<u64>> {
    let mut versions = Vec::new();
    for submitted in submitted {
        versions.push(match version(submitted).await {
            Ok(version) => Some(version),
            Err(Declined::Unknown(_)) => None,
            Err(other) => panic!("{other:?}"),
        });
    }
    versions
}

#[tokio::test]
async fn batches_behind_one_another_are_appended_in_order() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let slowness = store.next_is_slow(Fault::None);
    let values: Vec<String> = (1..=20).map(|number| number.to_string()).collect();
    let values: Vec<&str> = values.iter().map(|value| &**value).collect();
    let submitted = one_by_one(&scene, &values).await;
    slowness.reached.notified().await;
    slowness.end().await;
    for (number, submitted) in (1..).zip(submitted) {
        assert_eq!(version(submitted).await.unwrap(), number);
    }
}

#[tokio::test]
async fn what_stands_in_batches_behind_a_refused_one_is_decided_again() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let slowness = store.next_is_slow(Fault::Full);
    let mut submitted = one_by_one(&scene, &["one", "two", "three", "four"]).await.into_iter();
    slowness.reached.notified().await;
    slowness.end().await;
    let first = version(submitted.next().unwrap()).await;
    assert!(matches!(first, Err(Declined::Unavailable(StoreError::Full))), "{first:?}");
    for (number, submitted) in (1..).zip(submitted) {
        assert_eq!(version(submitted).await.unwrap(), number, "as if the first had never been");
    }
}

#[tokio::test]
async fn a_refusal_in_the_middle_takes_back_nothing_that_stands_before_it() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let slowness = store.next_is_slow(Fault::None);
    store.next(Fault::LostAnswer);
    store.next(Fault::LostBatch);
    let submitted = one_by_one(&scene, &["one", "two", "three", "four", "five"]).await;
    slowness.reached.notified().await;
    slowness.end().await;
    assert_eq!(versions(submitted).await, [Some(1), Some(2), None, Some(3), Some(4)]);
    assert_eq!(
        scene.workspace.state().position(),
        store.head(scene.workspace.name()).await.unwrap().position
    );
}

#[tokio::test]
async fn of_all_batches_that_may_be_written_it_is_said_that_nobody_knows() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let slowness = store.next_is_slow(Fault::LostBatch);
    store.next(Fault::LostBatch);
    let submitted = one_by_one(&scene, &["one", "two", "three"]).await;
    slowness.reached.notified().await;
    slowness.end().await;
    assert_eq!(versions(submitted).await, [None, None, Some(1)], "what is certain is decided again");
}

#[tokio::test]
async fn another_node_that_comes_first_makes_all_that_is_under_way_be_decided_again() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let (log, event) = (scene.workspace.name().clone(), somebody_elses(&scene.workspace.state(), 0));
    let other = move |head| Batch::of(Uuid::from_u128(1), log, head, vec![event], vec![]);
    let slowness = store.next_is_slow(Fault::Race(Box::new(other)));
    let submitted = one_by_one(&scene, &["one", "two", "three"]).await;
    slowness.reached.notified().await;
    slowness.end().await;
    for (number, submitted) in (2..).zip(submitted) {
        assert_eq!(version(submitted).await.unwrap(), number, "behind the other node's");
    }
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_found_and_answered() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    store.next(Fault::LostAnswer);
    let done = scene.share("plan", "one").await;
    assert_eq!(done.position, scene.workspace.state().position());
    assert_eq!(scene.share("plan", "two").await.position, done.position.next());
}

#[tokio::test]
async fn an_append_that_was_lost_is_said_to_be_unknown_and_leaves_nothing() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let before = scene.workspace.state().clone();
    store.next(Fault::LostBatch);
    let unknown = scene.workspace.carry_out(&Principal::local(), share("plan", "one")).await.unwrap_err();
    assert!(matches!(unknown, Declined::Unknown(_)), "{unknown}");
    assert_eq!(*scene.workspace.state(), before);
    scene.share("plan", "two").await;
}

#[tokio::test]
async fn a_command_whose_receipt_cannot_be_looked_up_leaves_nothing_behind() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let by = Principal::local();
    // In one batch: a command that is decided, and one whose receipt cannot be looked up.
    store.next(Fault::NoReceipts);
    let first = scene.workspace.submit(&by, share("plan", "one")).await.unwrap();
    let second = scene.workspace.submit_once(&by, "key", share("plan", "two")).await.unwrap();
    first.outcome().await.unwrap();
    let outcome = second.outcome().await;
    assert!(matches!(outcome, Err(Declined::Unavailable(_))), "{outcome:?}");
    store.faults.lock().unwrap().clear();
    let done = scene.share("plan", "three").await;
    let Fact::ContextShared(entry) = done.entries[0].fact() else { panic!("{done:?}") };
    assert_eq!(entry.version, 2, "nothing of the command is in it");
}

#[tokio::test]
async fn a_damaged_receipt_is_the_trouble_of_its_own_command_alone() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let by = Principal::local();
    // In one batch: before and after the command whose receipt is damaged come some that have nothing to do with it.
    store.next(Fault::DamagedReceipt("damaged"));
    let first = scene.workspace.submit(&by, share("plan", "one")).await.unwrap();
    let second = scene.workspace.submit_once(&by, "damaged", share("plan", "two")).await.unwrap();
    let third = scene.workspace.submit_once(&by, "well", share("plan", "three")).await.unwrap();
    first.outcome().await.unwrap();
    match second.outcome().await {
        Err(Declined::Unavailable(StoreError::DamagedReceipt { key, .. })) => assert_eq!(key, "damaged"),
        other => panic!("{other:?}"),
    }
    let done = third.outcome().await.unwrap();
    let Fact::ContextShared(entry) = done.entries[0].fact() else { panic!("{done:?}") };
    assert_eq!(entry.version, 2, "the one before it was shared, and the one between was not");
}

#[tokio::test]
async fn what_is_written_while_a_page_is_read_is_on_it() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let by = scene.join("web").await;
    for number in 0..20 {
        let (author, decision) = (by.id.clone(), Text::new(&number.to_string()));
        let log = decisions::Log { author, decision, rationale: None, supersedes: None };
        scene.workspace.carry_out(&Principal::local(), Command::Log(log)).await.unwrap();
    }
    store.next(Fault::LateRows);
    let page: Vec<(Position, decisions::Decision)> =
        scene.workspace.rows(Table::Decisions, Position::START, 100).await.unwrap();
    let said: Vec<_> = page.iter().map(|(_, decision)| decision.decision.decode().into_owned()).collect();
    assert_eq!(said, (0..20).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_log_that_the_directory_does_not_know_is_not_passed_over() {
    let store = MemoryStore::default();
    let stray = model::WorkspaceName::parse("stray").unwrap();
    store.open_log(&stray, store::Incarnation(Uuid::from_u128(1))).await.unwrap();
    let store: std::sync::Arc<dyn store::Store> = std::sync::Arc::new(store);
    let refused = hall::Hall::open(store, hall::Options::default()).await.err().expect("it does not open");
    assert!(refused.to_string().contains("the directory does not know"), "{refused}");
}

#[tokio::test]
async fn a_writer_that_comes_second_decides_again_on_what_the_first_wrote() {
    let store = Faulty::around(MemoryStore::default());
    let scene = Scene::on(store.clone()).await;
    let mut follower = scene.workspace.follow(scene.workspace.state().position());
    let mut elsewhere: State = scene.workspace.state().clone();

    // Five races in a row: more than the writer takes before it asks for the log's lock.
    for round in 0..5_u128 {
        let log = scene.workspace.name().clone();
        let event = somebody_elses(&elsewhere, round);
        let position = elsewhere.position().next();
        elsewhere.apply(&model::Recorded { position, event: event.clone() });
        store.next(Fault::Race(Box::new(move |head| {
            Batch::of(Uuid::from_u128(round + 1), log, head, vec![event.clone()], vec![])
        })));
    }
    let done = scene.share("plan", "mine").await;
    let Fact::ContextShared(entry) = done.entries[0].fact() else { panic!("{done:?}") };
    assert!(entry.version >= 4, "it saw the versions before it: {}", entry.version);

    let head = store.head(scene.workspace.name()).await.unwrap();
    assert_eq!(scene.workspace.state().position(), head.position);
    let mut seen = 0;
    while follower.is_behind() {
        seen += follower.take().await.unwrap().len();
    }
    assert_eq!(seen as u64, entry.version, "followers saw each version once");
}

fn somebody_elses(state: &State, round: u128) -> Event {
    let proposal = Proposal {
        id: CommandId::from(Uuid::from_u128(100 + round)),
        at: Timestamp::from_millis(0),
        by: Principal::owner(),
        command: share("plan", "theirs"),
    };
    state.decide(&proposal).unwrap().remove(0)
}

#[tokio::test]
async fn a_name_held_by_one_principal_is_not_given_to_another_even_when_its_holder_is_away() {
    let scene = Scene::new().await;
    let member = scene.join("web").await;
    let leave = model::roster::Leave { member: member.id.clone(), reason: model::roster::Reason::Left };
    scene.workspace.carry_out(&Principal::local(), model::Command::Leave(leave)).await.unwrap();
    let refused = scene.workspace.carry_out(&Principal::compat(), join("web")).await.unwrap_err();
    assert!(refused.to_string().contains("held by another principal"), "{refused}");
    assert_eq!(scene.join("web").await.agent, member.agent, "its holder comes back as the same agent");
}

#[tokio::test]
async fn a_name_that_means_somebody_else_is_not_taken() {
    let scene = Scene::new().await;
    for name in ["person", "person:owner", "role:source"] {
        let refused = scene.workspace.carry_out(&Principal::local(), join(name)).await.unwrap_err();
        assert!(refused.to_string().contains("means somebody else"), "{name}: {refused}");
    }
    scene.join("personal").await;
    scene.join("a:b").await;
}
