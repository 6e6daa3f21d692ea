//! The door for the linker's clients over WebSocket: the MCP servers of the old broker, 1.0 to 1.3, unchanged.
//!
//! [`wire`] knows the text, [`session`] serves one connection with it, from `connected` to [`goodbye`]. A request's way:
//! [`session`] → [`wire`] → [`requests`], which submits what writes and asks [`history`], [`progress`] and
//! [`instances`] for what is read; [`evidence`] says which messages in replies have arrived. The other way goes what
//! happens: [`dispatcher`] follows the log of a workspace, knows which connection speaks for which agent, and tells each what
//! concerns it; there it is [`pending`] until [`news`] says it to the client. What is [`shown`] of a message is the same in all
//! frames.
//!
//! Source of the format: `docs/wire/linker.md`.

mod dispatcher;
mod door;
mod evidence;
mod goodbye;
mod history;
mod instances;
pub mod limits;
mod news;
mod pending;
mod progress;
mod requests;
mod session;
mod shown;
pub mod wire;

pub use door::{Door, Options};
