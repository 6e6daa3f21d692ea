//! The host's lines, one JSON-RPC message each, and ours to it.
//!
//! What is no message is told so under the id it bears, also a line that is too long to be kept: its id is picked out
//! as its bytes pass, wherever in the line it stands.

use std::io;
use std::mem;
use std::sync::Arc;

use client::protocol::LINE_BYTES;
use rmcp::model::{ClientJsonRpcMessage, ErrorData, RequestId, ServerJsonRpcMessage};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::Mutex;

use crate::handshake::unfit;

/// What is kept of a buffer that has held a long line, in bytes.
const BUFFER: usize = 64 * 1024;
/// The longest id of a line that is too long itself, in bytes.
const ID_BYTES: usize = 1024;

/// The two streams between a host and its bridge.
pub(crate) struct Lines<R, W> {
    read: BufReader<R>,
    /// What has come of the present line. Kept here because [`Lines::next`] may be dropped at any await.
    line: Vec<u8>,
    /// The present line is too long: this is what is kept of it.
    passing: Option<IdFinder>,
    /// `None` once it is closed.
    write: Arc<Mutex<Option<W>>>,
}

/// What a line is.
pub(crate) enum Heard {
    Message(Box<ClientJsonRpcMessage>),
    /// Something to be refused, under the id it bears.
    Unfit(Option<RequestId>, ErrorData),
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Lines<R, W> {
    pub(crate) fn new(read: R, write: W) -> Self {
        let write = Arc::new(Mutex::new(Some(write)));
        Self { read: BufReader::new(read), line: Vec::new(), passing: None, write }
    }

    /// What the next line is; `None` once the host has closed its side. Nothing is lost if this is dropped.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Heard>> {
        loop {
            let bytes = self.read.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(bytes.len());
            match &mut self.passing {
                None if self.line.len() + taken < LINE_BYTES => self.line.extend_from_slice(&bytes[..taken]),
                None => {
                    let mut finder = IdFinder::default();
                    finder.feed(&self.line);
                    finder.feed(&bytes[..taken]);
                    self.line = Vec::new();
                    self.passing = Some(finder);
                }
                Some(finder) => finder.feed(&bytes[..taken]),
            }
            self.read.consume(taken + usize::from(end.is_some()));
            if end.is_none() {
                continue;
            }
            let heard = match self.passing.take() {
                Some(finder) => finder.id.map(|id| {
                    let why =
                        format!("a line has at most {LINE_BYTES} bytes, and this one is longer: send less");
                    Heard::Unfit(Some(id), ErrorData::invalid_request(why, None))
                }),
                None => read(&self.line),
            };
            self.line.clear();
            self.line.shrink_to(BUFFER);
            match heard {
                Some(heard) => return Ok(Some(heard)),
                None => tracing::debug!("passed over a line that asks for nothing"),
            }
        }
    }

    /// Writes a message.
    pub(crate) fn send(
        &self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + use<R, W>
    where
        W: Send,
    {
        self.write_line(serde_json::to_vec(&message))
    }

    /// Writes an error; one that answers no id in particular says so with `null`.
    pub(crate) fn refuse(
        &self,
        id: Option<RequestId>,
        error: ErrorData,
    ) -> impl Future<Output = io::Result<()>> + Send + use<R, W>
    where
        W: Send,
    {
        self.write_line(serde_json::to_vec(&json!({"jsonrpc": "2.0", "id": id, "error": error})))
    }

    fn write_line(
        &self,
        line: serde_json::Result<Vec<u8>>,
    ) -> impl Future<Output = io::Result<()>> + Send + use<R, W>
    where
        W: Send,
    {
        let write = self.write.clone();
        async move {
            let mut line = line?;
            line.push(b'\n');
            let mut write = write.lock().await;
            let write = write.as_mut().ok_or(io::ErrorKind::NotConnected)?;
            write.write_all(&line).await?;
            write.flush().await
        }
    }

    /// Closes our side.
    pub(crate) async fn close(&mut self) {
        self.write.lock().await.take();
    }
}

/// What a line is; `None` if it asks for nothing that could be answered.
fn read(line: &[u8]) -> Option<Heard> {
    #[derive(Deserialize)]
    struct Envelope {
        jsonrpc: Option<Value>,
        id: Option<Value>,
        method: Option<Value>,
        result: Option<IgnoredAny>,
        error: Option<IgnoredAny>,
    }
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return None;
    }
    if let Ok(message) = serde_json::from_slice(line) {
        return Some(Heard::Message(Box::new(message)));
    }
    let invalid = |why: &str| ErrorData::invalid_request(why.to_owned(), None);
    match serde_json::from_slice::<Envelope>(line) {
        Err(cause) if cause.is_data() => Some(Heard::Unfit(None, invalid("this is no JSON-RPC request"))),
        Err(cause) => {
            Some(Heard::Unfit(None, ErrorData::parse_error(format!("this is no JSON: {cause}"), None)))
        }
        // An answer to nothing that was asked, or a notification.
        Ok(
            Envelope { result: Some(_), .. } | Envelope { error: Some(_), .. } | Envelope { id: None, .. },
        ) => None,
        Ok(Envelope { jsonrpc, id: Some(id), method, .. }) => {
            let error = match (jsonrpc, method) {
                (Some(version), Some(Value::String(method))) if version == "2.0" => unfit(&method),
                _ => invalid("this is no JSON-RPC 2.0 request of a method"),
            };
            Some(Heard::Unfit(request_id(&id), error))
        }
    }
}

fn request_id(id: &Value) -> Option<RequestId> {
    RequestId::deserialize(id).ok()
}

/// Finds the id of a message in its bytes as they pass.
#[derive(Default)]
struct IdFinder {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// Whether the value of the key `id` is passing.
    is_id: bool,
    /// The key or value that is passing in the outermost object, as much of it as an id may have.
    token: Vec<u8>,
    id: Option<RequestId>,
}

impl IdFinder {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.take(*byte);
        }
    }

    fn take(&mut self, byte: u8) {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return self.keep(byte);
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.keep(byte);
                self.depth += 1;
                if self.depth == 1 {
                    self.token.clear();
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.end_value();
                }
            }
            b',' if self.depth == 1 => self.end_value(),
            b':' if self.depth == 1 => {
                self.is_id = mem::take(&mut self.token).trim_ascii() == b"\"id\"";
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        // One byte more than an id may have makes it none.
        if self.depth == 1 && self.token.len() <= ID_BYTES {
            self.token.push(byte);
        }
    }

    fn end_value(&mut self) {
        let token = mem::take(&mut self.token);
        if mem::take(&mut self.is_id) && token.len() <= ID_BYTES {
            self.id = serde_json::from_slice(&token).ok().as_ref().and_then(request_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_wherever_it_stands() {
        let found = |line: &str| {
            let mut finder = IdFinder::default();
            finder.feed(line.as_bytes());
            finder.id.map(|id| id.to_string())
        };
        assert_eq!(found(r#"{"id": 7 ,"method":"x","params":{"id":8}}"#).as_deref(), Some("7"));
        assert_eq!(found(r#"{"params":{"id":8,"a":["\"}",{}]},"id":"a\"b"}"#).as_deref(), Some("a\"b"));
        assert_eq!(found(r#"{"params":"\\","method":"id","jsonrpc":"2.0"}"#), None);
        assert_eq!(found(r#"{"id":{"id":1}}"#), None);
        assert_eq!(found(r#"[{"id":1}]"#), None);
    }
}
