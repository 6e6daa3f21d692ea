//! What clients send: one JSON object a frame, `{"type": …, "payload": …}`, text or binary.
//!
//! | found | refused with |
//! |---|---|
//! | not JSON, nothing, a byte order mark, `null` | [`Refusal::Format`] |
//! | another value than an object; `type` missing, no string, or none of those below | [`Refusal::UnknownType`] |
//! | `payload` missing or `null` for `register`, `send_message`, `mark_read` | [`Refusal::Format`] |
//!
//! A payload that is there and no object has no fields. Unknown fields are passed over.

use std::fmt;
use std::time::Duration;

use model::Text;
use model::messages::Priority;
use serde_json::value::RawValue;

use super::loose;
use super::object::{elements, fields};
use super::refusal::Refusal;
use crate::limits;

/// A frame that can be served.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is documented by the type it carries, or is its own name")]
pub enum Request {
    Register(Register),
    SendMessage(SendMessage),
    /// What waits for the caller.
    GetMessages,
    /// How much that is.
    GetMessageCount,
    /// Who is here.
    ListInstances,
    GetConversation(GetConversation),
    MarkRead(MarkRead),
    /// How far the caller's own messages have come.
    GetReceipts,
    /// Figures of the workspace.
    GetStats,
    /// A sign of life.
    Heartbeat,
}

/// Says who is at the other end of this connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Register {
    /// The agent's name, 1 to [`model::limits::NAME_BYTES`] bytes.
    pub name: String,
    /// What it says of itself, at most [`limits::DESCRIPTION_BYTES`].
    pub description: Option<Text>,
    /// The directory it works in, if its metadata name one as `directory` or `cwd`.
    pub directory: Option<String>,
}

/// Says something to one or to everybody.
#[derive(Debug, Clone, PartialEq)]
pub struct SendMessage {
    /// For whom it is.
    pub to: Target,
    /// What it says.
    pub content: Text,
    /// How soon it wants to be read; words that are no priority are an ordinary one.
    pub priority: Priority,
    /// How long it is offered: zero if its time was over before it was sent, `None` for ever.
    pub ttl: Option<Duration>,
}

/// For whom a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A name or an id.
    One(String),
    /// The word `broadcast`.
    Everybody,
}

/// Asks what was said.
#[derive(Debug, Clone, PartialEq)]
pub struct GetConversation {
    /// How much of it.
    pub limit: Limit,
    /// The other side, as a name or id; without it, everything everybody said.
    pub with: Option<String>,
    /// The asker's side, if that is not the caller.
    pub side: Option<String>,
}

/// How much of a conversation, as JavaScript's `slice(-limit)` understands a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The newest so many.
    Newest(usize),
    /// All but the oldest so many.
    AllBut(usize),
    /// All there is.
    All,
}

/// Says that messages have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkRead {
    /// Their ids, each as often as it was given; at most [`limits::MARKED`].
    pub ids: Vec<String>,
}

/// Reads a frame.
///
/// # Errors
/// What is wrong with it.
pub fn parse(frame: &str) -> Result<Request, Refusal> {
    let raw: &RawValue = serde_json::from_str(frame).map_err(|_| Refusal::Format)?;
    if raw.get() == "null" {
        return Err(Refusal::Format);
    }
    let [kind, payload] = fields(raw, ["type", "payload"]);
    let unknown = |text: String| Refusal::UnknownType(text);
    let kind = kind.ok_or_else(|| unknown("undefined".into()))?;
    let word = loose::string(kind).ok_or_else(|| unknown(loose::display(kind, limits::ECHO_CHARACTERS)))?;
    let payload = payload.filter(|payload| payload.get() != "null");
    let needed = payload.ok_or(Refusal::Format);
    Ok(match &*word {
        "register" => Request::Register(register(needed?)?),
        "send_message" => Request::SendMessage(send_message(needed?)?),
        "get_messages" => Request::GetMessages,
        "get_message_count" => Request::GetMessageCount,
        "list_instances" => Request::ListInstances,
        "get_conversation" => Request::GetConversation(get_conversation(payload)),
        "mark_read" => Request::MarkRead(mark_read(needed?)?),
        "get_receipts" => Request::GetReceipts,
        "get_stats" => Request::GetStats,
        "heartbeat" => Request::Heartbeat,
        _ => return Err(unknown(loose::display(kind, limits::ECHO_CHARACTERS))),
    })
}

