//! Checking one field of an input against its part of the schema.
//!
//! A check gives the value, or notes why not and gives nothing; the caller checks every field before it gives up, because
//! clients are told of all failures at once. Optional fields may be absent but not null; keys without a field are ignored.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::error::TrpcError;
use super::issue::{At, Issue, Issues, MAX_SAFE_INTEGER, Origin};
use super::object::{elements, fields};
use super::request::Input;
use super::text::JsonText;
use super::uuid_text::UuidText;

/// A field as it came: where it stands, and its value if it was there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    at: At,
    raw: Option<&'a RawValue>,
}

/// The fields of an input that must be an object.
pub(super) fn object<'a, const N: usize>(
    input: &Input<'a>,
    names: [&'static str; N],
) -> Result<[Field<'a>; N], TrpcError> {
    let received = kind(input.raw);
    let values = match input.raw {
        Some(raw) if received == "object" => {
            fields(raw.get(), &names).map_err(|error| TrpcError::bad_json(&error))?
        }
        // The server puts the id of the last event into the input, and makes it the input where there was none.
        _ if input.last_event_id.is_some() && matches!(received, "undefined" | "null") => [None; N],
        _ => {
            let mut issues = Issues::default();
            issues.push(At::default(), Issue::WrongType { expected: "object", received });
            return Err(issues.refusal());
        }
    };
    Ok(std::array::from_fn(|at| Field { at: named(names[at]), raw: values[at] }))
}

/// The fields of an input that may be absent but else must be an object.
pub(super) fn optional_object<'a, const N: usize>(
    input: &Input<'a>,
    names: [&'static str; N],
) -> Result<[Field<'a>; N], TrpcError> {
    if input.raw.is_none() { Ok(names.map(Field::absent)) } else { object(input, names) }
}

/// The fields of an input of which everything but an object is ignored.
pub(super) fn any<'a, const N: usize>(
    input: &Input<'a>,
    names: [&'static str; N],
) -> Result<[Field<'a>; N], TrpcError> {
    if kind(input.raw) == "object" { object(input, names) } else { Ok(names.map(Field::absent)) }
}

fn named(name: &'static str) -> At {
    At { field: Some(name), ..At::default() }
}

// === impl Field ===

impl<'a> Field<'a> {
    fn absent(name: &'static str) -> Self {
        Self { at: named(name), raw: None }
    }

    /// Notes that it is of another type.
    pub(super) fn wrong_type<T>(self, expected: &'static str, issues: &mut Issues) -> Option<T> {
        issues.push(self.at, Issue::WrongType { expected, received: kind(self.raw) });
        None
    }

    /// `check`, unless the field is absent.
    pub(super) fn optional<T>(
        self,
        issues: &mut Issues,
        check: impl FnOnce(Self, &mut Issues) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.raw.is_none() { Some(None) } else { check(self, issues).map(Some) }
    }

