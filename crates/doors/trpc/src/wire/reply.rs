//! Frames from the server, one JSON object each, written by hand.
//!
//! | frame | shape |
//! |---|---|
//! | data | `{"id":N,"result":{"type":"data","data":…}}` |
//! | started, stopped | `{"id":N,"result":{"type":"started"}}` |
//! | tracked | `{"id":N,"result":{"type":"data","data":{"id":E,"data":…},"id":E}}` |
//! | error | `{"id":N,"error":{…}}` |
//! | reconnect | `{"id":null,"method":"reconnect"}` |
//!
//! `"jsonrpc":"2.0"` follows the id in every reply to a request that carried it. Data is encoded once and spliced in,
//! so one event costs each of its subscribers only a prefix and a copy.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::error::TrpcError;
use super::text;

/// Tells every client to move to a new connection.
pub const RECONNECT: &str = r#"{"id":null,"method":"reconnect"}"#;
/// Asks whether the other side is there. It is the whole frame, not JSON.
pub const PING: &str = "PING";
/// Answers [`PING`].
pub const PONG: &str = "PONG";
/// What follows the data in a data frame.
pub const DATA_SUFFIX: &[u8] = b"}}";

/// The id of a request: a JSON number or string, kept as the token the client sent and echoed as it is.
///
/// Ids are equal when their tokens are. `1` and `"1"` differ; so do `1` and `1.0`, which no client sends for one another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId<'a>(Cow<'a, str>);

// === impl RequestId ===

impl<'a> RequestId<'a> {
    /// Takes a number or string of at most `limit` bytes as a token.
    #[must_use]
    pub fn of(raw: &'a RawValue, limit: usize) -> Option<Self> {
        let token = raw.get();
        let scalar = matches!(token.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9'));
        (scalar && token.len() <= limit).then_some(Self(Cow::Borrowed(token)))
    }

    /// The JSON token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.0
    }

    /// The same, no longer borrowing from the frame.
    #[must_use]
    pub fn into_owned(self) -> RequestId<'static> {
        RequestId(Cow::Owned(self.0.into_owned()))
    }
}

/// Whom a reply is for: the id of the request and whether it spoke of JSON-RPC 2.0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo<'a> {
    /// The request's id; none for what answers no request in particular.
    pub id: Option<RequestId<'a>>,
    /// Whether `"jsonrpc":"2.0"` is echoed.
    pub jsonrpc: bool,
}

// === impl ReplyTo ===

impl ReplyTo<'_> {
    /// A reply to no request in particular: `"id":null`.
    pub const NOBODY: ReplyTo<'static> = ReplyTo { id: None, jsonrpc: false };

    /// The same, no longer borrowing from the frame.
    #[must_use]
    pub fn into_owned(self) -> ReplyTo<'static> {
        ReplyTo { id: self.id.map(RequestId::into_owned), jsonrpc: self.jsonrpc }
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        out.extend_from_slice(self.id.as_ref().map_or("null", RequestId::token).as_bytes());
        if self.jsonrpc {
            out.extend_from_slice(b",\"jsonrpc\":\"2.0\"");
        }
    }

    fn write_result(&self, kind: &str, out: &mut Vec<u8>) {
        self.write_head(out);
        out.extend_from_slice(b",\"result\":{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
    }
}

/// Appends what precedes the data in a data frame; [`DATA_SUFFIX`] follows the data.
pub fn data_prefix(to: &ReplyTo<'_>, out: &mut Vec<u8>) {
    to.write_result("data", out);
    out.extend_from_slice(b",\"data\":");
}

/// Appends a frame with a call's result or a subscription's event. `data` is encoded JSON.
pub fn data(to: &ReplyTo<'_>, data: &[u8], out: &mut Vec<u8>) {
    data_prefix(to, out);
    out.extend_from_slice(data);
    out.extend_from_slice(DATA_SUFFIX);
}

/// Appends an event under an id from which the client can resume. `data` is encoded JSON.
pub fn tracked(to: &ReplyTo<'_>, event_id: &str, data: &[u8], out: &mut Vec<u8>) {
    data_prefix(to, out);
    out.extend_from_slice(b"{\"id\":");
    text::write(event_id, out);
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(data);
    out.extend_from_slice(b"},\"id\":");
    text::write(event_id, out);
    out.extend_from_slice(DATA_SUFFIX);
}

/// Appends the frame that opens a subscription.
pub fn started(to: &ReplyTo<'_>, out: &mut Vec<u8>) {
    to.write_result("started", out);
    out.extend_from_slice(b"}}");
}

/// Appends the frame that ends a subscription.
pub fn stopped(to: &ReplyTo<'_>, out: &mut Vec<u8>) {
    to.write_result("stopped", out);
    out.extend_from_slice(b"}}");
}

/// Appends an error frame.
pub fn error(to: &ReplyTo<'_>, error: &TrpcError) -> Vec<u8> {
    let mut out = Vec::new();
    to.write_head(&mut out);
    out.extend_from_slice(b",\"error\":");
    error.write(&mut out);
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(token: &'static str, jsonrpc: bool) -> ReplyTo<'static> {
        let raw = serde_json::from_str(token).unwrap();
        ReplyTo { id: Some(RequestId::of(raw, 64).unwrap()), jsonrpc }
    }

    fn frame(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_frame_has_the_measured_shape() {
        let one = to("1", false);
        assert_eq!(frame(|out| data(&one, b"null", out)), r#"{"id":1,"result":{"type":"data","data":null}}"#);
        assert_eq!(frame(|out| started(&one, out)), r#"{"id":1,"result":{"type":"started"}}"#);
        assert_eq!(frame(|out| stopped(&one, out)), r#"{"id":1,"result":{"type":"stopped"}}"#);
        assert_eq!(
            frame(|out| tracked(&one, "7", b"[]", out)),
            r#"{"id":1,"result":{"type":"data","data":{"id":"7","data":[]},"id":"7"}}"#
        );
        assert_eq!(
            String::from_utf8(error(&ReplyTo::NOBODY, &TrpcError::id_required())).unwrap(),
            r#"{"id":null,"error":{"message":"`id` is required","code":-32700,"data":{"code":"PARSE_ERROR","httpStatus":400}}}"#
        );
    }

    #[test]
    fn ids_are_echoed_verbatim_and_jsonrpc_follows() {
        for token in ["1.5", "-7", "\"abc\"", "1e3", r#""\ud83e""#] {
            assert_eq!(
                frame(|out| started(&to(token, true), out)),
                format!(r#"{{"id":{token},"jsonrpc":"2.0","result":{{"type":"started"}}}}"#)
            );
        }
    }

    #[test]
    fn only_numbers_and_strings_within_the_bound_are_ids() {
        for token in ["null", "true", "[]", "{}", "\"too long\""] {
            assert_eq!(RequestId::of(serde_json::from_str(token).unwrap(), 8), None, "{token}");
        }
    }
}
