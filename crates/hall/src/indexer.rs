//! The index of words follows the log at a distance, off the way of a command and in transactions of its own.
//!
//! Indexing a message costs more than sending it. So it is done in the background, a batch at a time with rests between,
//! and a search says up to where it has looked. One that has just been asked for hurries the next batch on.

use std::sync::Arc;

use model::Position;
use model::event::Recorded;
use model::search::document;
use store::{Background, StoreError, Terms};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::entry::Entry;
use crate::follower::Follower;
use crate::limits;
use crate::workspace::Workspace;

/// What searches know of the task that indexes.
#[derive(Default)]
pub(crate) struct Indexer {
    /// How far the index has come, as far as this node knows.
    stand: watch::Sender<Position>,
    hurry: Notify,
}

impl Indexer {
    /// Waits until a position is indexed, or [`limits::SEARCH_PATIENCE`] is over.
    pub(crate) async fn reach(&self, position: Position) {
        let mut stand = self.stand.subscribe();
        if *stand.borrow() >= position {
            return;
        }
        self.hurry.notify_one();
        let reached = timeout(limits::SEARCH_PATIENCE, stand.wait_for(|stand| *stand >= position)).await;
        // Whether it was: the search asks the store, and says what it was told.
        drop(reached);
    }
}

/// Indexes what a workspace's log holds as it comes, until `closing`. What is not done by then is done after the next
/// start.
pub(crate) async fn run(workspace: Workspace, closing: CancellationToken) {
    tokio::select! {
        () = keep_up(&workspace) => {}
        () = closing.cancelled() => {}
    }
}

async fn keep_up(workspace: &Workspace) {
    // A damaged index stays so until it is made anew; to say it once is enough.
    let mut said = String::new();
    loop {
        let Err(cause) = go_on(workspace).await else { continue };
        let cause = cause.to_string();
        if cause != said {
            tracing::warn!(workspace = %workspace.name(), cause, "could not index for searches; trying again");
            said = cause;
        }
        sleep(limits::INDEX_AGAIN).await;
    }
}

/// Goes on from where the index stands, until it is found to stand elsewhere.
async fn go_on(workspace: &Workspace) -> Result<(), StoreError> {
    let indexer = workspace.indexer();
    let stand = workspace.store().indexed(workspace.name()).await?;
    indexer.stand.send_replace(stand);
    let mut follower = workspace.follow(stand);
    loop {
        if follower.wait().await.is_err() {
            return Ok(());
        }
        tokio::select! {
            () = sleep(limits::INDEX_AFTER) => {}
            () = indexer.hurry.notified() => {}
        }
        loop {
            let began = Instant::now();
            let from = follower.position();
            let terms = terms_of(gather(&mut follower).await?).await?;
            let to = follower.position();
            if to > from && !workspace.store().index(workspace.name(), from, to, &terms).await? {
                // Another node has done it.
                return Ok(());
            }
            indexer.stand.send_replace(to);
            if to == from || !follower.is_behind() {
                break;
            }
            sleep(began.elapsed() * limits::INDEX_REST).await;
        }
    }
}

/// Takes a batch of what there is.
async fn gather(follower: &mut Follower) -> Result<Vec<Arc<Entry>>, StoreError> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while batch.len() < limits::INDEX_EVENTS && bytes < limits::INDEX_BYTES && follower.is_behind() {
        let page = follower.take().await?;
        if page.is_empty() {
            break;
        }
        bytes += page.iter().map(|entry| entry.weight()).sum::<usize>();
        batch.extend(page);
    }
    Ok(batch)
}

/// On a thread where it holds up nobody.
async fn terms_of(batch: Vec<Arc<Entry>>) -> Result<Vec<Terms>, StoreError> {
    let terms = move || {
        let mut background = Background::begin();
        let terms = |entry: &Arc<Entry>| {
            background.give_way();
            terms(entry.recorded())
        };
        batch.iter().filter_map(terms).collect()
    };
    let terms = tokio::task::spawn_blocking(terms).await;
    terms.map_err(|cause| StoreError::Database(format!("taking words apart was cut short: {cause}")))
}

/// By which words an event is found, if by any.
pub(crate) fn terms(recorded: &Recorded) -> Option<Terms> {
    let words = document(&recorded.event.fact)?.terms();
    (!words.is_empty()).then_some(Terms { place: recorded.position, words })
}
