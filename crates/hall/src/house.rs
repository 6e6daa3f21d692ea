//! The hall: all workspaces, the directory, and the tasks that keep them.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _};
use model::directory::{Grant, IssueToken, OpenWorkspace, RevokeToken};
use model::{Command, Fact, Position, Principal, Refusal, TokenId, WorkspaceName};
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::access::{self, Identity, IssuedToken, Secret};
use crate::clock::Clock;
use crate::error::{Declined, HallError};
use crate::limits;
use crate::opening::open_log;
use crate::tasks::Tasks;
use crate::timers::{self, Poke};
use crate::workspace::Workspace;

/// What can be set about a hall.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long a member stays on the roster after its last connection ended.
    pub presence_grace: Duration,
    /// How often to look for events that other nodes have written; never, if this is the only one.
    pub poll: Option<Duration>,
    /// How long a query waits for a position that its asker has seen on another node.
    pub patience: Duration,
    /// The time.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            presence_grace: Duration::from_secs(60),
            poll: None,
            patience: limits::PATIENCE,
            clock: Clock::system(),
        }
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

    /// Whether other nodes may write what is kept here.
    pub(crate) fn is_one_of_several(&self) -> bool {
        self.0.options.poll.is_some()
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

    /// Yields after tokens or workspaces have changed; several changes may be one item. To be kept as long as somebody
    /// listens: a wait that was interrupted is resumed, which is cheaper than to begin another.
    pub fn directory_changes(&self) -> impl Stream<Item = ()> + Send + 'static {
        let changes = stream::unfold(self.0.directory.head(), async |mut head| {
            head.changed().await.ok()?;
            Some(((), head))
        });
        changes.fuse()
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
