//! How calls and answers look as lines: [JSON-RPC 2.0](https://www.jsonrpc.org/specification), one object a line,
//! ended by `\n`. Batches are not spoken: several calls may be under way at once anyway, and a call without an id
//! (a notification) is an error, because every call has an answer.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

use crate::protocol::{Call, ErrorCode};

/// The line is no JSON. A number the JSON-RPC specification assigns, as are the next three.
pub const NO_JSON: i32 = -32700;
/// The line is no request.
pub const NO_REQUEST: i32 = -32600;
/// There is no such method.
pub const NO_METHOD: i32 = -32601;
/// The parameters do not fit the method.
pub const BAD_PARAMS: i32 = -32602;
/// Everything else; `data.code` says what.
pub const REFUSED: i32 = -32000;

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is longer than it may be, so many bytes. What follows cannot be found any more.
    #[error("a line is longer than {0} bytes")]
    TooLong(usize),
    /// The connection ended in the middle of it.
    #[error("the connection ended in the middle of a line")]
    Cut,
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the next line into `line`, without its end, of at most so many bytes with it; `false` if the other side has
/// closed. Not to be cancelled: what was read by then would be lost.
pub async fn read_line(
    from: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    most: usize,
) -> Result<bool, LineError> {
    line.clear();
    from.take(most as u64).read_until(b'\n', line).await?;
    match line.pop() {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) if line.len() + 1 == most => Err(LineError::TooLong(most)),
        Some(_) => Err(LineError::Cut),
    }
}

// === what a client writes, and the hall reads ===

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_pos: Option<u64>,
    #[serde(flatten)]
    call: &'a Call,
}

/// A call as a line, its end included. A query is answered from `min_pos` on, if there is one.
pub fn call_line(id: u64, min_pos: Option<u64>, call: &Call) -> Vec<u8> {
    line(&Request { jsonrpc: "2.0", id, min_pos, call })
}

/// What the hall finds in a line: the call, or why it is none.
pub struct Incoming {
    /// The id to answer under; `null` if there is none.
    pub id: Box<RawValue>,
    /// A position that the caller has seen, and wants to see the log from.
    pub min_pos: Option<u64>,
    /// What is wished for.
    pub call: Result<Call, Unfit>,
}

/// Why a line is no call: the JSON-RPC error code and a message for people. [`ErrorCode::BadRequest`] in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// One of [`NO_JSON`], [`NO_REQUEST`], [`NO_METHOD`], [`BAD_PARAMS`].
    pub number: i32,
    /// Why.
    pub message: String,
}

impl Incoming {
    /// Reads a line.
    pub fn read(line: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Envelope {
            jsonrpc: Option<String>,
            #[serde(default)]
            id: Option<Box<RawValue>>,
            min_pos: Option<u64>,
            method: Option<String>,
            params: Option<Box<RawValue>>,
        }
        let unfit = |number, message: String| Err(Unfit { number, message });
        let nobody = |call| Self { id: RawValue::NULL.to_owned(), min_pos: None, call };
        let envelope: Envelope = match serde_json::from_slice(line) {
            Ok(envelope) => envelope,
            Err(cause) if cause.is_data() => {
                return nobody(unfit(NO_REQUEST, format!("this is no JSON-RPC request: {cause}")));
            }
            Err(cause) => return nobody(unfit(NO_JSON, format!("this is no JSON: {cause}"))),
        };
        let Some(id) = envelope
            .id
            .filter(|id| id.get().starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']))
        else {
            let message = "a request needs an id, a number or a text, to be answered under";
            return nobody(unfit(NO_REQUEST, message.into()));
        };
        let call = match (envelope.jsonrpc.as_deref(), envelope.method) {
            (Some("2.0"), Some(method)) => {
                read_call(&method, envelope.params.as_deref().map_or("{}", RawValue::get))
            }
            (Some("2.0"), None) => unfit(NO_REQUEST, "a request needs a method".into()),
            _ => unfit(NO_REQUEST, "a request needs `\"jsonrpc\":\"2.0\"`".into()),
        };
        Self { id, min_pos: envelope.min_pos, call }
    }
}

fn read_call(method: &str, params: &str) -> Result<Call, Unfit> {
    match Call::read(method, params) {
        Some(Ok(call)) => Ok(call),
        Some(Err(cause)) => Err(Unfit {
            number: BAD_PARAMS,
            message: format!("the parameters do not fit {method:?}: {cause}"),
        }),
        None => Err(Unfit { number: NO_METHOD, message: format!("there is no method {method:?}") }),
    }
}

// === what the hall writes, and a client reads ===

/// A result as a line, its end included, and where the log stood.
pub fn result_line(id: &RawValue, position: Option<u64>, result: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a, T> {
        jsonrpc: &'static str,
        id: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
        result: T,
    }
    line(&Answer { jsonrpc: "2.0", id, position, result })
}

/// An error as a line, its end included. `position` is where the log ends, if it does not reach as far as was asked.
pub fn error_line(
    id: &RawValue,
    position: Option<u64>,
    number: i32,
    code: ErrorCode,
    message: &str,
) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a> {
        jsonrpc: &'static str,
        id: &'a RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
        error: Failure<'a>,
    }
    #[derive(Serialize)]
    struct Failure<'a> {
        code: i32,
        message: &'a str,
        data: Data,
    }
    #[derive(Serialize)]
    struct Data {
        code: ErrorCode,
    }
    let error = Failure { code: number, message, data: Data { code } };
    line(&Answer { jsonrpc: "2.0", id, position, error })
}

