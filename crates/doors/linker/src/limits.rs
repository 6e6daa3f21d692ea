//! The bounds of this door, each with what it protects against.

use std::time::Duration;

/// What an instance says of itself, without quotes and escapes. Kept in memory for every connection, and sent to all of them.
pub const DESCRIPTION_BYTES: usize = 4 * 1024;
/// Of a type that nobody knows, so much is said back.
pub const ECHO_CHARACTERS: usize = 200;
/// Ids in one `mark_read`.
pub const MARKED: usize = 10_000;
/// Messages of one `messages`; what is left comes with the next.
pub const FETCH_MESSAGES: usize = 4_096;
/// The same for their contents, in bytes: a reply is made in memory.
pub const FETCH_BYTES: u64 = 8 * 1024 * 1024;
/// Replies of one connection whose arrival is not proved; each keeps the places it showed. Of one beyond it nothing is
/// kept, and what it showed is offered again.
pub const UNPROVED: usize = 8;
/// Names in one `message_count`.
pub const SENDERS: usize = 1_000;
/// Messages of one `conversation`.
pub const CONVERSATION_MESSAGES: usize = 1_000;
/// The same for their contents, in bytes.
pub const CONVERSATION_BYTES: u64 = 8 * 1024 * 1024;
/// How often it is looked further back for them, [`hall::limits::HISTORY_SCAN`] messages of each side at a time.
pub const CONVERSATION_LOOKS: usize = 10;
/// Messages of one `receipts`: the newest.
pub const RECEIPTS: usize = 1_000;
/// Messages that `stats` looks at: the newest.
pub const STATS_MESSAGES: usize = 2_000;
/// Marks of one reader that are loaded for how far messages have come; for what lies behind them each is looked up.
pub const MARKS_SCAN: usize = 20_000;
/// Lists of marks that are loaded, one for each reader and each way it took messages; of other readers each mark is looked up.
pub const MARKS_LOADED: usize = 512;
/// Followers of a topic who are asked whether they have had a message to it.
pub const FOLLOWERS: usize = 2_000;
/// Messages under way from one connection; beyond it, no more of its frames are read.
pub const SENDS: usize = 1_024;
/// What a connection has not been told yet; one that is this far behind is dropped, and finds all messages waiting.
pub const NEWS: usize = 65_536;
/// Frames read, or news told, in a row before the rest of a session is looked at.
pub const IN_A_ROW: usize = 64;
/// Frames that are still served when the server ends, of those that have come: nobody else would tell their senders that
/// they were not.
pub const LAST_FRAMES: usize = 8_192;
/// Frames that are read while something leaves, …
pub const AHEAD: usize = 64;
/// … or bytes, the last frame not counted.
pub const AHEAD_BYTES: usize = 64 * 1024;
/// Before the log is read again, after that has failed.
pub const READ_AGAIN: Duration = Duration::from_secs(1);
/// A client from which nothing came for so long has nothing under way when the server closes.
pub const NOTHING_MORE: Duration = Duration::from_millis(50);
/// How long a client has for its last words, and to take what is written to it, when the server closes.
pub const FAREWELL: Duration = Duration::from_secs(2);
