//! One workspace's writer: takes what has queued up, decides it, appends it once, publishes, answers.
//!
//! It decides on the *working* state, in which each command sees those before it. Only what the store has committed
//! reaches the *committed* state, which is all that anybody else sees. What is decided is handed over at once, behind what
//! the store is committing still: so the store never waits for the writer, and commits together what has come meanwhile.
//! If a batch is not appended, neither is one behind it: the working state is thrown away, and what was decided behind it is
//! decided again; if another node was first, its events are taken in and the batch itself is decided again too, with the
//! same ids.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, MaybeDone, maybe_done};
use futures_util::{FutureExt as _, poll};
use model::event::Recorded;
use model::{Event, Position, Principal, State};
use store::{AppendError, Batch, Blob, Head, LockedLog, PageLimit, Projection, Receipt, StoreError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::entry::Entry;
use crate::error::Declined;
use crate::informed::inform;
use crate::recall::entry_of;
use crate::receipts::{self, Sweeper};
use crate::snapshots::Snapshots;
use crate::submission::Submission;
use crate::workspace::Shared;
use crate::{clock, failpoint, limits, timers};

/// The task's own half of a workspace.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Submission>,
    /// What will be, if all that is decided is committed.
    working: State,
    /// Where the log ends.
    head: Head,
    /// What is with the store, in order.
    committing: VecDeque<Committing>,
    /// What comes behind that.
    forming: Decided,
    /// How often in a row another node was first.
    races: u32,
    snapshots: Snapshots,
    sweeper: Sweeper,
    timers: timers::Poke,
    /// How often to look whether another node has written, if one can.
    poll: Option<Duration>,
}

/// Commands, and what they came to.
#[derive(Default)]
struct Decided {
    submissions: Vec<Submission>,
    /// Of each.
    outcomes: Vec<Outcome>,
    events: Vec<Event>,
    receipts: Vec<Receipt>,
    /// Where among the receipts that of a key is.
    keys: HashMap<(Principal, String), usize>,
    blobs: Vec<Blob>,
}

/// A batch that the store was given.
struct Committing {
    submissions: Vec<Submission>,
    outcomes: Vec<Outcome>,
    batch: Arc<Batch>,
    keys: HashMap<(Principal, String), usize>,
    appended: Pin<Box<MaybeDone<Append>>>,
}

/// The store's work on a batch.
type Append = BoxFuture<'static, Result<(), AppendError>>;

/// What became of one command.
enum Outcome {
    /// These events of the batch.
    Events(Range<usize>),
    /// It was carried out before.
    Replay(Receipt),
    Declined(Declined),
}

