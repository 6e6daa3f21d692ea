//! From an HTTP request to a WebSocket (RFC 6455), and the bounds of the latter.
//!
//! The refusals' texts and headers are those old clients' own server gives. No extension is negotiated; of the
//! subprotocols a client offers the first is echoed, if what it offers is a list of names at all.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::limits;
use crate::listener::Accepted;
use crate::stranger::{self, Stranger};

/// A WebSocket on a plain TCP stream.
pub type Socket = WebSocketStream<TcpStream>;

/// How long frames stay in a socket's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buffering {
    /// Until they are flushed, or there are [`limits::WRITE_BUFFER`] bytes of them.
    UpToThreshold,
    /// Until they are flushed, by their writer or with the answer to a ping: whoever puts them in bounds how much that is.
    UntilFlushed,
}

/// A connection that speaks WebSocket from here on: as a [`Socket`], or as a [`Stranger`] until its client is known.
pub struct Connection {
    stream: TcpStream,
    /// What the client has sent already.
    early: Vec<u8>,
}

/// A request that may become a WebSocket.
pub struct Upgrade {
    accept: HeaderValue,
    protocol: Option<HeaderValue>,
    on_upgrade: hyper::upgrade::OnUpgrade,
    accepted: Accepted,
}

/// Why a request does not become a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoUpgrade {
    /// It does not ask for one, or did not come over a listener's connection.
    PlainHttp,
    /// It asks for another protocol.
    Protocol,
    /// Another method than GET.
    Method,
    /// `Sec-WebSocket-Key` is missing or no 16 bytes in base64.
    Key,
    /// Neither version 13 nor 8.
    Version,
}

// === impl Connection ===

impl Connection {
    pub(crate) fn new(stream: TcpStream, early: Vec<u8>) -> Self {
        Self { stream, early }
    }

    /// The socket of a client that is known.
    pub async fn known(self, buffering: Buffering) -> Socket {
        let threshold = match buffering {
            Buffering::UpToThreshold => limits::WRITE_BUFFER,
            Buffering::UntilFlushed => usize::MAX - 1,
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(limits::FRAME_BYTES))
            .max_frame_size(Some(limits::FRAME_BYTES))
            .read_buffer_size(limits::READ_BUFFER)
            .write_buffer_size(threshold);
        WebSocketStream::from_partially_read(self.stream, self.early, Role::Server, Some(config)).await
    }

    /// The socket of a client that has yet to say who it is.
    pub async fn stranger(self) -> Stranger {
        stranger::open(self.stream, self.early).await
    }
}

// === impl Upgrade ===

impl Upgrade {
    /// Reads the request's headers.
    ///
    /// # Errors
    /// What does not fit; as a response it is what the client's own server would have said.
    pub fn of(request: &mut Request<Body>) -> Result<Self, NoUpgrade> {
        let headers = request.headers();
        if !has(headers, UPGRADE.as_str(), "websocket") {
            let elsewhere = headers.contains_key(UPGRADE);
            return Err(if elsewhere { NoUpgrade::Protocol } else { NoUpgrade::PlainHttp });
        }
        if request.method() != Method::GET {
            return Err(NoUpgrade::Method);
        }
        let key =
            headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes())).ok_or(NoUpgrade::Key)?;
        let version = headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
        if !matches!(version, Some(b"13" | b"8")) {
            return Err(NoUpgrade::Version);
        }
        let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).expect("base64 is ASCII");
        let protocol = headers.get(SEC_WEBSOCKET_PROTOCOL).and_then(first_protocol);
        let accepted = request.extensions().get::<Accepted>().cloned().ok_or(NoUpgrade::PlainHttp)?;
        let on_upgrade = hyper::upgrade::on(request);
        Ok(Self { accept, protocol, on_upgrade, accepted })
    }

    /// Answers the request; `serve` gets the connection once the answer has been sent. It runs among the tasks of the
    /// listener that the request came through, which waits for it.
    pub fn then<F: Future<Output = ()> + Send>(
        self,
        serve: impl FnOnce(Connection) -> F + Send + 'static,
    ) -> Response {
        let Self { accept, protocol, on_upgrade, accepted } = self;
        let (tasks, peer) = (accepted.tasks.clone(), accepted.peer);
        tasks.spawn("websocket", peer, async move {
            match plain(on_upgrade).await {
                Ok(connection) => serve(connection).await,
                Err(cause) => {
                    tracing::debug!(%peer, %cause, "a client was gone before its WebSocket was open")
                }
            }
            drop(accepted);
        });
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        if let Some(protocol) = protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        response
    }
}

/// Waits for the upgrade and takes the stream out of hyper's wrapping, which costs memory and a layer of buffering.
async fn plain(on_upgrade: hyper::upgrade::OnUpgrade) -> Result<Connection, hyper::Error> {
    let upgraded = on_upgrade.await?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>();
    let hyper::upgrade::Parts { io, read_buf, .. } = parts.expect("a listener's connections are TCP streams");
    // Copied, so that hyper's buffer is not kept for as long as the socket lives.
    Ok(Connection::new(io.into_inner(), read_buf.to_vec()))
}

// === impl NoUpgrade ===

impl IntoResponse for NoUpgrade {
    fn into_response(self) -> Response {
        let (status, kind, text) = match self {
            Self::PlainHttp => (StatusCode::UPGRADE_REQUIRED, "text/plain", "Upgrade Required"),
            Self::Protocol => (StatusCode::BAD_REQUEST, "text/html", "Invalid Upgrade header"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "text/html", "Invalid HTTP method"),
            Self::Key => {
                (StatusCode::BAD_REQUEST, "text/html", "Missing or invalid Sec-WebSocket-Key header")
            }
            Self::Version => {
                (StatusCode::BAD_REQUEST, "text/html", "Missing or invalid Sec-WebSocket-Version header")
            }
        };
        let mut response = (status, text).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if self == Self::Version {
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13, 8"));
        }
        response
    }
}

fn has(headers: &HeaderMap, name: &str, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// The first of the subprotocols that are offered, unless one of them is no token (RFC 9110, section 5.6.2).
fn first_protocol(offered: &HeaderValue) -> Option<HeaderValue> {
    let is_token = |name: &str| {
        let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !name.is_empty() && name.bytes().all(sign)
    };
    let offered = offered.to_str().ok()?;
    let mut names = offered.split(',').map(|name| name.trim_matches([' ', '\t']));
    let first = names.clone().next()?;
    if !names.all(is_token) {
        return None;
    }
    HeaderValue::from_str(first).ok()
}

/// 16 bytes in base64: 22 digits and two signs of padding.
fn is_key(key: &[u8]) -> bool {
    key.len() == 24
        && key.ends_with(b"==")
        && key[..22].iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_subprotocol_is_echoed_if_all_are_names() {
        for (offered, echoed) in [
            ("a", Some("a")),
            ("trpc.v1, b", Some("trpc.v1")),
            ("a b,", None),
            ("a b", None),
            ("a,", None),
            ("a, \"b\"", None),
            ("", None),
        ] {
            let first = first_protocol(&HeaderValue::from_static(offered));
            assert_eq!(first.as_ref().map(|first| first.to_str().unwrap()), echoed, "{offered:?}");
        }
    }
}
