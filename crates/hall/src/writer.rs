//! One workspace's writer: takes what has queued up, decides it, appends it once, publishes, answers.
//!
//! It decides on the *working* state, in which each command of a batch sees those before it. Only what the store has
//! committed reaches the *committed* state, which is all that anybody else sees. If the batch is not appended, the
//! working state is thrown away; if another node was first, its events are taken in and the whole batch is decided
//! again, with the same ids.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use model::event::Recorded;
use model::{Principal, State};
use store::{AppendError, Batch, Blob, Head, LockedLog, PageLimit, Receipt, StoreError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::Declined;
use crate::informed::informed;
use crate::recall::entry_of;
use crate::receipts::{self, Sweeper};
use crate::snapshots::Snapshots;
use crate::workspace::{Done, Shared, Submission};
use crate::{clock, failpoint, limits, timers};

/// The task's own half of a workspace.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Submission>,
    working: State,
    head: Head,
    snapshots: Snapshots,
    sweeper: Sweeper,
    timers: timers::Poke,
    /// How often to look whether another node has written, if one can.
    poll: Option<Duration>,
}

/// What deciding a batch came to.
struct Decided {
    events: Vec<Recorded>,
    outcomes: Vec<Outcome>,
    receipts: Vec<Receipt>,
    blobs: Vec<Blob>,
}

