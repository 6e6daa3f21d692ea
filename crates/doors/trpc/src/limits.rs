//! The bounds of this door, each with what it protects against.

use std::time::Duration;

use crate::wire::request;

/// Bounds on the content of a frame.
pub const FRAME: request::Limits = request::Limits { batch: 1_000, id_bytes: 128 };
/// Calls under way on one connection; beyond it, no more of its frames are read.
pub const CALLS: usize = 1_024;
/// Queries that wait for earlier calls of the same connection.
pub const DEFERRED: usize = 1_024;
/// Subscriptions of one connection.
pub const SUBSCRIPTIONS: usize = 256;
/// Members that one connection holds present.
pub const MEMBERS: usize = 1_024;
/// A reply's data. A larger list is to be asked for in pages.
pub const REPLY_BYTES: usize = 16 * 1024 * 1024;
/// Items of a page where the client does not say.
pub const PAGE: usize = 1_000;
/// Frames read in a row before the rest of a session is looked at.
pub const IN_A_ROW: usize = 64;
/// What most replies fit in.
pub const FRAME_HINT: usize = 768;
/// What a client is granted a whole write stall for.
pub const BYTES_PER_STALL: usize = 1024 * 1024;
/// Replies written before the socket is flushed, although more could be gathered.
pub const UNFLUSHED: usize = 256;
/// How much, and how long, is read from a client after the reason for closing was sent to it.
pub const LINGER_BYTES: u64 = 64 * 1024 * 1024;
/// See [`LINGER_BYTES`].
pub const LINGER: Duration = Duration::from_secs(2);
