//! `/healthz` and `/readyz`: whether the process is alive, and whether it can do its work.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hall::Hall;
use http::StatusCode;

use crate::admission::Policy;
use crate::routes::Route;

pub(crate) fn routes(hall: &Hall) -> Vec<Route> {
    vec![
        Route::new("/healthz", Policy::Anybody, get(|| async { "alive\n" })),
        Route::new("/readyz", Policy::Anybody, get(ready).with_state(hall.clone())),
    ]
}

async fn ready(State(hall): State<Hall>) -> Response {
    match hall.health() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}
