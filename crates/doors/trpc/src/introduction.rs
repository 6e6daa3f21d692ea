//! The first message of a connection that names its parameters, among them perhaps the token.

use futures_util::StreamExt as _;
use gate::admission::Refused;
use gate::{Caller, Outbox, Stranger};
use hall::{Identity, Workspace};
use model::WorkspaceName;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::door::Inner;
use crate::goodbye::End;
use crate::wire::error::{Code, TrpcError};
use crate::wire::handshake::{self, ConnectionParams, Handshake};
use crate::wire::reply::{self, ReplyTo};

/// Waits for the connection parameters, finds out who it is, and opens the workspace of this name to them.
pub(crate) async fn introduce(
    door: &Inner,
    caller: &Caller,
    name: &WorkspaceName,
    socket: &mut Stranger,
    outbox: &mut Outbox<Inner>,
) -> Result<(Identity, Workspace), End> {
    let patience = door.options.keep_alive + door.options.keep_alive_grace;
    let deadline = Instant::now() + patience;
    loop {
        let received = tokio::select! {
            received = tokio::time::timeout_at(deadline, socket.next()) => received.map_err(|_| End::Silent)?,
            () = door.close.cancelled() => return Err(End::Closing),
        };
        let message = received.ok_or(End::Gone)?.map_err(End::Socket)?;
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Binary(_) => "",
            // The answer to a ping or a close is in the socket's buffer already.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                outbox.flush(socket).await?;
                continue;
            }
            Message::Close(_) => {
                outbox.flush(socket).await?;
                return Err(End::Gone);
            }
        };
        let entered = match handshake::parse(text) {
            Ok(Handshake::Ping) => {
                outbox.put(socket, reply::PONG).await?;
                outbox.flush(socket).await?;
                continue;
            }
            Ok(Handshake::Pong) => continue,
            Ok(Handshake::Params(parameters)) => enter(door, caller, name, &parameters),
            Err(error) => Err((error, "its connection parameters are malformed")),
        };
        return match entered {
            Ok(entered) => Ok(entered),
            Err((error, why)) => {
                outbox.put(socket, reply::error(&ReplyTo::NOBODY, &error)).await?;
                Err(End::Unauthorized(why))
            }
        };
    }
}

/// Lets somebody in by their connection parameters; else what to tell them, and what to log.
fn enter(
    door: &Inner,
    caller: &Caller,
    name: &WorkspaceName,
    parameters: &ConnectionParams<'_>,
) -> Result<(Identity, Workspace), (TrpcError, &'static str)> {
    let refused = |code, why| (TrpcError::new(code, why), why);
    let identity = match (parameters.get("token"), &caller.identity) {
        (Some(token), _) => caller.identify(&token),
        (None, Some(known)) => Ok(known.clone()),
        (None, None) => Err(Refused::Unauthorized),
    };
    let identity = identity.map_err(|refusal| match refusal {
        Refused::Unauthorized => refused(Code::Unauthorized, "a valid token is needed"),
        Refused::TooMany => refused(Code::TooManyRequests, "too many bad tokens"),
    })?;
    match door.enter(&identity, name) {
        Some(workspace) => Ok((identity, workspace)),
        None => Err(refused(Code::NotFound, "no such workspace")),
    }
}
