//! The door for tRPC clients over WebSocket: those of the coordinator, generations 10 and 11, unchanged.
//!
//! [`wire`] knows the text, [`session`] serves one connection with it, from [`introduction`] to [`goodbye`]. A frame's
//! way: [`session`] → [`wire`] → [`calls`] → either [`query`], answered from the committed state, or [`mutation`],
//! submitted to the workspace and answered when it is durable, or [`feed`], a follower of the log. Queries that ask for a
//! position of the log are [`awaited`] until it is there. Messages, of which the
//! coordinator knows nothing, are read in [`mailbox`] and written in [`messages`]. [`data`] says what
//! the model's things look like to these clients, [`cursor`] how a place in the log does.
//!
//! Source of the format: `docs/wire/coordinator.md`.

mod awaited;
mod calls;
mod cursor;
mod data;
mod door;
mod feed;
mod filter;
mod goodbye;
mod ids;
mod introduction;
pub mod limits;
mod list;
mod mailbox;
mod messages;
mod mutation;
mod query;
mod refusal;
mod session;
mod speaker;
pub mod wire;

pub use door::{Door, Options};
