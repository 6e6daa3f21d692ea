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

    /// Takes a token as it stands in a frame; `None` if it is not a JSON string.
    pub fn from_token(token: &str) -> Option<Self> {
        let token: Box<RawValue> = serde_json::from_str(token).ok()?;
        token.get().starts_with('"').then(|| Self(token.into()))
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
        let inner = &self.as_json()[1..self.bytes() - 1];
        if !inner.contains('\\') {
            return Cow::Borrowed(inner);
        }
        // Read as bytes, serde_json takes lone surrogates (as WTF-8) where reading a String would fail.
        let mut json = serde_json::Deserializer::from_str(self.as_json());
        let bytes = json.deserialize_bytes(Bytes).expect("a token was checked when it was made");
        Cow::Owned(
            String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
        )
    }
}

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
        assert!(text.decode().starts_with("aä\u{fffd}"));
        assert!(text.decode().ends_with("\"q\""));
    }

    #[test]
    fn only_strings_are_texts() {
        for token in ["1", "null", "[]", "{}"] {
            assert!(serde_json::from_str::<Text>(token).is_err(), "{token}");
        }
        assert!(Text::new("").is_empty());
        assert_eq!(Text::new("zwei\n").decode(), "zwei\n");
    }
}
