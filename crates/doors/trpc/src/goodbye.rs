//! Why a session ends, and how its client is told.

use std::net::IpAddr;

use gate::{Outbox, Stream, Unsent, linger};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::door::Inner;

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("the client is gone")]
    Gone,
    #[error("the client has not been heard of")]
    Silent,
    #[error("the socket failed: {0}")]
    Socket(Error),
    #[error(transparent)]
    Unsent(#[from] Unsent),
    #[error("not let in: {0}")]
    Unauthorized(&'static str),
    #[error("the server closes")]
    Closing,
    #[error("the store could not be read: {0}")]
    Unreadable(store::StoreError),
}

/// Says goodbye as well as the way it ended allows.
pub(crate) async fn finish(
    mut socket: WebSocketStream<impl Stream>,
    mut outbox: Outbox<Inner>,
    end: End,
    address: IpAddr,
) {
    let close = match &end {
        End::Gone => return,
        End::Unsent(Unsent::Stalled) | End::Silent => {
            return tracing::info!(%address, reason = %end, "dropped a client");
        }
        End::Socket(Error::Capacity(CapacityError::MessageTooLong { max_size, .. })) => {
            Some((CloseCode::Size, format!("a message is at most {max_size} bytes here").into()))
        }
        End::Socket(Error::Utf8(_)) => Some((CloseCode::Invalid, "text is UTF-8".into())),
        End::Socket(Error::Protocol(_)) => Some((CloseCode::Protocol, "not the WebSocket protocol".into())),
        End::Socket(_) | End::Unsent(Unsent::Socket(_)) => {
            return tracing::debug!(%address, reason = %end, "a connection broke");
        }
        End::Unauthorized(why) => {
            tracing::info!(%address, why, "closed a connection");
            None
        }
        End::Closing => Some((CloseCode::Restart, "the server is restarting".into())),
        End::Unreadable(_) | End::Unsent(Unsent::NotText) => {
            tracing::error!(%address, reason = %end, "ended a connection");
            Some((CloseCode::Error, "the server cannot go on with this connection".into()))
        }
    };
    let frame = close.map(|(code, reason)| CloseFrame { code, reason });
    // The client may be gone already, and then there is nobody to say it to.
    if outbox.send(&mut socket, Message::Close(frame)).await.is_ok()
        && outbox.flush(&mut socket).await.is_ok()
    {
        linger(socket.into_inner()).await;
    }
}
