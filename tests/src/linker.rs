//! A bare client of the linker's door: one socket, each reply told by its type alone, nothing retried.
//!
//! It has no task of its own. Its socket is read only while somebody waits for a frame, and a ping is answered only when
//! it is read: so a story knows when the server can have learned that something arrived.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How long a server that lives may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection. It is cut, without a word, when this value goes away.
pub struct Linker {
    socket: WebSocketStream<TcpStream>,
    aside: Vec<Value>,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server said no, in these words.
    Refused(String),
    /// The connection ended first, or there was none.
    Lost,
}

// === impl Linker ===

impl Linker {
    /// Connects to a listener that needs no token, and takes the first frame.
    ///
    /// # Errors
    /// [`Failure::Lost`] if nobody is there.
    pub async fn meet(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(|_| Failure::Lost)?;
        // As every real client's library does; else the kernel holds small frames back.
        stream.set_nodelay(true).map_err(|_| Failure::Lost)?;
        let (socket, _) = tokio_tungstenite::client_async(format!("ws://{address}/"), stream)
            .await
            .map_err(|_| Failure::Lost)?;
        let mut client = Self { socket, aside: vec![] };
        client.frame("connected").await?;
        Ok(client)
    }

    /// The same, registered under a name.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn meet_as(address: SocketAddr, name: &str) -> Result<Self, Failure> {
        let mut client = Self::meet(address).await?;
        client.ask("register", json!({ "name": name })).await?;
        Ok(client)
    }

    /// Sends frames that have no reply, several in one go.
    ///
    /// # Errors
    /// [`Failure::Lost`] if the connection has ended.
    pub async fn send(&mut self, kind: &str, payloads: &[Value]) -> Result<(), Failure> {
        for payload in payloads {
            let frame = json!({ "type": kind, "payload": payload }).to_string();
            self.socket.feed(Message::text(frame)).await.map_err(|_| Failure::Lost)?;
        }
        self.socket.flush().await.map_err(|_| Failure::Lost)
    }

    /// Sends requests without anything to say, of several types in one go. Their replies come in this order.
    ///
    /// # Errors
    /// [`Failure::Lost`] if the connection has ended.
    pub async fn ask_at_once(&mut self, kinds: &[&str]) -> Result<(), Failure> {
        for kind in kinds {
            let frame = json!({ "type": kind, "payload": {} }).to_string();
            self.socket.feed(Message::text(frame)).await.map_err(|_| Failure::Lost)?;
        }
        self.socket.flush().await.map_err(|_| Failure::Lost)
    }

    /// Reads up to the reply to a request. What comes before it is put aside.
    ///
    /// # Errors
    /// See [`Failure`].
    ///
    /// # Panics
    /// If neither a reply nor the end of the connection comes.
    pub async fn reply(&mut self, kind: &str) -> Result<Value, Failure> {
        self.frame(reply_to(kind)).await
    }

    /// Sends a request and reads up to its reply. What comes before it is put aside.
    ///
    /// # Errors
    /// See [`Failure`].
    ///
    /// # Panics
    /// If neither a reply nor the end of the connection comes.
    pub async fn ask(&mut self, kind: &str, payload: Value) -> Result<Value, Failure> {
        self.send(kind, &[payload]).await?;
        self.reply(kind).await
    }

    async fn frame(&mut self, kind: &str) -> Result<Value, Failure> {
        let reply = async {
            loop {
                let frame = self.next().await?;
                match frame["type"].as_str() {
                    Some(found) if found == kind => return Ok(frame),
                    Some("error") => {
                        return Err(Failure::Refused(frame["error"].as_str().unwrap_or_default().to_owned()));
                    }
                    _ => self.aside.push(frame),
                }
            }
        };
        let reply = tokio::time::timeout(PATIENCE, reply).await;
        reply.unwrap_or_else(|_| panic!("no `{kind}` came, and no end"))
    }

    /// The next frame, whatever it is.
    ///
    /// # Errors
    /// [`Failure::Lost`] if the connection has ended.
    ///
    /// # Panics
    /// If the server sends what is not JSON.
    pub async fn next(&mut self) -> Result<Value, Failure> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Ok(serde_json::from_str(&text).expect("the server sends JSON"));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Failure::Lost),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads for a while, so that pings are answered. What comes is put aside.
    ///
    /// # Errors
    /// [`Failure::Lost`] if the connection has ended.
    pub async fn listen(&mut self, time: Duration) -> Result<(), Failure> {
        let end = tokio::time::Instant::now() + time;
        while let Ok(frame) = tokio::time::timeout_at(end, self.next()).await {
            let frame = frame?;
            self.aside.push(frame);
        }
        self.socket.flush().await.map_err(|_| Failure::Lost)
    }

    /// What came besides replies since this was asked last, in order.
    pub fn aside(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.aside)
    }
}

/// The type of a request's reply.
fn reply_to(kind: &str) -> &'static str {
    match kind {
        "register" => "registered",
        "get_messages" => "messages",
        "get_message_count" => "message_count",
        "mark_read" => "marked_read",
        "get_receipts" => "receipts",
        "get_stats" => "stats",
        "list_instances" => "instances",
        "heartbeat" => "heartbeat_ack",
        _ => unreachable!("stories ask for nothing else"),
    }
}
