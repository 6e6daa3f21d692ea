//! What clients send: a frame is `PING`, `PONG`, one message or an array of messages (a batch).
//!
//! A message is refused for the first of these that holds, with the text that `@trpc/server` 11.25 gives:
//!
//! | found | answer under id `null`, PARSE_ERROR |
//! |---|---|
//! | not JSON | free text |
//! | not an object (an array within an array too) | `Not an object` |
//! | `id` missing, or neither number, string nor null | `Invalid request id` |
//! | `jsonrpc` there but not `"2.0"` | `Must be JSONRPC 2.0` |
//! | `method` unknown | `Invalid procedure type` |
//! | `params` missing or not an object | `Not an object` |
//! | `path` not a string; `lastEventId` there but not a string | `Invalid string` |
//!
//! One such message refuses its whole batch, before any of it runs. A well-formed message under `"id":null` does not: it alone is
//! answered ([`Message::WithoutId`]). An empty batch is answered by nothing. A batch above [`Limits::batch`] is
//! refused as 11.25 does when told a limit: BAD_REQUEST `Batch call exceeds maximum size` to every id in it, so that no
//! caller waits for ever.

use serde_json::value::RawValue;

use super::error::{Code, TrpcError};
use super::object::{elements, fields};
use super::reply::{PING, PONG, ReplyTo, RequestId};
use super::text::JsonText;

/// Bounds on a frame beyond its size in bytes, which the socket limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Messages in one batch.
    pub batch: usize,
    /// Bytes of one id as it stands in the frame; ids of live subscriptions are kept. The peers
    /// have no such bound; here a longer id is `Invalid request id`.
    pub id_bytes: usize,
}

/// A frame that can be served.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// To be answered with `PONG` at once.
    Ping,
    /// A sign of life, to be swallowed.
    Pong,
    /// One message.
    One(Message<'a>),
    /// Messages to start in this order; replies are one frame each, in whichever order they complete.
    Batch(Vec<Message<'a>>),
}

/// A frame that is refused as a whole: `error` goes to each of `to`, one frame each.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// Whom to answer; never empty.
    pub to: Vec<ReplyTo<'a>>,
    /// What to answer.
    pub error: TrpcError,
}

/// A well-formed message.
#[derive(Debug)]
pub enum Message<'a> {
    /// A call.
    Request(Request<'a>),
    /// The subscription under this id is to end, with a `stopped` frame if it was live, else with nothing.
    Stop(RequestId<'a>),
    /// A call or stop under `"id":null`, to be answered with [`TrpcError::id_required`].
    WithoutId(ReplyTo<'static>),
}

/// A call of a procedure, whose path and input are not looked at yet.
#[derive(Debug)]
pub struct Request<'a> {
    /// Whom to answer.
    pub to: ReplyTo<'a>,
    /// The kind of procedure the client believes it to be.
    pub method: Method,
    /// The procedure's path.
    pub path: JsonText<'a>,
    /// Its input.
    pub input: Input<'a>,
}

/// The kinds of procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Query,
    /// Writes.
    Mutation,
    /// Opens a stream of events.
    Subscription,
}

/// The input of a call. tRPC merges the id of the last event into it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// `params.input`; none where the client left it out.
    pub raw: Option<&'a RawValue>,
    /// `params.lastEventId`: the last event that the client has seen of a tracked subscription.
    pub last_event_id: Option<JsonText<'a>>,
}

/// Reads a text frame.
///
/// # Errors
/// The frame is refused as a whole, as told at the top.
pub fn parse<'a>(frame: &'a str, limits: &Limits) -> Result<Incoming<'a>, Refusal<'a>> {
    match frame {
        PING => return Ok(Incoming::Ping),
        PONG => return Ok(Incoming::Pong),
        _ => {}
    }
    match frame.trim_start_matches([' ', '\t', '\n', '\r']).as_bytes().first() {
        Some(b'[') => batch(frame, limits),
        Some(b'{') => message(frame, limits).map(Incoming::One).map_err(Refusal::nobody),
        _ => Err(Refusal::nobody(match serde_json::from_str::<&RawValue>(frame) {
            Ok(_) => malformed("Not an object"),
            Err(error) => TrpcError::bad_json(&error),
        })),
    }
}

