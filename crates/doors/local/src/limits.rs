//! The bounds of this door, each with what it protects against. The length of a line is the protocol's,
//! [`client::protocol::LINE_BYTES`].

use std::time::Duration;

/// Connections at once; each may hold some lines in memory. Whoever comes next waits in the socket's backlog.
pub const CONNECTIONS: usize = 1024;
/// Calls of one connection under way at once; the next is not read before one of them is answered.
pub const CALLS: usize = 64;
/// Of those, calls that wait for something to happen. One more is an error, so that waiting never holds up reading.
pub const WAITS: usize = 16;
/// What one connection's calls and untaken answers may hold on to, in KiB. Twice the longest line, so that one long
/// answer does not hold up the next.
pub const ROOM_KIB: u32 = 32 * 1024;
/// Calls of one connection that look things up at once: what they find is weighed only when it is there.
pub const LOOKING: usize = 4;
/// A line of one who has not said who speaks yet, in bytes: an introduction, which has a few short words.
pub const INTRODUCTION_BYTES: usize = 64 * 1024;
/// Connections that have not said who speaks yet, at once: with [`INTRODUCTION_BYTES`] the most that strangers hold. The
/// next is read from when one of them has spoken, or was closed for not doing so.
pub const STRANGERS: usize = 128;
/// What is kept of a buffer that has held a long line.
pub const BUFFER: usize = 64 * 1024;
/// How long a connection may take nothing of an answer before it is closed.
pub const STALL: Duration = Duration::from_secs(30);
/// How long a connection may stay without saying who speaks.
pub const INTRODUCTION: Duration = Duration::from_secs(30);
/// How long calls under way may take once the door is closing.
pub const FINISH: Duration = Duration::from_secs(5);
/// Between two attempts to accept, after one has failed for want of something.
pub const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Things in one list.
pub const LIST: usize = 1000;
/// Things in one list, if the caller does not say.
pub const LIST_USUALLY: usize = 100;
/// Stretches of a mailbox in one receipt: more than the most messages of one page can come to.
pub const RECEIPT_RANGES: usize = 2 * LIST;
/// Ancestors of a process that are looked at. No real tree is this deep; a malformed process table could go on.
pub const ANCESTORS: usize = 256;
/// Agents' processes that are remembered, living ones all of them. One more is not let in: forgetting one would set
/// its shells free.
pub const AGENTS: usize = 4096;
/// Characters of an agent's name that are remembered with its process, for the message that names it.
pub const AGENT_NAME: usize = 100;
/// Bytes of what an agent's host calls this one of its running agents. The model's own bound: a longer one is told here,
/// in the words of this protocol.
pub const INSTANCE_BYTES: usize = model::limits::INSTANCE_BYTES;
/// The longest file of agents' processes that is read: more than [`AGENTS`] lines come to.
pub const REGISTER_BYTES: u64 = 8 * 1024 * 1024;
