//! The writing half of a WebSocket: frames are gathered and leave together; a client that takes nothing is noticed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::limits;

/// What a WebSocket runs on.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How long a door waits for a client to take what is written to it.
pub trait Patience: Send + Sync {
    /// How long a client may take nothing off its socket.
    fn write_stall(&self) -> Duration;

    /// Resolves when, because the server ends, nobody is waited for any longer.
    fn is_over(&self) -> impl Future<Output = ()> + Send;
}

/// Frames that have been put into a socket's buffer and not been flushed.
pub struct Outbox<P> {
    frames: usize,
    bytes: usize,
    patience: Arc<P>,
}

/// Why frames did not leave. Nothing more can be sent to this client.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    /// The client takes nothing off its socket.
    #[error("the client takes nothing off its socket")]
    Stalled,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Socket(Error),
    /// A defect of whoever made the frame.
    #[error("a frame is not UTF-8")]
    NotText,
}

// === impl Outbox ===

impl<P: Patience> Outbox<P> {
    /// An outbox with nothing in it.
    pub fn new(patience: Arc<P>) -> Self {
        Self { frames: 0, bytes: 0, patience }
    }

    /// Whether there is something to flush.
    pub fn is_waiting(&self) -> bool {
        self.frames > 0
    }

    /// Whether it is time to flush although more could be gathered.
    pub fn is_full(&self) -> bool {
        self.frames >= limits::UNFLUSHED || self.bytes >= limits::UNFLUSHED_BYTES
    }

    /// Puts one text frame, as it is sent, into the buffer.
    pub async fn put(
        &mut self,
        socket: &mut WebSocketStream<impl Stream>,
        frame: impl Into<Bytes>,
    ) -> Result<(), Unsent> {
        let text = Utf8Bytes::try_from(frame.into()).map_err(|_| Unsent::NotText)?;
        self.send(socket, Message::Text(text)).await
    }

    /// Puts any frame into the buffer.
    pub async fn send(
        &mut self,
        socket: &mut WebSocketStream<impl Stream>,
        message: Message,
    ) -> Result<(), Unsent> {
        self.frames += 1;
        self.bytes += message.len();
        self.within(self.stall(), socket.feed(message)).await
    }

    /// Waits until everything has left.
    pub async fn flush(&mut self, socket: &mut WebSocketStream<impl Stream>) -> Result<(), Unsent> {
        self.leave(socket.flush()).await
    }

    /// The same, by what flushes the socket.
    pub async fn leave(&mut self, flush: impl Future<Output = Result<(), Error>>) -> Result<(), Unsent> {
        let stall = self.stall();
        (self.frames, self.bytes) = (0, 0);
        self.within(stall, flush).await
    }

    /// How long the buffer may take to leave: the stall, and as much again for every so many bytes. A client on a slow
    /// line does take them, only it cannot be seen how many it has taken.
    fn stall(&self) -> Duration {
        let shares = self.bytes / limits::BYTES_PER_STALL;
        self.patience.write_stall() * u32::try_from(shares + 1).unwrap_or(u32::MAX)
    }

    /// Does what can be done at once without setting a timer, as nearly always. What takes longer than this, or than a
    /// server that ends can wait, is given up.
    async fn within(
        &self,
        stall: Duration,
        write: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Unsent> {
        let mut write = pin!(write);
        if let Some(written) = write.as_mut().now_or_never() {
            return written.map_err(Unsent::Socket);
        }
        // Boxed, or every connection would keep room for its timers.
        let waited = Box::pin(async {
            tokio::select! {
                biased;
                written = write => written.map_err(Unsent::Socket),
                () = tokio::time::sleep(stall) => Err(Unsent::Stalled),
                () = self.patience.is_over() => Err(Unsent::Stalled),
            }
        });
        waited.await
    }
}

/// Reads on for a while after the last frame was sent, and throws away what comes. Closing a connection with unread bytes
/// in it resets it, and the reset would overtake that frame.
pub async fn linger(mut stream: impl Stream) {
    let drain = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(limits::LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // However it ends, the connection is over.
    _ = tokio::time::timeout(limits::LINGER, drain).await;
}
