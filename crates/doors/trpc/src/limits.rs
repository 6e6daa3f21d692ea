//! The bounds of this door, each with what it protects against.

use std::time::Duration;

use crate::wire::request;

/// Bounds on the content of a frame.
pub const FRAME: request::Limits = request::Limits { batch: 1_000, id_bytes: 128 };
/// Calls under way on one connection; beyond it, no more of its frames are read.
pub const CALLS: usize = 1_024;
/// Queries that wait for earlier calls of the same connection; beyond it, no more of its frames are read.
pub const DEFERRED: usize = 1_024;
/// The same for what they hold: an input may fill a frame, and is kept as it came.
pub const DEFERRED_BYTES: usize = 1024 * 1024;
/// Subscriptions of one connection.
pub const SUBSCRIPTIONS: usize = 256;
/// Members that one connection holds present: as many as may be present at all, so that none lapses whose client is here.
pub const MEMBERS: usize = model::limits::MEMBERS;
/// A list in a reply or an event; a larger one is an error, and is to be asked for in pages. Whatever else is sent holds
/// one thing, and the model bounds that: an entry has a token of at most [`model::limits::VALUE_TOKEN_BYTES`].
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
