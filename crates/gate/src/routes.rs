//! The table of routes, and the gate that is built from it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use hall::Hall;
use http::StatusCode;

use crate::admission::{Caller, Checks, Policy};
use crate::health;
use crate::hosts::{Foreign, Names};
use crate::listener::Accepted;
use crate::rate::Rates;

/// One way in: where, for whom, and to what.
pub struct Route {
    path: &'static str,
    policy: Policy,
    handler: MethodRouter<(), Infallible>,
}

/// The way in at every path that no other route of its listener has.
pub struct AnyPath(Route);

/// The pattern under which the table shows what answers every path that no other route has.
pub const ANY_PATH: &str = "/{*path}";

/// All ways in through one listener.
#[derive(Clone)]
pub struct Gate {
    router: Router,
    table: Table,
}

/// Every path of a listener with its policy.
pub type Table = Arc<[(&'static str, Policy)]>;

#[derive(Clone)]
struct Guard {
    checks: Arc<Checks>,
    names: Arc<Names>,
    policy: Policy,
}

// === impl Route ===

impl Route {
    /// A route at an axum path pattern. Its handler finds the [`Caller`] among the request's extensions.
    pub fn new(path: &'static str, policy: Policy, handler: MethodRouter<(), Infallible>) -> Self {
        Self { path, policy, handler }
    }
}

// === impl AnyPath ===

impl AnyPath {
    /// As [`Route::new`].
    pub fn new(policy: Policy, handler: MethodRouter<(), Infallible>) -> Self {
        Self(Route::new(ANY_PATH, policy, handler))
    }
}

// === impl Gate ===

impl Gate {
    /// The main gate: these routes, `/healthz` and `/readyz`; everything else is 404.
    pub fn new(hall: &Hall, rates: Arc<Rates>, names: Names, routes: Vec<Route>) -> Self {
        let mut routes = routes;
        routes.extend(health::routes(hall));
        let nothing = any(|| async { (StatusCode::NOT_FOUND, "nothing here\n") });
        // Anybody may learn that there is nothing. Host and Origin are looked at all the same.
        Self::build(hall, rates, names, routes, AnyPath::new(Policy::Anybody, nothing))
    }

    /// The gate of a compatibility listener: these routes, and one for every other path.
    pub fn compatibility(hall: &Hall, rates: Arc<Rates>, routes: Vec<Route>, any_path: AnyPath) -> Self {
        // Its clients are programs of this machine. It has no other names, and no page may speak to it.
        Self::build(hall, rates, Names::default(), routes, any_path)
    }

    fn build(hall: &Hall, rates: Arc<Rates>, names: Names, routes: Vec<Route>, any_path: AnyPath) -> Self {
        let AnyPath(any_path) = any_path;
        let (checks, names) = (Arc::new(Checks { hall: hall.clone(), rates }), Arc::new(names));
        let table = routes.iter().chain([&any_path]).map(|route| (route.path, route.policy)).collect();
        let guarded = |Route { policy, handler, .. }: Route| {
            let guard = Guard { checks: checks.clone(), names: names.clone(), policy };
            handler.layer(from_fn_with_state(guard, admit))
        };
        let mut router = Router::new().fallback_service(guarded(any_path));
        for route in routes {
            router = router.route(route.path, guarded(route));
        }
        Self { router, table }
    }

    /// Every path with its policy.
    pub fn table(&self) -> Table {
        self.table.clone()
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }
}

async fn admit(
    State(guard): State<Guard>,
    Extension(accepted): Extension<Accepted>,
    mut request: Request,
    next: Next,
) -> Response {
    match guard.names.check(request.uri(), request.headers()) {
        Ok(()) => {}
        Err(Foreign::Ambiguous) => return (StatusCode::BAD_REQUEST, "more than one host\n").into_response(),
        Err(Foreign::Host) => return (StatusCode::MISDIRECTED_REQUEST, "unknown host\n").into_response(),
        Err(Foreign::Origin) => return (StatusCode::FORBIDDEN, "unknown origin\n").into_response(),
    }
    match Caller::admit(&guard.checks, guard.policy, accepted.peer.ip(), request.headers(), request.uri()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}
