//! Why a call is answered with an error, in the protocol's form.

use client::protocol::ErrorCode;
use hall::{Declined, HallError};
use model::Refusal;

/// An error to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    /// Where the log ends, if it does not reach as far as the caller has seen.
    pub(crate) position: Option<u64>,
}

impl Refused {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), position: None }
    }

    pub(crate) fn bad_request(why: impl ToString) -> Self {
        Self::new(ErrorCode::BadRequest, why.to_string())
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// A command was carried out and its events are not those it makes. Nothing the caller did brings this about.
    pub(crate) fn without_events(what: &str) -> Self {
        tracing::error!(what, "a command was carried out and left no event of its kind");
        Self::new(ErrorCode::Unknown, format!("{what} left no trace in the log; please report this"))
    }
}

impl From<Declined> for Refused {
    fn from(declined: Declined) -> Self {
        let code = match &declined {
            Declined::Refused(refusal) => match refusal {
                Refusal::NotFound { .. } => ErrorCode::NotFound,
                Refusal::Conflict(_) => ErrorCode::Conflict,
                Refusal::Forbidden(_) => ErrorCode::Forbidden,
                Refusal::TooLarge { .. } => ErrorCode::TooLarge,
                Refusal::Full { .. } => ErrorCode::TooMany,
                Refusal::Invalid(_) => ErrorCode::BadRequest,
            },
            Declined::KeyReused => ErrorCode::Conflict,
            Declined::BadKey => ErrorCode::BadRequest,
            Declined::Unavailable(_) | Declined::Behind | Declined::Closing => ErrorCode::Unavailable,
            Declined::Unknown(_) => ErrorCode::Unknown,
        };
        Self::new(code, declined.to_string())
    }
}

impl From<HallError> for Refused {
    fn from(error: HallError) -> Self {
        let position = match &error {
            HallError::NotReached { end, .. } => Some(end.0),
            _ => None,
        };
        let code = match error {
            HallError::NoWorkspace(_) => ErrorCode::NotFound,
            HallError::Store(_) | HallError::Row(_) | HallError::NotReached { .. } => ErrorCode::Unavailable,
            HallError::Declined(declined) => return declined.into(),
        };
        Self { position, ..Self::new(code, error.to_string()) }
    }
}
