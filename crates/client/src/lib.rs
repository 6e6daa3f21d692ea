//! How a process on this machine speaks to its hall: the command line, MCP bridges, later hooks.
//!
//! The way is a unix socket (mode 0600) that carries JSON-RPC 2.0, one message a line, in UTF-8. The hall knows who
//! is on the other side by the peer's credentials: the same user, and which process. [`protocol`] is the wire.

pub mod protocol;