fn register(payload: &RawValue) -> Result<Register, Refusal> {
    let [name, description, metadata] = fields(payload, ["name", "description", "metadata"]);
    let name = name.and_then(loose::string).ok_or(Refusal::Name)?;
    // Whoever had this name would be sent what is for everybody.
    if name.is_empty() || name.len() > model::limits::NAME_BYTES || name == "broadcast" {
        return Err(Refusal::Name);
    }
    let description = description.and_then(Text::from_raw);
    if description.as_ref().is_some_and(|text| text.exceeds(limits::DESCRIPTION_BYTES).is_some()) {
        return Err(Refusal::Description);
    }
    let [directory, cwd] = metadata.map(|raw| fields(raw, ["directory", "cwd"])).unwrap_or_default();
    let directory = [directory, cwd].into_iter().flatten().find_map(loose::string);
    Ok(Register { name, description, directory: directory.filter(|path| !path.is_empty()) })
}

fn send_message(payload: &RawValue) -> Result<SendMessage, Refusal> {
    let [to, content, priority, ttl] = fields(payload, ["to", "content", "priority", "ttl"]);
    let to = to.and_then(loose::string).filter(|to| !to.is_empty()).ok_or(Refusal::NoRecipient)?;
    let content = content.and_then(Text::from_raw).ok_or(Refusal::Format)?;
    let priority = match priority.and_then(loose::string).as_deref() {
        Some("high") => Priority::High,
        Some("low") => Priority::Low,
        _ => Priority::Normal,
    };
    let ttl = ttl.filter(|raw| loose::is_truthy(raw)).map(time_to_live).transpose()?;
    let to = if to == "broadcast" { Target::Everybody } else { Target::One(to) };
    Ok(SendMessage { to, content, priority, ttl })
}

/// Milliseconds, as a number or spelt as text. One that is negative is over already.
fn time_to_live(raw: &RawValue) -> Result<Duration, Refusal> {
    /// The last moment that JavaScript's dates reach, in milliseconds since 1970.
    const END_OF_TIME: f64 = 8.64e15;
    let millis = loose::number(raw);
    if millis.is_nan() || millis.abs() > END_OF_TIME {
        return Err(Refusal::Format);
    }
    Ok(Duration::from_millis(millis.max(0.0) as u64))
}

fn get_conversation(payload: Option<&RawValue>) -> GetConversation {
    let asked = payload.map(|payload| fields(payload, ["limit", "with", "instanceId"]));
    let [limit, with, side] = asked.unwrap_or_default();
    let given = |raw: &RawValue| {
        let text = || loose::string(raw).unwrap_or_else(|| loose::display(raw, limits::ECHO_CHARACTERS));
        loose::is_truthy(raw).then(text)
    };
    GetConversation { limit: how_much(limit), with: with.and_then(given), side: side.and_then(given) }
}

fn how_much(limit: Option<&RawValue>) -> Limit {
    /// How much of a conversation is asked for where nothing is said.
    const USUAL: usize = 100;
    let Some(limit) = limit else { return Limit::Newest(USUAL) };
    let limit = loose::number(limit).trunc();
    if limit > 0.0 {
        Limit::Newest(limit as usize)
    } else if limit < 0.0 {
        Limit::AllBut(-limit as usize)
    } else {
        Limit::All
    }
}

