//! What a tool call comes to: a text for the model, or a sentence that says what to do instead.
//!
//! Results are text and nothing else. Hosts that find `structuredContent` beside it show the model that JSON in place of
//! the text, notices and all, so it is not sent.

use std::collections::HashSet;
use std::fmt::Display;
use std::time::Duration;

use client::CallError;
use client::protocol::ErrorCode;
use client::shown;
use rmcp::model::{CallToolResult, ContentBlock};

use crate::evidence::MailShown;
use crate::hall::Cursor;

/// A tool's answer.
pub(crate) struct Outcome {
    /// What the model reads.
    pub(crate) text: String,
    /// Questions this text already speaks of, by id: no notice repeats them.
    pub(crate) shown: HashSet<String>,
    /// Up to where this text tells the agent's news, if it does.
    pub(crate) heard: Option<Cursor>,
    /// What this text shows of the agent's mail.
    pub(crate) mail: MailShown,
}

impl Outcome {
    /// A text that speaks of no question.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::showing(text, HashSet::new())
    }

    /// A text that speaks of these questions.
    pub(crate) fn showing(text: impl Into<String>, shown: HashSet<String>) -> Self {
        Self { text: text.into(), shown, heard: None, mail: MailShown::default() }
    }

    /// A text that shows mail.
    pub(crate) fn mail(text: impl Into<String>, mail: MailShown) -> Self {
        Self { mail, ..Self::text(text) }
    }
}

/// Why a tool has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An argument does not fit.
    #[error("argument `{name}` {complaint}")]
    Argument {
        /// Which.
        name: String,
        /// What is wrong with it.
        complaint: String,
    },
    /// A file cannot be read or saved.
    #[error("{0}")]
    File(String),
    /// The hall said no, or cannot be reached.
    #[error("{}", advice(.0))]
    Hall(#[from] CallError),
    /// The hall is connected and silent.
    #[error(
        "the hall has not answered for {} s; whether this was done is unknown. Look at it with `status` before \
         trying again, or go on without it",
        .0.as_secs()
    )]
    Silent(Duration),
    /// Nobody waits for the answer any more.
    #[error("given up: the host no longer waits for this call")]
    Abandoned,
}

impl Failure {
    pub(crate) fn argument(name: &str, complaint: impl Display) -> Self {
        Self::Argument { name: name.to_owned(), complaint: complaint.to_string() }
    }

    /// What happened, without advice on what to do about a call that was not carried out.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Hall(why) => why.to_string(),
            Self::Silent(time) => format!("the hall has not answered for {} s", time.as_secs()),
            other => other.to_string(),
        }
    }

    /// Whether asking the hall for news is a waste of time now.
    pub(crate) fn is_of_the_way_there(&self) -> bool {
        match self {
            Self::Hall(why) => why.code().is_none(),
            Self::Silent(_) | Self::Abandoned => true,
            Self::Argument { .. } | Self::File(_) => false,
        }
    }
}

/// The reason, and what the model can do about it.
fn advice(why: &CallError) -> String {
    let then = match why {
        CallError::NotRunning { .. } | CallError::Unreachable { .. } => {
            "Nothing was done: tell your user, go on without it, and try again later"
        }
        CallError::Closed => "Try again",
        CallError::TooLong(_) => "Send less",
        CallError::Lost | CallError::Garbled(_) => "Look at how things stand before trying again",
        CallError::Refused { code, .. } => match code {
            ErrorCode::Conflict => "Look at how things stand now, then decide again",
            ErrorCode::TooLarge => "Send less",
            ErrorCode::TooMany | ErrorCode::Unavailable => "Try again in a while",
            ErrorCode::Unknown => "Look at how things stand before trying again",
            ErrorCode::BadRequest | ErrorCode::NotIntroduced | ErrorCode::Forbidden | ErrorCode::NotFound => {
                return why.to_string();
            }
        },
    };
    format!("{why}. {then}")
}

/// The result as the protocol has it, the notice at its end.
pub(crate) fn result(outcome: Result<Outcome, Failure>, notice: Option<String>) -> CallToolResult {
    let (text, failed) = match outcome {
        Ok(outcome) => (outcome.text, false),
        Err(failure) => (failure.to_string(), true),
    };
    blocks(std::iter::once(text).chain(notice), failed)
}

/// A result of these texts.
pub(crate) fn blocks(texts: impl IntoIterator<Item = String>, failed: bool) -> CallToolResult {
    let content = texts.into_iter().map(|text| ContentBlock::text(shown::prose(&text))).collect();
    if failed { CallToolResult::error(content) } else { CallToolResult::success(content) }
}
