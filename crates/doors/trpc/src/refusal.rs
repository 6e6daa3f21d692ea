//! What the hall declines, as tRPC errors.

use hall::{Declined, HallError};
use model::Refusal;
use store::StoreError;

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
        // The model's bounds are tighter, or meant to be; whichever refuses it, the caller is to send less.
        Declined::Unavailable(StoreError::TooLarge { .. }) => Code::PayloadTooLarge,
        Declined::Unavailable(_) | Declined::Behind | Declined::Closing => Code::ServiceUnavailable,
        Declined::Unknown(_) => Code::InternalServerError,
    };
    TrpcError::new(code, &declined.to_string())
}

/// Turns down a query that asks for a log that has come further.
pub(crate) fn unreached(error: &HallError) -> TrpcError {
    match error {
        HallError::NotReached { .. } => TrpcError::new(Code::Timeout, &error.to_string()),
        other => unreadable(other),
    }
}

/// Turns down a query. What exactly is wrong with the store is for the log.
pub(crate) fn unreadable(error: &HallError) -> TrpcError {
    tracing::error!(%error, "a query failed");
    TrpcError::new(Code::InternalServerError, "what is stored could not be read; the server's log says why")
}

#[cfg(test)]
mod tests {
    use model::Position;

    use super::*;

    #[test]
    fn what_the_store_finds_too_large_is_for_its_caller_to_make_smaller() {
        let refused = StoreError::TooLarge { position: Position(7), bytes: 9, limit: 8 };
        let error = declined(&Declined::Unavailable(refused));
        assert_eq!(error.code(), Code::PayloadTooLarge);
        assert!(error.message().contains("nothing was written"), "{error}");
        let error = declined(&Declined::Unavailable(StoreError::Full));
        assert_eq!(error.code(), Code::ServiceUnavailable);
    }

    #[test]
    fn a_log_that_has_not_come_so_far_is_a_timeout() {
        let error = unreached(&HallError::NotReached { asked: Position(9), end: Position(7) });
        assert_eq!(error.code(), Code::Timeout);
        assert_eq!(error.message(), "position 9 is not reached; the log ends at 7");
    }
}