// === impl Writer ===

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        queue: mpsc::Receiver<Submission>,
        head: Head,
        snapshots: Snapshots,
        timers: timers::Poke,
        poll: Option<Duration>,
    ) -> Self {
        let working = shared.committed.read().expect("nobody writes yet").clone();
        let (committing, forming, races, sweeper) =
            (VecDeque::new(), Decided::default(), 0, Sweeper::default());
        Self { shared, queue, working, head, committing, forming, races, snapshots, sweeper, timers, poll }
    }

    /// Runs until `closing`; what is in the queue by then is still carried out.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let (mut taken, mut ended) = (Vec::new(), false);
        while !ended || !self.committing.is_empty() {
            // What waits for room holds nobody up whose commands are being committed.
            let may_take = self.committing.is_empty() || !self.shared.projector.is_full();
            let room = if may_take && !ended { self.room() } else { 0 };
            tokio::select! {
                biased;
                outcome = appended(&mut self.committing) => {
                    self.settle(outcome).await;
                    self.snapshots.consider(&self.shared, &self.head);
                    self.sweeper.consider(&self.shared, self.working.at());
                }
                () = closing.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                count = self.queue.recv_many(&mut taken, room), if room > 0 => {
                    ended = count == 0;
                    self.take(&mut taken).await;
                }
                () = look(&self.shared, self.poll), if self.committing.is_empty() => {
                    if let Err(cause) = self.look_for_news().await {
                        tracing::warn!(workspace = %self.shared.name, %cause, "could not look for news");
                    }
                }
            }
        }
        self.snapshots.finish(&self.shared, &self.head).await;
    }

    /// How many commands the next batch has room for.
    fn room(&self) -> usize {
        limits::BATCH_COMMANDS.saturating_sub(self.forming.submissions.len())
    }

    /// Decides commands, and hands them over if the store takes more.
    async fn take(&mut self, taken: &mut Vec<Submission>) {
        if taken.is_empty() {
            return;
        }
        if !self.shared.projector.room().await {
            return decline(taken.drain(..), &Declined::Behind);
        }
        for submission in taken.drain(..) {
            self.decide(submission).await;
        }
        self.hand_over(None).await;
    }

    // --- deciding ---

    async fn decide(&mut self, mut submission: Submission) {
        let outcome = self.outcome_of(&mut submission).await.unwrap_or_else(Outcome::Declined);
        self.forming.submissions.push(submission);
        self.forming.outcomes.push(outcome);
    }

    /// Decides one command. If it fails, nothing of it is in the working state.
    async fn outcome_of(&mut self, submission: &mut Submission) -> Result<Outcome, Declined> {
        let proposal = &mut submission.proposal;
        if let Some(key) = &submission.key {
            let now = proposal.at.max(self.working.at());
            let before = match self.decided_under(&proposal.by, &key.text) {
                Some(receipt) => Some(receipt.clone()),
                None => {
                    let kept = self.shared.store.receipt(&self.shared.name, &proposal.by, &key.text).await;
                    kept.map_err(Declined::Unavailable)?
                }
            };
            if let Some(receipt) = before.filter(|receipt| receipts::counts(receipt, now)) {
                let same = receipt.command == key.command;
                return if same { Ok(Outcome::Replay(receipt)) } else { Err(Declined::KeyReused) };
            }
        }
        inform(&self.shared, &self.working, &mut proposal.command).await.map_err(Declined::Unavailable)?;
        let events = self.working.decide(proposal)?;
        let Decided { events: decided, receipts, keys, blobs, .. } = &mut self.forming;
        let start = decided.len();
        let first = self.working.position().next();
        for event in events {
            let recorded = Recorded { position: self.working.position().next(), event };
            self.working.apply(&recorded);
            decided.push(recorded.event);
        }
        let range = start..decided.len();
        if !range.is_empty() {
            blobs.extend_from_slice(&submission.blobs);
        }
        if let (Some(key), Some(last)) = (&submission.key, decided[range.clone()].last()) {
            keys.insert((proposal.by.clone(), key.text.clone()), receipts.len());
            receipts.push(Receipt {
                by: proposal.by.clone(),
                key: key.text.clone(),
                command: key.command,
                first,
                last: self.working.position(),
                at: last.at,
            });
        }
        Ok(Outcome::Events(range))
    }

    /// The receipt of what is decided under a key and not committed yet.
    fn decided_under(&self, by: &Principal, key: &str) -> Option<&Receipt> {
        let named = (by.clone(), key.to_owned());
        if let Some(index) = self.forming.keys.get(&named) {
            return Some(&self.forming.receipts[*index]);
        }
        let mut newest_first = self.committing.iter().rev();
        newest_first.find_map(|before| Some(&before.batch.receipts[*before.keys.get(&named)?]))
    }

    // --- committing ---

    /// Hands over what is decided, if the store takes more. What came to no event is answered with what stands before it.
    async fn hand_over(&mut self, lock: Option<Box<dyn LockedLog>>) {
        let store = self.shared.store.clone();
        if !self.committing.is_empty() && !self.may_follow(store.appends_under_way()) {
            return;
        }
        let Decided { submissions, outcomes, events, receipts, keys, blobs } =
            std::mem::take(&mut self.forming);
        if events.is_empty() {
            return self.answer(submissions, outcomes, self.head.position, &[]).await;
        }
        let (id, log) = (clock::draw(), self.shared.name.clone());
        let batch = match self.committing.back() {
            Some(before) => Batch::behind(&before.batch, id, events, receipts),
            None => Batch::of(id, log, self.head, events, receipts),
        };
        let batch = Arc::new(batch.with_blobs(blobs));
        failpoint::pass("append");
        let handed = batch.clone();
        let append: Append = match lock {
            Some(lock) => Box::pin(lock.append(handed)),
            None => Box::pin(async move { store.append(handed).await }),
        };
        let mut appended = Box::pin(maybe_done(append));
        // From here on the store works on it, whatever this task does.
        _ = poll!(&mut appended);
        self.committing.push_back(Committing { submissions, outcomes, batch, keys, appended });
    }

    /// Whether what is decided may be handed over behind what the store is committing.
    fn may_follow(&self, most: usize) -> bool {
        let committing = self.committing.iter().map(|committing| committing.submissions.len());
        let under_way = committing.sum::<usize>() + self.forming.submissions.len();
        !self.forming.events.is_empty()
            && self.committing.len() < most
            && under_way <= limits::COMMANDS_IN_A_HURRY
    }

    /// Takes note of what became of the first batch that was handed over, and of those behind it whose outcome is there.
    async fn settle(&mut self, outcome: Result<(), AppendError>) {
        let mut next = Some(outcome);
        while let Some(outcome) = next {
            let Some(committing) = self.committing.pop_front() else { return };
            match outcome {
                Ok(()) => {}
                Err(AppendError::Unknown(_)) if was_appended(&self.shared, &committing.batch).await => {}
                Err(error) => return self.fail(committing.submissions, error).await,
            }
            failpoint::pass("commit");
            self.committed(committing).await;
            next = appended(&mut self.committing).now_or_never();
        }
        self.hand_over(None).await;
    }

    /// Publishes a batch, and answers its commands.
    async fn committed(&mut self, committing: Committing) {
        let Committing { submissions, outcomes, batch, .. } = committing;
        (self.head, self.races) = (batch.head(), 0);
        // First of all, so that the store goes on meanwhile.
        if !self.forming.events.is_empty() {
            self.hand_over(None).await;
        }
        let has_effects = !batch.effects().is_empty();
        let (events, projection) = Arc::unwrap_or_clone(batch).into_events();
        let entries = self.shared.publish(events, projection);
        self.shared.presence.expect(&entries);
        if has_effects {
            self.timers.poke();
        }
        failpoint::pass("publish");
        self.answer(submissions, outcomes, self.head.position, &entries).await;
    }

    /// A batch was not appended, nor were those behind it: whatever was decided behind it is decided again, and the batch
    /// itself if another node was first. Only of what may be written all the same it is said that nobody knows.
    async fn fail(&mut self, submissions: Vec<Submission>, error: AppendError) {
        let mut again = match &error {
            AppendError::Moved(_) => submissions,
            AppendError::Refused(cause) => {
                decline(submissions, &Declined::Unavailable(cause.clone()));
                vec![]
            }
            AppendError::Unknown(cause) => {
                decline(submissions, &Declined::Unknown(cause.clone()));
                vec![]
            }
        };
        for mut behind in std::mem::take(&mut self.committing) {
            // Until the store has let go of it, what is decided again could come before it.
            behind.appended.as_mut().await;
            match behind.appended.as_mut().take_output() {
                Some(Err(AppendError::Unknown(cause))) => {
                    decline(behind.submissions, &Declined::Unknown(cause));
                }
                _ => again.append(&mut behind.submissions),
            }
        }
        again.append(&mut self.forming.submissions);
        self.forget();
        let mut lock = None;
        if let AppendError::Moved(_) = error {
            self.races += 1;
            lock = match self.take_turn().await {
                Ok(lock) => lock,
                Err(error) => return decline(again, &Declined::Unavailable(error)),
            };
        }
        for submission in again {
            self.decide(submission).await;
        }
        self.hand_over(lock).await;
    }

    /// Takes in what others wrote; after too many lost races, under the log's lock.
    async fn take_turn(&mut self) -> Result<Option<Box<dyn LockedLog>>, StoreError> {
        let lock = match self.races {
            races if races >= limits::RACES => Some(self.shared.store.lock(&self.shared.name).await?),
            _ => None,
        };
        self.catch_up().await?;
        Ok(lock)
    }

    async fn answer(
        &mut self,
        submissions: Vec<Submission>,
        outcomes: Vec<Outcome>,
        end: Position,
        entries: &[Arc<Entry>],
    ) {
        for (submission, outcome) in submissions.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Events(range) => submission.reply.done(end, &entries[range]),
                Outcome::Replay(receipt) => match replay(&self.shared, &receipt).await {
                    Ok(entries) => submission.reply.done(self.head.position, &entries),
                    Err(cause) => submission.reply.decline(Declined::Unavailable(cause)),
                },
                Outcome::Declined(declined) => submission.reply.decline(declined),
            }
            failpoint::pass("reply");
        }
    }

    /// Throws away what was decided and not appended.
    fn forget(&mut self) {
        self.working = self.shared.committed.read().expect("applying a decided event does not panic").clone();
        self.forming = Decided::default();
    }

    /// Takes in what others have appended, and decides from there.
    async fn catch_up(&mut self) -> Result<(), StoreError> {
        let taken = self.take_in().await;
        // Also after a failure: part of it may have been taken in.
        self.forget();
        taken
    }

    /// The same when nothing is to be decided: mostly there is nothing new, and then nothing is to be done.
    async fn look_for_news(&mut self) -> Result<(), StoreError> {
        let before = self.head.position;
        let taken = self.take_in().await;
        if self.head.position != before {
            self.forget();
        }
        taken
    }

    async fn take_in(&mut self) -> Result<(), StoreError> {
        let limit = PageLimit { events: limits::PAGE_EVENTS, bytes: limits::PAGE_BYTES };
        loop {
            let records = self.shared.store.read(&self.shared.name, self.head.position, limit).await?;
            let Some(last) = records.last() else { break };
            let news = records
                .iter()
                .map(|record| {
                    let recorded = record.decode(&self.shared.name)?.ok_or_else(|| StoreError::Damaged {
                        log: self.shared.name.to_string(),
                        position: record.position,
                        what: "its body is missing".into(),
                    })?;
                    Ok((recorded, record.bytes()))
                })
                .collect::<Result<Vec<_>, StoreError>>()?;
            self.head = Head { position: last.position, hash: last.hash, ..self.head };
            let mut projection = Projection::default();
            news.iter().for_each(|(recorded, _)| projection.add(recorded));
            self.shared.publish(news, projection);
        }
        Ok(())
    }
}

