//! Several writers on one log: both decide on what they know, one is first, the other decides again.

use std::sync::Arc;

use guildhall_store::verify::verify;
use guildhall_store::{AppendError, Batch, Hash, Head, Incarnation, Store};
use model::context::Share;
use model::{Command, CommandId, Fact, MemberId, Position, Principal, Proposal, State, Text, WorkspaceName};

use crate::given::{ALL, append, at, batch, id, log, name, opened, records, said, texts};

/// One who shares a key so many times, and takes one step at a time.
struct Sharer {
    log: WorkspaceName,
    state: State,
    head: Head,
    left: usize,
    proposal: Option<Proposal>,
    next: Step,
}

enum Step {
    CatchUp,
    Decide,
    Append(Arc<Batch>),
}

impl Sharer {
    async fn new(store: &dyn Store, log: &WorkspaceName, times: usize) -> Self {
        let head = Head::empty(log, store.head(log).await.unwrap().incarnation);
        Self {
            log: log.clone(),
            state: State::default(),
            head,
            left: times,
            proposal: None,
            next: Step::CatchUp,
        }
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }

    async fn step(&mut self, store: &dyn Store) {
        if self.is_done() {
            return;
        }
        self.next = match std::mem::replace(&mut self.next, Step::CatchUp) {
            Step::CatchUp => {
                for record in store.read(&self.log, self.head.position, ALL).await.unwrap() {
                    self.state.apply(&record.decode(&self.log).unwrap().unwrap());
                    (self.head.position, self.head.hash) = (record.position, record.hash);
                }
                Step::Decide
            }
            Step::Decide => {
                // Drawn once: deciding again must give the same thing its same id.
                let proposal = self.proposal.get_or_insert_with(share);
                let events = self.state.decide(proposal).unwrap();
                Step::Append(Arc::new(Batch::of(id(), self.log.clone(), self.head, events, vec![])))
            }
            Step::Append(batch) => {
                match store.append(batch).await {
                    Ok(()) => {
                        self.left -= 1;
                        self.proposal = None;
                    }
                    Err(AppendError::Moved(head)) => assert!(head.position > self.head.position),
                    Err(other) => panic!("{other}"),
                }
                Step::CatchUp
            }
        };
    }
}

fn share() -> Proposal {
    let share = Share {
        key: "plan".into(),
        value: Text::new("step by step"),
        tags: [].into(),
        author: MemberId::hall(),
        if_version: None,
    };
    Proposal { id: CommandId::from(id()), at: at(0), by: Principal::local(), command: Command::Share(share) }
}

/// The chain holds, and each of `total` commands is in the log once, decided upon all before it.
async fn check_shared(store: &dyn Store, log: &WorkspaceName, total: u64) {
    assert_eq!(verify(store, log).await.unwrap().position, Position(total));
    let mut commands = std::collections::HashSet::new();
    for (expected, record) in (1..).zip(records(store, log).await) {
        let event = record.decode(log).unwrap().unwrap().event;
        let Fact::ContextShared(entry) = event.fact else { panic!("{:?}", event.fact) };
        assert_eq!(entry.version, expected);
        assert!(commands.insert(event.command), "a command is in the log twice");
    }
    assert_eq!(commands.len() as u64, total);
}

pub(crate) async fn two_writers_taking_turns_at_every_step_lose_nothing(store: Arc<dyn Store>) {
    // Each bit says who takes the next of the first eight steps: all ways in which the first batches of both, three
    // steps each and more for the one that loses, can interleave. After that they take turns.
    for schedule in 0u32..256 {
        let log = name(&format!("race-{schedule}"));
        store.open_log(&log, Incarnation(id())).await.unwrap();
        let mut sharers = [Sharer::new(&*store, &log, 2).await, Sharer::new(&*store, &log, 2).await];
        for turn in 0.. {
            let who = if turn < 8 { schedule >> turn & 1 } else { turn & 1 };
            sharers[who as usize].step(&*store).await;
            if sharers.iter().all(Sharer::is_done) {
                break;
            }
        }
        check_shared(&*store, &log, 4).await;
    }
}

pub(crate) async fn four_writers_at_once_lose_nothing(store: Arc<dyn Store>) {
    opened(&*store).await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        writers.spawn(async move {
            let mut sharer = Sharer::new(&*store, &log(), 25).await;
            while !sharer.is_done() {
                sharer.step(&*store).await;
            }
        });
    }
    writers.join_all().await;
    check_shared(&*store, &log(), 100).await;
}

/// What a connection can do to the answer of an append.
#[derive(Clone, Copy)]
enum Lost {
    BeforeItWasDone,
    AfterItWasDone,
}

/// Appends by way of a connection that breaks.
async fn append_and_lose(store: &dyn Store, batch: &Arc<Batch>, lost: Lost) -> AppendError {
    if matches!(lost, Lost::AfterItWasDone) {
        store.append(batch.clone()).await.unwrap();
    }
    AppendError::Unknown(guildhall_store::StoreError::Database("the connection broke".into()))
}

pub(crate) async fn a_lost_answer_is_settled_by_appending_again(store: Arc<dyn Store>) {
    opened(&*store).await;
    for (turn, lost) in [Lost::BeforeItWasDone, Lost::AfterItWasDone].into_iter().enumerate() {
        let before = store.head(&log()).await.unwrap();
        let batch = batch(before, &[said(&format!("{turn}: mine"))]);
        let error = append_and_lose(&*store, &batch, lost).await;
        assert!(matches!(error, AppendError::Unknown(_)));
        let head = store.head(&log()).await.unwrap();
        match lost {
            Lost::BeforeItWasDone => assert_eq!(head, before),
            // The caller recognises its own batch by the hash.
            Lost::AfterItWasDone => assert_eq!(head, batch.head()),
        }
        store.append(batch.clone()).await.unwrap();
        assert_eq!(store.head(&log()).await.unwrap(), batch.head());
        // Somebody else was first: the same again is refused for good.
        let stale = Arc::new(Batch::of(id(), log(), before, vec![said("never")], vec![]));
        append(&*store, &[said(&format!("{turn}: theirs"))]).await;
        append_and_lose(&*store, &stale, Lost::BeforeItWasDone).await;
        assert!(matches!(store.append(stale).await, Err(AppendError::Moved(_))));
    }
    assert_eq!(texts(&*store).await, ["0: mine", "0: theirs", "1: mine", "1: theirs"]);
    assert_ne!(store.head(&log()).await.unwrap().hash, Hash::genesis(&log()));
}
