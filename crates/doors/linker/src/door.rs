//! The routes of this door, and what can be set about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use gate::{AnyPath, Caller, Patience, Policy, Route, Upgrade};
use hall::{Hall, Workspace};
use http::{Request, StatusCode};
use model::WorkspaceName;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dispatcher::Dispatcher;
use crate::limits;
use crate::session::{Arrival, Session};

/// What the roster calls this door.
pub(crate) const NAME: &str = "linker";

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
    /// Connections are to end.
    pub(crate) close: CancellationToken,
    dispatchers: Mutex<HashMap<WorkspaceName, Arc<Dispatcher>>>,
    /// The tasks that carry what happens, one for each workspace that was ever entered here.
    dispatching: TaskTracker,
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
            close: CancellationToken::new(),
            dispatchers: Mutex::default(),
            dispatching: TaskTracker::new(),
        }))
    }

    /// Its routes on the main listener.
    pub fn routes(&self) -> Vec<Route> {
        vec![
            Route::new("/linker", Policy::Token, self.default_workspace()),
            Route::new("/w/{workspace}/linker", Policy::Token, self.named_workspace()),
        ]
    }

    /// Its routes on a compatibility listener: the named workspaces, and any other path for `default`.
    pub fn compatibility_routes(&self) -> (Vec<Route>, AnyPath) {
        let named = Route::new("/w/{workspace}/linker", Policy::Compatibility, self.named_workspace());
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
        // Both policies of this door know who comes. That a workspace is not there and that it is not theirs is not
        // told apart: a token for one workspace is not to find out about others.
        let Some(identity) = caller.identity.clone() else { return no_workspace() };
        let workspace = self.0.hall.workspace(name).ok().filter(|_| identity.may_enter(name));
        let Some(workspace) = workspace else { return no_workspace() };
        let door = self.0.clone();
        // Boxed, since every future it is handed through keeps its room for as long as the connection lasts.
        let arrival = Box::new(Arrival { caller, identity, workspace });
        upgrade.then(move |connection| Session::serve(door, arrival, connection))
    }

    /// Tells all connections to end once what is under way on them is answered. The listeners they came through wait for
    /// them.
    pub async fn close(&self) {
        self.0.close.cancel();
        self.0.dispatching.close();
        self.0.dispatching.wait().await;
    }
}

// === impl Inner ===

impl Patience for Inner {
    fn write_stall(&self) -> Duration {
        self.options.write_stall
    }

    async fn is_over(&self) {
        self.close.cancelled().await;
        tokio::time::sleep(limits::FAREWELL).await;
    }
}

impl Inner {
    /// What carries a workspace's news; begins with the first who comes.
    pub(crate) fn dispatcher(&self, workspace: &Workspace) -> Arc<Dispatcher> {
        let mut dispatchers = self.dispatchers.lock().expect("making a dispatcher does not panic");
        let dispatcher = dispatchers.entry(workspace.name().clone()).or_insert_with(|| {
            let (dispatcher, dispatching) = Dispatcher::open(workspace, self.close.clone());
            self.dispatching.spawn(dispatching);
            dispatcher
        });
        dispatcher.clone()
    }
}

fn no_workspace() -> Response {
    (StatusCode::NOT_FOUND, "no such workspace\n").into_response()
}
