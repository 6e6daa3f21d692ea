//! How a process on this machine speaks to its hall: the command line, MCP bridges, later hooks.
//!
//! The way is a unix socket (mode 0600) that carries JSON-RPC 2.0, one message a line, in UTF-8. The hall knows who
//! is on the other side by the peer's credentials: the same user, and which process. [`protocol`] says which calls
//! there are, [`wire`] how they look as lines; both ends are written against these two files.
//!
//! What others have written is shown by [`shown`], by whoever shows it; what they have sent is saved by [`files`].
//!
//! A [`Connection`] lives as long as its socket, which is right for a command. A process that outlives the hall's
//! restarts holds a [`Reconnecting`] instead.

mod connection;
mod error;
pub mod files;
mod limits;
pub mod protocol;
mod reconnecting;
mod repeat;
pub mod shown;
pub mod wire;

pub use connection::{Connection, connect};
pub use error::CallError;
pub use reconnecting::{PATIENCE, Reconnecting};
