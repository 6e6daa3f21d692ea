//! The first message of a connection opened with `?connectionParams=1`.
//!
//! It is `{"method":"connectionParams","data":{…strings…}|null}` and gets no reply. The server looks at `data` alone, as the peers do.
//! A refusal goes to nobody in particular (`"id":null`), then the connection is closed; 11.25 clients take that for a
//! rejection and redial ever more slowly.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::error::{Code, TrpcError};
use super::object::{fields, members};
use super::reply::{PING, PONG};
use super::text::JsonText;

/// A frame that may come while connection parameters are awaited.
#[derive(Debug)]
pub enum Handshake<'a> {
    /// To be answered with `PONG` at once; the parameters are still awaited.
    Ping,
    /// To be swallowed; the parameters are still awaited.
    Pong,
    /// The parameters.
    Params(ConnectionParams<'a>),
}

/// Named texts about the connection; none at all if the client sent `null`.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionParams<'a>(Option<&'a RawValue>);

// === impl ConnectionParams ===

impl<'a> ConnectionParams<'a> {
    /// The parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let [value] = fields(self.0?.get(), &[name]).ok()?;
        value.and_then(JsonText::of).map(JsonText::decode)
    }
}

/// Reads a text frame while connection parameters are awaited.
///
/// # Errors
/// `Malformed TRPCConnectionParamsMessage` if it is no JSON object, `Invalid connection params shape` if `data` is neither null
/// nor an object of strings.
pub fn parse(frame: &str) -> Result<Handshake<'_>, TrpcError> {
    match frame {
        PING => return Ok(Handshake::Ping),
        PONG => return Ok(Handshake::Pong),
        _ => {}
    }
    let malformed = |_| TrpcError::new(Code::ParseError, "Malformed TRPCConnectionParamsMessage");
    let [data] = fields(frame, &["data"]).map_err(malformed)?;
    let invalid = || TrpcError::new(Code::ParseError, "Invalid connection params shape");
    let data = data.ok_or_else(invalid)?;
    if data.get() == "null" {
        return Ok(Handshake::Params(ConnectionParams(None)));
    }
    // Of a name given twice the last value counts, as in JavaScript, also for whether it is a text.
    let mut texts = HashMap::new();
    let read = members(data.get(), |name, value| {
        texts.insert(name.decode(), value.get().starts_with('"'));
    });
    if read.is_err() || texts.values().any(|is_text| !is_text) {
        return Err(invalid());
    }
    Ok(Handshake::Params(ConnectionParams(Some(data))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(frame: &str) -> ConnectionParams<'_> {
        match parse(frame) {
            Ok(Handshake::Params(params)) => params,
            other => panic!("{frame}: {other:?}"),
        }
    }

    #[test]
    fn a_token_is_found_among_the_parameters() {
        let params = params(r#"{"method":"connectionParams","data":{"a":"b","token":"s\u0065cret"}}"#);
        assert_eq!(params.get("token").as_deref(), Some("secret"));
        assert_eq!(params.get("workspace"), None);
    }

    #[test]
    fn no_parameters_are_parameters() {
        for frame in
            [r#"{"method":"connectionParams","data":null}"#, r#"{"data":{}}"#, r#"{"id":1,"data":{"a":""}}"#]
        {
            assert_eq!(params(frame).get("token"), None);
        }
    }

    #[test]
    fn of_a_parameter_given_twice_the_last_counts() {
        let params = params(r#"{"data":{"token":1,"token":"a","t\u006fken":"b"}}"#);
        assert_eq!(params.get("token").as_deref(), Some("b"));
        let error = parse(r#"{"data":{"a":"b","a":1}}"#).unwrap_err();
        assert_eq!(error.message(), "Invalid connection params shape");
    }

    #[test]
    fn keepalive_may_come_first() {
        assert!(matches!(parse("PING"), Ok(Handshake::Ping)));
        assert!(matches!(parse("PONG"), Ok(Handshake::Pong)));
    }

    #[test]
    fn other_first_messages_are_refused() {
        for frame in ["", "x", "1", "null", "[]", "\"PING\"", "{\"data\":{}"] {
            assert_eq!(
                parse(frame).unwrap_err().message(),
                "Malformed TRPCConnectionParamsMessage",
                "{frame}"
            );
        }
        for frame in [
            r#"{"method":"connectionParams"}"#,
            r#"{"data":[]}"#,
            r#"{"data":"token"}"#,
            r#"{"data":{"a":"b","c":1}}"#,
            r#"{"data":{"a":null}}"#,
            r#"{"id":1,"method":"query","params":{"path":"session.list"}}"#,
        ] {
            assert_eq!(parse(frame).unwrap_err().message(), "Invalid connection params shape", "{frame}");
        }
    }
}