    /// A string.
    pub(super) fn text(self, issues: &mut Issues) -> Option<JsonText<'a>> {
        self.as_text().or_else(|| self.wrong_type("string", issues))
    }

    /// A string, decoded.
    pub(super) fn decoded(self, issues: &mut Issues) -> Option<Cow<'a, str>> {
        self.text(issues).map(JsonText::decode)
    }

    /// A string with at least one character.
    ///
    /// zod measures whatever has a length even after its type was found wrong, so `[]` and `{"length":0}` fail twice.
    pub(super) fn filled(self, issues: &mut Issues) -> Option<JsonText<'a>> {
        let text = self.text(issues);
        let empty = match (text, kind(self.raw)) {
            (Some(text), _) => text.is_empty().then_some(Origin::String),
            (None, "array") => is_empty_array(self.raw).then_some(Origin::Array),
            (None, "object") => has_no_length(self.raw).then_some(Origin::Unknown),
            (None, _) => None,
        };
        if let Some(origin) = empty {
            issues.push(self.at, Issue::Empty { origin });
            return None;
        }
        text
    }

    /// A UUID.
    pub(super) fn uuid(self, issues: &mut Issues) -> Option<UuidText<'a>> {
        let uuid = UuidText::parse(self.decoded(issues)?);
        if uuid.is_none() {
            issues.push(self.at, Issue::Uuid);
        }
        uuid
    }

    /// An array of strings.
    pub(super) fn texts(self, issues: &mut Issues) -> Option<Vec<Cow<'a, str>>> {
        let Some(raw) = self.raw.filter(|raw| raw.get().starts_with('[')) else {
            return self.wrong_type("array", issues);
        };
        let (mut texts, mut count, mut wrong) = (Vec::new(), 0, false);
        let read = elements(raw.get(), |element| {
            match JsonText::of(element) {
                Some(text) => texts.push(text.decode()),
                None => {
                    wrong = true;
                    let at = At { element: Some(count), ..self.at };
                    issues.push(at, Issue::WrongType { expected: "string", received: kind(Some(element)) });
                }
            }
            count += 1;
        });
        match read {
            Ok(()) => (!wrong).then_some(texts),
            Err(_) => self.wrong_type("array", issues),
        }
    }

    /// An array of at most so many items, each to be checked in its place.
    pub(super) fn items(self, maximum: usize, issues: &mut Issues) -> Option<Vec<Self>> {
        self.array(maximum, issues, |at, element| At { element: Some(element), ..at })
    }

    /// An item that is an array of so many parts; those that it lacks are absent.
    pub(super) fn parts<const N: usize>(self, issues: &mut Issues) -> Option<[Self; N]> {
        let parts = self.array(N, issues, |at, part| At { part: Some(part), ..at })?;
        let absent = |part| Self { at: At { part: Some(part), ..self.at }, raw: None };
        Some(std::array::from_fn(|part| parts.get(part).copied().unwrap_or_else(|| absent(part))))
    }

    fn array(
        self,
        maximum: usize,
        issues: &mut Issues,
        place: impl Fn(At, usize) -> At,
    ) -> Option<Vec<Self>> {
        let Some(raw) = self.raw.filter(|raw| raw.get().starts_with('[')) else {
            return self.wrong_type("array", issues);
        };
        let (mut items, mut count) = (Vec::new(), 0);
        let read = elements(raw.get(), |element| {
            // What is too much is counted and not kept.
            if count < maximum {
                items.push(Self { at: place(self.at, count), raw: Some(element) });
            }
            count += 1;
        });
        if read.is_err() {
            return self.wrong_type("array", issues);
        }
        if count > maximum {
            issues.push(self.at, Issue::TooMany { maximum });
            return None;
        }
        Some(items)
    }

    /// The string that it is, if it is one.
    pub(super) fn as_text(self) -> Option<JsonText<'a>> {
        self.raw.and_then(JsonText::of)
    }

    /// Whether it is a number.
    pub(super) fn is_number(self) -> bool {
        kind(self.raw) == "number"
    }

    /// A boolean.
    pub(super) fn boolean(self, issues: &mut Issues) -> Option<bool> {
        match self.raw.map(RawValue::get) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => self.wrong_type("boolean", issues),
        }
    }

    /// A whole number from `minimum` to `maximum`; above, JavaScript's exact integers are the bound.
    pub(super) fn integer(self, minimum: u64, maximum: u64, issues: &mut Issues) -> Option<u64> {
        let Some(number) = self.raw.filter(|_| kind(self.raw) == "number").and_then(number) else {
            return self.wrong_type("number", issues);
        };
        if number.fract() != 0.0 {
            issues.push(self.at, Issue::NotInteger);
            return None;
        }
        // Integers are exact in an f64 up to this bound, which `minimum` and `maximum` do not exceed.
        let exact = number.abs() <= MAX_SAFE_INTEGER as f64;
        if !exact {
            issues.push(self.at, Issue::Unsafe { below: number < 0.0 });
        }
        if number < minimum as f64 {
            issues.push(self.at, Issue::NumberTooSmall { minimum });
        } else if number > maximum as f64 && maximum < MAX_SAFE_INTEGER {
            issues.push(self.at, Issue::NumberTooBig { maximum });
        } else if exact {
            return Some(number as u64);
        }
        None
    }

    /// One of the named values.
    pub(super) fn choice<T: Copy>(
        self,
        names: &'static [&'static str],
        values: &[T],
        issues: &mut Issues,
    ) -> Option<T> {
        let chosen = self.raw.and_then(JsonText::of).and_then(|text| {
            let text = text.decode();
            names.iter().zip(values).find(|(name, _)| **name == text).map(|(_, value)| *value)
        });
        if chosen.is_none() {
            issues.push(self.at, Issue::Option(names));
        }
        chosen
    }
}

