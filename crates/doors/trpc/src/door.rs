//! The routes of this door, and what can be set about it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use gate::{Caller, Policy, Route, Upgrade};
use hall::Hall;
use http::{Request, StatusCode};
use model::WorkspaceName;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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

impl Default for Options {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(30),
            keep_alive_grace: Duration::from_secs(5),
            write_stall: Duration::from_secs(10),
        }
    }
}

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) hall: Hall,
    pub(crate) options: Options,
    /// Clients are to move to another server.
    pub(crate) drain: CancellationToken,
    /// Connections are to end.
    pub(crate) close: CancellationToken,
    sessions: TaskTracker,
}

impl Door {
    /// A door onto a hall.
    pub fn new(hall: Hall, options: Options) -> Self {
        Self(Arc::new(Inner {
            hall,
            options,
            drain: CancellationToken::new(),
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
    pub fn compatibility_routes(&self) -> (Vec<Route>, Route) {
        let named = Route::new("/w/{workspace}/trpc", Policy::Compatibility, self.named_workspace());
        (vec![named], Route::new("/", Policy::Compatibility, self.default_workspace()))
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
        let Ok(workspace) = self.0.hall.workspace(name) else { return no_workspace() };
        if caller.identity.as_ref().is_some_and(|identity| !identity.may_enter(name)) {
            return no_workspace();
        }
        let handshake = asks_for_parameters(&request) || caller.identity.is_none();
        let door = self.clone();
        upgrade.then(move |socket| async move {
            let token = door.0.sessions.token();
            Session::serve(door.0.clone(), workspace, caller, handshake, socket).await;
            drop(token);
        })
    }

    /// Answers what is under way, then tells every client that is connected now to move. Connections are still
    /// accepted and served.
    pub fn drain(&self) {
        self.0.drain.cancel();
    }

    /// Ends all connections, and waits for them.
    pub async fn close(&self) {
        self.0.close.cancel();
        self.0.sessions.close();
        self.0.sessions.wait().await;
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.0.sessions.len()
    }
}

fn no_workspace() -> Response {
    (StatusCode::NOT_FOUND, "no such workspace\n").into_response()
}

fn asks_for_parameters(request: &Request<Body>) -> bool {
    request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "connectionParams=1"))
}
