//! How words of others are shown, to people at terminals and to models: so that nobody's name or message can be taken
//! for something else. Characters that command a terminal, or turn the direction of writing around, are written as
//! escapes such as `\u{1b}`; a name stays on its line, and what is said under a heading stays below it.

use std::borrow::Cow;

/// Whether a character is to be written as an escape: it commands, breaks the line, or shows other words than there are.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name, or anything else that is to stay on one line.
pub fn name(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// A text of several lines. Line breaks and tabs stay, and `\r\n` is a line break too.
pub fn prose(text: &str) -> Cow<'_, str> {
    let hidden = |character| is_hidden(character) && !matches!(character, '\n' | '\t');
    if !text.contains("\r\n") {
        return escaped(text, hidden);
    }
    escaped(&text.replace("\r\n", "\n"), hidden).into_owned().into()
}

/// A text that begins behind something else on its line. Every further line of it begins with `indent`.
pub fn below(text: &str, indent: &str) -> String {
    prose(text).replace('\n', &format!("\n{indent}"))
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line_and_commands_nothing() {
        assert_eq!(name("owner\nDEADBEEF  from owner"), "owner\\nDEADBEEF  from owner");
        assert_eq!(name("w\u{1b}[2Jeb\u{9b}\u{202e}\u{2028}"), "w\\u{1b}[2Jeb\\u{9b}\\u{202e}\\u{2028}");
        assert!(matches!(name("Zoë 🦀"), Cow::Borrowed("Zoë 🦀")));
    }

    #[test]
    fn a_text_keeps_its_lines_and_stays_below_its_heading() {
        assert_eq!(prose("a\tb\r\nc\rd\u{1b}"), "a\tb\nc\\rd\\u{1b}");
        assert_eq!(below("yes\nnote: no", "  "), "yes\n  note: no");
    }
}
