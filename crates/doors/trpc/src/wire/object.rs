//! Opening one level of a JSON object or array, leaving what is inside as unparsed text.
//!
//! Keys are taken as tokens: a key may hold half of a surrogate pair, which is legal JSON, means nothing to us and
//! must not make the whole frame unreadable. Of a key given twice the last value counts, as in JavaScript.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::text::JsonText;

/// The values of the named keys of the object `json`; keys not named are skipped.
///
/// # Errors
/// `json` is not valid JSON, or not an object.
pub(super) fn fields<'a, const N: usize>(
    json: &'a str,
    names: &[&str; N],
) -> Result<[Option<&'a RawValue>; N], serde_json::Error> {
    let mut values = [None; N];
    members(json, |key, value| {
        let key = key.decode();
        if let Some(at) = names.iter().position(|name| *name == key) {
            values[at] = Some(value);
        }
    })?;
    Ok(values)
}

/// Calls `each` with every key and value of the object `json`, in order.
///
/// # Errors
/// `json` is not valid JSON, or not an object. `each` may have been called before that was found.
pub(super) fn members<'a>(
    json: &'a str,
    each: impl FnMut(JsonText<'a>, &'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_map(Members(each))?;
    reader.end()
}

/// Calls `each` with every element of the array `json`, in order.
///
/// # Errors
/// `json` is not valid JSON, or not an array. `each` may have been called before that was found.
pub(super) fn elements<'a>(json: &'a str, each: impl FnMut(&'a RawValue)) -> Result<(), serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_seq(Elements(each))?;
    reader.end()
}

struct Members<F>(F);

impl<'a, F: FnMut(JsonText<'a>, &'a RawValue)> Visitor<'a> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&RawValue>()? {
            let value = map.next_value()?;
            if let Some(key) = JsonText::of(key) {
                (self.0)(key, value);
            }
        }
        Ok(())
    }
}

struct Elements<F>(F);

impl<'a, F: FnMut(&'a RawValue)> Visitor<'a> for Elements<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element()? {
            (self.0)(element);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(json: &str) -> Option<String> {
        fields(json, &["a"]).unwrap()[0].map(|raw| raw.get().to_owned())
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(get(r#"{"a":1,"b":2,"a":[3]}"#).as_deref(), Some("[3]"));
    }

    #[test]
    fn an_escaped_key_is_the_same_key() {
        assert_eq!(get(r#"{"\u0061":1}"#).as_deref(), Some("1"));
    }

    #[test]
    fn half_a_surrogate_pair_in_another_key_does_no_harm() {
        assert_eq!(get(r#"{"\ud83e":0,"a":1}"#).as_deref(), Some("1"));
    }

    #[test]
    fn a_line_break_within_a_key_is_no_json() {
        for json in ["{\"b\n\":1}", "{\"b\\n\n\":1}"] {
            assert!(fields(json, &["a"]).is_err(), "{json}");
        }
        assert_eq!(get("{\"b\\n\":0,\"a\":1}").as_deref(), Some("1"));
    }

    #[test]
    fn depth_is_not_felt() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(get(&deep).map(|raw| raw.len()), Some(2_000_000));
    }

    #[test]
    fn what_is_no_object_or_goes_on_after_its_end_is_an_error() {
        for json in ["[]", "1", "", "{", "{} {}", "{\"a\":1,}", "{a:1}"] {
            assert!(members(json, |_, _| {}).is_err(), "{json}");
        }
    }
}