fn line(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("messages always serialise");
    line.push(b'\n');
    line
}

/// What a client finds in a line.
#[derive(Debug, Deserialize)]
pub struct Reply {
    /// The call this answers; absent if the hall could not tell which line it did not understand.
    pub id: Option<u64>,
    /// Where the log stood; in an error, where it ends although more of it was asked for.
    #[serde(default)]
    pub position: Option<u64>,
    /// The result, if it went well.
    #[serde(default)]
    pub result: Option<Box<RawValue>>,
    /// The error, if not.
    #[serde(default)]
    pub error: Option<Failure>,
}

/// An error in a [`Reply`].
#[derive(Debug, Deserialize)]
pub struct Failure {
    /// For people.
    pub message: String,
    #[serde(default)]
    data: Option<serde_json::Value>,
}

impl Failure {
    /// The reason for programs; [`ErrorCode::Unknown`] if it is a word this version does not know.
    pub fn code(&self) -> ErrorCode {
        let word = self.data.as_ref().and_then(|data| data.get("code"));
        word.and_then(|word| ErrorCode::deserialize(word).ok()).unwrap_or(ErrorCode::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::QuestionStatus;

    #[track_caller]
    fn check(line: &str, number: i32, says: &str) {
        let unfit = Incoming::read(line.as_bytes()).call.unwrap_err();
        assert_eq!(unfit.number, number, "{line}: {}", unfit.message);
        assert!(unfit.message.contains(says), "{line}: {}", unfit.message);
    }

    #[test]
    fn whoever_writes_something_else_is_told_what_is_wrong() {
        check("{", NO_JSON, "no JSON");
        check("[]", NO_REQUEST, "no JSON-RPC request");
        check(r#"{"jsonrpc":"2.0","method":"status"}"#, NO_REQUEST, "needs an id");
        check(r#"{"jsonrpc":"2.0","id":{},"method":"status"}"#, NO_REQUEST, "needs an id");
        check(r#"{"id":1,"method":"status"}"#, NO_REQUEST, "jsonrpc");
        check(r#"{"jsonrpc":"2.0","id":1}"#, NO_REQUEST, "needs a method");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"fly"}"#, NO_METHOD, "no method \"fly\"");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"context.get","params":{}}"#, BAD_PARAMS, "key");
    }

    #[test]
    fn parameters_may_be_left_out_where_none_are_needed() {
        let incoming = Incoming::read(br#"{"jsonrpc":"2.0","id":"a","method":"status"}"#);
        assert!(matches!(incoming.call, Ok(Call::Status(_))));
        assert_eq!(incoming.id.get(), r#""a""#);
    }

    #[test]
    fn a_word_of_a_newer_hall_reads_as_unknown() {
        let reply = |code: &str| -> Reply {
            let line = format!(
                r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":1,"message":"m","data":{{"code":"{code}"}}}}}}"#
            );
            serde_json::from_str(&line).unwrap()
        };
        assert_eq!(reply("not_found").error.unwrap().code(), ErrorCode::NotFound);
        assert_eq!(reply("moonlit").error.unwrap().code(), ErrorCode::Unknown);
        let status = |word: &str| serde_json::from_str::<QuestionStatus>(word).unwrap();
        assert_eq!(
            [status(r#""failed""#), status(r#""moonlit""#)],
            [QuestionStatus::Failed, QuestionStatus::Unknown]
        );
    }

    #[tokio::test]
    async fn lines_end_where_they_say() {
        let mut line = Vec::new();
        let mut whole = &b"one\ntwo\n"[..];
        for expected in ["one", "two"] {
            assert!(read_line(&mut whole, &mut line, 4).await.unwrap());
            assert_eq!(line, expected.as_bytes());
        }
        assert!(!read_line(&mut whole, &mut line, 4).await.unwrap());
        let mut cut = &b"half"[..];
        assert!(matches!(read_line(&mut cut, &mut line, 5).await, Err(LineError::Cut)));
        let long = read_line(&mut &b"long"[..], &mut line, 4).await;
        assert!(matches!(long, Err(LineError::TooLong(4))));
    }
}
