//! How a conversation opens, and what is refused in the SDK's place: a thin layer between the lines of a host and the
//! SDK.
//!
//! The SDK speaks both eras of the protocol: the one that opens with `initialize`, and that of 2026-07-28, where a host
//! asks `server/discover` and every request stands alone. This door serves the former only: hosts give up
//! pushed messages (channels) on a connection of the newer era. Claude Code asks `server/discover` first and falls back
//! to `initialize` on "method not found" and on nothing else, so that is what it hears, at any time.
//!
//! Before `initialize` the SDK ends the conversation on any notification, and blames an unknown method on its
//! parameters. Here the former is passed over and the latter is told as what it is. A method that is served, with
//! parameters that do not fit it, the SDK takes for one that it does not know; here that is told as what it is too.

use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, ErrorData, JsonRpcNotification,
    JsonRpcRequest, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::evidence::Evidence;
use crate::lines::{Heard, Lines};

/// The methods that are served.
const SERVED: [&str; 4] = ["initialize", "ping", "tools/call", "tools/list"];

/// A transport that opens conversations as hosts expect, and tells when the host has hung up.
pub(crate) struct Handshake<R, W> {
    lines: Lines<R, W>,
    opened: bool,
    hung_up: CancellationToken,
    evidence: Arc<Evidence>,
    /// A refusal on its way out. Kept here because `receive` may be dropped at any await and is then called again.
    refusal: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
}

impl<R: AsyncRead + Unpin + 'static, W: AsyncWrite + Send + Unpin + 'static> Handshake<R, W> {
    /// `hung_up` is cancelled when the host has closed its side.
    pub(crate) fn new(lines: Lines<R, W>, hung_up: CancellationToken, evidence: Arc<Evidence>) -> Self {
        Self { lines, opened: false, hung_up, evidence, refusal: None }
    }

    /// A cancelled call may have been answered already. What its result showed is taken back here, where lines are still in
    /// order: the SDK deals with a notification and the call behind it side by side.
    fn take_back(&self, message: &ClientJsonRpcMessage) {
        if let ClientJsonRpcMessage::Notification(JsonRpcNotification {
            notification: ClientNotification::CancelledNotification(cancelled),
            ..
        }) = message
            && let Some(request) = &cancelled.params.request_id
        {
            self.evidence.withdrawn(request);
        }
    }

    /// What to answer in the SDK's place, if anything.
    fn judge(&mut self, request: &ClientRequest) -> Option<ErrorData> {
        match request {
            ClientRequest::DiscoverRequest(_) => Some(unknown_method("server/discover")),
            ClientRequest::CustomRequest(custom) if SERVED.contains(&custom.method.as_str()) => {
                Some(unfit(&custom.method))
            }
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

    fn refuse(&mut self, id: Option<RequestId>, error: ErrorData) {
        tracing::debug!(code = error.code.0, "refused: {}", error.message);
        self.refusal = Some(Box::pin(self.lines.refuse(id, error)));
    }
}

impl<R, W> Transport<RoleServer> for Handshake<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

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
            let message = match self.lines.next().await {
                Ok(Some(Heard::Message(message))) => *message,
                Ok(Some(Heard::Unfit(id, error))) => {
                    self.refuse(id, error);
                    continue;
                }
                Ok(None) => {
                    self.hung_up.cancel();
                    return None;
                }
                Err(error) => {
                    tracing::warn!(%error, "the host cannot be read from");
                    self.hung_up.cancel();
                    return None;
                }
            };
            match message {
                ClientJsonRpcMessage::Request(JsonRpcRequest { ref request, ref id, .. }) => {
                    let Some(error) = self.judge(request) else { return Some(message) };
                    self.refuse(Some(id.clone()), error);
                }
                message if self.opened => {
                    self.take_back(&message);
                    return Some(message);
                }
                _ => tracing::debug!("passed over: neither a request nor after `initialize`"),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.lines.close().await;
        Ok(())
    }
}

/// What is wrong with a request of this method that cannot be read.
pub(crate) fn unfit(method: &str) -> ErrorData {
    let why = match method {
        "tools/call" => "`tools/call` takes the `name` of a tool, and its `arguments` as an object".into(),
        method if SERVED.contains(&method) => format!("these parameters do not fit `{method}`"),
        method => return unknown_method(method),
    };
    ErrorData::invalid_params(why, None)
}

fn unknown_method(method: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("method not found: {method}"), None)
}
