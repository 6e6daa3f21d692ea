//! UUIDs as clients write them.
//!
//! Accepted is what zod's `z.string().uuid()` accepts: versions 1 to 8 with an RFC variant in either case, the nil UUID, and the
//! all-ones UUID in lower case. The spelling is kept, because the protocol compares ids as text: an upper-case id
//! is valid and matches nothing.

use std::borrow::Cow;

use uuid::Uuid;

/// The pattern that zod reports beside a text it refuses.
pub(super) const PATTERN: &str = "/^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$/";

const NIL: &str = "00000000-0000-0000-0000-000000000000";
const MAX: &str = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/// A UUID in the spelling the client used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UuidText<'a>(Cow<'a, str>);

impl<'a> UuidText<'a> {
    /// Takes `text` if it is a UUID as above.
    #[must_use]
    pub fn parse(text: Cow<'a, str>) -> Option<Self> {
        is_uuid(&text).then_some(Self(text))
    }

    /// The client's spelling, 36 ASCII characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The UUID this names, or nothing if it is not spelt in lower case: ids are compared as text and ours are lower.
    #[must_use]
    pub fn uuid(&self) -> Option<Uuid> {
        if self.0.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        Uuid::try_parse(&self.0).ok()
    }

    /// The same, no longer borrowing from the frame.
    #[must_use]
    pub fn into_owned(self) -> UuidText<'static> {
        UuidText(Cow::Owned(self.0.into_owned()))
    }
}

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return false;
    }
    if text == NIL || text == MAX {
        return true;
    }
    bytes.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        14 => matches!(byte, b'1'..=b'8'),
        19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(text: &str) -> bool {
        UuidText::parse(Cow::Borrowed(text)).is_some()
    }

    #[test]
    fn versions_one_to_eight_nil_and_lower_case_max_are_uuids() {
        for version in 1..=8 {
            assert!(accepts(&format!("0a1b2c3d-0000-{version}000-8000-00000000000f")));
        }
        assert!(accepts(NIL) && accepts(MAX) && accepts("0A1B2C3D-0000-4000-B000-00000000000F"));
    }

    #[test]
    fn other_spellings_are_not() {
        for text in [
            "",
            "0a1b2c3d-0000-0000-8000-00000000000f",
            "0a1b2c3d-0000-9000-8000-00000000000f",
            "0a1b2c3d-0000-4000-c000-00000000000f",
            "0a1b2c3d00004000800000000000000f",
            "0a1b2c3d-0000-4000-8000-00000000000f\n",
            "urn:uuid:0a1b2c3d-0000-4000-8000-00000000000f",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "0a1b2c3d-0000-4000-8000-0000000000é",
        ] {
            assert!(!accepts(text), "{text}");
        }
    }

    #[test]
    fn an_upper_case_id_keeps_its_spelling_and_names_nothing() {
        let id = UuidText::parse(Cow::Borrowed("0A1B2C3D-0000-4000-8000-00000000000F")).unwrap();
        assert_eq!(id.as_str(), "0A1B2C3D-0000-4000-8000-00000000000F");
        assert_eq!(id.uuid(), None);
        let id = UuidText::parse(Cow::Borrowed("0a1b2c3d-0000-4000-8000-00000000000f")).unwrap();
        assert_eq!(id.uuid().unwrap().to_string(), id.as_str());
    }
}
