//! Direct messages in the frames of the linker's clients: `register` and `send_message`, and nothing else.

use std::borrow::Cow;

use anyhow::{Context as _, Result, bail};
use futures_util::SinkExt as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::Server;
use super::call::{SOME_ID, SOME_TIME};
use super::log::{Record, Then};

/// Characters of a message that its notification shows.
const PREVIEW: usize = 100;
/// What stands before the message in its frame; the closing brace stands behind it.
const BEFORE_MESSAGE: &[u8] = br#"{"type":"new_message","message":"#;

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Register<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Send<'a> {
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered<'a> {
    r#type: &'static str,
    instance_id: &'static str,
    name: &'a str,
}

/// A message, for the log and for its recipient alike.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    id: &'static str,
    from: &'static str,
    from_name: &'a str,
    content: &'a str,
    timestamp: &'static str,
    priority: &'static str,
}

#[derive(Serialize)]
struct Notified<'a> {
    r#type: &'static str,
    notification: Notification<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    from: &'a str,
    preview: &'a str,
    timestamp: &'static str,
    priority: &'static str,
    has_more: bool,
}

/// Carries out a frame of the instance that has this name; whether there is an answer to flush.
pub(super) async fn obey(
    server: &Server,
    text: &str,
    instance: &mut String,
    to: &mpsc::UnboundedSender<Utf8Bytes>,
    socket: &mut WebSocketStream<TcpStream>,
) -> Result<bool> {
    let Frame { r#type, payload } = serde_json::from_str(text)?;
    match r#type {
        "register" => {
            let Register { name } = serde_json::from_str(payload.get())?;
            let reply = Registered { r#type: "registered", instance_id: SOME_ID, name: &name };
            socket.feed(Message::text(serde_json::to_string(&reply)?)).await?;
            *instance = name.into_owned();
            server.memory.borrow_mut().instances.insert(instance.clone(), to.clone());
            Ok(true)
        }
        "send_message" => {
            let send: Send<'_> = serde_json::from_str(payload.get())?;
            let to = server.memory.borrow().instances.get(&*send.to).cloned();
            let to = to.with_context(|| format!("{} has not registered", send.to))?;
            let (body, first) = new_message(instance, &send.content)?;
            let frames = [first, notification(instance, &send.content)?];
            let log = server.log.as_ref().context("this path has a log")?;
            log.append(Record { body, then: Then::Push { frames, to } })?;
            Ok(false)
        }
        other => bail!("the bare path has no {other}"),
    }
}

/// A message as it is kept, and the frame it lies in: the same bytes.
fn new_message(from_name: &str, content: &str) -> Result<(Bytes, Utf8Bytes)> {
    let (id, from, timestamp, priority) = (SOME_ID, SOME_ID, SOME_TIME, "normal");
    let mut frame = Vec::with_capacity(content.len() + 256);
    frame.extend_from_slice(BEFORE_MESSAGE);
    serde_json::to_writer(&mut frame, &Sent { id, from, from_name, content, timestamp, priority })?;
    frame.push(b'}');
    let frame = Bytes::from(frame);
    Ok((frame.slice(BEFORE_MESSAGE.len()..frame.len() - 1), Utf8Bytes::try_from(frame)?))
}

fn notification(from: &str, content: &str) -> Result<Utf8Bytes> {
    let end = content.char_indices().nth(PREVIEW).map(|(end, _)| end);
    let preview = &content[..end.unwrap_or(content.len())];
    let (timestamp, priority, has_more) = (SOME_TIME, "normal", end.is_some());
    let notification = Notification { from, preview, timestamp, priority, has_more };
    Ok(serde_json::to_string(&Notified { r#type: "message_notification", notification })?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::linker::{Heard, heard};
    use crate::corpus;

    #[test]
    fn what_is_kept_is_what_is_sent_and_clients_understand_it() {
        let (body, frame) = new_message("a", &corpus::value(7)).unwrap();
        let kept: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(kept["content"], corpus::value(7));
        assert_eq!(heard(&frame).unwrap(), Heard::Message(7));
        assert_eq!(heard(&notification("a", &corpus::value(7)).unwrap()).unwrap(), Heard::Notification(7));
    }
}
