//! Printing: data on stdout, talk on stderr. What others have written is shown by [`client::shown`], so that it commands no
//! terminal and stays in its place.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use client::shown;
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
        print(&self.text(data, plain)?)
    }

    /// As [`Output::show`], where it matters that somebody took it: a reader that has gone is an error here.
    pub(crate) fn hand_over<T: Serialize + ?Sized>(
        self,
        data: &T,
        plain: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        write(&self.text(data, plain)?)
    }

    fn text<T: Serialize + ?Sized>(self, data: &T, plain: impl FnOnce(&T) -> String) -> io::Result<String> {
        if !self.json {
            return Ok(shown::prose(&plain(data)).into_owned());
        }
        Ok(format!("{}\n", printable_json(&serde_json::to_string(data)?)))
    }

    /// Prints data whose text is one thing for programs to take as it is, such as a value. At a terminal it is shown as
    /// all else is.
    pub(crate) fn show_as_it_is<T: Serialize + ?Sized>(
        self,
        data: &T,
        plain: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        if self.json || io::stdout().is_terminal() {
            return self.show(data, plain);
        }
        print(&plain(data))
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
            eprintln!("{}", shown::prose(text));
        }
    }
}

/// Writes to stdout. A reader that has gone has seen enough, which is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    match write(text) {
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// The same JSON, with the characters that a terminal is not to see written as escapes. JSON itself demands that of some
/// of them only. All of them stand in texts, and none needs a pair.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.contains(shown::is_hidden) {
        return json.into();
    }
    let mut printable = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if shown::is_hidden(character) {
            _ = write!(printable, "\\u{:04x}", u32::from(character));
        } else {
            printable.push(character);
        }
    }
    printable.into()
}

/// A text as it stands below a heading: no line of it can be taken for another heading.
pub(crate) fn indented(text: &str) -> String {
    shown::prose(text).lines().map(|line| format!("    {line}\n")).collect()
}

/// Names, or other things of one line each.
pub(crate) fn names(names: &[String], between: &str) -> String {
    names.iter().map(|name| shown::name(name)).collect::<Vec<_>>().join(between)
}

/// A table in columns as wide as they must be. Each cell is one line.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows.into_iter().map(|row| row.map(|cell| shown::name(&cell).into_owned())));
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
    fn json_is_the_same_and_commands_no_terminal() {
        let text = "\u{1b}\u{7f}\u{9b}1m\n\u{202e}ü";
        let json = serde_json::to_string(text).unwrap();
        let printable = printable_json(&json);
        assert_eq!(printable, r#""\u001b\u007f\u009b1m\n\u202eü""#);
        assert_eq!(serde_json::from_str::<String>(&printable).unwrap(), text);
    }

    #[test]
    fn what_stands_below_a_heading_stays_there() {
        assert_eq!(indented("because: yes\nno\rno"), "    because: yes\n    no\\rno\n");
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["web".to_owned(), "a\nb".to_owned()], ["documentation".to_owned(), String::new()]];
        assert_eq!(table(["NAME", "X"], rows), "NAME           X\nweb            a\\nb\ndocumentation\n");
    }
}
