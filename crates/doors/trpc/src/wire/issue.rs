//! Why an input was refused, in the words of zod 4.
//!
//! The message of a refusal is the list of issues as JSON, pretty-printed with two spaces; clients parse and show it, so keys,
//! their order and every text are zod's own. All failing fields are listed, in the order of the schema.

use super::error::{Code, TrpcError};
use super::{text, uuid_text};

/// The largest integer a JavaScript number holds exactly, 2^53 − 1.
pub(super) const MAX_SAFE_INTEGER: u64 = 9_007_199_254_740_991;

/// One failure. The words in it are those of the schema or of JSON, never of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issue {
    /// A value of another type, or none.
    WrongType { expected: &'static str, received: &'static str },
    /// A number with a fraction where an integer is expected.
    NotInteger,
    /// An integer beyond ± [`MAX_SAFE_INTEGER`].
    Unsafe { below: bool },
    /// An integer below its minimum.
    NumberTooSmall { minimum: u64 },
    /// An integer above its maximum.
    NumberTooBig { maximum: u64 },
    /// A thing of length 0 where at least 1 is asked: zod measures strings, arrays and whatever has a `length`.
    Empty { origin: Origin },
    /// A text that is no UUID.
    Uuid,
    /// A value that is none of those allowed.
    Option(&'static [&'static str]),
    /// An array of more items than are taken.
    TooMany { maximum: usize },
    /// What zod has no words for, in ours.
    Custom(&'static str),
}

/// What was measured and found empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A string, which lacks characters.
    String,
    /// An array, which lacks items.
    Array,
    /// An object with a key `length`.
    Unknown,
}

/// Where in the input: a field of it, an element of that, and a part of the element; none of them for the input as a
/// whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    pub(super) field: Option<&'static str>,
    pub(super) element: Option<usize>,
    pub(super) part: Option<usize>,
}

/// The issues of one input, at most [`Issues::MAX`]: an array of a million wrong tags is not answered a million times.
#[derive(Debug, Default)]
pub(super) struct Issues(Vec<(At, Issue)>);

// === impl Issues ===

impl Issues {
    /// More are left out; the peers would list them all.
    pub(super) const MAX: usize = 100;

    pub(super) fn push(&mut self, at: At, issue: Issue) {
        if self.0.len() < Self::MAX {
            self.0.push((at, issue));
        }
    }

    /// Notes what is wrong with the input as a whole.
    pub(super) fn push_whole(&mut self, issue: Issue) {
        self.push(At::default(), issue);
    }

    /// The refusal that lists them.
    pub(super) fn refusal(&self) -> TrpcError {
        let mut message = String::from("[");
        for (at, (place, issue)) in self.0.iter().enumerate() {
            message.push_str(if at == 0 { "\n  {" } else { ",\n  {" });
            issue.write(*place, &mut Members { out: &mut message, first: true });
            message.push_str("\n  }");
        }
        message.push_str("\n]");
        TrpcError::new(Code::BadRequest, &message)
    }
}

/// Writes the members of one issue, each on its line.
struct Members<'a> {
    out: &'a mut String,
    first: bool,
}

impl Members<'_> {
    fn raw(&mut self, key: &str, value: &str) {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        self.out.push_str("\n    \"");
        self.out.push_str(key);
        self.out.push_str("\": ");
        self.out.push_str(value);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.raw(key, &text::encode(value));
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if values.is_empty() {
            return self.raw(key, "[]");
        }
        self.raw(key, &format!("[\n      {}\n    ]", values.join(",\n      ")));
    }

    fn bound(&mut self, key: &str, bound: &str) {
        self.raw(key, bound);
        self.raw("inclusive", "true");
    }
}

// === impl Issue ===

