//! Jobs: scheduled with their events, claimed with a lease, performed by one.
//!
//! A lease runs by the caller's `now` on one machine and by the database's clock on several, so a story that waits for
//! its end lets both pass.

use std::sync::Arc;
use std::time::Duration;

use guildhall_store::{ClaimedJob, Store};
use model::QuestionId;
use model::effect::Job;
use uuid::Uuid;

use crate::given::{append, asked, at, given_up, id, log, opened, passed_on};

const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(1);

fn due(question: Uuid, due: i64) -> ClaimedJob {
    let question = QuestionId::from(question);
    let key = format!("question/{question}");
    ClaimedJob { log: log(), key, due: at(due), job: Job::QuestionDue { question } }
}

async fn claimed(store: &dyn Store, now: i64, lease: Duration) -> Vec<ClaimedJob> {
    store.claim_jobs(at(now), lease, 100).await.unwrap()
}

pub(crate) async fn a_job_is_claimed_when_it_is_due(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    let question = id();
    append(&*store, &[asked(question, 5_000)]).await;
    assert_eq!(store.next_due().await.unwrap(), Some(at(5_000)));
    assert_eq!(claimed(&*store, 4_999, LONG).await, []);
    assert_eq!(claimed(&*store, 5_000, LONG).await, [due(question, 5_000)]);
    store.finish_job(&due(question, 5_000)).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(claimed(&*store, 100_000_000, LONG).await, []);
    store.finish_job(&due(question, 5_000)).await.unwrap();
}

pub(crate) async fn a_claimed_job_is_nobody_elses_until_the_lease_ends(store: Arc<dyn Store>) {
    opened(&*store).await;
    let question = id();
    append(&*store, &[asked(question, 5_000)]).await;
    assert_eq!(claimed(&*store, 6_000, SHORT).await, [due(question, 5_000)]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(claimed(&*store, 6_050, LONG).await, [due(question, 5_000)]);
    assert_eq!(claimed(&*store, 6_100, LONG).await, []);
    assert!(store.next_due().await.unwrap().unwrap() > at(6_100));
}

pub(crate) async fn the_oldest_jobs_are_claimed_first(store: Arc<dyn Store>) {
    opened(&*store).await;
    let questions: Vec<(Uuid, i64)> = [40, 10, 30, 20].map(|due| (id(), due)).into();
    let events: Vec<_> = questions.iter().map(|(id, due)| asked(*id, *due)).collect();
    append(&*store, &events).await;
    let times = |jobs: Vec<ClaimedJob>| jobs.iter().map(|job| job.due.as_millis()).collect::<Vec<_>>();
    assert_eq!(times(store.claim_jobs(at(100), LONG, 3).await.unwrap()), [10, 20, 30]);
    assert_eq!(times(store.claim_jobs(at(100), LONG, 3).await.unwrap()), [40]);
}

pub(crate) async fn a_job_scheduled_anew_while_claimed_is_not_finished(store: Arc<dyn Store>) {
    opened(&*store).await;
    let question = id();
    append(&*store, &[asked(question, 5_000)]).await;
    let first = claimed(&*store, 5_000, LONG).await.remove(0);
    append(&*store, &[passed_on(question, 9_000)]).await;
    store.finish_job(&first).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(at(9_000)));
    // Scheduling anew ended the lease.
    assert_eq!(claimed(&*store, 9_000, LONG).await, [due(question, 9_000)]);
}

pub(crate) async fn a_job_no_longer_needed_is_gone(store: Arc<dyn Store>) {
    opened(&*store).await;
    let (kept, gone) = (id(), id());
    append(&*store, &[asked(kept, 5_000), asked(gone, 4_000)]).await;
    append(&*store, &[given_up(gone)]).await;
    assert_eq!(claimed(&*store, 5_000, LONG).await, [due(kept, 5_000)]);
}

pub(crate) async fn of_several_changes_in_one_batch_the_last_counts(store: Arc<dyn Store>) {
    opened(&*store).await;
    let (moved, gone, back) = (id(), id(), id());
    append(
        &*store,
        &[
            asked(moved, 1_000),
            asked(gone, 1_000),
            asked(back, 1_000),
            given_up(back),
            passed_on(moved, 2_000),
            given_up(gone),
            passed_on(back, 3_000),
        ],
    )
    .await;
    assert_eq!(claimed(&*store, 9_000, LONG).await, [due(moved, 2_000), due(back, 3_000)]);
}

pub(crate) async fn the_next_job_is_found_behind_one_that_is_held(store: Arc<dyn Store>) {
    opened(&*store).await;
    append(&*store, &[asked(id(), 1_000), asked(id(), 2_000)]).await;
    assert_eq!(claimed(&*store, 1_500, LONG).await.len(), 1);
    assert_eq!(store.next_due().await.unwrap(), Some(at(2_000)));
}
