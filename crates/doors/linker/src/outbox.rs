//! The writing half of a session: frames are gathered and leave together; a client that takes nothing is noticed.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _};
use gate::Socket;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::goodbye::End;
use crate::limits;

/// Frames that have been put into the socket's buffer and not been flushed.
pub(crate) struct Outbox {
    frames: usize,
    bytes: usize,
    stall: Duration,
}

impl Outbox {
    pub(crate) fn new(stall: Duration) -> Self {
        Self { frames: 0, bytes: 0, stall }
    }

    /// Whether there is something to flush.
    pub(crate) fn is_waiting(&self) -> bool {
        self.frames > 0
    }

    /// Whether it is time to flush although more could be gathered.
    pub(crate) fn is_full(&self) -> bool {
        self.frames >= limits::UNFLUSHED || self.bytes >= limits::UNFLUSHED_BYTES
    }

    /// Puts one frame, as it is sent, into the buffer.
    pub(crate) async fn put(&mut self, socket: &mut Socket, frame: Bytes) -> Result<(), End> {
        let text = Utf8Bytes::try_from(frame).map_err(|_| End::Defect("a frame is not UTF-8"))?;
        self.send(socket, Message::Text(text)).await
    }

    pub(crate) async fn send(&mut self, socket: &mut Socket, message: Message) -> Result<(), End> {
        self.frames += 1;
        self.bytes += message.len();
        within(self.patience(), socket.feed(message)).await
    }

    /// How long the buffer may take to leave: the stall, and as much again for every so many bytes. A client on a slow
    /// line does take them, only it cannot be seen how many it has taken.
    fn patience(&self) -> Duration {
        let shares = self.bytes / limits::BYTES_PER_STALL;
        self.stall * u32::try_from(shares + 1).unwrap_or(u32::MAX)
    }

    /// Waits until everything has left.
    pub(crate) async fn flush(&mut self, socket: &mut Socket) -> Result<(), End> {
        self.leave(socket.flush()).await
    }

    /// The same, by what flushes the socket.
    pub(crate) async fn leave(&mut self, flush: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
        let patience = self.patience();
        (self.frames, self.bytes) = (0, 0);
        within(patience, flush).await
    }
}

/// Does what can be done at once without setting a timer, as nearly always.
async fn within(stall: Duration, write: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
    let mut write = std::pin::pin!(write);
    let written = match write.as_mut().now_or_never() {
        Some(written) => written,
        None => tokio::time::timeout(stall, write).await.map_err(|_| End::Stalled)?,
    };
    written.map_err(End::Socket)
}
