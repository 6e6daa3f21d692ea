//! One workspace, as doors see it: submit, look, follow. Who may speak in it stands in [`crate::authors`].

use std::ops::Deref;
use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::time::Duration;

use model::event::Recorded;
use model::messages::Send;
use model::questions::Question;
use model::roster::Membership;
use model::rows::{MemberRow, Table};
use model::{
    Command, Fact, MemberId, Position, Principal, Proposal, QuestionId, Refusal, State, Timestamp,
    WorkspaceName,
};
use quick_cache::sync::Cache;
use serde::de::DeserializeOwned;
use store::{Blob, Incarnation, Projection, Store};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc, watch};

use crate::clock::{self, Clock};
use crate::entry::Entry;
use crate::error::{Declined, HallError, unavailable};
use crate::follower::Follower;
use crate::indexer::Indexer;
use crate::limits;
use crate::mail::Gathered;
use crate::presence::Presence;
use crate::projector::Projector;
use crate::recall::Recall;
use crate::submission::{Done, IdempotencyKey, Outstanding, Reply, Submission, Submitted};
use crate::tail::Tail;

/// A workspace. Cheap to clone.
#[derive(Clone)]
pub struct Workspace(Arc<Shared>);

/// What the handle shares with the tasks behind it.
pub(crate) struct Shared {
    pub(crate) name: WorkspaceName,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) incarnation: Incarnation,
    pub(crate) queue: mpsc::Sender<Submission>,
    pub(crate) room: Arc<Semaphore>,
    /// Mailboxes that may be looked through at once.
    pub(crate) mailboxes: Semaphore,
    pub(crate) gathered: Gathered,
    pub(crate) committed: RwLock<State>,
    pub(crate) head: watch::Sender<Position>,
    /// Asks the writer to look whether another node has written.
    pub(crate) look: Notify,
    /// How long a query waits for what it knows to be written elsewhere.
    pub(crate) patience: Duration,
    pub(crate) tail: Tail,
    pub(crate) recall: Recall,
    pub(crate) projector: Projector,
    pub(crate) indexer: Indexer,
    pub(crate) presence: Presence,
    /// UUIDs that name nobody who could come back. Members' ids are drawn at random, so none of these becomes one.
    pub(crate) strangers: Cache<MemberId, ()>,
}

// === impl Workspace ===

impl Workspace {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Its name.
    pub fn name(&self) -> &WorkspaceName {
        &self.0.name
    }

    /// Which life of its log this is.
    pub fn incarnation(&self) -> Incarnation {
        self.0.incarnation
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.0.tail
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn projector(&self) -> &Projector {
        &self.0.projector
    }

    pub(crate) fn indexer(&self) -> &Indexer {
        &self.0.indexer
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The committed state. To be let go before anything is awaited.
    pub fn state(&self) -> impl Deref<Target = State> + '_ {
        self.read()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.committed.read().expect("applying a decided event does not panic")
    }

    // --- submitting ---

    /// Puts a command into the queue, waiting for room. Commands are decided in the order in which these calls return.
    pub async fn submit(&self, by: &Principal, command: Command) -> Result<Submitted, Declined> {
        let (reply, submitted) = Reply::awaited();
        self.enqueue(by, command, None, vec![], reply).await.map_err(|(_, declined)| declined)?;
        Ok(submitted)
    }

    /// The same with a command that is not waited for. If it does not come into the queue, that is told as any outcome.
    pub async fn submit_to<T: std::marker::Send + Sync + 'static>(
        &self,
        outstanding: &Outstanding<T>,
        what: T,
        by: &Principal,
        command: Command,
    ) {
        let reply = outstanding.begin(what);
        if let Err((reply, declined)) = self.enqueue(by, command, None, vec![], reply).await {
            reply.decline(declined);
        }
    }

    /// The same, at most once: for 24 hours the same principal's same key with the same command gives the first
    /// outcome again; with another command, [`Declined::KeyReused`].
    pub async fn submit_once(
        &self,
        by: &Principal,
        key: &str,
        command: Command,
    ) -> Result<Submitted, Declined> {
        let (reply, submitted) = Reply::awaited();
        self.enqueue(by, command, Some(key), vec![], reply).await.map_err(|(_, declined)| declined)?;
        Ok(submitted)
    }