impl Issue {
    fn write(self, at: At, members: &mut Members<'_>) {
        match self {
            Self::WrongType { expected, received } => {
                members.text("expected", expected);
                members.text("code", "invalid_type");
                if expected == "number" && received.ends_with("Infinity") {
                    members.text("received", received);
                }
            }
            Self::NotInteger => {
                members.text("expected", "int");
                members.text("format", "safeint");
                members.text("code", "invalid_type");
            }
            Self::Unsafe { below } => {
                members.text("code", if below { "too_small" } else { "too_big" });
                let (key, sign) = if below { ("minimum", "-") } else { ("maximum", "") };
                members.raw(key, &format!("{sign}{MAX_SAFE_INTEGER}"));
                members.text("note", "Integers must be within the safe integer range.");
                members.text("origin", "int");
                members.raw("inclusive", "true");
            }
            Self::NumberTooSmall { minimum } => {
                members.text("origin", "number");
                members.text("code", "too_small");
                members.bound("minimum", &minimum.to_string());
            }
            Self::NumberTooBig { maximum } => {
                members.text("origin", "number");
                members.text("code", "too_big");
                members.bound("maximum", &maximum.to_string());
            }
            Self::Empty { origin } => {
                members.text("origin", origin.name());
                members.text("code", "too_small");
                members.bound("minimum", "1");
            }
            Self::Uuid => {
                members.text("origin", "string");
                members.text("code", "invalid_format");
                members.text("format", "uuid");
                members.text("pattern", uuid_text::PATTERN);
            }
            Self::Option(values) => {
                members.text("code", "invalid_value");
                members.list("values", &values.iter().map(|value| text::encode(value)).collect::<Vec<_>>());
            }
            Self::TooMany { maximum } => {
                members.text("origin", "array");
                members.text("code", "too_big");
                members.bound("maximum", &maximum.to_string());
            }
            Self::Custom(_) => members.text("code", "custom"),
        }
        let field = at.field.map(text::encode);
        let places = [at.element, at.part].into_iter().flatten().map(|place| place.to_string());
        members.list("path", &field.into_iter().chain(places).collect::<Vec<_>>());
        members.text("message", &self.message());
    }

    fn message(self) -> String {
        match self {
            Self::WrongType { expected, received } => {
                format!("Invalid input: expected {expected}, received {received}")
            }
            Self::NotInteger => "Invalid input: expected int, received number".to_owned(),
            Self::Unsafe { below: true } => format!("Too small: expected int to be >=-{MAX_SAFE_INTEGER}"),
            Self::Unsafe { below: false } => format!("Too big: expected int to be <={MAX_SAFE_INTEGER}"),
            Self::NumberTooSmall { minimum } => format!("Too small: expected number to be >={minimum}"),
            Self::NumberTooBig { maximum } => format!("Too big: expected number to be <={maximum}"),
            Self::Empty { origin: Origin::String } => {
                "Too small: expected string to have >=1 characters".to_owned()
            }
            Self::Empty { origin: Origin::Array } => "Too small: expected array to have >=1 items".to_owned(),
            Self::Empty { origin: Origin::Unknown } => "Too small: expected unknown to be >=1".to_owned(),
            Self::Uuid => "Invalid UUID".to_owned(),
            Self::Option(values) => {
                let values = values.iter().map(|value| text::encode(value)).collect::<Vec<_>>();
                format!("Invalid option: expected one of {}", values.join("|"))
            }
            Self::TooMany { maximum } => format!("Too big: expected array to have <={maximum} items"),
            Self::Custom(message) => message.to_owned(),
        }
    }
}

impl Origin {
    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Array => "array",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(at: At, issue: Issue) -> String {
        let mut issues = Issues::default();
        issues.push(at, issue);
        issues.refusal().message().into_owned()
    }

    fn compact(issue: Issue) -> String {
        let value: Box<serde_json::value::RawValue> =
            serde_json::from_str(&message(At { field: Some("f"), ..At::default() }, issue)).unwrap();
        value.get().lines().map(str::trim_start).collect::<Vec<_>>().join("")
    }