/// What zod calls the type of a value; JSON can spell numbers that JavaScript reads as infinite.
fn kind(raw: Option<&RawValue>) -> &'static str {
    let Some(raw) = raw else { return "undefined" };
    match raw.get().as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => match number(raw) {
            Some(number) if number == f64::INFINITY => "Infinity",
            Some(number) if number == f64::NEG_INFINITY => "-Infinity",
            _ => "number",
        },
    }
}

fn number(raw: &RawValue) -> Option<f64> {
    raw.get().parse().ok()
}

fn is_empty_array(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get()[1..raw.get().len() - 1].trim_ascii().is_empty())
}

/// Whether a key `length` is there but is not `>= 1` in JavaScript's eyes; what has no number in it never is.
fn has_no_length(raw: Option<&RawValue>) -> bool {
    let length = raw.and_then(|raw| fields(raw.get(), &["length"]).ok()).and_then(|[length]| length);
    let Some(length) = length else { return false };
    let measured = match kind(Some(length)) {
        "number" | "Infinity" => number(length),
        "boolean" => Some(if length.get() == "true" { 1.0 } else { 0.0 }),
        "string" => JsonText::of(length).and_then(|text| text.decode().trim().parse().ok()),
        _ => None,
    };
    measured.is_none_or(|measured: f64| measured.is_nan() || measured < 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(json: &'static str) -> Field<'static> {
        Field { at: named("f"), raw: Some(serde_json::from_str(json).unwrap()) }
    }

    /// The messages of the issues that `check` finds in `json`.
    fn messages<T>(
        json: &'static str,
        check: impl Fn(Field<'static>, &mut Issues) -> Option<T>,
    ) -> Vec<String> {
        let mut issues = Issues::default();
        let value = check(field(json), &mut issues);
        let refusal = issues.refusal();
        let list: Vec<serde_json::Value> = serde_json::from_str(&refusal.message()).unwrap();
        assert_eq!(value.is_none(), !list.is_empty(), "a value or an issue, never both: {json}");
        list.iter().map(|issue| issue["message"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_wrong_type_is_named() {
        for (json, received) in [
            ("null", "null"),
            ("1", "number"),
            ("true", "boolean"),
            ("[]", "array"),
            ("{}", "object"),
            ("1e999", "Infinity"),
            ("-1e999", "-Infinity"),
        ] {
            assert_eq!(
                messages(json, Field::text),
                [format!("Invalid input: expected string, received {received}")]
            );
        }
    }

    #[test]
    fn a_text_that_must_not_be_empty_may_be_blank() {
        assert!(messages("\" \"", Field::filled).is_empty());
        assert!(messages(r#""\ud83e""#, Field::filled).is_empty());
        assert_eq!(messages("\"\"", Field::filled), ["Too small: expected string to have >=1 characters"]);
    }

    #[test]
    fn what_has_no_length_fails_twice() {
        let array = "Too small: expected array to have >=1 items";
        assert_eq!(messages("[ ]", Field::filled), ["Invalid input: expected string, received array", array]);
        assert_eq!(messages("[\"a\"]", Field::filled).len(), 1);
        for (json, count) in [
            (r#"{"length":0}"#, 2),
            (r#"{"length":null}"#, 2),
            (r#"{"length":"x"}"#, 2),
            (r#"{"length":" 2 "}"#, 1),
            (r#"{"length":true}"#, 1),
            (r#"{"length":1e999}"#, 1),
            ("{}", 1),
        ] {
            assert_eq!(messages(json, Field::filled).len(), count, "{json}");
        }
    }

    #[test]
    fn each_wrong_tag_is_told_by_its_place() {
        assert_eq!(messages("[1,\"a\",null]", Field::texts).len(), 2);
        assert_eq!(messages("{}", Field::texts), ["Invalid input: expected array, received object"]);
        assert_eq!(field(r#"["","\u0061"]"#).texts(&mut Issues::default()).unwrap(), ["", "a"]);
    }

    #[test]
    fn each_item_and_part_is_told_by_its_place() {
        let pairs = |field: Field<'static>, issues: &mut Issues| {
            let items = field.items(2, issues)?;
            let pair = |item: Field<'static>, issues: &mut Issues| {
                let [one, other] = item.parts(issues)?;
                let (one, other) = (one.integer(1, 9, issues), other.integer(1, 9, issues));
                one.zip(other)
            };
            let pairs: Vec<_> = items.into_iter().map(|item| pair(item, issues)).collect();
            pairs.into_iter().collect::<Option<Vec<_>>>()
        };
        assert_eq!(field("[[1,2],[3,4]]").items(2, &mut Issues::default()).unwrap().len(), 2);
        assert_eq!(pairs(field("[[1,2],[3,4]]"), &mut Issues::default()), Some(vec![(1, 2), (3, 4)]));
        assert_eq!(
            messages("[[1],7]", pairs),
            [
                "Invalid input: expected number, received undefined",
                "Invalid input: expected array, received number"
            ]
        );
        assert_eq!(messages("[[1,2,3]]", pairs), ["Too big: expected array to have <=2 items"]);
        assert_eq!(messages("[1,1,1]", pairs), ["Too big: expected array to have <=2 items"]);
        let mut issues = Issues::default();
        assert_eq!(pairs(field("[[1,2],[3]]"), &mut issues), None);
        let refusal = issues.refusal();
        let list: Vec<serde_json::Value> = serde_json::from_str(&refusal.message()).unwrap();
        assert_eq!(list[0]["path"], serde_json::json!(["f", 1, 1]));
    }

    #[test]
    fn whole_numbers_may_be_spelt_as_javascript_spells_them() {
        for (json, value) in [("1", 1), ("1.0", 1), ("1e2", 100), ("1000", 1000)] {
            let mut issues = Issues::default();
            assert_eq!(field(json).integer(1, 1000, &mut issues), Some(value));
        }
        for (json, expected) in [
            ("0", vec!["Too small: expected number to be >=1"]),
            ("1001", vec!["Too big: expected number to be <=1000"]),
            ("1.5", vec!["Invalid input: expected int, received number"]),
            ("1e999", vec!["Invalid input: expected number, received Infinity"]),
            ("\"1\"", vec!["Invalid input: expected number, received string"]),
            (
                "1e300",
                vec![
                    "Too big: expected int to be <=9007199254740991",
                    "Too big: expected number to be <=1000",
                ],
            ),
            (
                "-1e300",
                vec![
                    "Too small: expected int to be >=-9007199254740991",
                    "Too small: expected number to be >=1",
                ],
            ),
        ] {
            assert_eq!(messages(json, |field, issues| field.integer(1, 1000, issues)), expected);
        }
    }

    #[test]
    fn an_unbounded_number_ends_where_javascript_stops_counting() {
        let check = |field: Field<'static>, issues: &mut Issues| field.integer(0, MAX_SAFE_INTEGER, issues);
        assert!(messages("9007199254740991", check).is_empty());
        assert_eq!(messages("9007199254740992", check), ["Too big: expected int to be <=9007199254740991"]);
    }

    #[test]
    fn an_optional_field_may_be_absent_but_not_null() {
        let absent = Field::absent("f").optional(&mut Issues::default(), Field::uuid);
        assert_eq!(absent, Some(None));
        assert_eq!(messages("null", |field, issues| field.optional(issues, Field::uuid)).len(), 1);
    }
}
