//! Why a session ends, and how its client is told.

use std::net::IpAddr;

use gate::{Outbox, Socket, Unsent, linger};
use hall::HallError;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::door::Inner;

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("the client is gone")]
    Gone,
    #[error("the client is too far behind with what is new")]
    Behind,
    #[error("the client has not been heard of")]
    Silent,
    #[error("the socket failed: {0}")]
    Socket(Error),
    #[error(transparent)]
    Unsent(#[from] Unsent),
    #[error("not let in: {0}")]
    Unauthorized(&'static str),
    #[error("the server closes, and has said so")]
    Closed,
    #[error("what is kept could not be read: {0}")]
    Unreadable(HallError),
}

/// Says goodbye as well as the way it ended allows.
pub(crate) async fn finish(mut socket: Socket, mut outbox: Outbox<Inner>, end: End, address: IpAddr) {
    let (code, reason): (_, Utf8Bytes) = match &end {
        End::Gone | End::Closed => return,
        End::Unsent(Unsent::Stalled) | End::Silent | End::Behind => {
            return tracing::info!(%address, reason = %end, "dropped a client");
        }
        End::Socket(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) => {
            (CloseCode::Size, format!("a message is at most {max_size} bytes here").into())
        }
        End::Socket(Error::Utf8(_)) => (CloseCode::Invalid, "text is UTF-8".into()),
        End::Socket(Error::Protocol(_)) => (CloseCode::Protocol, "not the WebSocket protocol".into()),
        End::Socket(_) | End::Unsent(Unsent::Socket(_)) => {
            return tracing::debug!(%address, reason = %end, "a connection broke");
        }
        End::Unauthorized(why) => {
            tracing::info!(%address, why, "closed a connection");
            (CloseCode::Policy, (*why).into())
        }
        End::Unreadable(_) | End::Unsent(Unsent::NotText) => {
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
    outbox: &mut Outbox<Inner>,
    code: CloseCode,
    reason: impl Into<Utf8Bytes>,
) -> Result<(), End> {
    let frame = CloseFrame { code, reason: reason.into() };
    outbox.send(socket, Message::Close(Some(frame))).await?;
    Ok(outbox.flush(socket).await?)
}
