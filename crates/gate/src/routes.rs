//! The table of routes, and the gate that is built from it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use hall::Hall;
use http::StatusCode;

use crate::admission::{Caller, Checks, Policy};
use crate::health;
use crate::hosts::{Foreign, Names};
use crate::rate::Rates;

/// One way in: where, for whom, and to what.
pub struct Route {
    path: &'static str,
    policy: Policy,
    handler: MethodRouter<(), Infallible>,
}

impl Route {
    /// A route at an axum path pattern. Its handler finds the [`Caller`] among the request's extensions.
    pub fn new(path: &'static str, policy: Policy, handler: MethodRouter<(), Infallible>) -> Self {
        Self { path, policy, handler }
    }
}

/// All ways in through one listener.
#[derive(Clone)]
pub struct Gate {
    router: Router,
    table: Arc<[(&'static str, Policy)]>,
}

#[derive(Clone)]
struct Guard {
    checks: Arc<Checks>,
    names: Arc<Names>,
    policy: Policy,
}

impl Gate {
    /// The main gate: these routes, `/healthz` and `/readyz`; everything else is 404.
    pub fn new(hall: &Hall, rates: Arc<Rates>, names: Names, routes: Vec<Route>) -> Self {
        let mut routes = routes;
        routes.extend(health::routes(hall));
        Self::build(hall, rates, names, routes, Router::new())
    }

    /// The gate of a compatibility listener: these routes, and for every other path the last one's handler.
    pub fn compatibility(
        hall: &Hall,
        rates: Arc<Rates>,
        names: Names,
        routes: Vec<Route>,
        any_path: Route,
    ) -> Self {
        let handler = any_path.handler.clone();
        let mut routes = routes;
        routes.push(any_path);
        Self::build(hall, rates, names, routes, Router::new().fallback_service(handler))
    }

    fn build(hall: &Hall, rates: Arc<Rates>, names: Names, routes: Vec<Route>, fallback: Router) -> Self {
        let (checks, names) = (Arc::new(Checks { hall: hall.clone(), rates }), Arc::new(names));
        let table = routes.iter().map(|route| (route.path, route.policy)).collect();
        let guard = |policy| Guard { checks: checks.clone(), names: names.clone(), policy };
        // What no route answers is guarded like what strangers may see: Host and Origin are looked at all the same.
        let beyond = routes.last().map_or(Policy::Anybody, |route| route.policy);
        let mut router = fallback.layer(from_fn_with_state(guard(beyond), admit));
        for Route { path, policy, handler } in routes {
            router = router.route(path, handler.layer(from_fn_with_state(guard(policy), admit)));
        }
        Self { router, table }
    }

    /// Every path with its policy.
    pub fn table(&self) -> &[(&'static str, Policy)] {
        &self.table
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }
}

async fn admit(
    State(guard): State<Guard>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    match guard.names.check(request.headers()) {
        Ok(()) => {}
        Err(Foreign::Host) => return (StatusCode::MISDIRECTED_REQUEST, "unknown host\n").into_response(),
        Err(Foreign::Origin) => return (StatusCode::FORBIDDEN, "unknown origin\n").into_response(),
    }
    match Caller::admit(&guard.checks, guard.policy, peer.ip(), request.headers(), request.uri()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => refused.into_response(),
    }
}
