//! The hall: all workspaces, the directory, and the tasks that keep them.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use model::directory::{Grant, IssueToken, OpenWorkspace, RevokeToken};
use model::rows::Table;
use model::{Command, Fact, Position, Principal, Refusal, TokenId, WorkspaceName};
use quick_cache::sync::Cache;
use store::{Head, Incarnation, PageLimit, PlacedRow, Store, StoreError};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::access::{self, Identity, IssuedToken, Secret};
use crate::clock::{self, Clock};
use crate::error::{Declined, HallError};
use crate::limits;
use crate::presence::{self, Presence};
use crate::projector::{self, Projector};
use crate::recall::{Recall, entry_of};
use crate::snapshots::{self, Snapshots};
use crate::tail::Tail;
use crate::tasks::Tasks;
use crate::timers::{self, Poke};
use crate::workspace::{Shared, Workspace};
use crate::writer::Writer;

/// What can be set about a hall.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a member stays on the roster after its last connection ended.
    pub presence_grace: Duration,
    /// How often to look for events that other nodes have written; never, if this is the only one.
    pub poll: Option<Duration>,
    /// The time.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self { presence_grace: Duration::from_secs(60), poll: None, clock: Clock::system() }
    }
}

/// A running hall. Cheap to clone.
#[derive(Clone)]
pub struct Hall(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    options: Options,
    workspaces: RwLock<HashMap<WorkspaceName, Workspace>>,
    directory: Workspace,
    tasks: Tasks,
    poke: Poke,
}

impl Hall {
    /// Opens everything that is kept, and starts the tasks. A fresh store gets the workspace `default`.
    ///
    /// # Errors
    /// If a log is damaged, the first bad position is named and nothing runs.
    pub async fn open(store: Arc<dyn Store>, options: Options) -> Result<Self, HallError> {
        let (tasks, poke) = (Tasks::default(), Poke::default());
        let directory = open_log(&store, &options, &tasks, &poke, WorkspaceName::directory()).await?;
        let hall = Self(Arc::new(Inner {
            store,
            options,
            workspaces: RwLock::default(),
            directory,
            tasks: tasks.clone(),
            poke: poke.clone(),
        }));
        let names: Vec<_> = hall.0.directory.state().directory.workspaces().cloned().collect();
        for log in hall.store().logs().await? {
            // Each log but the directory's own was an event of the directory before it was made. One that is not known
            // there has lost its name, or the directory has lost its events; a new empty log must not take its place.
            if log != WorkspaceName::directory() && !names.contains(&log) {
                let what = "there is a log that the directory does not know".into();
                return Err(
                    StoreError::Damaged { log: log.to_string(), position: Position::START, what }.into()
                );
            }
        }
        for name in names {
            hall.enter(name).await?;
        }
        hall.open_workspace(&Principal::hall(), WorkspaceName::default_workspace()).await?;
        let closing = tasks.closing();
        tasks.spawn("timers", timers::run(hall.clone(), poke, closing));
        Ok(hall)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    /// The hall's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.options.clock
    }

    /// A workspace that exists.
    pub fn workspace(&self, name: &WorkspaceName) -> Result<Workspace, HallError> {
        let workspaces = self.0.workspaces.read().expect("inserting does not panic");
        workspaces.get(name).cloned().ok_or_else(|| HallError::NoWorkspace(name.clone()))
    }

    /// All workspaces, in the order they were made.
    pub fn workspaces(&self) -> Vec<WorkspaceName> {
        self.0.directory.state().directory.workspaces().cloned().collect()
    }

    /// Makes a workspace, if it does not exist.
    pub async fn open_workspace(&self, by: &Principal, name: WorkspaceName) -> Result<Workspace, HallError> {
        self.0.directory.carry_out(by, Command::OpenWorkspace(OpenWorkspace { name: name.clone() })).await?;
        self.enter(name).await
    }

    async fn enter(&self, name: WorkspaceName) -> Result<Workspace, HallError> {
        if let Ok(open) = self.workspace(&name) {
            return Ok(open);
        }
        let Inner { store, options, tasks, poke, .. } = &*self.0;
        let workspace = open_log(store, options, tasks, poke, name.clone()).await?;
        let mut workspaces = self.0.workspaces.write().expect("inserting does not panic");
        // Two may have opened it at once; the second one's tasks have nothing to do and end with the hall.
        Ok(workspaces.entry(name).or_insert(workspace).clone())
    }

    /// Issues a token. Its secret is known only to the caller.
    pub async fn issue_token(
        &self,
        by: &Principal,
        principal: Option<Principal>,
        grant: Grant,
        workspaces: Vec<WorkspaceName>,
        life: Option<Duration>,
    ) -> Result<IssuedToken, Declined> {
        let secret = Secret::draw().map_err(|cause| {
            Declined::Unavailable(StoreError::Unsuitable(format!("the system has no randomness: {cause}")))
        })?;
        let command = Command::IssueToken(IssueToken {
            principal,
            grant,
            workspaces: workspaces.into(),
            digest: access::digest(secret.reveal()),
            expires_at: life.map(|life| self.clock().now().after(life)),
        });
        let done = self.0.directory.carry_out(by, command).await?;
        match done.entries.first().map(|entry| entry.fact()) {
            Some(Fact::TokenIssued(token)) => Ok(IssuedToken { token: token.clone(), secret }),
            _ => Err(Refusal::Invalid("no token was issued".into()).into()),
        }
    }

