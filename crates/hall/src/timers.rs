//! Jobs: claims what is due, performs it, strikes it off. A job is a row written with its event, so it survives a
//! crash, and a claim is a lease, so it survives the one who claimed it.

use std::sync::Arc;
use std::time::Duration;

use model::effect::Job;
use model::questions::TimeOut;
use model::{Command, Principal, Timestamp};
use store::{ClaimedJob, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::house::Hall;
use crate::limits;
use crate::workspace::Workspace;

/// Tells the timers that there may be a new job.
#[derive(Clone, Default)]
pub(crate) struct Poke(Arc<Notify>);

impl Poke {
    pub(crate) fn poke(&self) {
        self.0.notify_one();
    }
}

/// How long to wait at most before looking at the clock again: a clock may be set.
const LOOK: Duration = Duration::from_secs(60);
/// The same where other nodes make jobs too, and one of them may end before it has performed them.
const LOOK_BESIDE_OTHERS: Duration = Duration::from_secs(5);
/// How long to wait at least: a lease counted by the database's clock may end later than it seems here.
const PAUSE: Duration = Duration::from_millis(10);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Performs jobs as they fall due, until `closing`.
pub(crate) async fn run(hall: Hall, poke: Poke, closing: CancellationToken) {
    loop {
        let wait = match perform_due(&hall).await {
            Ok(wait) => wait,
            Err(cause) => {
                tracing::warn!(%cause, "could not look for due jobs; trying again");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = poke.0.notified() => {}
            () = closing.cancelled() => return,
        }
    }
}

async fn perform_due(hall: &Hall) -> Result<Duration, StoreError> {
    loop {
        let now = hall.clock().now();
        let jobs = hall.store().claim_jobs(now, limits::JOB_LEASE, limits::JOBS).await?;
        if jobs.is_empty() {
            let look = if hall.is_one_of_several() { LOOK_BESIDE_OTHERS } else { LOOK };
            return Ok(hall.store().next_due().await?.map_or(look, |due| until(now, due).clamp(PAUSE, look)));
        }
        for job in jobs {
            perform(hall, &job).await?;
        }
    }
}

/// Performs one job. If it cannot be performed now it stays claimed, and is due again when the lease is over.
async fn perform(hall: &Hall, job: &ClaimedJob) -> Result<(), StoreError> {
    let Ok(workspace) = hall.workspace(&job.log) else {
        // Made by another node, perhaps, and not entered here. It stays claimed, and is due again later.
        tracing::warn!(workspace = %job.log, key = job.key, "a job belongs to a workspace that is not open here");
        return Ok(());
    };
    let command = match &job.job {
        Job::QuestionDue { question } => Command::TimeOut(TimeOut { question: question.clone() }),
    };
    match workspace.carry_out(&Principal::hall(), command).await {
        // The clock may have been set back since the job was claimed: then it is still to be done.
        Ok(done) if done.entries.is_empty() && is_still_to_be_done(&workspace, job) => Ok(()),
        Ok(_) => hall.store().finish_job(job).await,
        Err(cause) => {
            tracing::warn!(workspace = %job.log, key = job.key, %cause, "a job could not be performed yet");
            Ok(())
        }
    }
}

fn is_still_to_be_done(workspace: &Workspace, job: &ClaimedJob) -> bool {
    match &job.job {
        Job::QuestionDue { question } => {
            let state = workspace.state();
            let patience = state.questions.get(question).and_then(|question| question.patience.as_ref());
            patience.is_some_and(|patience| patience.deadline == job.due)
        }
    }
}

fn until(now: Timestamp, due: Timestamp) -> Duration {
    let millis = due.as_millis().saturating_sub(now.as_millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