fn batch<'a>(frame: &'a str, limits: &Limits) -> Result<Incoming<'a>, Refusal<'a>> {
    let mut read = Batch { limits, raw: Vec::new(), overflowing: false, to: Vec::new() };
    elements(frame, |element| read.take(element))
        .map_err(|error| Refusal::nobody(TrpcError::bad_json(&error)))?;
    if read.overflowing {
        if read.to.is_empty() {
            read.to.push(ReplyTo::NOBODY);
        }
        let error = TrpcError::new(Code::BadRequest, "Batch call exceeds maximum size");
        return Err(Refusal { to: read.to, error });
    }
    let messages = read.raw.into_iter().map(|raw| match raw.get().as_bytes().first() {
        Some(b'{') => message(raw.get(), limits),
        _ => Err(malformed("Not an object")),
    });
    messages.collect::<Result<_, _>>().map(Incoming::Batch).map_err(Refusal::nobody)
}

/// A batch being read: messages up to the limit, thereafter only whom to tell that it was too long.
struct Batch<'a, 'l> {
    limits: &'l Limits,
    raw: Vec<&'a RawValue>,
    overflowing: bool,
    to: Vec<ReplyTo<'a>>,
}

impl<'a> Batch<'a, '_> {
    fn take(&mut self, element: &'a RawValue) {
        if !self.overflowing && self.raw.len() < self.limits.batch {
            return self.raw.push(element);
        }
        self.overflowing = true;
        let limits = self.limits;
        let waiting = self.raw.drain(..).chain([element]);
        self.to.extend(waiting.filter_map(|raw| waits_for_reply(raw, limits)));
    }
}

/// Whom to answer of a message that is not otherwise looked at: nobody waits for the answer to a stop.
fn waits_for_reply<'a>(raw: &'a RawValue, limits: &Limits) -> Option<ReplyTo<'a>> {
    let [id, jsonrpc, method] = fields(raw.get(), &["id", "jsonrpc", "method"]).ok()?;
    let id = RequestId::of(id?, limits.id_bytes)?;
    let is =
        |raw: Option<&RawValue>, text| raw.and_then(JsonText::of).is_some_and(|raw| raw.decode() == text);
    (!is(method, STOP)).then(|| ReplyTo { id: Some(id), jsonrpc: is(jsonrpc, "2.0") })
}

const STOP: &str = "subscription.stop";

fn message<'a>(json: &'a str, limits: &Limits) -> Result<Message<'a>, TrpcError> {
    let bad_json = |error: serde_json::Error| TrpcError::bad_json(&error);
    let [id, jsonrpc, method, params] =
        fields(json, &["id", "jsonrpc", "method", "params"]).map_err(bad_json)?;

    let id = match id {
        Some(raw) if raw.get() == "null" => None,
        Some(raw) => {
            Some(RequestId::of(raw, limits.id_bytes).ok_or_else(|| malformed("Invalid request id"))?)
        }
        None => return Err(malformed("Invalid request id")),
    };
    let jsonrpc = match jsonrpc {
        None => false,
        Some(raw) if JsonText::of(raw).is_some_and(|text| text.decode() == "2.0") => true,
        Some(_) => return Err(malformed("Must be JSONRPC 2.0")),
    };
    let method = method.and_then(JsonText::of).map(JsonText::decode);
    let method = match method.as_deref() {
        Some(STOP) => {
            return Ok(id.map_or(Message::WithoutId(ReplyTo { id: None, jsonrpc }), Message::Stop));
        }
        Some(name) => Method::named(name),
        None => None,
    };
    let method = method.ok_or_else(|| malformed("Invalid procedure type"))?;
    let params = params.filter(|raw| raw.get().starts_with('{')).ok_or_else(|| malformed("Not an object"))?;
    let [path, input, last_event_id] =
        fields(params.get(), &["path", "input", "lastEventId"]).map_err(bad_json)?;
    let string = |raw| JsonText::of(raw).ok_or_else(|| malformed("Invalid string"));
    let path = path.map_or_else(|| Err(malformed("Invalid string")), string)?;
    let last_event_id = last_event_id.map(string).transpose()?;

    Ok(match id {
        None => Message::WithoutId(ReplyTo { id: None, jsonrpc }),
        id => Message::Request(Request {
            to: ReplyTo { id, jsonrpc },
            method,
            path,
            input: Input { raw: input, last_event_id },
        }),
    })
}

