//! Why a session ends, and how its client is told.

use std::net::IpAddr;

use gate::Socket;
use hall::HallError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::limits;
use crate::outbox::Outbox;

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("the client is gone")]
    Gone,
    #[error("the client takes nothing off its socket")]
    Stalled,
    #[error("the client is too far behind with what is new")]
    Behind,
    #[error("the client has not been heard of")]
    Silent,
    #[error("the socket failed: {0}")]
    Socket(Error),
    #[error("not let in: {0}")]
    Unauthorized(&'static str),
    #[error("the server closes, and has said so")]
    Closed,
    #[error("what is kept could not be read: {0}")]
    Unreadable(HallError),
    #[error("a defect: {0}")]
    Defect(&'static str),
}

/// Says goodbye as well as the way it ended allows.
pub(crate) async fn finish(mut socket: Socket, mut outbox: Outbox, end: End, address: IpAddr) {
    let (code, reason): (_, Utf8Bytes) = match &end {
        End::Gone | End::Closed => return,
        End::Stalled | End::Silent | End::Behind => {
            return tracing::info!(%address, reason = %end, "dropped a client");
        }
        End::Socket(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) => {
            (CloseCode::Size, format!("a message is at most {max_size} bytes here").into())
        }
        End::Socket(Error::Utf8(_)) => (CloseCode::Invalid, "text is UTF-8".into()),
        End::Socket(Error::Protocol(_)) => (CloseCode::Protocol, "not the WebSocket protocol".into()),
        End::Socket(_) => return tracing::debug!(%address, reason = %end, "a connection broke"),
        End::Unauthorized(why) => {
            tracing::info!(%address, why, "closed a connection");
            (CloseCode::Policy, (*why).into())
        }
        End::Unreadable(_) | End::Defect(_) => {
            tracing::error!(%address, reason = %end, "ended a connection");
            (CloseCode::Error, "the server cannot go on with this connection".into())
        }
    };
    // The client may be gone already, and then there is nobody to say it to.
    if say(&mut socket, &mut outbox, code, reason).await.is_ok() {
        linger(socket.into_inner()).await;
    }
}

/// Sends what was gathered, and that there will be no more.
pub(crate) async fn say(
    socket: &mut Socket,
    outbox: &mut Outbox,
    code: CloseCode,
    reason: impl Into<Utf8Bytes>,
) -> Result<(), End> {
    let frame = CloseFrame { code, reason: reason.into() };
    outbox.send(socket, Message::Close(Some(frame))).await?;
    outbox.flush(socket).await
}

/// Reads on for a while, and throws away what comes. Closing a connection with unread bytes in it resets it, and the
/// reset would overtake the reason that was just sent.
async fn linger(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(limits::LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // However it ends, the connection is over.
    _ = tokio::time::timeout(limits::LINGER, drain).await;
}
