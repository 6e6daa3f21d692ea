//! Query parameters, as JavaScript's `URLSearchParams` reads them: what clients' own server goes by.

use std::borrow::Cow;

use http::Uri;

/// The first parameter of this name, decoded; empty if it has no value.
pub(crate) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    let pairs = uri.query()?.split('&').filter(|pair| !pair.is_empty());
    let mut named = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    named.find(|(key, _)| decode(key) == name).map(|(_, value)| decode(value))
}

/// `+` is a blank, `%` and two hexadecimal digits a byte; a `%` before anything else is a `%`. Bytes that are no UTF-8
/// become U+FFFD.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        bytes.push(match (byte, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *byte,
        });
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(address: &'static str) -> Option<String> {
        parameter(&Uri::from_static(address), "a").map(Cow::into_owned)
    }

    #[test]
    fn the_first_of_a_name_counts() {
        assert_eq!(a("/?b=0&a=1&a=2").as_deref(), Some("1"));
        assert_eq!(a("/?a&a=1").as_deref(), Some(""));
        assert_eq!(a("/?&&a=1=2").as_deref(), Some("1=2"));
        for address in ["/", "/?", "/?A=1", "/?aa=1", "/a=1"] {
            assert_eq!(a(address), None, "{address}");
        }
    }

    #[test]
    fn names_and_values_are_decoded() {
        assert_eq!(a("/?%61=%31").as_deref(), Some("1"));
        assert_eq!(a("/?a=x+y%2By%C3%bc").as_deref(), Some("x y+y\u{fc}"));
        assert_eq!(a("/?a=100%&b").as_deref(), Some("100%"));
        assert_eq!(a("/?a=%+1%4").as_deref(), Some("% 1%4"));
        assert_eq!(a("/?a=%ff").as_deref(), Some("\u{fffd}"));
    }
}
