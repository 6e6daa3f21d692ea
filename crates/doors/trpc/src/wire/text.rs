//! JSON strings as they stand in a frame: token in, token out.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde_json::value::RawValue;

/// A JSON string token, quotes and escapes included, borrowed from a frame or from the store.
///
/// Two tokens may spell one text (`"a"`, `"\u0061"`), so tokens are not comparable; compare [`JsonText::decode`].
#[derive(Clone, Copy, Debug)]
pub struct JsonText<'a>(&'a str);

impl<'a> JsonText<'a> {
    /// The token of `raw`, or nothing where `raw` is no string.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        raw.get().starts_with('"').then(|| Self(raw.get()))
    }

    /// A token read back from where [`JsonText::token`] was kept; nothing if it does not stand in quotes.
    ///
    /// What is between the quotes was checked when it came in and is not scanned again.
    #[must_use]
    pub fn kept(token: &'a str) -> Option<Self> {
        let quoted = token.len() >= 2 && token.starts_with('"') && token.ends_with('"');
        debug_assert!(!quoted || serde_json::from_str::<&RawValue>(token).is_ok(), "kept text is no JSON");
        quoted.then_some(Self(token))
    }

    /// The token: quotes, escapes and all. This is what is stored and spliced into replies.
    #[must_use]
    pub fn token(self) -> &'a str {
        self.0
    }

    /// The token without its quotes, escapes kept.
    #[must_use]
    pub fn inner(self) -> &'a str {
        &self.0[1..self.0.len() - 1]
    }

    /// Whether the text has no characters. Blanks are characters.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.inner().is_empty()
    }

    /// The text itself, borrowed unless it has escapes. Half of a surrogate pair becomes U+FFFD.
    #[must_use]
    pub fn decode(self) -> Cow<'a, str> {
        if !self.inner().contains('\\') {
            return Cow::Borrowed(self.inner());
        }
        let mut reader = serde_json::Deserializer::from_str(self.0);
        match reader.deserialize_bytes(Bytes) {
            Ok(bytes) => Cow::Owned(replace_surrogates(bytes)),
            // Not reached: the token was valid when it was taken. Its own spelling is the truest thing left to give.
            Err(_) => Cow::Borrowed(self.inner()),
        }
    }
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

/// serde_json decodes a lone surrogate into the three bytes UTF-8 would use if it allowed them: ED, A0 to BF, any.
fn replace_surrogates(mut bytes: Vec<u8>) -> String {
    for at in 0..bytes.len().saturating_sub(2) {
        if bytes[at] == 0xED && bytes[at + 1] >= 0xA0 {
            bytes[at..at + 3].copy_from_slice("\u{FFFD}".as_bytes());
        }
    }
    utf8(bytes)
}

/// Text from bytes that are known to be UTF-8; should that ever be wrong, what is broken shows as U+FFFD.
fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

/// Appends `text` as a JSON string token, escaped as `JSON.stringify` does.
pub fn write(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_inner(text, out);
    out.push(b'"');
}

/// `text` as a JSON string token.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write(text, &mut out);
    utf8(out)
}

fn write_inner(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0C => b'f',
            b'\r' => b'r',
            0x00..=0x1F => 0,
            _ => continue,
        };
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match short {
            0 => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(token: &str) -> String {
        JsonText::kept(token).unwrap().decode().into_owned()
    }

    #[test]
    fn plain_text_is_borrowed_and_escapes_are_decoded() {
        assert!(matches!(JsonText::kept("\"abc\"").unwrap().decode(), Cow::Borrowed("abc")));
        assert_eq!(decode(r#""a\n\u00e9\ud83e\udd16\/""#), "a\né🤖/");
    }

    #[test]
    fn half_of_a_pair_is_replaced_when_decoded_but_stays_in_the_token() {
        let token = r#""a\ud83eb\udd16\ud83e""#;
        assert_eq!(decode(token), "a\u{FFFD}b\u{FFFD}\u{FFFD}");
        assert_eq!(JsonText::kept(token).unwrap().token(), token);
    }

    #[test]
    fn a_hangul_syllable_next_to_the_surrogates_is_left_alone() {
        assert_eq!(decode(r#""\\\ud7ff한""#), "\\\u{d7ff}한");
    }

    #[test]
    fn unquoted_text_is_not_taken_from_the_store() {
        for token in ["", "\"", "abc", "\"abc", "abc\""] {
            assert!(JsonText::kept(token).is_none(), "{token}");
        }
    }

    proptest! {
        #[test]
        fn writing_agrees_with_serde_json_and_reads_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let token = encode(&text);
            prop_assert_eq!(&token, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(JsonText::kept(&token).unwrap().decode(), text);
        }
    }
}
