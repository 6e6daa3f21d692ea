//! What the hall declines, as tRPC errors.

use hall::{Declined, HallError};
use model::Refusal;

use crate::wire::error::{Code, TrpcError};

/// Turns down a mutation.
pub(crate) fn declined(declined: &Declined) -> TrpcError {
    if let Declined::Refused(Refusal::NotFound { what: "Question", id }) = declined {
        // The old server's handler threw, and clients may look for its code.
        return TrpcError::question_not_found(id);
    }
    let code = match declined {
        Declined::Refused(refusal) => match refusal {
            Refusal::NotFound { .. } => Code::NotFound,
            Refusal::Conflict(_) => Code::Conflict,
            Refusal::Forbidden(_) => Code::Forbidden,
            Refusal::TooLarge { .. } => Code::PayloadTooLarge,
            Refusal::Full { .. } => Code::TooManyRequests,
            Refusal::Invalid(_) => Code::BadRequest,
        },
        Declined::KeyReused => Code::Conflict,
        Declined::BadKey => Code::BadRequest,
        Declined::Unavailable(_) | Declined::Behind | Declined::Closing => Code::ServiceUnavailable,
        Declined::Unknown(_) => Code::InternalServerError,
    };
    TrpcError::new(code, &declined.to_string())
}

/// Turns down a query. What exactly is wrong with the store is for the log.
pub(crate) fn unreadable(error: &HallError) -> TrpcError {
    tracing::error!(%error, "a query failed");
    TrpcError::new(Code::InternalServerError, "what is stored could not be read; the server's log says why")
}