    /// Withdraws a token. Connections that were let in by it are told by [`Hall::still_holds`].
    pub async fn revoke_token(&self, by: &Principal, id: TokenId) -> Result<(), Declined> {
        self.0.directory.carry_out(by, Command::RevokeToken(RevokeToken { id })).await.map(drop)
    }

    /// All tokens that have not been revoked, in the order they were issued.
    pub fn tokens(&self) -> Vec<Arc<model::directory::Token>> {
        self.0.directory.state().directory.tokens().cloned().collect()
    }

    /// Who shows this secret; `None` if it opens nothing.
    pub fn identify(&self, secret: &str) -> Option<Identity> {
        let now = self.clock().now();
        let state = self.0.directory.state();
        let token = state.directory.token(&access::digest(secret))?;
        token.is_live(now).then(|| Identity::from(&**token))
    }

    /// Whether an identity established earlier is still good: its token has neither expired nor been revoked.
    pub fn still_holds(&self, identity: &Identity) -> bool {
        let Some(id) = &identity.token else { return true };
        let now = self.clock().now();
        let state = self.0.directory.state();
        state.directory.tokens().any(|token| token.id == *id && token.is_live(now))
    }

    /// Changes each time a token or workspace does.
    pub fn directory_changes(&self) -> watch::Receiver<Position> {
        self.0.directory.head()
    }

    /// Whether commands can be carried out; if not, why.
    pub fn health(&self) -> Result<(), String> {
        if self.0.tasks.closing().is_cancelled() {
            return Err("the server is shutting down".into());
        }
        self.0.store.health()
    }

    /// Resolves when the hall has begun to close, whoever asked for it.
    pub fn closing(&self) -> CancellationToken {
        self.0.tasks.closing()
    }

    /// Carries out what has been submitted, writes what is waiting, and ends all tasks.
    pub async fn close(&self) {
        self.0.tasks.close().await;
    }
}

/// Opens one log: its state from the newest snapshot and what follows it, its read models caught up.
async fn open_log(
    store: &Arc<dyn Store>,
    options: &Options,
    tasks: &Tasks,
    poke: &Poke,
    name: WorkspaceName,
) -> Result<Workspace, HallError> {
    let head = store.open_log(&name, Incarnation(clock::draw())).await?;
    let (mut state, mut hash) = snapshots::restore(&**store, &name).await?;
    let snapshot = state.position();
    let projected = store.projected(&name).await?;
    if projected > head.position {
        // The log is an older copy than the read models.
        store.clear_rows(&name).await?;
    }
    let written = store.projected(&name).await?;
    // What is far behind is brought up page by page, not held in memory.
    let far = head.position.0 - written.0 > limits::SNAPSHOT_EVENTS;
    let target = if far { head.position } else { snapshot };
    let projector = Projector::new(project_up_to(&**store, &name, written, target).await?);
    let limit = PageLimit { events: limits::BATCH_COMMANDS, bytes: limits::PAGE_BYTES };
    let mut looked_for = None;
    loop {
        let records = store.read(&name, state.position(), limit).await?;
        if let Some(last) = records.last() {
            hash = last.hash;
            for record in &records {
                let entry = entry_of(&name, record)?;
                state.apply(entry.recorded());
                projector.note(&[entry]);
            }
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
        head: watch::Sender::new(state.position()),
        committed: RwLock::new(state),
        tail: Tail::default(),
        recall: Recall::new(),
        projector,
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
    tasks.spawn("presence", presence::run(workspace.clone(), tasks.closing()));
    Ok(workspace)
}

/// Brings a log's read models up to a position, page by page.
///
/// # Errors
/// If the log cannot be read, or the rows cannot be written.
pub(crate) async fn project_up_to(
    store: &dyn Store,
    log: &WorkspaceName,
    mut from: Position,
    to: Position,
) -> Result<Position, StoreError> {
    let limit = PageLimit { events: 4096, bytes: 8 * 1024 * 1024 };
    while from < to {
        let records = store.read(log, from, limit).await?;
        let Some(last) = records.last().map(|record| record.position) else { break };
        let mut placed = Vec::new();
        for record in &records {
            if let Some(recorded) = record.decode(log)? {
                let place = record.position;
                placed.extend(model::rows::rows(&recorded).into_iter().map(|row| PlacedRow { place, row }));
            }
        }
        store.project(log, from, last, &placed).await?;
        from = last;
    }
    Ok(from)
}

/// Makes all read models of a log anew. The server must not be running. Returns where they stand.
pub async fn rebuild(store: &dyn Store, log: &WorkspaceName) -> Result<Position, StoreError> {
    let head = store.head(log).await?;
    store.clear_rows(log).await?;
    project_up_to(store, log, Position::START, head.position).await
}

/// All read models of a log as one ordered text: a line a row, tables and rows in order.
pub async fn dump(store: &dyn Store, log: &WorkspaceName) -> Result<String, StoreError> {
    let mut text = String::new();
    for table in Table::ALL {
        let mut after = Position::START;
        loop {
            let rows = store.rows(log, table, after, 1_000).await?;
            let Some(last) = rows.last() else { break };
            after = last.place;
            for PlacedRow { place, row } in &rows {
                let body = String::from_utf8_lossy(&row.body);
                text.push_str(&format!("{}\t{place}\t{}\t{body}\n", table.as_str(), row.key));
            }
        }
    }
    Ok(text)
}
