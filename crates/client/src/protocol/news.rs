//! Waiting for news.

use serde::{Deserialize, Serialize};

use super::messages::Message;
use super::questions::{Question, is_false};

/// See [`Call::Wait`](super::Call::Wait).
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Wait {
    /// How long, 0 to [`WAIT_SECONDS`](super::WAIT_SECONDS).
    #[serde(rename = "seconds")]
    pub wait_seconds: u64,
    /// Only what came after this position; everything that is still open, or still stale, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// What is new for the caller: what the log has for it between [`Wait::after`] and `position`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct News {
    /// Where to go on waiting from.
    pub position: u64,
    /// Whether the log goes on behind `position`: there may be more news already.
    #[serde(default, skip_serializing_if = "is_false")]
    pub behind: bool,
    /// Open questions for the caller that did not fit. Only without [`Wait::after`]; [`Call::Questions`](super::Call::Questions) has them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// Open questions that wait for the caller.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// The caller's own questions that were answered or given up.
    #[serde(default)]
    pub answers: Vec<Question>,
    /// Keys the caller read that have changed since.
    #[serde(default)]
    pub stale: Vec<Stale>,
    /// Messages to the caller that came and are unread, long ones as excerpts, oldest first. Only with [`Wait::after`].
    #[serde(default)]
    pub messages: Vec<Message>,
    /// How many messages wait for the caller. Only without [`Wait::after`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waiting: usize,
}

impl News {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        let things = self.questions.len() + self.answers.len() + self.stale.len() + self.messages.len();
        things + self.left_out + self.waiting == 0
    }
}

/// A key that changed after the caller had read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// The key.
    pub key: String,
    /// The version that was read.
    pub read: u64,
    /// The version now.
    pub now: u64,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
