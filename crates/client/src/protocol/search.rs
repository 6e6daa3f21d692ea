//! Finding what was said, shared, asked, answered and decided.

use serde::{Deserialize, Serialize};

/// See [`Call::Search`](super::Call::Search).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Search {
    /// Words that are all there; `word*` for all that begin so, `"some words"` for words in this order. No difference is
    /// made between capitals and small letters.
    pub query: String,
    /// Only things of these kinds; of all if empty.
    #[serde(default)]
    pub kinds: Vec<Kind>,
    /// Only what came before this number, [`Found::next`] of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// How many at most, 1 to 100; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message, also one that found no recipient.
    Message,
    /// A key's value as it is now.
    Context,
    /// A question.
    Question,
    /// An answer to a question.
    Answer,
    /// A decision.
    Decision,
}

/// See [`Call::Search`](super::Call::Search).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// Newest first.
    pub hits: Vec<Hit>,
    /// Where to go on, if there may be more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Up to which place of the log everything was looked through.
    pub as_of: u64,
    /// Whether that is the log's end, as it was when this was asked.
    pub complete: bool,
}

/// Something that was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// Its place in the log; of a message, its number.
    pub number: u64,
    /// What it is looked at by: a message's, question's or decision's id, or a key.
    pub id: String,
    /// Who wrote it, by name.
    pub by: String,
    /// For whom, of a message: as [`Message::to`](super::Message::to).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// When, ISO 8601.
    pub at: String,
    /// What it says, its beginning if it is long: [`EXCERPT_CHARACTERS`](super::EXCERPT_CHARACTERS) at most.
    pub text: String,
    /// Whether that is its beginning only.
    pub excerpt: bool,
}
