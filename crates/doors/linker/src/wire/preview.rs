//! The beginning of a message, as a notification shows it.

/// How many UTF-16 units a preview has at most.
pub const UNITS: usize = 100;

/// The first [`UNITS`] of a text, and whether it goes on. A character that would be cut in two is left out: half of it
/// could not be written.
pub fn preview(text: &str) -> (&str, bool) {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        units += character.len_utf16();
        if units > UNITS {
            return (&text[..at], true);
        }
    }
    (text, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_units_are_all_of_it_and_one_more_is_not() {
        let hundred = "é".repeat(UNITS);
        assert_eq!(preview(&hundred), (&*hundred, false));
        let more = format!("{hundred}x");
        assert_eq!(preview(&more), (&*hundred, true));
        assert_eq!(preview(""), ("", false));
    }

    #[test]
    fn a_character_of_two_units_is_kept_whole_or_left_out() {
        let fits = format!("{}🤖", "x".repeat(UNITS - 2));
        assert_eq!(preview(&fits), (&*fits, false));
        let cut = format!("{}🤖", "x".repeat(UNITS - 1));
        assert_eq!(preview(&cut), (&cut[..UNITS - 1], true));
    }
}
