//! What agents and people see at the unix socket: a real hall in memory, real sockets, real processes.

#![allow(
    clippy::unwrap_used,
    reason = "what a test lays out must be there; if it is not, the test has failed"
)]

mod ancestry;
mod closing;
mod context;
mod lines;
mod membership;
mod messages;
mod place;
mod questions;
mod waiting;
