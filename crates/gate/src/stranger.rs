//! A WebSocket whose client has not said yet who it is.
//!
//! Its messages are small, and what comes after the one that says who it is must still be there when the bounds are
//! widened. A WebSocket's bounds are for its life and its buffer is its own, so there are two, one after the other on the
//! same stream: the first is fed byte by byte and never has more than the message it was asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::limits;
use crate::websocket::Connection;

/// A WebSocket whose client has not said yet who it is. Messages are at most [`limits::INTRODUCTION_BYTES`] long.
/// Once it is known, [`Connection::from`] this goes on where the last message ended; what was written must have been
/// flushed.
pub type Stranger = WebSocketStream<Sips>;

/// A stream that is read byte by byte by whoever has it.
#[derive(Debug)]
pub struct Sips {
    stream: TcpStream,
    /// What has been read off the stream; taken up to `taken`.
    buffer: Vec<u8>,
    taken: usize,
}

/// What a WebSocket asks for at once. It gets a byte; asking for more would only clear more memory for it each time.
const SIP: usize = 16;

pub(crate) async fn open(stream: TcpStream, early: Vec<u8>) -> Stranger {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::INTRODUCTION_BYTES))
        .max_frame_size(Some(limits::INTRODUCTION_BYTES))
        .read_buffer_size(SIP);
    let sips = Sips { stream, buffer: early, taken: 0 };
    WebSocketStream::from_raw_socket(sips, Role::Server, Some(config)).await
}

impl From<Stranger> for Connection {
    fn from(stranger: Stranger) -> Self {
        let Sips { stream, buffer, taken } = stranger.into_inner();
        Self::new(stream, buffer[taken..].to_vec())
    }
}

impl AsyncRead for Sips {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, buffer, taken } = self.get_mut();
        if *taken == buffer.len() {
            buffer.resize(limits::READ_BUFFER, 0);
            let mut read = ReadBuf::new(buffer);
            let outcome = Pin::new(stream).poll_read(context, &mut read);
            let filled = read.filled().len();
            buffer.truncate(filled);
            *taken = 0;
            ready!(outcome)?;
        }
        if let Some(byte) = buffer.get(*taken).filter(|_| out.remaining() > 0) {
            out.put_slice(&[*byte]);
            *taken += 1;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sips {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::error::{CapacityError, Error};

    use super::*;
    use crate::Buffering;

    /// A client, and the stranger it is at the server.
    async fn met() -> (WebSocketStream<TcpStream>, Stranger) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let client = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        (client, open(listener.accept().await.unwrap().0, Vec::new()).await)
    }

    #[tokio::test]
    async fn what_follows_the_first_message_is_kept_and_may_be_large() {
        let (mut client, mut stranger) = met().await;
        let large = "x".repeat(limits::INTRODUCTION_BYTES + 1);
        for text in ["it is me", "a small one", &large] {
            client.feed(Message::text(text)).await.unwrap();
        }
        let (sent, ()) = tokio::join!(client.flush(), async {
            assert_eq!(stranger.next().await.unwrap().unwrap(), Message::text("it is me"));
            let mut socket = Connection::from(stranger).known(Buffering::UpToThreshold).await;
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("a small one"));
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(large.clone()));
        });
        sent.unwrap();
    }

    #[tokio::test]
    async fn a_stranger_may_say_so_much_and_no_more() {
        let (mut client, mut stranger) = met().await;
        let most = "x".repeat(limits::INTRODUCTION_BYTES);
        client.send(Message::text(most.clone())).await.unwrap();
        assert_eq!(stranger.next().await.unwrap().unwrap(), Message::text(most.clone()));
        client.send(Message::text(most + "x")).await.unwrap();
        let refused = stranger.next().await.unwrap().unwrap_err();
        assert!(matches!(refused, Error::Capacity(CapacityError::MessageTooLong { .. })), "{refused}");
    }
}
