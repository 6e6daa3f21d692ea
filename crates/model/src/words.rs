//! What a word is: for what is searched, and for what is searched in.
//!
//! A word is a run of letters and digits of any script, in lower case, cut to [`limits::WORD_CHARS`]. Nothing is stemmed
//! and no word is too common to count, so what is found depends on no language, and on no database's idea of one.

use std::str::Chars;

use crate::limits;

/// The words of a text, in order.
pub fn words(text: &str) -> Words<'_> {
    Words { rest: text.chars() }
}

/// See [`words`].
pub struct Words<'a> {
    rest: Chars<'a>,
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let first = self.rest.find(|c| c.is_alphanumeric())?;
        let mut word = String::new();
        let mut room = limits::WORD_CHARS;
        let mut next = Some(first);
        while let Some(c) = next.filter(|c| c.is_alphanumeric()) {
            for folded in folded(c).take(room) {
                word.push(folded);
                room -= 1;
            }
            next = self.rest.next();
        }
        Some(word)
    }
}

/// A letter in lower case: one or more that stay as they are when they are folded again.
fn folded(c: char) -> impl Iterator<Item = char> {
    // What is written above or below a letter is no letter and would end the word: `İ` is `i` with a dot above.
    let lower = c.to_lowercase().filter(|c| c.is_alphanumeric());
    // One letter, written in another way at the end of a word.
    lower.map(|c| if c == 'ς' { 'σ' } else { c })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_run_of_letters_and_digits_in_lower_case() {
        for (text, expected) in [
            ("", &[][..]),
            (" -- \u{301}", &[]),
            ("Use one Port, 8080!", &["use", "one", "port", "8080"]),
            ("src/main.rs:fn_name", &["src", "main", "rs", "fn", "name"]),
            ("Straße GRÖSSE ǅ", &["straße", "grösse", "ǆ"]),
            ("İstanbul ΟΔΟΣ οδος", &["istanbul", "οδοσ", "οδοσ"]),
            ("数据库 v2", &["数据库", "v2"]),
        ] {
            assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn a_long_word_is_cut_and_the_rest_of_it_is_no_word() {
        let long = "Ä".repeat(limits::WORD_CHARS + 5);
        let found: Vec<_> = words(&format!("{long} b")).collect();
        assert_eq!(found, ["ä".repeat(limits::WORD_CHARS), "b".into()]);
    }

    #[test]
    fn every_character_folds_to_what_stays_as_it_is() {
        for c in (0..=0x10_FFFF).filter_map(char::from_u32).filter(|c| c.is_alphanumeric()) {
            let once: String = folded(c).collect();
            assert!(!once.is_empty(), "{c:?}");
            assert_eq!(once.chars().flat_map(folded).collect::<String>(), once, "{c:?}");
        }
    }
}
