//! The first message of a connection that names its parameters, among them perhaps the token.

use futures_util::StreamExt as _;
use gate::{Caller, Socket};
use hall::{Identity, Workspace};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::door::Inner;
use crate::goodbye::End;
use crate::outbox::Outbox;
use crate::wire::error::{Code, TrpcError};
use crate::wire::handshake::{self, Handshake};
use crate::wire::reply::{self, ReplyTo};

/// Waits for the connection parameters, and finds out who it is.
pub(crate) async fn introduce(
    door: &Inner,
    workspace: &Workspace,
    caller: &Caller,
    socket: &mut Socket,
    outbox: &mut Outbox,
) -> Result<Identity, End> {
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
            Message::Close(_) => return Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                outbox.flush(socket).await?;
                continue;
            }
        };
        match handshake::parse(text) {
            Ok(Handshake::Ping) => {
                outbox.put(socket, reply::PONG.into()).await?;
                outbox.flush(socket).await?;
            }
            Ok(Handshake::Pong) => {}
            Ok(Handshake::Params(parameters)) => {
                let identity = match (parameters.get("token"), &caller.identity) {
                    (Some(token), _) => caller.identify(&token).ok(),
                    (None, known) => known.clone(),
                };
                let entered = identity.filter(|identity| identity.may_enter(workspace.name()));
                return match entered {
                    Some(identity) => Ok(identity),
                    None => {
                        let error = TrpcError::new(Code::Unauthorized, "a valid token is needed");
                        outbox.put_error(socket, &ReplyTo::NOBODY, &error).await?;
                        Err(End::Unauthorized("a valid token is needed"))
                    }
                };
            }
            Err(error) => {
                outbox.put_error(socket, &ReplyTo::NOBODY, &error).await?;
                return Err(End::Unauthorized("its connection parameters are malformed"));
            }
        }
    }
}
