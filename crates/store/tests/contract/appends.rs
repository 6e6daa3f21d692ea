//! Appending: what is acknowledged is there, what is refused is not.

use std::sync::Arc;

use guildhall_store::limits::{BODY_BYTES, INLINE_BODY_BYTES};
use guildhall_store::verify::verify;
use guildhall_store::{AppendError, Hash, Head, Incarnation, Receipt, Record, Store, StoreError};
use model::{Position, Principal, WorkspaceName, codec};

use crate::given::{
    ALL, append, asked, at, batch, batch_in, batch_with, behind, id, joined, log, moved, name, opened,
    records, said, texts,
};

pub(crate) async fn a_batch_is_read_back_as_it_was_written(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    assert_eq!(start.position, Position::START);
    let batch = batch(start, &[joined("web"), said("ä \u{1f980} \0"), asked(id(), 5_000)]);
    store.append(batch.clone()).await.unwrap();
    assert_eq!(records(&*store, &log()).await, batch.records());
    assert_eq!(store.head(&log()).await.unwrap(), batch.head());
    assert_eq!(verify(&*store, &log()).await.unwrap(), batch.head());
}

pub(crate) async fn positions_have_no_gaps(store: Arc<dyn Store>) {
    opened(&*store).await;
    for size in [1, 7, 64, 2] {
        let events: Vec<_> = (0..size).map(|n| said(&format!("{n} of {size}"))).collect();
        append(&*store, &events).await;
    }
    let positions: Vec<u64> = records(&*store, &log()).await.iter().map(|record| record.position.0).collect();
    assert_eq!(positions, (1..=74).collect::<Vec<u64>>());
}

