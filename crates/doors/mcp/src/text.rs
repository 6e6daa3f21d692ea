//! How things read: compact, one line each, ids included. What others wrote begins behind what is said of it, and goes on
//! below it: no line of theirs can be taken for one of ours.

use std::borrow::Cow;
use std::fmt::Write as _;

use client::protocol::{Question, QuestionStatus};
use client::shown;

/// How much of a text stands for it in a list, in characters.
const EXCERPT: usize = 160;

/// What every further line of a text begins with.
const INDENT: &str = "  ";

/// The beginning of a text, on one line.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.chars().count() {
        0..=EXCERPT => on_one_line(text),
        all => format!("{}… ({all} characters in all)", beginning(text)).into(),
    }
}

/// The beginning of a text that is longer, on one line.
pub(crate) fn beginning(text: &str) -> String {
    let end = text.char_indices().nth(EXCERPT).map_or(text.len(), |(at, _)| at);
    on_one_line(&text[..end]).into_owned()
}

fn on_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(shown::is_hidden) {
        return text.into();
    }
    shown::name(&text.replace(['\n', '\r', '\t'], " ")).into_owned().into()
}

/// A text that begins behind what is said of it.
pub(crate) fn below(text: &str) -> String {
    shown::below(text, INDENT)
}

/// Names, or other things of one line each.
pub(crate) fn names(names: &[String], between: &str) -> String {
    names.iter().map(|name| shown::name(name)).collect::<Vec<_>>().join(between)
}

/// A time of the wire, to the second: `2026-11-20T10:22:03Z`.
pub(crate) fn moment(iso: &str) -> Cow<'_, str> {
    match iso.split_once('.') {
        Some((seconds, fraction)) if fraction.ends_with('Z') => format!("{seconds}Z").into(),
        _ => iso.into(),
    }
}

/// `1 agent`, `2 agents`.
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// How a question of the agent's own stands, its answer in full.
pub(crate) fn status(question: &Question) -> String {
    standing(question, question.answer.as_deref())
}

/// How a question of the agent's own stands, on one line.
pub(crate) fn brief_status(question: &Question) -> String {
    let answer = question.answer.as_deref().map(excerpt);
    format!("{} ({})", standing(question, answer.as_deref()), excerpt(&question.question))
}

fn standing(question: &Question, answer: Option<&str>) -> String {
    let Question { id, status, answered_by, asked_now, .. } = question;
    match (status, answer) {
        (QuestionStatus::Answered, Some(answer)) => match answered_by {
            Some(by) => format!("{id} was answered by {}: {}", shown::name(by), below(answer)),
            None => format!("{id} got its default answer: {}", below(answer)),
        },
        (QuestionStatus::Pending, _) if asked_now.is_empty() => {
            format!("{id} is pending: it waits for everybody")
        }
        (QuestionStatus::Pending, _) => format!("{id} is pending: it waits for {}", names(asked_now, ", ")),
        (QuestionStatus::Failed, _) => format!("{id} was given up: nobody answered in time"),
        (QuestionStatus::Answered, None) => format!("{id} was answered"),
        (QuestionStatus::Unknown, _) => format!("{id} is neither open nor answered nor given up"),
    }
}

/// A question for the agent to answer.
pub(crate) fn to_answer(question: &Question) -> String {
    let Question { id, question: text, from, options, deadline, .. } = question;
    let mut line = format!("{id} from {}: {}", shown::name(from), below(text));
    if question.excerpt {
        line.push_str(" … (an excerpt: `answer` with `question` alone shows all of it)");
    }
    if !options.is_empty() {
        _ = write!(line, " [choose: {}]", names(options, " | "));
    }
    if let Some(deadline) = deadline {
        _ = write!(line, " (until {})", moment(deadline));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_stay_on_their_line() {
        assert_eq!(excerpt("short"), "short");
        assert_eq!(excerpt("two\nlines\u{9b}"), "two lines\\u{9b}");
        let long = "é".repeat(500);
        let shown = excerpt(&long);
        assert!(shown.ends_with("… (500 characters in all)"), "{shown}");
        assert_eq!(shown.chars().filter(|c| *c == 'é').count(), EXCERPT);
    }

    #[test]
    fn times_are_told_to_the_second() {
        assert_eq!(moment("2026-11-20T10:22:03.456Z"), "2026-11-20T10:22:03Z");
        assert_eq!(moment("2026-11-20T10:22:03Z"), "2026-11-20T10:22:03Z");
    }
}
