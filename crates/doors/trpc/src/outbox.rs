//! The writing half of a session: frames are gathered and leave together; a client that takes nothing is noticed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::door::Inner;
use crate::goodbye::End;
use crate::limits;
use crate::wire::error::TrpcError;
use crate::wire::reply::{self, ReplyTo};

/// What a WebSocket runs on.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// Frames that have been put into the socket's buffer and not been flushed.
pub(crate) struct Outbox {
    frames: usize,
    bytes: usize,
    door: Arc<Inner>,
}

impl Outbox {
    pub(crate) fn new(door: Arc<Inner>) -> Self {
        Self { frames: 0, bytes: 0, door }
    }

    /// Whether there is something to flush.
    pub(crate) fn is_waiting(&self) -> bool {
        self.frames > 0
    }

    /// Whether it is time to flush although more could be gathered.
    pub(crate) fn is_full(&self) -> bool {
        self.frames >= limits::UNFLUSHED
    }

    /// Puts one text frame into the buffer.
    pub(crate) async fn put(
        &mut self,
        socket: &mut WebSocketStream<impl Stream>,
        frame: Vec<u8>,
    ) -> Result<(), End> {
        let text =
            Utf8Bytes::try_from(Bytes::from(frame)).map_err(|_| End::Defect("a frame is not UTF-8"))?;
        self.send(socket, Message::Text(text)).await
    }

    /// Puts an error frame into the buffer.
    pub(crate) async fn put_error(
        &mut self,
        socket: &mut WebSocketStream<impl Stream>,
        to: &ReplyTo<'_>,
        error: &TrpcError,
    ) -> Result<(), End> {
        let mut frame = Vec::new();
        reply::error(to, error, &mut frame);
        self.put(socket, frame).await
    }

    pub(crate) async fn send(
        &mut self,
        socket: &mut WebSocketStream<impl Stream>,
        message: Message,
    ) -> Result<(), End> {
        self.frames += 1;
        self.bytes += message.len();
        self.within(self.patience(), socket.feed(message)).await
    }

    /// How long the buffer may take to leave: the stall, and as much again for every so many bytes. A client on a slow
    /// line does take them, only it cannot be seen how many it has taken.
    fn patience(&self) -> Duration {
        let shares = self.bytes / limits::BYTES_PER_STALL;
        self.door.options.write_stall * u32::try_from(shares + 1).unwrap_or(u32::MAX)
    }

    /// Waits until everything has left.
    pub(crate) async fn flush(&mut self, socket: &mut WebSocketStream<impl Stream>) -> Result<(), End> {
        let patience = self.patience();
        (self.frames, self.bytes) = (0, 0);
        self.within(patience, socket.flush()).await
    }

    /// Does what can be done at once without setting a timer, as nearly always. What takes longer than this, or than the
    /// server that ends can wait, is given up.
    async fn within(
        &self,
        patience: Duration,
        write: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), End> {
        let mut write = pin!(write);
        if let Some(written) = write.as_mut().now_or_never() {
            return written.map_err(End::Socket);
        }
        // Boxed, or every connection would keep room for its timers.
        let waited = Box::pin(async {
            tokio::select! {
                biased;
                written = write => written.map_err(End::Socket),
                () = tokio::time::sleep(patience) => Err(End::Stalled),
                () = self.door.patience_ends() => Err(End::Stalled),
            }
        });
        waited.await
    }
}
