//! What stories begin with: logs, events, batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_store::{AppendError, Batch, Head, Incarnation, PageLimit, Receipt, Record, Store};
use model::decisions::Decision;
use model::questions::{OnTimeout, Patience, Question, Status};
use model::roster::{Membership, Role};
use model::{
    AgentId, CommandId, Event, Fact, MemberId, Position, Principal, QuestionId, Text, Timestamp,
    WorkspaceName,
};
use uuid::Uuid;

/// A page that holds everything a story writes.
pub(crate) const ALL: PageLimit = PageLimit { events: 10_000, bytes: 256 * 1024 * 1024 };

/// An id that no other thing of this test run has.
pub(crate) fn id() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

pub(crate) fn name(name: &str) -> WorkspaceName {
    WorkspaceName::parse(name).unwrap()
}

pub(crate) fn log() -> WorkspaceName {
    WorkspaceName::default_workspace()
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Opens the log most stories take place in.
pub(crate) async fn opened(store: &dyn Store) -> Head {
    store.open_log(&log(), Incarnation(id())).await.unwrap()
}

pub(crate) fn event(fact: Fact) -> Event {
    Event { at: at(1_000), by: Principal::local(), command: CommandId::from(id()), fact }
}

/// The event that holds nothing but a text.
pub(crate) fn said(text: &str) -> Event {
    event(Fact::DecisionLogged(Arc::new(Decision {
        id: id().into(),
        decision: Text::new(text),
        rationale: None,
        supersedes: None,
        by: MemberId::hall(),
        at: at(1_000),
    })))
}

/// The id of the agent of a name.
pub(crate) fn agent(name: &str) -> AgentId {
    AgentId::of("default", name)
}

pub(crate) fn joined(agent: &str) -> Event {
    event(Fact::MemberJoined(Arc::new(Membership {
        id: id().into(),
        agent: AgentId::of("default", agent),
        name: agent.into(),
        principal: Principal::local(),
        role: Role::Source,
        repo_path: "/src".into(),
        door: "trpc".into(),
        instance: None,
        connected_at: at(1_000),
    })))
}

/// A question that must be answered by `deadline`.
pub(crate) fn question(id: Uuid, deadline: i64) -> Question {
    Question {
        id: QuestionId::from(id),
        text: Text::new("Tabs or spaces?"),
        from: MemberId::hall(),
        from_name: "web".into(),
        to: [].into(),
        to_member: None,
        options: [].into(),
        asked_at: at(0),
        patience: Some(Patience { wait_ms: 1, deadline: at(deadline), then: OnTimeout::Fail }),
        status: Status::Pending { turn: 0 },
    }
}

pub(crate) fn asked(id: Uuid, deadline: i64) -> Event {
    event(Fact::QuestionAsked(Arc::new(question(id, deadline))))
}

pub(crate) fn passed_on(id: Uuid, deadline: i64) -> Event {
    event(Fact::QuestionPassed(Arc::new(question(id, deadline))))
}

pub(crate) fn given_up(id: Uuid) -> Event {
    let status = Status::Failed { at: at(1_000) };
    event(Fact::QuestionFailed(Arc::new(Question { status, ..question(id, 1) })))
}

pub(crate) fn batch_in(log: &WorkspaceName, expected: Head, events: &[Event]) -> Arc<Batch> {
    Arc::new(Batch::of(id(), log.clone(), expected, events.to_vec(), vec![]))
}

pub(crate) fn batch(expected: Head, events: &[Event]) -> Arc<Batch> {
    batch_in(&log(), expected, events)
}

pub(crate) fn batch_with(expected: Head, events: &[Event], receipts: Vec<Receipt>) -> Arc<Batch> {
    Arc::new(Batch::of(id(), log(), expected, events.to_vec(), receipts))
}

/// What somebody says behind a batch.
pub(crate) fn behind(previous: &Batch, text: &str) -> Arc<Batch> {
    Arc::new(Batch::behind(previous, id(), vec![said(text)], vec![]))
}

/// Appends behind whatever there is; where the log ends then.
pub(crate) async fn append(store: &dyn Store, events: &[Event]) -> Head {
    let batch = batch(store.head(&log()).await.unwrap(), events);
    store.append(batch.clone()).await.unwrap();
    batch.head()
}

/// Where the log had moved to, says this refusal.
pub(crate) fn moved(outcome: Result<(), AppendError>) -> Head {
    match outcome {
        Err(AppendError::Moved(head)) => head,
        other => panic!("the log should have moved: {other:?}"),
    }
}

pub(crate) async fn records(store: &dyn Store, log: &WorkspaceName) -> Vec<Record> {
    store.read(log, Position::START, ALL).await.unwrap()
}

/// What was [`said`], in order.
pub(crate) async fn texts(store: &dyn Store) -> Vec<String> {
    let text = |record: &Record| match record.decode(&log()).unwrap().unwrap().event.fact {
        Fact::DecisionLogged(decision) => decision.decision.decode().into_owned(),
        other => panic!("not said: {other:?}"),
    };
    records(store, &log()).await.iter().map(text).collect()
}
