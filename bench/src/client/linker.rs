//! Frames of the linker's protocol as a client writes and reads them; `docs/wire/linker.md` has them all.
//!
//! A message says at its beginning which number it has, so that its two frames can be told from all others.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::corpus;

/// Asks for what waits.
pub(crate) const GET_MESSAGES: &str = r#"{"type":"get_messages"}"#;
/// Asks for an answer behind everything that was sent before.
pub(crate) const HEARTBEAT: &str = r#"{"type":"heartbeat"}"#;

pub(crate) fn register(name: &str) -> String {
    format!(
        r#"{{"type":"register","payload":{{"name":"{name}","description":"a benchmark","metadata":{{}}}}}}"#
    )
}

/// The name of one of the instances.
pub(crate) fn instance(number: usize) -> String {
    format!("bench-{number}")
}

/// A message of 400 bytes to an instance.
pub(crate) fn send(to: usize, number: usize) -> String {
    let (to, content) = (instance(to), corpus::value(number));
    format!(r#"{{"type":"send_message","payload":{{"to":"{to}","content":"{content}"}}}}"#)
}

/// What a frame from the server says, as far as load is concerned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The message of this number.
    Message(usize),
    /// The same in short.
    Notification(usize),
    /// Something was not done.
    Error,
    /// Anything else.
    Other,
}

/// Reads only the start of a frame, which servers write in one order: parsing all of it would measure the client.
pub(crate) fn heard(frame: &str) -> Result<Heard> {
    let number = |before: &str| {
        let number = frame.split_once(before).and_then(|(_, rest)| rest.split_once(' '));
        let number = number.and_then(|(number, _)| number.parse().ok());
        number.with_context(|| format!("a message without a number: {frame}"))
    };
    Ok(match kind(frame).with_context(|| format!("a frame of no known form: {frame}"))? {
        "new_message" => Heard::Message(number(r#""content":""#)?),
        "message_notification" => Heard::Notification(number(r#""preview":""#)?),
        "error" => Heard::Error,
        _ => Heard::Other,
    })
}

/// A frame's type.
pub(crate) fn kind(frame: &str) -> Option<&str> {
    Some(frame.strip_prefix(r#"{"type":""#)?.split_once('"')?.0)
}

#[derive(Deserialize)]
struct Messages<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

/// How many messages the reply to [`GET_MESSAGES`] holds.
pub(crate) fn fetched(frame: &str) -> serde_json::Result<usize> {
    serde_json::from_str::<Messages<'_>>(frame).map(|reply| reply.messages.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_frame_tells_what_it_is() {
        let told = |frame| heard(frame).unwrap();
        let message = r#"{"type":"new_message","message":{"id":"1","content":"0000000042 The bridge"}}"#;
        assert_eq!(told(message), Heard::Message(42));
        let short = r#"{"type":"message_notification","notification":{"from":"a","preview":"0000000042 T"}}"#;
        assert_eq!(told(short), Heard::Notification(42));
        assert_eq!(told(r#"{"type":"error","error":"no"}"#), Heard::Error);
        assert_eq!(told(r#"{"type":"heartbeat_ack"}"#), Heard::Other);
        assert!(heard(r#"{"type":"new_message","message":{"content":"hello"}}"#).is_err());
        assert!(heard("[]").is_err());
    }

    #[test]
    fn a_message_says_its_number_within_400_bytes() {
        let frame: serde_json::Value = serde_json::from_str(&send(3, 42)).unwrap();
        let content = frame["payload"]["content"].as_str().unwrap();
        assert_eq!((content.len(), &content[..11]), (400, "0000000042 "));
        assert_eq!(frame["payload"]["to"], instance(3));
        for frame in [register("a"), GET_MESSAGES.to_owned(), HEARTBEAT.to_owned()] {
            serde_json::from_str::<serde_json::Value>(&frame).unwrap();
        }
    }

    #[test]
    fn the_messages_of_a_reply_are_counted() {
        assert_eq!(fetched(r#"{"type":"messages","messages":[{"id":"1"},{"id":"2"}]}"#).unwrap(), 2);
    }
}