fn malformed(message: &str) -> TrpcError {
    TrpcError::new(Code::ParseError, message)
}

// === impl Refusal ===

impl Refusal<'_> {
    fn nobody(error: TrpcError) -> Self {
        Self { to: vec![ReplyTo::NOBODY], error }
    }
}

// === impl Method ===

impl Method {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Query, Self::Mutation, Self::Subscription].into_iter().find(|method| method.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { batch: 3, id_bytes: 16 };

    /// The message of a refusal that goes to nobody in particular.
    fn refused(frame: &str) -> String {
        let refusal = parse(frame, &LIMITS).unwrap_err();
        assert_eq!(refusal.to, [ReplyTo::NOBODY], "{frame}");
        refusal.error.message().into_owned()
    }

    fn one(frame: &str) -> Request<'_> {
        match parse(frame, &LIMITS) {
            Ok(Incoming::One(Message::Request(request))) => request,
            other => panic!("{frame}: {other:?}"),
        }
    }

    #[test]
    fn keepalive_is_told_apart_by_its_exact_text() {
        assert!(matches!(parse("PING", &LIMITS), Ok(Incoming::Ping)));
        assert!(matches!(parse("PONG", &LIMITS), Ok(Incoming::Pong)));
        for frame in ["ping", " PING", "PING\n", "\"PING\""] {
            assert!(parse(frame, &LIMITS).is_err(), "{frame}");
        }
    }

    #[test]
    fn a_request_is_taken_apart_whatever_the_order_of_its_keys() {
        let request = one(
            r#" {"method":"query","x":[{}],"params":{"path":"a.b","y":1,"lastEventId":"7","input":{"k":1}},"id":-7}"#,
        );
        assert_eq!(request.to.id.unwrap().token(), "-7");
        assert!(!request.to.jsonrpc);
        assert_eq!(request.method, Method::Query);
        assert_eq!(request.path.decode(), "a.b");
        assert_eq!(request.input.raw.unwrap().get(), r#"{"k":1}"#);
        assert_eq!(request.input.last_event_id.unwrap().decode(), "7");
    }

    #[test]
    fn a_null_input_is_an_input() {
        let request =
            one(r#"{"id":1,"jsonrpc":"2.0","method":"mutation","params":{"path":"","input":null}}"#);
        assert_eq!(request.input.raw.unwrap().get(), "null");
        assert!(request.to.jsonrpc);
    }

    #[test]
    fn each_malformed_message_is_told_why() {
        for (frame, message) in [
            ("1", "Not an object"),
            ("\"\\ud83e\"", "Not an object"),
            ("1e999", "Not an object"),
            ("null", "Not an object"),
            ("[[]]", "Not an object"),
            ("[[{\"id\":1}]]", "Not an object"),
            ("[null]", "Not an object"),
            ("{}", "Invalid request id"),
            (r#"{"id":true,"jsonrpc":1}"#, "Invalid request id"),
            (r#"{"id":{}}"#, "Invalid request id"),
            (r#"{"id":[]}"#, "Invalid request id"),
            (r#"{"id":"longer than sixteen"}"#, "Invalid request id"),
            (r#"{"id":1,"jsonrpc":"1.0"}"#, "Must be JSONRPC 2.0"),
            (r#"{"id":1,"jsonrpc":null}"#, "Must be JSONRPC 2.0"),
            (r#"{"id":1,"jsonrpc":2.0,"method":"subscription.stop"}"#, "Must be JSONRPC 2.0"),
            (r#"{"id":null}"#, "Invalid procedure type"),
            (r#"{"id":1,"method":"Query"}"#, "Invalid procedure type"),
            (r#"{"id":1,"method":1}"#, "Invalid procedure type"),
            (r#"{"id":1,"method":"connectionParams","data":{}}"#, "Invalid procedure type"),
            (r#"{"id":1,"method":"query"}"#, "Not an object"),
            (r#"{"id":1,"method":"query","params":[]}"#, "Not an object"),
            (r#"{"id":1,"method":"query","params":null}"#, "Not an object"),
            (r#"{"id":1,"method":"query","params":{}}"#, "Invalid string"),
            (r#"{"id":1,"method":"query","params":{"path":1}}"#, "Invalid string"),
            (r#"{"id":1,"method":"query","params":{"path":"a","lastEventId":1}}"#, "Invalid string"),
            (r#"{"id":1,"method":"query","params":{"path":"a","lastEventId":null}}"#, "Invalid string"),
        ] {
            assert_eq!(refused(frame), message, "{frame}");
        }
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        for frame in ["", " ", "{", "[", "[1,]", "nul", "{} x", "[] []", "\u{feff}{}", "{'id':1}", "\"\t\""] {
            assert!(refused(frame).starts_with("Invalid JSON: "), "{frame}");
        }
    }

    #[test]
    fn a_stop_needs_no_params() {
        let frame = r#"{"id":"s","method":"subscription.stop","params":1}"#;
        let Ok(Incoming::One(Message::Stop(id))) = parse(frame, &LIMITS) else { panic!("{frame}") };
        assert_eq!(id.token(), "\"s\"");
    }

    #[test]
    fn a_null_id_is_answered_alone_and_the_rest_of_the_batch_is_served() {
        let frame = r#"[{"id":null,"jsonrpc":"2.0","method":"query","params":{"path":"a"}},{"id":null,"method":"subscription.stop"},{"id":1,"method":"query","params":{"path":"a"}}]"#;
        let Ok(Incoming::Batch(messages)) = parse(frame, &LIMITS) else { panic!("{frame}") };
        assert!(matches!(&messages[0], Message::WithoutId(to) if to.jsonrpc && to.id.is_none()));
        assert!(matches!(&messages[1], Message::WithoutId(to) if !to.jsonrpc));
        assert!(matches!(&messages[2], Message::Request(_)));
    }

    #[test]
    fn an_empty_batch_holds_nothing() {
        assert!(matches!(parse(" [ ] ", &LIMITS), Ok(Incoming::Batch(messages)) if messages.is_empty()));
    }

    #[test]
    fn one_malformed_message_refuses_its_batch() {
        let good = r#"{"id":1,"method":"query","params":{"path":"a"}}"#;
        assert_eq!(refused(&format!("[{good},{{}}]")), "Invalid request id");
    }

    #[test]
    fn of_a_batch_too_long_every_caller_is_told() {
        let frame = r#"[{"id":1},{"id":"a","jsonrpc":"2.0"},{"id":3,"method":"subscription.stop"},[],{"id":true},{"id":6}]"#;
        let refusal = parse(frame, &LIMITS).unwrap_err();
        assert_eq!(refusal.error.code(), Code::BadRequest);
        assert_eq!(refusal.error.message(), "Batch call exceeds maximum size");
        let told: Vec<_> =
            refusal.to.iter().map(|to| (to.id.as_ref().unwrap().token(), to.jsonrpc)).collect();
        assert_eq!(told, [("1", false), ("\"a\"", true), ("6", false)]);
        assert_eq!(refused("[1,2,3,4]"), "Batch call exceeds maximum size");
    }

    #[test]
    fn a_deep_input_is_passed_over() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let frame = format!(r#"{{"id":1,"method":"query","params":{{"path":"a","input":{deep}}}}}"#);
        assert_eq!(one(&frame).input.raw.unwrap().get().len(), 200_000);
        assert_eq!(refused(&deep), "Not an object");
    }
}
