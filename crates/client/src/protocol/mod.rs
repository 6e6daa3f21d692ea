//! The local protocol: every method with its parameters and result. Served by the `local` door.
//!
//! [`methods`] is the table of all methods: what each is called, what it takes and gives, what it does, and who may
//! call it. What they take and give stands in one file for each group of them.
//!
//! A connection begins with [`Call::Hello`], which says who speaks and where. After that any method may be called, with
//! several calls under way at once; replies come as they are ready and carry the call's id. Closing the connection
//! ends the agent's presence. A line is at most [`LINE_BYTES`] long.
//!
//! An answer carries `position`, where the workspace's log stood when it was made, beside `result`. A query may carry
//! `min_pos` beside `params`, a position that its caller has seen: it is answered from there on, or with
//! [`ErrorCode::Unavailable`] if the log does not get there in time; that error carries `position` too, and no other does.
//! [`Connection`](crate::Connection) does all of this by itself, so that a client reads its own writes also behind another
//! node, or is told once that they are not there.
//!
//! Errors are JSON-RPC errors; `data.code` is one of [`ErrorCode`], stable, and `message` is for people.

mod connection;
mod context;
mod decisions;
mod directory;
mod messages;
mod methods;
mod news;
mod questions;
mod reservations;
mod search;
mod standing;

use serde::{Deserialize, Serialize};

pub use connection::{Cancel, Cancelled, Hello, Speaker, Welcome};
pub use context::{Delete, Deleted, Entry, History, Key, List, Share};
pub use decisions::{Decide, Decision, Page};
pub use directory::{CreateToken, IssuedToken, Token, TokenId, Workspace};
pub use messages::{
    Attachment, Changed, File, FileOf, Follow, Inbox, Mail, MarkRead, Marked, Message, Messages, Number,
    Past, Priority, Progress, Readers, Resend, Send, Sent, Stage, Took, Topic, topic_name,
};
pub use methods::{Call, Effect, METHODS, Method, Who};
pub use news::{News, Stale, Wait};
pub use questions::{Answer, Ask, OnTimeout, Question, QuestionStatus, Questions, Ticket};
pub use reservations::{Release, Reservation, Reserve};
pub use search::{Found, Hit, Kind, Search};
pub use standing::{Agent, Saying, SetStatus, Status};

/// The longest line either side accepts, its end included.
pub const LINE_BYTES: usize = 16 * 1024 * 1024;
/// The longest a single call waits for something to happen, in seconds.
pub const WAIT_SECONDS: u64 = 45;
/// The longest that a message is offered, a question waits or a reservation lasts, in seconds: a year. A longer time would
/// only hide a mistaken unit.
pub const LONGEST_SECONDS: u64 = 366 * 24 * 3600;
/// The most bytes of a file that goes with a message. It is in memory, whole, wherever it passes.
pub const FILE_BYTES: usize = 8 * 1024 * 1024;
/// The most characters of each text that is given as an excerpt.
pub const EXCERPT_CHARACTERS: usize = 500;
/// The version of this protocol, told in [`Hello`] and [`Welcome`]. Neighbouring versions understand each other.
pub const VERSION: u32 = 1;

/// A part of what there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listing<T> {
    /// What was asked for, as much of it as fits an answer.
    pub items: Vec<T>,
    /// Whether there may be more than these.
    #[serde(default)]
    pub more: bool,
}

/// No parameters.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Empty {}

/// Why a call failed: `error.data.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The line is no JSON-RPC request, or its parameters do not fit the method.
    BadRequest,
    /// There was no [`Call::Hello`] yet.
    NotIntroduced,
    /// The caller may not do this; the message says why.
    Forbidden,
    /// What was named does not exist.
    NotFound,
    /// Somebody else was first.
    Conflict,
    /// Over a bound.
    TooLarge,
    /// Too many calls, or too many of something.
    TooMany,
    /// It cannot be done now; nothing was changed.
    Unavailable,
    /// It was begun and what became of it is unknown.
    Unknown,
}
