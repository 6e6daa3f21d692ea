//! Values as JavaScript takes them where it did not ask for their type: the old broker's clients may send a number as
//! text, `null` for nothing, and see what they sent echoed as text.

use model::text;
use serde_json::value::RawValue;

use super::object;

/// What a value is to an `if`.
pub(super) fn is_truthy(raw: &RawValue) -> bool {
    match raw.get() {
        "null" | "false" | r#""""# => false,
        json => json.parse::<f64>() != Ok(0.0),
    }
}

/// The text of a string; nothing of anything else. Half of a surrogate pair becomes U+FFFD.
pub(super) fn string(raw: &RawValue) -> Option<String> {
    raw.get().starts_with('"').then(|| text::decode(raw).into_owned())
}

/// The number that a value is or spells; NaN if it is none.
pub(super) fn number(raw: &RawValue) -> f64 {
    match raw.get() {
        "null" | "false" => 0.0,
        "true" => 1.0,
        json => match string(raw) {
            Some(text) if text.trim().is_empty() => 0.0,
            Some(text) => decimal(text.trim()),
            None => decimal(json),
        },
    }
}

/// Rust reads `nan` and `inf` in many spellings, JavaScript only `Infinity`.
fn decimal(text: &str) -> f64 {
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if is_decimal || matches!(text, "Infinity" | "+Infinity" | "-Infinity") {
        text.parse().unwrap_or(f64::NAN)
    } else {
        f64::NAN
    }
}

/// A value as `String(value)` gives it, and at most `most` characters of it.
pub(super) fn display(raw: &RawValue, most: usize) -> String {
    let text = match raw.get().as_bytes().first() {
        Some(b'{') => "[object Object]".to_owned(),
        Some(b'[') => {
            let elements = object::elements(raw, most).unwrap_or_default();
            // Arrays in arrays are written without their brackets; one level says enough, and depth is not felt.
            let one = |element: &&RawValue| match element.get().as_bytes().first() {
                Some(b'[') => "[…]".to_owned(),
                _ if element.get() == "null" => String::new(),
                _ => display(element, most),
            };
            elements.iter().map(one).collect::<Vec<_>>().join(",")
        }
        Some(b'"') => string(raw).unwrap_or_default(),
        Some(b'-' | b'0'..=b'9') => number_text(number(raw)),
        _ => raw.get().to_owned(),
    };
    match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

fn number_text(number: f64) -> String {
    let size = number.abs();
    if number.is_infinite() {
        return if number < 0.0 { "-Infinity".into() } else { "Infinity".into() };
    }
    if number == 0.0 {
        return "0".into();
    }
    if (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, power)) if !power.starts_with('-') => format!("{digits}e+{power}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn values_are_written_as_javascript_writes_them() {
        for (json, text) in [
            ("null", "null"),
            ("true", "true"),
            ("5", "5"),
            ("5.0", "5"),
            ("-0", "0"),
            ("1e999", "Infinity"),
            ("1e21", "1e+21"),
            ("1e-7", "1e-7"),
            ("{}", "[object Object]"),
            (r#"[1,null,"a",{}]"#, "1,,a,[object Object]"),
            (r#""a\u00e4""#, "aä"),
        ] {
            assert_eq!(display(raw(json), 80), text, "{json}");
        }
        assert_eq!(display(raw(r#""ääää""#), 2), "ää");
    }

    #[test]
    fn numbers_may_be_spelt_as_text() {
        assert_eq!(number(raw(r#"" 5e2 ""#)), 500.0);
        assert_eq!(number(raw("true")), 1.0);
        for json in [r#""soon""#, r#""inf""#, r#""nan""#, "[]", "{}"] {
            assert!(number(raw(json)).is_nan(), "{json}");
        }
    }

    #[test]
    fn nothing_in_all_its_forms_is_nothing() {
        for json in ["null", "false", "0", "-0.0", r#""""#] {
            assert!(!is_truthy(raw(json)), "{json}");
        }
        for json in ["true", "-1", r#""0""#, "[]", "{}"] {
            assert!(is_truthy(raw(json)), "{json}");
        }
    }
}
