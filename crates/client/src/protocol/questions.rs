//! Questions and answers.

use serde::{Deserialize, Serialize};

/// See [`Call::Ask`](super::Call::Ask).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    /// What is asked.
    pub question: String,
    /// For whom: agents' names, `role:R`, `person:P`, `person`, memberships' ids. Everybody if empty. Naming an agent
    /// that was never here is an error.
    #[serde(default)]
    pub to: Vec<String>,
    /// Answers to choose from.
    #[serde(default)]
    pub options: Vec<String>,
    /// How long it may wait, in seconds; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u64>,
    /// What happens then; [`OnTimeout::Fail`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<OnTimeout>,
    /// The answer that [`OnTimeout::Default`] gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// What happens when a question's deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The default answer is given.
    Default,
    /// The next of `to` is asked, with the same time.
    Next,
    /// It waits for a person, without a deadline.
    Human,
    /// It is given up.
    Fail,
}

/// See [`Call::Answer`](super::Call::Answer).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The question's id.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// See [`Call::Question`](super::Call::Question).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The question's id.
    pub question: String,
    /// How long to wait for it to be answered, 0 to [`WAIT_SECONDS`](super::WAIT_SECONDS).
    #[serde(default)]
    pub wait_seconds: u64,
}

/// See [`Call::Questions`](super::Call::Questions).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Questions {
    /// Only those that wait for the caller to answer.
    #[serde(default)]
    pub for_me: bool,
    /// Also those that are answered or given up.
    #[serde(default)]
    pub all: bool,
    /// Only those whose id begins so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beginning: Option<String>,
    /// How many at most, 1 to 1000; 100 if absent. The newest are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// How a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionStatus {
    /// It waits for an answer.
    Pending,
    /// It has an answer.
    Answered,
    /// It was given up.
    Failed,
    /// A word this version does not know.
    #[serde(other)]
    Unknown,
}

/// A question as it stands. In [`News`](super::News) and lists, a large one is an excerpt; [`Call::Question`](super::Call::Question) gives it whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// Whether something of it is left out here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub excerpt: bool,
    /// Its id, the ticket.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// Who asks, by name.
    pub from: String,
    /// For whom; everybody if empty.
    #[serde(default)]
    pub to: Vec<String>,
    /// Whom it waits for now, of `to`.
    #[serde(default)]
    pub asked_now: Vec<String>,
    /// Answers to choose from.
    #[serde(default)]
    pub options: Vec<String>,
    /// How it stands.
    pub status: QuestionStatus,
    /// When it was put, ISO 8601.
    pub asked_at: String,
    /// When its time is over, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Who answered, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// When, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<String>,
}

pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}