pub(crate) async fn a_log_nobody_opened_does_not_exist(store: Arc<dyn Store>) {
    let head = opened(&*store).await;
    let nowhere = name("nowhere");
    let missing = |error: StoreError| matches!(error, StoreError::NoSuchLog(log) if log == "nowhere");
    assert!(missing(store.head(&nowhere).await.unwrap_err()));
    assert!(missing(store.read(&nowhere, Position::START, ALL).await.unwrap_err()));
    assert!(missing(store.lock(&nowhere).await.err().unwrap()));
    match store.append(batch_in(&nowhere, head, &[said("hello?")])).await {
        Err(AppendError::Refused(error)) => assert!(missing(error)),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn opening_a_log_again_finds_it_as_it_is(store: Arc<dyn Store>) {
    let first = opened(&*store).await;
    assert_eq!(opened(&*store).await, first);
    let head = append(&*store, &[said("one")]).await;
    assert_eq!(opened(&*store).await, head);
}

pub(crate) async fn logs_are_listed_in_the_order_they_were_made(store: Arc<dyn Store>) {
    let names = [WorkspaceName::directory(), name("zebra"), name("ant"), log()];
    for name in &names {
        store.open_log(name, Incarnation(id())).await.unwrap();
    }
    store.open_log(&name("ant"), Incarnation(id())).await.unwrap();
    assert_eq!(store.logs().await.unwrap(), names);
}

pub(crate) async fn a_batch_is_refused_if_the_log_has_moved_on(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    let head = append(&*store, &[said("first")]).await;
    assert_eq!(moved(store.append(batch(start, &[said("late")])).await), head);
    assert_eq!(moved(store.append(batch(start, &[said("late"), said("and longer")])).await), head);
    assert_eq!(texts(&*store).await, ["first"]);
}

pub(crate) async fn batches_behind_one_another_are_appended_in_order(store: Arc<dyn Store>) {
    let mut batches = vec![batch(opened(&*store).await, &[said("0")])];
    let at_once = store.appends_under_way();
    for number in 1..2 * at_once.max(2) {
        batches.push(behind(&batches[number - 1], &number.to_string()));
    }
    for under_way in batches.chunks(at_once) {
        // Polled for the first time in this order.
        let appends = under_way.iter().map(|batch| store.append(batch.clone()));
        for outcome in futures_util::future::join_all(appends).await {
            outcome.unwrap();
        }
    }
    let said: Vec<_> = (0..batches.len()).map(|number| number.to_string()).collect();
    assert_eq!(texts(&*store).await, said);
    let last = batches.last().unwrap();
    assert_eq!(verify(&*store, &log()).await.unwrap(), last.head());
    store.append(last.clone()).await.expect("it is there already");
}

pub(crate) async fn no_batch_is_appended_behind_one_that_was_not(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    let head = append(&*store, &[said("somebody else's")]).await;
    // Whether the one before it was refused by this store, or never came there.
    let refused = batch(start, &[said("late")]);
    assert_eq!(moved(store.append(refused.clone()).await), head);
    assert_eq!(moved(store.append(behind(&refused, "later")).await), head);
    let orphan = behind(&batch(head, &[said("never")]), "nor this");
    match store.append(orphan).await {
        Err(AppendError::Refused(StoreError::Orphaned { log: of })) => assert_eq!(of, log().to_string()),
        other => panic!("{other:?}"),
    }
    assert_eq!(texts(&*store).await, ["somebody else's"]);
}

pub(crate) async fn a_batch_is_refused_if_the_log_ends_in_another_event(store: Arc<dyn Store>) {
    opened(&*store).await;
    let head = append(&*store, &[said("first")]).await;
    let other = Head { hash: Hash([7; 32]), ..head };
    assert_eq!(moved(store.append(batch(other, &[said("second")])).await), head);
    let ahead = Head { position: Position(9), ..head };
    assert_eq!(moved(store.append(batch(ahead, &[said("tenth")])).await), head);
    assert_eq!(texts(&*store).await, ["first"]);
}

pub(crate) async fn a_batch_is_refused_if_the_log_began_a_new_life(store: Arc<dyn Store>) {
    opened(&*store).await;
    let head = append(&*store, &[said("first")]).await;
    let earlier_life = Head { incarnation: Incarnation(id()), ..head };
    assert_eq!(moved(store.append(batch(earlier_life, &[said("second")])).await), head);
    assert_eq!(texts(&*store).await, ["first"]);
}

pub(crate) async fn what_was_refused_leaves_nothing_behind(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    append(&*store, &[said("first")]).await;
    let receipt = Receipt {
        by: Principal::local(),
        key: "once".into(),
        command: Hash([1; 32]),
        first: Position(1),
        last: Position(1),
        at: at(0),
    };
    let late = batch_with(start, &[asked(id(), 1), said(&"x".repeat(20_000))], vec![receipt]);
    moved(store.append(late).await);
    assert_eq!(store.receipt(&log(), &Principal::local(), "once").await.unwrap(), None);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(texts(&*store).await, ["first"]);
}

pub(crate) async fn a_batch_that_is_in_the_log_already_is_not_appended_twice(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    let first = batch(start, &[said("one"), said("two")]);
    for _ in 0..2 {
        store.append(first.clone()).await.unwrap();
    }
    append(&*store, &[said("three")]).await;
    store.append(first).await.unwrap();
    assert_eq!(texts(&*store).await, ["one", "two", "three"]);
}

pub(crate) async fn large_bodies_come_back_whole(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    let large = said(&"ab".repeat(INLINE_BODY_BYTES));
    // Around the size from which bodies are kept apart, and one body twice.
    let mut events: Vec<_> = (0..200).map(|more| said(&"x".repeat(INLINE_BODY_BYTES - 250 + more))).collect();
    events.extend([large.clone(), large]);
    let batch = batch(start, &events);
    let sizes: Vec<usize> =
        batch.records().iter().map(|record| record.body.as_ref().unwrap().len()).collect();
    assert!(sizes.contains(&INLINE_BODY_BYTES) && sizes.contains(&(INLINE_BODY_BYTES + 1)), "{sizes:?}");
    store.append(batch.clone()).await.unwrap();
    assert_eq!(records(&*store, &log()).await, batch.records());
}

pub(crate) async fn the_largest_body_is_kept_and_a_larger_one_refused(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    let around = codec::encode(&said("")).body().len();
    let largest = said(&"x".repeat(BODY_BYTES - around));
    let size = |record: &Record| record.body.as_ref().unwrap().len();
    let kept = batch(start, &[largest]);
    assert_eq!(size(&kept.records()[0]), BODY_BYTES);
    store.append(kept.clone()).await.unwrap();
    assert_eq!(records(&*store, &log()).await, kept.records());
    let larger = batch(kept.head(), &[said("small"), said(&"x".repeat(BODY_BYTES - around + 1))]);
    match store.append(larger).await {
        Err(AppendError::Refused(StoreError::TooLarge { position: Position(3), .. })) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(store.head(&log()).await.unwrap(), kept.head());
}

pub(crate) async fn whoever_holds_the_lock_appends(store: Arc<dyn Store>) {
    let start = opened(&*store).await;
    let locked = store.lock(&log()).await.unwrap();
    assert_eq!(locked.head(), start);
    locked.append(batch(start, &[said("under the lock")])).await.unwrap();
    append(&*store, &[said("after it")]).await;
    let locked = store.lock(&log()).await.unwrap();
    let head = locked.head();
    assert_eq!(moved(locked.append(batch(start, &[said("from long ago")])).await), head);
    assert_eq!(texts(&*store).await, ["under the lock", "after it"]);
    append(&*store, &[said("the lock is free")]).await;
}

pub(crate) async fn a_lock_given_up_lets_others_append(store: Arc<dyn Store>) {
    opened(&*store).await;
    for turn in 0..40 {
        drop(store.lock(&log()).await.unwrap());
        append(&*store, &[said(&turn.to_string())]).await;
    }
    assert_eq!(texts(&*store).await.len(), 40);
}
