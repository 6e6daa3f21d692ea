//! Why a call has no result.

use std::path::PathBuf;

use crate::protocol::{ErrorCode, LINE_BYTES};

/// Why a call has no result. The messages are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody listens on the socket.
    #[error("Guildhall is not running at {}; start it with `guildhall serve`", .socket.display())]
    NotRunning {
        /// The socket.
        socket: PathBuf,
    },
    /// The socket is there and cannot be used.
    #[error("{} cannot be used: {cause}", .socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the operating system says.
        cause: String,
    },
    /// The hall understood and said no.
    #[error("{message}")]
    Refused {
        /// Why, for programs. A word this version does not know reads as [`ErrorCode::Unknown`].
        code: ErrorCode,
        /// Why, for people.
        message: String,
    },
    /// The connection ended before the call was sent: nothing has happened.
    #[error("the connection to the hall was closed; nothing was sent")]
    Closed,
    /// The connection ended before the answer came.
    #[error("the connection to the hall was lost before it answered, so whether this was done is unknown")]
    Lost,
    /// The call does not fit a line.
    #[error("this call is {0} bytes long, and a line has at most {LINE_BYTES}")]
    TooLong(usize),
    /// The answer is not what the protocol says.
    #[error("the hall's answer cannot be understood: {0}")]
    Garbled(String),
}

impl CallError {
    /// The hall's own reason, if it is the hall that said no.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}