/// What becomes of the first batch that is being committed; never, if there is none.
async fn appended(committing: &mut VecDeque<Committing>) -> Result<(), AppendError> {
    let Some(committing) = committing.front_mut() else { return std::future::pending().await };
    committing.appended.as_mut().await;
    committing.appended.as_mut().take_output().expect("an outcome is taken once")
}

/// Whether a batch whose commit was not heard of is in the log: then the event at its end has its hash.
async fn was_appended(shared: &Shared, batch: &Batch) -> bool {
    let end = batch.head();
    let before = Position(end.position.0 - 1);
    let limit = PageLimit { events: 1, bytes: 0 };
    match shared.store.read(&shared.name, before, limit).await {
        Ok(records) => records.first().is_some_and(|record| record.hash == end.hash),
        Err(cause) => {
            tracing::error!(workspace = %shared.name, %cause, "the outcome of a commit stays unknown");
            false
        }
    }
}

/// The events of a command that was carried out before.
async fn replay(shared: &Shared, receipt: &Receipt) -> Result<Vec<Arc<Entry>>, StoreError> {
    let count = usize::try_from(receipt.last.0 + 1 - receipt.first.0).unwrap_or(usize::MAX);
    let before = Position(receipt.first.0.saturating_sub(1));
    let limit = PageLimit { events: count, bytes: usize::MAX };
    let records = shared.store.read(&shared.name, before, limit).await?;
    records.iter().map(|record| entry_of(&shared.name, record)).collect()
}

/// Waits until it is time to look for what others have written.
async fn look(shared: &Shared, poll: Option<Duration>) {
    let again = async {
        match poll {
            Some(every) => tokio::time::sleep(every).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = again => {}
        () = shared.look.notified() => {}
    }
}

fn decline(submissions: impl IntoIterator<Item = Submission>, declined: &Declined) {
    for submission in submissions {
        submission.reply.decline(declined.clone());
    }
}
