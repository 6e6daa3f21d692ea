//! One WebSocket.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context as _, Result, bail};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Door, frames, linker};

/// Small, for there may be ten thousand of them.
const READ_BUFFER: usize = 4 * 1024;

/// An open WebSocket of a client.
pub(crate) struct Connection {
    socket: WebSocketStream<TcpStream>,
}

impl Connection {
    /// Opens one.
    pub(crate) async fn open(door: &Door) -> Result<Self> {
        Self::open_from(door, Ipv4Addr::LOCALHOST).await
    }

    /// Opens one from this address of the loopback interface: each has ports of its own.
    pub(crate) async fn open_from(door: &Door, source: Ipv4Addr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((IpAddr::V4(source), 0).into())?;
        let stream = socket.connect(door.address).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{}{}", door.address, door.path).into_client_request()?;
        if let Some(token) = &door.token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
        let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        let (socket, _) = opened.context("the WebSocket was not opened")?;
        Ok(Self { socket })
    }

    /// Puts a frame into the buffer.
    pub(crate) async fn feed(&mut self, frame: String) -> Result<()> {
        Ok(self.socket.feed(Message::text(frame)).await?)
    }

    /// Sends what is in the buffer.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        Ok(self.socket.flush().await?)
    }

    /// The next text frame.
    pub(crate) async fn receive(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.socket.next().await.context("the server closed the connection")?? {
                Message::Text(text) => return Ok(text),
                Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                // Reading has put the answer into the buffer.
                Message::Ping(_) => self.flush().await?,
                Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// The next text frame, if it has arrived.
    pub(crate) fn arrived(&mut self) -> Option<Result<Utf8Bytes>> {
        self.receive().now_or_never()
    }

    /// One call, and its answer, which must be a result.
    pub(crate) async fn call(&mut self, frame: String) -> Result<Utf8Bytes> {
        self.feed(frame).await?;
        self.flush().await?;
        let reply = self.receive().await?;
        match frames::answer(&reply) {
            Some((_, frames::Answer::Data | frames::Answer::Started)) => Ok(reply),
            _ => bail!("refused: {reply}"),
        }
    }

    /// Joins under this name; the agent's id.
    pub(crate) async fn join(&mut self, name: &str) -> Result<String> {
        let reply = self.call(frames::join(0, name)).await?;
        frames::joined(&reply).with_context(|| format!("not the reply to a join: {reply}"))
    }

    /// Registers as one of the linker's instances.
    pub(crate) async fn register(&mut self, name: &str) -> Result<()> {
        self.feed(linker::register(name)).await?;
        self.flush().await?;
        self.next_of("registered").await.map(drop)
    }

    /// The next frame of this type from a linker's door; those before it are passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Result<Utf8Bytes> {
        loop {
            let frame = self.receive().await?;
            match linker::kind(&frame) {
                Some("error") => bail!("refused: {frame}"),
                Some(other) if other == kind => return Ok(frame),
                _ => {}
            }
        }
    }
}