fn mark_read(payload: &RawValue) -> Result<MarkRead, Refusal> {
    let [ids] = fields(payload, ["messageIds"]);
    let ids = ids.and_then(|raw| elements(raw, limits::MARKED + 1)).ok_or(Refusal::MessageIds)?;
    if ids.len() > limits::MARKED {
        return Err(Refusal::TooManyMessageIds);
    }
    // What is no text is no id of anything.
    Ok(MarkRead { ids: ids.into_iter().filter_map(loose::string).collect() })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One(to) => to,
            Self::Everybody => model::messages::BROADCAST,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(frame: &str) -> String {
        parse(frame).unwrap_err().to_string()
    }

    fn sent(payload: &str) -> SendMessage {
        match parse(&format!(r#"{{"type":"send_message","payload":{payload}}}"#)) {
            Ok(Request::SendMessage(send)) => send,
            other => panic!("{payload}: {other:?}"),
        }
    }

    fn asked(payload: &str) -> GetConversation {
        match parse(&format!(r#"{{"type":"get_conversation"{payload}}}"#)) {
            Ok(Request::GetConversation(asked)) => asked,
            other => panic!("{payload}: {other:?}"),
        }
    }

    #[test]
    fn what_is_no_frame_has_an_invalid_format() {
        for frame in ["", " ", "{", "nonsense", "\u{feff}{\"type\":\"heartbeat\"}", "null", " null "] {
            assert_eq!(refused(frame), "Invalid message format", "{frame}");
        }
        for kind in ["register", "send_message", "mark_read"] {
            for payload in ["", r#","payload":null"#] {
                assert_eq!(refused(&format!(r#"{{"type":"{kind}"{payload}}}"#)), "Invalid message format");
            }
        }
    }

    #[test]
    fn an_unknown_type_is_named_as_javascript_would() {
        for (frame, text) in [
            ("{}", "undefined"),
            ("5", "undefined"),
            ("[]", "undefined"),
            ("true", "undefined"),
            ("\"heartbeat\"", "undefined"),
            (r#"{"type":null}"#, "null"),
            (r#"{"type":5}"#, "5"),
            (r#"{"type":{}}"#, "[object Object]"),
            (r#"{"type":"HEARTBEAT"}"#, "HEARTBEAT"),
            (r#"{"type":""}"#, ""),
        ] {
            assert_eq!(refused(frame), format!("Unknown message type: {text}"), "{frame}");
        }
        let long = refused(&format!(r#"{{"type":"{}"}}"#, "x".repeat(100_000)));
        assert!(long.len() < 300, "{}", long.len());
    }

    #[test]
    fn a_registration_needs_a_name_and_may_say_where_it_works() {
        let register = |payload: &str| parse(&format!(r#"{{"type":"register","payload":{payload}}}"#));
        let all = r#"{"name":"web","description":"UI","metadata":{"cwd":"/b","directory":"/a"},"more":1}"#;
        let expected =
            Register { name: "web".into(), description: Some(Text::new("UI")), directory: Some("/a".into()) };
        assert_eq!(register(all), Ok(Request::Register(expected)));
        let bare = Register { name: "web".into(), description: None, directory: None };
        for payload in [r#"{"name":"web"}"#, r#"{"name":"web","description":5,"metadata":[{"cwd":"/b"}]}"#] {
            assert_eq!(register(payload), Ok(Request::Register(bare.clone())), "{payload}");
        }
        for name in ["{}", "5", r#"{"name":5}"#, r#"{"name":""}"#, r#"{"name":"broadcast"}"#] {
            assert_eq!(register(name), Err(Refusal::Name), "{name}");
        }
        // What people count, not escapes.
        let most = limits::DESCRIPTION_BYTES;
        for letter in ["x", "\\n"] {
            let described =
                |letters| format!(r#"{{"name":"web","description":"{}"}}"#, letter.repeat(letters));
            assert!(register(&described(most)).is_ok(), "{letter}");
            assert_eq!(register(&described(most + 1)), Err(Refusal::Description), "{letter}");
        }
    }

    #[test]
    fn a_message_has_a_recipient_a_text_and_perhaps_a_priority_and_a_time() {
        let plain = sent(r#"{"to":"api","content":"hi"}"#);
        assert_eq!(
            (plain.to, plain.priority, plain.ttl),
            (Target::One("api".into()), Priority::Normal, None)
        );
        let loud = sent(r#"{"to":"broadcast","content":"","priority":"high","ttl":1500.9,"maxRetries":3}"#);
        assert_eq!((loud.to, loud.priority), (Target::Everybody, Priority::High));
        assert_eq!(loud.ttl, Some(Duration::from_millis(1500)));
        for (ttl, millis) in
            [("0", None), ("null", None), ("\"\"", None), ("-5", Some(0)), ("\"7\"", Some(7))]
        {
            let send = sent(&format!(r#"{{"to":"a","content":"b","ttl":{ttl}}}"#));
            assert_eq!(send.ttl, millis.map(Duration::from_millis), "{ttl}");
        }
        for priority in ["\"urgent\"", "5", "null", "\"HIGH\""] {
            let send = sent(&format!(r#"{{"to":"a","content":"b","priority":{priority}}}"#));
            assert_eq!(send.priority, Priority::Normal, "{priority}");
        }
    }

    #[test]
    fn a_message_that_cannot_be_sent_is_refused() {
        let refused = |payload: &str| refused(&format!(r#"{{"type":"send_message","payload":{payload}}}"#));
        for payload in ["{}", "5", r#"{"to":5,"content":"x"}"#, r#"{"to":"","content":"x"}"#] {
            assert!(refused(payload).starts_with("Unknown recipient"), "{payload}");
        }
        for payload in [
            r#"{"to":"a"}"#,
            r#"{"to":"a","content":5}"#,
            r#"{"to":"a","content":null}"#,
            r#"{"to":"a","content":{}}"#,
            r#"{"to":"a","content":"x","ttl":"soon"}"#,
            r#"{"to":"a","content":"x","ttl":1e16}"#,
            r#"{"to":"a","content":"x","ttl":[]}"#,
        ] {
            assert_eq!(refused(payload), "Invalid message format", "{payload}");
        }
    }

    #[test]
    fn a_limit_means_what_slice_makes_of_it() {
        for (limit, meant) in [
            ("5", Limit::Newest(5)),
            ("2.9", Limit::Newest(2)),
            ("\"7\"", Limit::Newest(7)),
            ("true", Limit::Newest(1)),
            ("-3", Limit::AllBut(3)),
            ("0", Limit::All),
            ("0.5", Limit::All),
            ("null", Limit::All),
            ("\"many\"", Limit::All),
            ("{}", Limit::All),
        ] {
            assert_eq!(asked(&format!(r#","payload":{{"limit":{limit}}}"#)).limit, meant, "{limit}");
        }
        for nothing in ["", r#","payload":null"#, r#","payload":5"#, r#","payload":{"with":""}"#] {
            let asked = asked(nothing);
            assert_eq!((asked.limit, asked.with, asked.side), (Limit::Newest(100), None, None), "{nothing}");
        }
        let sides = asked(r#","payload":{"with":"api","instanceId":"x"}"#);
        assert_eq!((sides.with.as_deref(), sides.side.as_deref()), (Some("api"), Some("x")));
    }

    #[test]
    fn marking_needs_an_array_and_counts_what_is_given() {
        let mark = |payload: &str| parse(&format!(r#"{{"type":"mark_read","payload":{payload}}}"#));
        for payload in ["{}", "5", r#"{"messageIds":"a"}"#, r#"{"messageIds":{}}"#, r#"{"messageIds":null}"#]
        {
            assert_eq!(mark(payload), Err(Refusal::MessageIds), "{payload}");
        }
        let ids = vec!["a".to_owned(), "a".to_owned()];
        assert_eq!(mark(r#"{"messageIds":["a",5,"a",null]}"#), Ok(Request::MarkRead(MarkRead { ids })));
        let many = vec!["\"a\""; limits::MARKED + 1].join(",");
        assert_eq!(mark(&format!(r#"{{"messageIds":[{many}]}}"#)), Err(Refusal::TooManyMessageIds));
    }
}
