//! A bare client of the tRPC door: frames as real clients send them, several calls under way at once, nothing retried.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

/// A connection. It closes when this value and its feeds are gone.
pub struct Client {
    outgoing: mpsc::UnboundedSender<Message>,
    waiting: Arc<Mutex<Waiting>>,
}

/// A subscription's frames, as they come.
pub struct Feed {
    frames: mpsc::UnboundedReceiver<Value>,
    _outgoing: mpsc::UnboundedSender<Message>,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server said no.
    Refused {
        /// `data.code`, such as `SERVICE_UNAVAILABLE`.
        code: String,
        /// The message.
        message: String,
    },
    /// The connection ended first, or there was none. Whether it was done is unknown.
    Lost,
}

/// Who waits for frames, by the id of the request; `None` once the connection has ended.
#[derive(Default)]
struct Waiting {
    next: u64,
    by_id: Option<HashMap<u64, mpsc::UnboundedSender<Value>>>,
}

// === impl Client ===

impl Client {
    /// Connects to a listener that needs no token, in a workspace.
    ///
    /// # Errors
    /// [`Failure::Lost`] if nobody is there or wants to.
    pub async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(|_| Failure::Lost)?;
        // As every real client's library does; else the kernel holds small frames back.
        stream.set_nodelay(true).map_err(|_| Failure::Lost)?;
        let (socket, _) = tokio_tungstenite::client_async(format!("ws://{address}/"), stream)
            .await
            .map_err(|_| Failure::Lost)?;
        let (outgoing, mut to_send) = mpsc::unbounded_channel();
        let waiting = Arc::new(Mutex::new(Waiting { next: 0, by_id: Some(HashMap::new()) }));
        let (mine, pong) = (waiting.clone(), outgoing.downgrade());
        // Ends with the connection, or when nobody holds it any more.
        tokio::spawn(async move {
            let (mut sink, mut stream) = socket.split();
            loop {
                tokio::select! {
                    frame = stream.next() => match frame {
                        Some(Ok(Message::Text(text))) if text.as_str() == "PING" => {
                            if let Some(outgoing) = pong.upgrade() {
                                _ = outgoing.send(Message::text("PONG"));
                            }
                        }
                        Some(Ok(Message::Text(text))) => hand_out(&mine, &text),
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => break,
                    },
                    message = to_send.recv() => match message {
                        Some(message) => if sink.send(message).await.is_err() { break },
                        None => break,
                    }
                }
            }
            // Whoever waits sees its channel end.
            mine.lock().expect("nothing panics while it is held").by_id = None;
        });
        Ok(Self { outgoing, waiting })
    }

    fn expect(&self, count: usize) -> Result<Vec<(u64, mpsc::UnboundedReceiver<Value>)>, Failure> {
        let mut waiting = self.waiting.lock().expect("nothing panics while it is held");
        let Waiting { next, by_id: Some(by_id) } = &mut *waiting else { return Err(Failure::Lost) };
        let expected = (0..count).map(|_| {
            let (sender, receiver) = mpsc::unbounded_channel();
            *next += 1;
            by_id.insert(*next, sender);
            (*next, receiver)
        });
        Ok(expected.collect())
    }

    fn forget(&self, id: u64) {
        let mut waiting = self.waiting.lock().expect("nothing panics while it is held");
        waiting.by_id.as_mut().map(|by_id| by_id.remove(&id));
    }

    /// Makes a call that reads.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn query(&self, path: &str, input: Value) -> Result<Value, Failure> {
        self.call("query", path, input).await
    }

    /// Makes a call that writes.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn mutate(&self, path: &str, input: Value) -> Result<Value, Failure> {
        self.call("mutation", path, input).await
    }

    async fn call(&self, method: &str, path: &str, input: Value) -> Result<Value, Failure> {
        let (id, mut frames) = self.expect(1)?.remove(0);
        let request = json!({ "id": id, "method": method, "params": { "input": input, "path": path } });
        self.outgoing.send(Message::text(request.to_string())).map_err(|_| Failure::Lost)?;
        let frame = frames.recv().await.ok_or(Failure::Lost)?;
        self.forget(id);
        result(frame)
    }

    /// Makes several calls that write, in one frame, as clients do with what was called in one go.
    ///
    /// # Errors
    /// The first call's that failed.
    pub async fn mutate_all(&self, calls: &[(&str, Value)]) -> Result<Vec<Value>, Failure> {
        let expected = self.expect(calls.len())?;
        let batch = expected.iter().zip(calls).map(|((id, _), (path, input))| {
            json!({ "id": id, "method": "mutation", "params": { "input": input, "path": path } })
        });
        let batch = Value::Array(batch.collect());
        self.outgoing.send(Message::text(batch.to_string())).map_err(|_| Failure::Lost)?;
        let mut results = Vec::with_capacity(calls.len());
        for (id, mut frames) in expected {
            let frame = frames.recv().await.ok_or(Failure::Lost)?;
            self.forget(id);
            results.push(result(frame)?);
        }
        Ok(results)
    }

    /// Subscribes, after the last event seen if one is named, and waits until the server has begun.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn subscribe(&self, path: &str, last_event: Option<&str>) -> Result<Feed, Failure> {
        let (id, mut frames) = self.expect(1)?.remove(0);
        let mut request = json!({ "id": id, "method": "subscription", "params": { "path": path } });
        if let Some(last_event) = last_event {
            request["params"]["lastEventId"] = last_event.into();
        }
        self.outgoing.send(Message::text(request.to_string())).map_err(|_| Failure::Lost)?;
        let begun = frames.recv().await.ok_or(Failure::Lost)?;
        if begun["result"]["type"] == "started" {
            Ok(Feed { frames, _outgoing: self.outgoing.clone() })
        } else {
            Err(result(begun).err().unwrap_or(Failure::Lost))
        }
    }
}

impl Feed {
    /// The next event's data: for a tracked feed, an object of `id` and `data`.
    ///
    /// # Errors
    /// [`Failure::Lost`] if the connection has ended.
    pub async fn next(&mut self) -> Result<Value, Failure> {
        result(self.frames.recv().await.ok_or(Failure::Lost)?)
    }
}

impl Failure {
    /// The server's code, if it was the server that said no.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Lost => None,
        }
    }
}

fn result(mut frame: Value) -> Result<Value, Failure> {
    if let Some(error) = frame.get("error") {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        return Err(Failure::Refused {
            code: text(&error["data"]["code"]),
            message: text(&error["message"]),
        });
    }
    Ok(frame["result"]["data"].take())
}

fn hand_out(waiting: &Mutex<Waiting>, text: &str) {
    let frame: Value = serde_json::from_str(text).expect("the server sends JSON");
    let mut waiting = waiting.lock().expect("nothing panics while it is held");
    let waits = frame["id"].as_u64().and_then(|id| waiting.by_id.as_mut()?.get(&id));
    if let Some(waits) = waits {
        // It may have stopped waiting.
        _ = waits.send(frame);
    }
}
