//! A command on its way to the writer, and how its outcome comes back: to whoever waits for it, or, of commands that nobody
//! waits for, only if there is something to tell.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use model::{Command, Position, Proposal};
use store::{Blob, Hash, StoreError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::entry::Entry;
use crate::error::Declined;
use crate::limits;

/// A command on its way to the writer.
pub(crate) struct Submission {
    pub(crate) proposal: Proposal,
    pub(crate) key: Option<IdempotencyKey>,
    /// Bytes that its events will refer to.
    pub(crate) blobs: Vec<Blob>,
    pub(crate) reply: Reply,
    /// Its share of the queue's bytes, given back when it is answered.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// A key under which a command is carried out once.
pub(crate) struct IdempotencyKey {
    pub(crate) text: String,
    pub(crate) command: Hash,
}

/// A command that was carried out: its events are durable.
#[derive(Debug, Clone)]
pub struct Done {
    /// The log's end after it. A reader that waits for this position reads its own write.
    pub position: Position,
    /// Its events; none if nothing needed to change.
    pub entries: Vec<Arc<Entry>>,
}

/// A command that is in the queue.
pub struct Submitted(oneshot::Receiver<Result<Done, Declined>>);

/// Commands of one asker that are under way and not waited for. Each carries something by which its outcome is known again.
pub struct Outstanding<T>(Arc<Account<T>>);

/// Where the outcome of a command goes.
pub(crate) enum Reply {
    /// To whoever waits for it.
    To(oneshot::Sender<Result<Done, Declined>>),
    /// To an account.
    Noted(Box<dyn Note + Send + Sync>),
}

/// A command's place in an account.
pub(crate) trait Note {
    fn done(&mut self, position: Position, entries: &[Arc<Entry>]);
    fn decline(&mut self, declined: Declined);
}

struct Noted<T> {
    account: Arc<Account<T>>,
    /// None once the outcome is noted.
    what: Option<T>,
}

struct Account<T> {
    under_way: AtomicUsize,
    /// Whether somebody waits until none is.
    is_awaited: AtomicBool,
    /// Whether events of a command are to be told.
    matters: fn(&[Arc<Entry>]) -> bool,
    told: Mutex<VecDeque<(T, Result<Done, Declined>)>>,
    /// How many are told.
    unheard: AtomicUsize,
    waker: AtomicWaker,
}

/// The writer answers everything it takes; if it could not, nobody knows how far it came.
fn lost() -> Declined {
    Declined::Unknown(StoreError::Ended("the workspace's writer is gone".into()))
}

// === impl IdempotencyKey ===

impl IdempotencyKey {
    pub(crate) fn new(text: &str, command: &Command) -> Result<Self, Declined> {
        if text.is_empty() || text.len() > limits::KEY_BYTES {
            return Err(Declined::BadKey);
        }
        let command = Hash::of(&serde_json::to_vec(command).expect("commands always serialise"));
        Ok(Self { text: text.to_owned(), command })
    }
}

// === impl Submitted ===

impl Submitted {
    /// Waits for the outcome.
    pub async fn outcome(self) -> Result<Done, Declined> {
        self.await
    }
}

impl Future for Submitted {
    type Output = Result<Done, Declined>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(outcome.unwrap_or_else(|_| Err(lost())))
    }
}

// === impl Outstanding ===

impl<T: Send + Sync + 'static> Outstanding<T> {
    /// None yet. What comes to nothing is told, and of the others those whose events matter.
    pub fn new(matters: fn(&[Arc<Entry>]) -> bool) -> Self {
        Self(Arc::new(Account {
            under_way: AtomicUsize::new(0),
            is_awaited: AtomicBool::new(false),
            matters,
            told: Mutex::default(),
            unheard: AtomicUsize::new(0),
            waker: AtomicWaker::new(),
        }))
    }

    /// How many are under way.
    pub fn count(&self) -> usize {
        self.0.under_way.load(Ordering::SeqCst)
    }

    /// The next outcome that is to be told, in the order in which the commands were submitted.
    pub async fn told(&mut self) -> (T, Result<Done, Declined>) {
        poll_fn(|context| {
            self.0.waker.register(context.waker());
            self.try_told().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The same, if there is one.
    pub fn try_told(&mut self) -> Option<(T, Result<Done, Declined>)> {
        if self.0.unheard.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let told = self.0.told().pop_front()?;
        self.0.unheard.fetch_sub(1, Ordering::SeqCst);
        Some(told)
    }

    /// Waits until none is under way. What is to be told of them can be heard then.
    pub async fn settled(&mut self) {
        if self.count() == 0 {
            return;
        }
        self.0.is_awaited.store(true, Ordering::SeqCst);
        poll_fn(|context| {
            self.0.waker.register(context.waker());
            if self.count() == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.0.is_awaited.store(false, Ordering::SeqCst);
    }

    /// One more is under way.
    pub(crate) fn begin(&self, what: T) -> Reply {
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        Reply::Noted(Box::new(Noted { account: self.0.clone(), what: Some(what) }))
    }
}

// === impl Account ===

impl<T> Account<T> {
    fn told(&self) -> MutexGuard<'_, VecDeque<(T, Result<Done, Declined>)>> {
        self.told.lock().expect("nothing panics while it holds what is told")
    }

    fn tell(&self, what: T, outcome: Result<Done, Declined>) {
        self.told().push_back((what, outcome));
        self.unheard.fetch_add(1, Ordering::SeqCst);
    }

    /// One is not under way any more.
    fn end(&self, is_told: bool) {
        let left = self.under_way.fetch_sub(1, Ordering::SeqCst) - 1;
        if is_told || (left == 0 && self.is_awaited.load(Ordering::SeqCst)) {
            self.waker.wake();
        }
    }
}

// === impl Noted ===

impl<T> Note for Noted<T> {
    fn done(&mut self, position: Position, entries: &[Arc<Entry>]) {
        let Some(what) = self.what.take() else { return };
        let matters = (self.account.matters)(entries);
        if matters {
            self.account.tell(what, Ok(Done { position, entries: entries.to_vec() }));
        }
        self.account.end(matters);
    }

    fn decline(&mut self, declined: Declined) {
        let Some(what) = self.what.take() else { return };
        self.account.tell(what, Err(declined));
        self.account.end(true);
    }
}

impl<T> Drop for Noted<T> {
    fn drop(&mut self) {
        self.decline(lost());
    }
}

// === impl Reply ===

impl Reply {
    /// A reply, and what waits for it.
    pub(crate) fn awaited() -> (Self, Submitted) {
        let (reply, outcome) = oneshot::channel();
        (Self::To(reply), Submitted(outcome))
    }

    /// It was carried out.
    pub(crate) fn done(self, position: Position, entries: &[Arc<Entry>]) {
        match self {
            // Whoever asked may be gone; what was done stays done.
            Self::To(reply) => _ = reply.send(Ok(Done { position, entries: entries.to_vec() })),
            Self::Noted(mut note) => note.done(position, entries),
        }
    }

    /// It was not.
    pub(crate) fn decline(self, declined: Declined) {
        match self {
            Self::To(reply) => _ = reply.send(Err(declined)),
            Self::Noted(mut note) => note.decline(declined),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn quiet() -> Outstanding<u8> {
        Outstanding::new(|_| false)
    }

    #[tokio::test]
    async fn success_is_not_told_but_waited_for() {
        let mut outstanding = quiet();
        let replies = [outstanding.begin(1), outstanding.begin(2)];
        assert_eq!(outstanding.count(), 2);
        tokio::spawn(async move {
            for reply in replies {
                tokio::time::sleep(Duration::from_millis(5)).await;
                reply.done(Position(1), &[]);
            }
        });
        outstanding.settled().await;
        assert_eq!(outstanding.count(), 0);
        assert!(outstanding.try_told().is_none());
    }

    #[tokio::test]
    async fn what_is_declined_is_told_in_order_whoever_waits() {
        let mut outstanding = quiet();
        let replies = [outstanding.begin(1), outstanding.begin(2), outstanding.begin(3)];
        tokio::spawn(async move {
            let [first, second, third] = replies;
            first.decline(Declined::Closing);
            second.done(Position(1), &[]);
            tokio::time::sleep(Duration::from_millis(5)).await;
            third.decline(Declined::Behind);
        });
        assert!(matches!(outstanding.told().await, (1, Err(Declined::Closing))));
        assert!(matches!(outstanding.told().await, (3, Err(Declined::Behind))));
        assert_eq!(outstanding.count(), 0);
    }

    #[tokio::test]
    async fn a_success_that_matters_is_told() {
        let mut outstanding = Outstanding::new(|_| true);
        outstanding.begin("this").done(Position(7), &[]);
        let (what, outcome) = outstanding.told().await;
        assert_eq!((what, outcome.unwrap().position), ("this", Position(7)));
    }

    #[tokio::test]
    async fn a_command_that_is_dropped_has_an_unknown_outcome() {
        let mut outstanding = quiet();
        drop(outstanding.begin(1));
        assert!(matches!(outstanding.told().await, (1, Err(Declined::Unknown(_)))));
        outstanding.settled().await;
    }
}
