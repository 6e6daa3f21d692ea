//! JSON strings as they stand in a frame: token in, token out.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

/// A JSON string token, quotes and escapes included, borrowed from a frame or from the store.
///
/// Two tokens may spell one text (`"a"`, `"\u0061"`), so tokens are not comparable; compare [`JsonText::decode`].
#[derive(Clone, Copy)]
pub struct JsonText<'a>(&'a RawValue);

impl<'a> JsonText<'a> {
    /// The token `raw`, or nothing where that is no string. What is between the quotes is not scanned again.
    #[must_use]
    pub fn of(raw: &'a RawValue) -> Option<Self> {
        raw.get().starts_with('"').then_some(Self(raw))
    }

    /// Reads a token; nothing if it is not a JSON string.
    #[must_use]
    pub fn parse(token: &'a str) -> Option<Self> {
        serde_json::from_str(token).ok().and_then(Self::of)
    }

    /// The token, known to be JSON.
    #[must_use]
    pub fn raw(self) -> &'a RawValue {
        self.0
    }

    /// The token: quotes, escapes and all. This is what is stored and spliced into replies.
    #[must_use]
    pub fn token(self) -> &'a str {
        self.0.get()
    }

    /// The token without its quotes, escapes kept.
    #[must_use]
    pub fn inner(self) -> &'a str {
        &self.token()[1..self.token().len() - 1]
    }

    /// Whether the text has no characters. Blanks are characters.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.inner().is_empty()
    }

    /// The text itself, borrowed unless it has escapes. Half of a surrogate pair becomes U+FFFD.
    #[must_use]
    pub fn decode(self) -> Cow<'a, str> {
        model::text::decode(self.0)
    }
}

impl fmt::Debug for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonText").field(&self.token()).finish()
    }
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
    String::from_utf8(out).expect("a text in quotes, with ASCII for what is escaped, is text")
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
        JsonText::parse(token).unwrap().decode().into_owned()
    }

    #[test]
    fn plain_text_is_borrowed_and_escapes_are_decoded() {
        assert!(matches!(JsonText::parse("\"abc\"").unwrap().decode(), Cow::Borrowed("abc")));
        assert_eq!(decode(r#""a\n\u00e9\ud83e\udd16\/""#), "a\né🤖/");
    }

    #[test]
    fn half_of_a_pair_is_replaced_when_decoded_but_stays_in_the_token() {
        let token = r#""a\ud83eb\udd16\ud83e""#;
        assert_eq!(decode(token), "a\u{FFFD}b\u{FFFD}\u{FFFD}");
        assert_eq!(JsonText::parse(token).unwrap().token(), token);
    }

    #[test]
    fn what_is_no_string_is_no_text() {
        for token in ["", "\"", "abc", "\"abc", "abc\"", "1", "null", "[\"a\"]", "\"\n\""] {
            assert!(JsonText::parse(token).is_none(), "{token}");
        }
    }

    proptest! {
        #[test]
        fn writing_agrees_with_serde_json_and_reads_back(text in "\\PC*|[\\x00-\\x7f]*") {
            let token = encode(&text);
            prop_assert_eq!(&token, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(JsonText::parse(&token).unwrap().decode(), text);
        }
    }
}
