//! Printing: data on stdout, talk on stderr.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

/// How data is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints data: as JSON in one line, or as the text that `plain` makes of it.
    pub(crate) fn show<T: Serialize + ?Sized>(
        self,
        data: &T,
        plain: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        if self.json {
            return print(&format!("{}\n", serde_json::to_string(data)?));
        }
        let text = plain(data);
        print(&if io::stdout().is_terminal() { harmless(&text) } else { text })
    }

    /// Prints a list. One that is empty prints nothing but, for people, the sentence that says so.
    pub(crate) fn list<T: Serialize>(
        self,
        data: &[T],
        none: &str,
        plain: impl FnOnce(&[T]) -> String,
    ) -> io::Result<()> {
        if data.is_empty() && !self.json {
            self.say(none);
            return Ok(());
        }
        self.show(data, plain)
    }

    /// Says something beside the data. Programs hear nothing: with `--json` stderr is for errors.
    pub(crate) fn say(self, text: &str) {
        if !self.json {
            eprintln!("{}", harmless(text));
        }
    }
}

/// Writes to stdout. A reader that has gone has seen enough, which is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// A text without the characters that command a terminal: what agents write is not to move the cursor.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\t' => character,
        // Also those that turn the direction of writing around, and so show other words than there are.
        character
            if character.is_control()
                || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
        {
            '\u{fffd}'
        }
        character => character,
    };
    text.chars().map(shown).collect()
}

/// A text as it stands below a heading: no line of it can be taken for another heading.
pub(crate) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

/// A table in columns as wide as they must be. Line breaks in cells become spaces.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.into_iter().map(|row| row.map(|cell| cell.replace(['\n', '\r', '\t'], " "))));
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agents_write_commands_no_terminal() {
        assert_eq!(harmless("a\tb\nc"), "a\tb\nc");
        assert_eq!(
            harmless("\u{1b}[2Jgone\u{9b}1m\r\u{202e}x"),
            "\u{fffd}[2Jgone\u{fffd}1m\u{fffd}\u{fffd}x"
        );
    }

    #[test]
    fn what_stands_below_a_heading_stays_there() {
        assert_eq!(indented("because: yes\nno"), "    because: yes\n    no\n");
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["web".to_owned(), "a\nb".to_owned()], ["documentation".to_owned(), String::new()]];
        assert_eq!(table(["NAME", "X"], rows), "NAME           X\nweb            a b\ndocumentation\n");
    }
}
