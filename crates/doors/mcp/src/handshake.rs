//! How a conversation opens: a thin layer between the lines of a host and the SDK.
//!
//! The SDK speaks both eras of the protocol: the one that opens with `initialize`, and that of 2026-07-28, where a host
//! asks `server/discover` and every request stands alone. This door serves the former only: hosts give up
//! pushed messages (channels) on a connection of the newer era. Claude Code asks `server/discover` first and falls back
//! to `initialize` on "method not found" and on nothing else, so that is what it hears, at any time.
//!
//! Before `initialize` the SDK ends the conversation on any notification, and blames an unknown method on its
//! parameters. Here the former is passed over and the latter is told as what it is.

use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData, JsonRpcRequest, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use std::future::Future;
use std::pin::Pin;
use tokio_util::sync::CancellationToken;

type Sending<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

/// A transport that opens conversations as hosts expect, and tells when the host has hung up.
pub(crate) struct Handshake<T: Transport<RoleServer>> {
    lines: T,
    opened: bool,
    hung_up: CancellationToken,
    /// A refusal on its way out. Kept here because `receive` may be dropped at any await and is then called again.
    refusal: Option<Sending<T::Error>>,
}

impl<T: Transport<RoleServer>> Handshake<T> {
    /// `hung_up` is cancelled when the host has closed its side.
    pub(crate) fn new(lines: T, hung_up: CancellationToken) -> Self {
        Self { lines, opened: false, hung_up, refusal: None }
    }

    /// What to answer in the SDK's place, if anything.
    fn judge(&mut self, request: &ClientRequest) -> Option<ErrorData> {
        match request {
            ClientRequest::DiscoverRequest(_) => Some(unknown_method("server/discover")),
            ClientRequest::InitializeRequest(_) => {
                self.opened = true;
                None
            }
            _ if self.opened => None,
            ClientRequest::PingRequest(_) => None,
            ClientRequest::CustomRequest(custom) => Some(unknown_method(&custom.method)),
            _ => Some(ErrorData::invalid_request("the conversation begins with `initialize`", None)),
        }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Handshake<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.lines.send(item)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(refusal) = &mut self.refusal {
                let sent = refusal.await;
                self.refusal = None;
                if let Err(error) = sent {
                    tracing::warn!(%error, "the host does not read");
                    self.hung_up.cancel();
                    return None;
                }
            }
            let Some(message) = self.lines.receive().await else {
                self.hung_up.cancel();
                return None;
            };
            match message {
                ClientJsonRpcMessage::Request(JsonRpcRequest { ref request, ref id, .. }) => {
                    let Some(error) = self.judge(request) else { return Some(message) };
                    tracing::debug!(code = error.code.0, "refused: {}", error.message);
                    let answer = ServerJsonRpcMessage::error(error, Some(id.clone()));
                    self.refusal = Some(Box::pin(self.lines.send(answer)));
                }
                message if self.opened => return Some(message),
                _ => tracing::debug!("passed over: neither a request nor after `initialize`"),
            }
        }
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.lines.close()
    }
}

fn unknown_method(method: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("method not found: {method}"), None)
}