    #[test]
    fn a_list_is_printed_with_two_spaces() {
        let at = At { field: Some("tags"), element: Some(1), ..At::default() };
        assert_eq!(
            message(at, Issue::WrongType { expected: "string", received: "number" }),
            r#"[
  {
    "expected": "string",
    "code": "invalid_type",
    "path": [
      "tags",
      1
    ],
    "message": "Invalid input: expected string, received number"
  }
]"#
        );
        assert!(message(At::default(), Issue::Uuid).contains("\n    \"path\": [],\n"));
    }

    #[test]
    fn each_issue_has_the_keys_and_words_of_zod() {
        for (issue, json) in [
            (
                Issue::WrongType { expected: "number", received: "-Infinity" },
                r#"[{"expected": "number","code": "invalid_type","received": "-Infinity","path": ["f"],"message": "Invalid input: expected number, received -Infinity"}]"#,
            ),
            (
                Issue::NotInteger,
                r#"[{"expected": "int","format": "safeint","code": "invalid_type","path": ["f"],"message": "Invalid input: expected int, received number"}]"#,
            ),
            (
                Issue::Unsafe { below: false },
                r#"[{"code": "too_big","maximum": 9007199254740991,"note": "Integers must be within the safe integer range.","origin": "int","inclusive": true,"path": ["f"],"message": "Too big: expected int to be <=9007199254740991"}]"#,
            ),
            (
                Issue::Unsafe { below: true },
                r#"[{"code": "too_small","minimum": -9007199254740991,"note": "Integers must be within the safe integer range.","origin": "int","inclusive": true,"path": ["f"],"message": "Too small: expected int to be >=-9007199254740991"}]"#,
            ),
            (
                Issue::NumberTooSmall { minimum: 0 },
                r#"[{"origin": "number","code": "too_small","minimum": 0,"inclusive": true,"path": ["f"],"message": "Too small: expected number to be >=0"}]"#,
            ),
            (
                Issue::NumberTooBig { maximum: 1000 },
                r#"[{"origin": "number","code": "too_big","maximum": 1000,"inclusive": true,"path": ["f"],"message": "Too big: expected number to be <=1000"}]"#,
            ),
            (
                Issue::Empty { origin: Origin::String },
                r#"[{"origin": "string","code": "too_small","minimum": 1,"inclusive": true,"path": ["f"],"message": "Too small: expected string to have >=1 characters"}]"#,
            ),
            (
                Issue::Empty { origin: Origin::Array },
                r#"[{"origin": "array","code": "too_small","minimum": 1,"inclusive": true,"path": ["f"],"message": "Too small: expected array to have >=1 items"}]"#,
            ),
            (
                Issue::Empty { origin: Origin::Unknown },
                r#"[{"origin": "unknown","code": "too_small","minimum": 1,"inclusive": true,"path": ["f"],"message": "Too small: expected unknown to be >=1"}]"#,
            ),
            (
                Issue::Uuid,
                r#"[{"origin": "string","code": "invalid_format","format": "uuid","pattern": "/^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$/","path": ["f"],"message": "Invalid UUID"}]"#,
            ),
            (
                Issue::Option(&["source", "target"]),
                r#"[{"code": "invalid_value","values": ["source","target"],"path": ["f"],"message": "Invalid option: expected one of \"source\"|\"target\""}]"#,
            ),
            (
                Issue::TooMany { maximum: 2 },
                r#"[{"origin": "array","code": "too_big","maximum": 2,"inclusive": true,"path": ["f"],"message": "Too big: expected array to have <=2 items"}]"#,
            ),
            (Issue::Custom("not so"), r#"[{"code": "custom","path": ["f"],"message": "not so"}]"#),
        ] {
            assert_eq!(compact(issue), json);
        }
    }

    #[test]
    fn a_flood_of_issues_is_cut() {
        let mut issues = Issues::default();
        for element in 0..Issues::MAX * 3 {
            issues.push(At { field: Some("tags"), element: Some(element), ..At::default() }, Issue::Uuid);
        }
        assert_eq!(issues.refusal().message().matches("Invalid UUID").count(), Issues::MAX);
    }
}
