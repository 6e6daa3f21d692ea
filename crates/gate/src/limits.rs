//! The bounds of the gate, each with what it protects against.

use std::time::Duration;

/// The largest message on a WebSocket: a value of 4 MiB fits with its escapes. Above it the socket closes with 1009.
pub const FRAME_BYTES: usize = 16 * 1024 * 1024;
/// The largest message of a client that has not said yet who it is: connection parameters with a token take a few
/// hundred bytes, and a stranger is not to fill memory. Above it the socket closes with 1009.
pub const INTRODUCTION_BYTES: usize = 64 * 1024;
/// What a WebSocket reads at once. The buffer stays allocated: it is most of what an idle connection costs.
pub const READ_BUFFER: usize = 4 * 1024;
/// Frames are gathered up to this before they are written, so that what belongs together leaves in one write.
pub const WRITE_BUFFER: usize = 64 * 1024;
/// Frames written before a socket is flushed, although more could be gathered.
pub const UNFLUSHED: usize = 256;
/// … or bytes, if these are reached before.
pub const UNFLUSHED_BYTES: usize = 64 * 1024;
/// What a client is granted a whole write stall for.
pub const BYTES_PER_STALL: usize = 1024 * 1024;
/// How much, and how long, is read from a client after the reason for closing was sent to it.
pub const LINGER_BYTES: u64 = 64 * 1024 * 1024;
/// See [`LINGER_BYTES`].
pub const LINGER: Duration = Duration::from_secs(2);
/// The head of an HTTP request.
pub const HEAD_BYTES: usize = 16 * 1024;
/// How long a client may take to send it.
pub const HEAD_TIME: Duration = Duration::from_secs(10);
/// A token's length; longer ones are not looked up.
pub const TOKEN_BYTES: usize = 256;
/// Principals and addresses whose rates are remembered; the least used are forgotten, which forgives them.
pub const RATES: usize = 10_000;
/// Between two attempts to accept, after one has failed for want of something.
pub const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// How long connections may take to end once they have been told to. A client that reads nothing would else hold up the
/// end of the process.
pub const FINISH: Duration = Duration::from_secs(5);