/// What became of one command of the batch.
enum Outcome {
    /// These events of the batch.
    Events(Range<usize>),
    /// It was carried out before.
    Replay(Receipt),
    Declined(Declined),
}

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
        Self { shared, queue, working, head, snapshots, sweeper: Sweeper::default(), timers, poll }
    }

    /// Runs until `closing`; what is in the queue by then is still carried out.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let mut batch = Vec::with_capacity(limits::BATCH_COMMANDS);
        loop {
            let look = async {
                let again = async {
                    match self.poll {
                        Some(every) => tokio::time::sleep(every).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = again => {}
                    () = self.shared.look.notified() => {}
                }
            };
            tokio::select! {
                taken = self.queue.recv_many(&mut batch, limits::BATCH_COMMANDS) => {
                    if taken == 0 {
                        break;
                    }
                }
                () = look => {
                    if let Err(cause) = self.look_for_news().await {
                        tracing::warn!(workspace = %self.shared.name, %cause, "could not look for news");
                    }
                    continue;
                }
                () = closing.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            }
            self.carry_out(std::mem::take(&mut batch)).await;
            self.snapshots.consider(&self.shared, &self.head);
            self.sweeper.consider(&self.shared, self.working.at());
        }
        self.snapshots.finish(&self.shared, &self.head).await;
    }

    async fn carry_out(&mut self, submissions: Vec<Submission>) {
        let id = clock::draw();
        let mut races = 0;
        // Not while the log's lock is held.
        if !self.shared.projector.room().await {
            return self.decline(submissions, &Declined::Behind);
        }
        loop {
            let (lock, decided) = match self.prepare(&submissions, races).await {
                Ok(prepared) => prepared,
                Err(error) => {
                    self.forget();
                    return self.decline(submissions, &Declined::Unavailable(error));
                }
            };
            if decided.events.is_empty() {
                return self.answer(submissions, decided.outcomes, &[]).await;
            }
            let events = decided.events.iter().map(|recorded| &recorded.event);
            let batch = Batch::seal(id, self.shared.name.clone(), self.head, events, decided.receipts);
            let batch = Arc::new(batch.with_blobs(decided.blobs));
            failpoint::pass("append");
            let appended = match lock {
                Some(lock) => lock.append(batch.clone()).await,
                None => self.shared.store.append(batch.clone()).await,
            };
            match appended {
                Ok(()) => {}
                Err(AppendError::Moved(_)) => {
                    races += 1;
                    self.forget();
                    continue;
                }
                Err(AppendError::Refused(error)) => {
                    self.forget();
                    return self.decline(submissions, &Declined::Unavailable(error));
                }
                Err(AppendError::Unknown(error)) => {
                    if !self.was_appended(&batch).await {
                        self.forget();
                        return self.decline(submissions, &Declined::Unknown(error));
                    }
                }
            }
            failpoint::pass("commit");
            self.head = batch.head();
            let sizes = batch.records.iter().map(store::Record::bytes);
            let entries = self.shared.publish(decided.events.into_iter().zip(sizes).collect());
            self.shared.presence.expect(&entries);
            if !batch.effects.is_empty() {
                self.timers.poke();
            }
            failpoint::pass("publish");
            return self.answer(submissions, decided.outcomes, &entries).await;
        }
    }

    /// Takes the log's lock after too many lost races, takes in what others wrote, and decides.
    async fn prepare(
        &mut self,
        submissions: &[Submission],
        races: u32,
    ) -> Result<(Option<Box<dyn LockedLog>>, Decided), StoreError> {
        let lock = if races >= limits::RACES {
            Some(self.shared.store.lock(&self.shared.name).await?)
        } else {
            None
        };
        if races > 0 {
            self.catch_up().await?;
        }
        Ok((lock, self.decide(submissions).await?))
    }

    async fn decide(&mut self, submissions: &[Submission]) -> Result<Decided, StoreError> {
        let mut decided = Decided {
            events: Vec::new(),
            outcomes: Vec::with_capacity(submissions.len()),
            receipts: Vec::new(),
            blobs: Vec::new(),
        };
        let mut keys: HashMap<(&Principal, &str), usize> = HashMap::new();
        for submission in submissions {
            let proposal = &submission.proposal;
            if let Some(key) = &submission.key {
                let before = match keys.get(&(&proposal.by, &*key.text)) {
                    Some(index) => Some(decided.receipts[*index].clone()),
                    None => match self.shared.store.receipt(&self.shared.name, &proposal.by, &key.text).await
                    {
                        Ok(before) => before,
                        // Of this key nothing can be said; the others of the batch have theirs.
                        Err(damaged @ (StoreError::DamagedReceipt { .. } | StoreError::Damaged { .. })) => {
                            decided.outcomes.push(Outcome::Declined(Declined::Unavailable(damaged)));
                            continue;
                        }
                        Err(cause) => return Err(cause),
                    },
                };
                let now = proposal.at.max(self.working.at());
                if let Some(receipt) = before.filter(|receipt| receipts::counts(receipt, now)) {
                    let same = receipt.command == key.command;
                    decided.outcomes.push(if same {
                        Outcome::Replay(receipt)
                    } else {
                        Outcome::Declined(Declined::KeyReused)
                    });
                    continue;
                }
            }
            let informed = informed(&self.shared, &self.working, proposal).await?;
            let events = match self.working.decide(informed.as_ref().unwrap_or(proposal)) {
                Ok(events) => events,
                Err(refusal) => {
                    decided.outcomes.push(Outcome::Declined(refusal.into()));
                    continue;
                }
            };
            let start = decided.events.len();
            for event in events {
                let recorded = Recorded { position: self.working.position().next(), event };
                self.working.apply(&recorded);
                decided.events.push(recorded);
            }
            let range = start..decided.events.len();
            if !range.is_empty() {
                decided.blobs.extend_from_slice(&submission.blobs);
            }
            if let (Some(key), Some((first, last))) = (&submission.key, ends(&decided.events[range.clone()]))
            {
                keys.insert((&proposal.by, &key.text), decided.receipts.len());
                decided.receipts.push(Receipt {
                    by: proposal.by.clone(),
                    key: key.text.clone(),
                    command: key.command,
                    first: first.position,
                    last: last.position,
                    at: last.event.at,
                });
            }
            decided.outcomes.push(Outcome::Events(range));
        }
        Ok(decided)
    }

    async fn answer(
        &self,
        submissions: Vec<Submission>,
        outcomes: Vec<Outcome>,
        entries: &[Arc<crate::Entry>],
    ) {
        for (submission, outcome) in submissions.into_iter().zip(outcomes) {
            let outcome = match outcome {
                Outcome::Events(range) => {
                    Ok(Done { position: self.head.position, entries: entries[range].to_vec() })
                }
                Outcome::Replay(receipt) => self.replay(&receipt).await.map_err(Declined::Unavailable),
                Outcome::Declined(declined) => Err(declined),
            };
            // Whoever asked may be gone; what was done stays done.
            _ = submission.reply.send(outcome);
            failpoint::pass("reply");
        }
    }

    fn decline(&self, submissions: Vec<Submission>, declined: &Declined) {
        for submission in submissions {
            _ = submission.reply.send(Err(declined.clone()));
        }
    }

    async fn replay(&self, receipt: &Receipt) -> Result<Done, StoreError> {
        let count = usize::try_from(receipt.last.0 + 1 - receipt.first.0).unwrap_or(usize::MAX);
        let before = model::Position(receipt.first.0.saturating_sub(1));
        let limit = PageLimit { events: count, bytes: usize::MAX };
        let records = self.shared.store.read(&self.shared.name, before, limit).await?;
        let entries =
            records.iter().map(|record| entry_of(&self.shared.name, record)).collect::<Result<_, _>>()?;
        Ok(Done { position: self.head.position, entries })
    }

    /// Throws away what was decided and not appended.
    fn forget(&mut self) {
        self.working = self.shared.committed.read().expect("applying a decided event does not panic").clone();
    }

    /// Whether a batch whose commit was not heard of is in the log: then the event at its end has its hash.
    async fn was_appended(&self, batch: &Batch) -> bool {
        let end = batch.head();
        let before = model::Position(end.position.0 - 1);
        let limit = PageLimit { events: 1, bytes: 0 };
        match self.shared.store.read(&self.shared.name, before, limit).await {
            Ok(records) => records.first().is_some_and(|record| record.hash == end.hash),
            Err(cause) => {
                tracing::error!(workspace = %self.shared.name, %cause, "the outcome of a commit stays unknown");
                false
            }
        }
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
            self.shared.publish(news);
        }
        Ok(())
    }
}

fn ends(events: &[Recorded]) -> Option<(&Recorded, &Recorded)> {
    Some((events.first()?, events.last()?))
}
