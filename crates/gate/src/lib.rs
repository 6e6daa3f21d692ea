//! What stands before every door: listeners, Host and Origin, tokens, limits, and the upgrade to a WebSocket.
//!
//! A door gives the gate [`Route`]s. A route cannot be made without its [`Policy`], and the gate builds its router
//! from the table of routes and from nothing else, so there is no way in that nobody decided about.
//!
//! A request passes, in this order: the bound on connections ([`listener`]), Host and Origin ([`hosts`]), the token
//! ([`admission`]), the limits ([`rate`]), then the door. A WebSocket upgrade ends in [`websocket`], which hands the
//! door a connection: a [`Socket`] if its client is known, else a [`Stranger`] until it is. Whether its client is still there
//! is for [`KeepAlive`] to say; what is written to it leaves by an [`Outbox`].

pub mod admission;
mod health;
pub mod hosts;
mod keep_alive;
pub mod limits;
pub mod listener;
pub mod outbox;
mod query;
pub mod rate;
pub mod routes;
mod stranger;
mod tasks;
pub mod websocket;

pub use admission::{Caller, Policy};
pub use hosts::Names;
pub use keep_alive::KeepAlive;
pub use listener::Listener;
pub use outbox::{Outbox, Patience, Stream, Unsent, linger};
pub use rate::Rates;
pub use routes::{AnyPath, Gate, Route};
pub use stranger::Stranger;
pub use websocket::{Buffering, Connection, Socket, Upgrade};
