//! What a person or an agent wrote, kept exactly as it came.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON string token, quotes and escapes as its author sent them.
///
/// Doors put it into their frames, and the codec into stored events, without parsing it again; so even what Rust's
/// `str` cannot hold (a lone surrogate written as an escape) survives the way through the log.
#[derive(Clone)]
pub struct Text(Arc<RawValue>);

impl Text {
    /// Quotes a plain text.
    pub fn new(plain: &str) -> Self {
        Self(serde_json::value::to_raw_value(plain).expect("a str always serialises").into())
    }

    /// Keeps a copy of a token as it stands in a frame; `None` if it is not a JSON string.
    pub fn from_raw(token: &RawValue) -> Option<Self> {
        // Known to be JSON, so its first character says what it is, and nothing need be scanned again.
        token.get().starts_with('"').then(|| Self(token.to_owned().into()))
    }

    /// The token with its quotes, known to be JSON.
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }

    /// The token with its quotes, ready to be put into JSON.
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    /// Length of the token in bytes, quotes and escapes included: what it costs to keep.
    pub fn bytes(&self) -> usize {
        self.0.get().len()
    }

    /// Length of the text itself in bytes of UTF-8, if that is over `limit`: what people count.
    pub fn exceeds(&self, limit: usize) -> Option<usize> {
        // Decoding never makes a text longer.
        if self.bytes() - 2 <= limit {
            return None;
        }
        Some(self.decode().len()).filter(|length| *length > limit)
    }

    /// Whether the text has no characters.
    pub fn is_empty(&self) -> bool {
        self.0.get().len() == 2
    }

    /// The text itself; a lone surrogate becomes U+FFFD.
    pub fn decode(&self) -> Cow<'_, str> {
        decode(&self.0)
    }
}

/// The text that a JSON string token spells, borrowed unless it has escapes. Half of a surrogate pair becomes U+FFFD.
///
/// # Panics
/// If the token is no string.
pub fn decode(token: &RawValue) -> Cow<'_, str> {
    let quoted = token.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = quoted.expect("a string token stands in quotes");
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut reader = serde_json::Deserializer::from_str(token.get());
    let bytes = reader.deserialize_bytes(Bytes).expect("a raw value was read as JSON before");
    Cow::Owned(replace_surrogates(bytes))
}

/// serde_json decodes a lone surrogate into the three bytes UTF-8 would use if it allowed them: ED, A0 to BF, any.
fn replace_surrogates(mut bytes: Vec<u8>) -> String {
    for at in 0..bytes.len().saturating_sub(2) {
        if bytes[at] == 0xED && bytes[at + 1] >= 0xA0 {
            bytes[at..at + 3].copy_from_slice("\u{FFFD}".as_bytes());
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

/// Reads a string as bytes: serde_json then decodes escapes but lets lone surrogates pass.
struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What people write never reaches a log.
        write!(f, "Text({} bytes)", self.bytes())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token = Box::<RawValue>::deserialize(deserializer)?;
        if token.get().starts_with('"') {
            Ok(Self(token.into()))
        } else {
            Err(D::Error::custom("expected a string"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_passes_through_untouched() {
        let token = r#""a\u00e4\ud83e \"q\"""#;
        let text: Text = serde_json::from_str(token).unwrap();
        assert_eq!(serde_json::to_string(&text).unwrap(), token);
        assert_eq!(text.decode(), "aä\u{fffd} \"q\"");
        assert_eq!(Text::from_raw(text.as_raw()), Some(text));
    }

    #[test]
    fn half_of_a_pair_is_replaced_when_decoded_and_stays_in_the_token() {
        let decoded = |token| serde_json::from_str::<Text>(token).unwrap().decode().into_owned();
        assert_eq!(decoded(r#""a\ud83eb\udd16\ud83e\ud83e\udd16""#), "a\u{fffd}b\u{fffd}\u{fffd}🤖");
        assert_eq!(
            decoded(r#""\\\ud7ff한""#),
            "\\\u{d7ff}한",
            "a syllable next to the surrogates is left alone"
        );
    }

    #[test]
    fn only_strings_are_texts() {
        for token in ["1", "null", "[]", "{}"] {
            assert!(serde_json::from_str::<Text>(token).is_err(), "{token}");
            assert_eq!(Text::from_raw(serde_json::from_str(token).unwrap()), None, "{token}");
        }
        assert!(Text::new("").is_empty());
        assert_eq!(Text::new("zwei\n").decode(), "zwei\n");
    }
}
