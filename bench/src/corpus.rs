//! What is written and read: a thousand keys with values of 400 bytes.

/// How many keys.
pub(crate) const KEYS: usize = 1_000;
/// Bytes of a value.
pub(crate) const VALUE_BYTES: usize = 400;

/// One of the keys.
pub(crate) fn key(number: usize) -> String {
    format!("bench/key-{:03}", number % KEYS)
}

/// A value. No two that follow one another are equal.
pub(crate) fn value(number: usize) -> String {
    const TEXT: &str =
        "The bridge over the river was closed for repairs, and whoever wanted to cross took the ferry. ";
    let mut value = format!("{number:010} ");
    while value.len() < VALUE_BYTES {
        value.push_str(&TEXT[..TEXT.len().min(VALUE_BYTES - value.len())]);
    }
    value
}
