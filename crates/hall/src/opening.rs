//! Opening one log: from what is kept to a workspace with its tasks.

use std::sync::{Arc, RwLock};

use model::{Position, WorkspaceName};
use quick_cache::sync::Cache;
use store::{Head, Incarnation, PageLimit, Projection, Store, StoreError};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use crate::error::HallError;
use crate::house::Options;
use crate::indexer::{self, Indexer};
use crate::presence::{self, Presence};
use crate::projector::{self, Projector};
use crate::rebuild::project_up_to;
use crate::recall::{Recall, entry_of};
use crate::snapshots::{self, Snapshots};
use crate::tail::Tail;
use crate::tasks::Tasks;
use crate::timers::Poke;
use crate::workspace::{Shared, Workspace};
use crate::writer::Writer;
use crate::{clock, limits};

/// Opens one log: its state from the newest snapshot and what follows it, its read models caught up.
pub(crate) async fn open_log(
    store: &Arc<dyn Store>,
    options: &Options,
    tasks: &Tasks,
    poke: &Poke,
    name: WorkspaceName,
) -> Result<Workspace, HallError> {
    let head = store.open_log(&name, Incarnation(clock::draw())).await?;
    let (mut state, mut hash) = snapshots::restore(&**store, &name).await?;
    let snapshot = state.position();
    let mut written = store.projected(&name).await?;
    let indexed = match store.indexed(&name).await {
        // A damaged index keeps nobody from starting; the indexer says so, and searches do.
        Err(StoreError::DamagedRow(_)) => Position::START,
        indexed => indexed?,
    };
    // Asked for after the read models: what another node has written and projected meanwhile does not count.
    let end = store.head(&name).await?.position;
    if written > end || indexed > end {
        // The log is an older copy than the read models.
        store.clear_rows(&name).await?;
        written = Position::START;
    }
    // What is far behind is brought up page by page, not held in memory.
    let far = end.0 - written.0 > limits::SNAPSHOT_EVENTS;
    let target = if far { end } else { snapshot };
    let written = project_up_to(&**store, &name, written, target).await?;
    let projector = Projector::new(written);
    let limit = PageLimit { events: limits::BATCH_COMMANDS, bytes: limits::PAGE_BYTES };
    let mut looked_for = None;
    loop {
        let records = store.read(&name, state.position(), limit).await?;
        if let Some(last) = records.last() {
            hash = last.hash;
            let (from, mut projection) = (state.position(), Projection::default());
            for record in &records {
                let entry = entry_of(&name, record)?;
                state.apply(entry.recorded());
                if entry.position() > written {
                    projection.add(entry.recorded());
                }
            }
            projector.note(from, state.position(), projection);
            continue;
        }
        let end = store.head(&name).await?;
        if (state.position(), hash) == (end.position, end.hash) {
            break;
        }
        // Another node may have written in between. If reading again finds nothing, there is nothing.
        if looked_for.replace(end.position) == Some(end.position) {
            let what = "the log's head does not match its last event".into();
            return Err(StoreError::Damaged { log: name.to_string(), position: end.position, what }.into());
        }
    }
    let members: Vec<_> = state.roster.members().map(|member| member.id.clone()).collect();
    let (queue, submissions) = mpsc::channel(limits::QUEUE_COMMANDS);
    let shared = Arc::new(Shared {
        clock: options.clock.clone(),
        incarnation: head.incarnation,
        queue,
        room: Arc::new(Semaphore::new(limits::QUEUE_KIB as usize)),
        mailboxes: Semaphore::new(limits::MAILBOXES_AT_ONCE),
        gathered: crate::mail::Gathered::default(),
        head: watch::Sender::new(state.position()),
        look: Notify::new(),
        patience: options.patience,
        committed: RwLock::new(state),
        tail: Tail::default(),
        recall: Recall::new(),
        projector,
        indexer: Indexer::default(),
        presence: Presence::new(options.presence_grace, members.into_iter()),
        strangers: Cache::new(limits::STRANGERS),
        store: store.clone(),
        name,
    });
    let workspace = Workspace::new(shared.clone());
    let end = Head { hash, position: *shared.head.borrow(), incarnation: head.incarnation };
    let writer =
        Writer::new(shared.clone(), submissions, end, Snapshots::new(snapshot), poke.clone(), options.poll);
    tasks.spawn("writer", writer.run(tasks.closing()));
    tasks.spawn("projector", projector::run(shared, tasks.closing()));
    if workspace.name() != &WorkspaceName::directory() {
        // The directory holds nothing that is searched.
        tasks.spawn("indexer", indexer::run(workspace.clone(), tasks.closing()));
    }
    tasks.spawn("presence", presence::run(workspace.clone(), tasks.closing()));
    Ok(workspace)
}