    /// Sends a message with the bytes of those of its files that are not kept yet; at most once, if there is a key.
    ///
    /// # Errors
    /// As any command; [`Refusal::NotFound`] if there is no message where the one that it answers is said to stand.
    pub async fn send(
        &self,
        by: &Principal,
        key: Option<&str>,
        send: Send,
        blobs: Vec<Blob>,
    ) -> Result<Done, Declined> {
        let (reply, submitted) = Reply::awaited();
        let queued = self.enqueue(by, Command::Send(send), key, blobs, reply).await;
        queued.map_err(|(_, declined)| declined)?;
        submitted.outcome().await
    }

    /// Submits and waits for the outcome.
    pub async fn carry_out(&self, by: &Principal, command: Command) -> Result<Done, Declined> {
        self.submit(by, command).await?.outcome().await
    }

    /// Puts a command into the queue; gives the reply back if it does not come there.
    async fn enqueue(
        &self,
        by: &Principal,
        command: Command,
        key: Option<&str>,
        blobs: Vec<Blob>,
        reply: Reply,
    ) -> Result<(), (Reply, Declined)> {
        let (proposal, key, room) = match self.prepare(by, command, key, &blobs).await {
            Ok(prepared) => prepared,
            Err(declined) => return Err((reply, declined)),
        };
        let submission = Submission { proposal, key, blobs, reply, _room: room };
        let queued = self.0.queue.send(submission).await;
        queued.map_err(|unsent| (unsent.0.reply, Declined::Closing))
    }

    async fn prepare(
        &self,
        by: &Principal,
        command: Command,
        key: Option<&str>,
        blobs: &[Blob],
    ) -> Result<(Proposal, Option<IdempotencyKey>, OwnedSemaphorePermit), Declined> {
        let key = key.map(|key| IdempotencyKey::new(key, &command)).transpose()?;
        let command = self.look_up(command).await?;
        let bytes = command.weight() + blobs.iter().map(|blob| blob.bytes.len()).sum::<usize>();
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(limits::QUEUE_KIB).min(limits::QUEUE_KIB);
        let room = self.0.room.clone().acquire_many_owned(kib).await.map_err(|_| Declined::Closing)?;
        let proposal = Proposal { id: clock::command_id(), at: self.0.clock.now(), by: by.clone(), command };
        Ok((proposal, key, room))
    }

    /// Adds what a command needs to know and the state does not hold. All of it is immutable once it is there, so it
    /// is as true when the command is decided as it is now.
    async fn look_up(&self, mut command: Command) -> Result<Command, Declined> {
        match &mut command {
            Command::Answer(answer) => {
                // Also if it is open now: another answer may be ahead in the queue.
                answer.known = self.question(&answer.question).await.map_err(unavailable)?;
            }
            Command::Log(log) => {
                if let Some(id) = &log.supersedes {
                    let earlier = self.row::<model::decisions::Decision>(Table::Decisions, id.as_str()).await;
                    if earlier.map_err(unavailable)?.is_none() {
                        return Err(Refusal::NotFound { what: "Decision", id: id.to_string() }.into());
                    }
                }
            }
            Command::Send(send) => {
                if let Some(place) = send.reply_to {
                    let answered = self.message_at(place).await.map_err(unavailable)?;
                    let missing = || Refusal::NotFound { what: "Message", id: place.to_string() };
                    send.thread = Some(answered.ok_or_else(missing)?.thread.unwrap_or(place));
                }
            }
            _ => {}
        }
        Ok(command)
    }

    pub(crate) fn gathered(&self) -> &Gathered {
        &self.0.gathered
    }

