//! How words of others are shown, to people at terminals and to models: so that nobody's name or message can be taken
//! for something else. Characters that command a terminal, turn the direction of writing around, or leave no trace, are
//! written as escapes such as `\u{1b}`; a name stays on its line, and what is said under a heading stays below it.

use std::borrow::Cow;

/// Whether a character is to be written as an escape: it commands, breaks the line, shows other words than there are, or
/// nothing at all, so that two names look the same.
pub fn is_hidden(character: char) -> bool {
    character.is_control() || leaves_no_trace(character) || matches!(character, '\u{2028}'..='\u{202e}')
}

/// Soft hyphens, spaces without width, joiners, marks and controls of direction, and the fillers of Hangul.
fn leaves_no_trace(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
    )
}

/// What scripts and emoji are joined with: ordinary in a text, where nobody is known by it.
fn joins(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// A name, or anything else that is to stay on one line.
pub fn name(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// A text of several lines. Line breaks, tabs and joiners stay, and `\r\n` is a line break too.
pub fn prose(text: &str) -> Cow<'_, str> {
    let hidden = |character| is_hidden(character) && !matches!(character, '\n' | '\t') && !joins(character);
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
    fn no_two_names_look_the_same() {
        assert_eq!(name("ow\u{200b}ner"), "ow\\u{200b}ner");
        for unseen in
            ['\u{ad}', '\u{200e}', '\u{2060}', '\u{206a}', '\u{feff}', '\u{115f}', '\u{3164}', '\u{ffa0}']
        {
            assert!(name(&format!("owner{unseen}")).ends_with('}'), "{unseen:?}");
        }
        assert_eq!(name("a\u{200d}b"), "a\\u{200d}b");
        assert_eq!(prose("👩\u{200d}💻 می\u{200c}خواهم"), "👩\u{200d}💻 می\u{200c}خواهم");
    }

    #[test]
    fn a_text_keeps_its_lines_and_stays_below_its_heading() {
        assert_eq!(prose("a\tb\r\nc\rd\u{1b}"), "a\tb\nc\\rd\\u{1b}");
        assert_eq!(below("yes\nnote: no", "  "), "yes\n  note: no");
    }
}
