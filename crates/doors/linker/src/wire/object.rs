//! Opening one level of a JSON object or array, leaving what is inside as unparsed text.
//!
//! Keys are taken as tokens: a key may hold half of a surrogate pair, which is legal JSON, means nothing to us and
//! must not make the whole frame unreadable. Of a key given twice the last value counts, as in JavaScript.

use std::fmt;

use model::text;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The values of the named keys of `json`, which is valid JSON; none of them if it is no object.
pub(super) fn fields<'a, const N: usize>(json: &'a RawValue, names: [&str; N]) -> [Option<&'a RawValue>; N] {
    let mut reader = serde_json::Deserializer::from_str(json.get());
    reader.deserialize_map(Fields(names)).unwrap_or([None; N])
}

/// The first elements of `json`, which is valid JSON, `most` at most; `None` if it is no array.
pub(super) fn elements(json: &RawValue, most: usize) -> Option<Vec<&RawValue>> {
    let mut reader = serde_json::Deserializer::from_str(json.get());
    reader.deserialize_seq(Elements(most)).ok()
}

struct Fields<'n, const N: usize>([&'n str; N]);

impl<'a, const N: usize> Visitor<'a> for Fields<'_, N> {
    type Value = [Option<&'a RawValue>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; N];
        while let Some(key) = map.next_key::<&RawValue>()? {
            let value = map.next_value()?;
            let key = text::decode(key);
            if let Some(at) = self.0.iter().position(|name| *name == key) {
                values[at] = Some(value);
            }
        }
        Ok(values)
    }
}

struct Elements(usize);

impl<'a> Visitor<'a> for Elements {
    type Value = Vec<&'a RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<&RawValue>()? {
            if elements.len() < self.0 {
                elements.push(element);
            }
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    fn get(json: &str) -> Option<&str> {
        fields(raw(json), ["a"])[0].map(RawValue::get)
    }

    #[test]
    fn the_last_of_two_equal_keys_counts_however_it_is_spelt() {
        assert_eq!(get(r#"{"a":1,"b":2,"\u0061":[3]}"#), Some("[3]"));
        assert_eq!(get(r#"{"\ud83e":0,"a":1}"#), Some("1"));
        assert_eq!(get("[1]"), None);
    }

    #[test]
    fn depth_is_not_felt() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(get(&deep).map(str::len), Some(200_000));
    }

    #[test]
    fn of_an_array_so_many_are_taken() {
        assert_eq!(elements(raw("[1,2,3]"), 2).unwrap().len(), 2);
        assert!(elements(raw("{}"), 2).is_none());
    }
}
