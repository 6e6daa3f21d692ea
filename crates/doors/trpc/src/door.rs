//! The routes of this door, and what can be set about it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use gate::{AnyPath, Caller, Patience, Policy, Route, Upgrade};
use hall::{Hall, Identity, Workspace};
use http::{Request, StatusCode};
use model::WorkspaceName;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits;
use crate::session::Session;

/// What can be set.
#[derive(Debug, Clone)]
pub struct Options {
    /// A client that has sent nothing for so long is sent a ping …
    pub keep_alive: Duration,
    /// … and dropped if nothing comes for so long again.
    pub keep_alive_grace: Duration,
    /// A client that takes nothing off its socket for so long is dropped.
    pub write_stall: Duration,
}

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) hall: Hall,
    pub(crate) options: Options,
    /// Clients are to move to another server.
    pub(crate) drain: CancellationToken,
    /// When that is to be done: until then clients are waited for that are slow to take what is written to them.
    drained_by: OnceLock<Instant>,
    /// Connections are to end.
    pub(crate) close: CancellationToken,
    sessions: TaskTracker,
}

/// Somebody who comes in.
pub(crate) struct Arrival {
    pub(crate) caller: Caller,
    pub(crate) entrance: Entrance,
}

/// How somebody comes in.
pub(crate) enum Entrance {
    /// As somebody who is known, to a workspace they may enter.
    Known(Identity, Workspace),
    /// By a first message that names connection parameters, among them perhaps the token; to the workspace of this name,
    /// if they turn out to be somebody who may enter it.
    ByMessage(WorkspaceName),
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(30),
            keep_alive_grace: Duration::from_secs(5),
            write_stall: Duration::from_secs(10),
        }
    }
}

// === impl Door ===

impl Door {
    /// A door onto a hall.
    pub fn new(hall: Hall, options: Options) -> Self {
        Self(Arc::new(Inner {
            hall,
            options,
            drain: CancellationToken::new(),
            drained_by: OnceLock::new(),
            close: CancellationToken::new(),
            sessions: TaskTracker::new(),
        }))
    }

    /// Its routes on the main listener.
    pub fn routes(&self) -> Vec<Route> {
        vec![
            Route::new("/trpc", Policy::TokenOrFirstMessage, self.default_workspace()),
            Route::new("/w/{workspace}/trpc", Policy::TokenOrFirstMessage, self.named_workspace()),
        ]
    }

    /// Its routes on a compatibility listener: the named workspaces, and any other path for `default`.
    pub fn compatibility_routes(&self) -> (Vec<Route>, AnyPath) {
        let named = Route::new("/w/{workspace}/trpc", Policy::Compatibility, self.named_workspace());
        (vec![named], AnyPath::new(Policy::Compatibility, self.default_workspace()))
    }

    fn default_workspace(&self) -> MethodRouter {
        async fn open(
            State(door): State<Door>,
            Extension(caller): Extension<Caller>,
            request: Request<Body>,
        ) -> Response {
            door.upgrade(caller, &WorkspaceName::default_workspace(), request)
        }
        any(open).with_state(self.clone())
    }

    fn named_workspace(&self) -> MethodRouter {
        async fn open(
            State(door): State<Door>,
            Path(name): Path<String>,
            Extension(caller): Extension<Caller>,
            request: Request<Body>,
        ) -> Response {
            match WorkspaceName::parse(&name) {
                Ok(name) => door.upgrade(caller, &name, request),
                Err(_) => no_workspace(),
            }
        }
        any(open).with_state(self.clone())
    }

    fn upgrade(&self, caller: Caller, name: &WorkspaceName, mut request: Request<Body>) -> Response {
        let upgrade = match Upgrade::of(&mut request) {
            Ok(upgrade) => upgrade,
            Err(refused) => return refused.into_response(),
        };
        let entrance = match &caller.identity {
            Some(identity) if !caller.introduces => match self.0.enter(identity, name) {
                Some(workspace) => Entrance::Known(identity.clone(), workspace),
                None => return no_workspace(),
            },
            // Whether there is such a workspace is not for strangers to find out.
            _ => Entrance::ByMessage(name.clone()),
        };
        let (door, counted) = (self.0.clone(), self.0.sessions.token());
        // Boxed, since every future it is handed through keeps its room for as long as the connection lasts.
        let arrival = Box::new(Arrival { caller, entrance });
        upgrade.then(move |connection| async move {
            Session::serve(door, arrival, connection).await;
            drop(counted);
        })
    }

    /// Answers what is under way, then tells every client that is connected now to move. Connections are still
    /// accepted and served. Clients that take nothing off their sockets are dropped once `patience` is over.
    pub fn drain(&self, patience: Duration) {
        self.0.drained_by.get_or_init(|| Instant::now() + patience);
        self.0.drain.cancel();
    }

    /// Tells all connections to end once what is under way on them is answered. The listeners they came through wait for
    /// them.
    pub fn close(&self) {
        self.0.close.cancel();
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.0.sessions.len()
    }
}

// === impl Inner ===

impl Inner {
    /// The workspace of this name, if it exists and its token lets somebody in. Which of the two is missing is not told
    /// apart: a token for one workspace is not to find out about others.
    pub(crate) fn enter(&self, identity: &Identity, name: &WorkspaceName) -> Option<Workspace> {
        self.hall.workspace(name).ok().filter(|_| identity.may_enter(name))
    }
}

impl Patience for Inner {
    fn write_stall(&self) -> Duration {
        self.options.write_stall
    }

    /// When the drain is over, or a moment after what was begun later.
    async fn is_over(&self) {
        self.drain.cancelled().await;
        let moment = Instant::now() + limits::FAREWELL;
        let drained_by = self.drained_by.get().copied().unwrap_or(moment);
        tokio::time::sleep_until(drained_by.max(moment)).await;
    }
}

fn no_workspace() -> Response {
    (StatusCode::NOT_FOUND, "no such workspace\n").into_response()
}