    /// Waits until one more mailbox may be looked through; to be held meanwhile.
    pub(crate) async fn turn_at_mailboxes(&self) -> SemaphorePermit<'_> {
        self.0.mailboxes.acquire().await.expect("nobody closes it")
    }

    pub(crate) fn presence(&self) -> &Presence {
        &self.0.presence
    }

    pub(crate) fn strangers(&self) -> &Cache<MemberId, ()> {
        &self.0.strangers
    }

    // --- looking ---

    /// A follower that takes what comes after a position.
    pub fn follow(&self, after: Position) -> Follower {
        Follower::new(self.clone(), after, self.0.head.subscribe())
    }

    /// Changes whenever there are new events.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.0.head.subscribe()
    }

    /// Looks whether another node has written, without waiting for the next time it would.
    pub fn look(&self) {
        self.0.look.notify_one();
    }

    /// How long somebody waits for a position that was seen elsewhere.
    pub fn patience(&self) -> Duration {
        self.0.patience
    }

    /// Waits until queries see everything up to `min_pos`, which somebody has read from [`Done`] or a cursor: on the node
    /// that wrote it at once, on another as soon as it has looked.
    ///
    /// # Errors
    /// [`HallError::NotReached`] if the log does not get there within [`crate::Options::patience`].
    pub async fn reach(&self, min_pos: Position) -> Result<(), HallError> {
        let mut head = self.head();
        if *head.borrow() >= min_pos {
            return Ok(());
        }
        self.look();
        let reached = tokio::time::timeout(self.patience(), head.wait_for(|head| *head >= min_pos)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            _ => Err(HallError::NotReached { asked: min_pos, end: *self.0.head.borrow() }),
        }
    }

    /// The event at a position that was committed, if it is in memory.
    pub fn at_hand(&self, position: Position) -> Option<Arc<Entry>> {
        self.0.recall.at_hand(&self.0.tail, position)
    }

    /// The event at a position that was committed.
    pub async fn entry(&self, position: Position) -> Result<Arc<Entry>, HallError> {
        match self.at_hand(position) {
            Some(entry) => Ok(entry),
            None => Ok(self.0.recall.fetch(&*self.0.store, &self.0.name, position).await?),
        }
    }

    /// A question, open or not.
    pub async fn question(&self, id: &QuestionId) -> Result<Option<Arc<Question>>, HallError> {
        let open = self.read().questions.get(id).cloned();
        match open {
            Some(question) => Ok(Some(question)),
            None => {
                Ok(self.row(Table::Questions, id.as_str()).await?.map(|(_, question)| Arc::new(question)))
            }
        }
    }

    /// A membership, present or not.
    pub async fn member(&self, id: &MemberId) -> Result<Option<Arc<Membership>>, HallError> {
        let present = self.read().roster.get(id).cloned();
        match present {
            Some(member) => Ok(Some(member)),
            None => {
                let row = self.row::<MemberRow>(Table::Members, id.as_str()).await?;
                Ok(row.map(|(_, row)| Arc::new(row.member)))
            }
        }
    }

    /// One row of a read model, as of the newest committed event.
    pub async fn row<T: DeserializeOwned>(
        &self,
        table: Table,
        key: &str,
    ) -> Result<Option<(Position, T)>, HallError> {
        let row = self.0.projector.row(self.store(), self.name(), table, key).await?;
        row.map(|row| read_row(&row)).transpose()
    }

    /// A page of a read model, as of the newest committed event, in the order the rows were first written.
    pub async fn rows<T: DeserializeOwned>(
        &self,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<(Position, T)>, HallError> {
        let rows = self.0.projector.rows(self.store(), self.name(), table, after, most).await?;
        rows.iter().map(read_row).collect()
    }
}

impl Shared {
    /// Makes events and what they write into the read models visible, which are durable: first in the state, then to
    /// followers.
    pub(crate) fn publish(&self, events: Vec<(Recorded, usize)>, projection: Projection) -> Vec<Arc<Entry>> {
        let Some(last) = events.last().map(|(recorded, _)| recorded.position) else { return vec![] };
        let mut committed = self.committed.write().expect("applying a decided event does not panic");
        let before = committed.position();
        let entries: Vec<_> = events
            .into_iter()
            .map(|(recorded, weight)| {
                if let Fact::MemberJoined(member) = &recorded.event.fact {
                    // Another node may have made it since it was asked for here and not found.
                    self.strangers.remove(&member.id);
                }
                committed.apply(&recorded);
                let roster = changes_roster(&recorded).then(|| committed.roster.members().cloned().collect());
                Arc::new(Entry::new(recorded, roster, weight))
            })
            .collect();
        // Before anybody can look: what has left the state must be found in the rows.
        self.projector.note(before, last, projection);
        drop(committed);
        self.tail.push(&entries);
        self.head.send_replace(last);
        entries
    }
}

fn changes_roster(recorded: &Recorded) -> bool {
    use model::Fact::{MemberJoined, MemberLeft, MemberReturned};
    matches!(recorded.event.fact, MemberJoined(_) | MemberReturned(_) | MemberLeft(_))
}

fn read_row<T: DeserializeOwned>(row: &store::PlacedRow) -> Result<(Position, T), HallError> {
    let body = serde_json::from_slice(&row.row.body)
        .map_err(|cause| HallError::Row(format!("{} of {}: {cause}", row.row.key, row.row.table.as_str())))?;
    Ok((row.place, body))
}
