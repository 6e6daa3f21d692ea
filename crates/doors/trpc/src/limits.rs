//! The bounds of this door, each with what it protects against.

use std::time::Duration;

use crate::wire::page::MAX_LIMIT;
use crate::wire::request;

/// Bounds on the content of a frame.
pub const FRAME: request::Limits = request::Limits { batch: BATCH, id_bytes: ID_BYTES };
/// Messages in one batch. Clients send all calls of one tick, and all that queued up while they were connecting, as one,
/// and lose them all if it is refused. What a batch holds is bounded by its frame, and its replies wait for the socket;
/// beside them a call costs a few hundred bytes until it is answered, so these cost a few megabytes at most.
pub const BATCH: usize = 10_000;
/// A request's id as it stands in its frame. Ids of calls and subscriptions under way are kept.
pub const ID_BYTES: usize = 4 * 1024;
/// Calls under way on one connection; beyond it, no more of its frames are read. A batch is taken whole, so there may be
/// [`BATCH`] more.
pub const CALLS: usize = 1_024;
/// Queries that wait for earlier calls of the same connection, or for a position; beyond it, no more of its frames are
/// read. Here too there may be [`BATCH`] more.
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
/// Messages of a list or an inbox where the client does not say.
pub const MESSAGES: usize = 100;
/// Contents of the messages of one reply, as they are written, in bytes. The rest of [`REPLY_BYTES`] is for what stands around
/// them: names and files.
pub const MESSAGE_BYTES: u64 = REPLY_BYTES as u64 / 6;
/// Stretches of a mailbox in one receipt: more than the most messages of one inbox can come to.
pub const RECEIPT_RANGES: usize = 2 * MAX_LIMIT as usize;
/// Messages that are marked at once.
pub const MARKED: usize = MAX_LIMIT as usize;
/// Frames read in a row before the rest of a session is looked at.
pub const IN_A_ROW: usize = 64;
/// What most replies fit in.
pub const FRAME_HINT: usize = 768;
/// How long a client has, when the server ends, to take what is written to it after the drain is over.
pub const FAREWELL: Duration = Duration::from_secs(1);
