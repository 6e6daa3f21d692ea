//! How things read: compact, one line each, ids included.

use std::borrow::Cow;
use std::fmt::Write as _;

use client::protocol::{Question, QuestionStatus};

/// How much of a text stands for it in a list, in characters.
const EXCERPT: usize = 160;

/// The beginning of a text, on one line.
pub(crate) fn excerpt(text: &str) -> Cow<'_, str> {
    let longer = text.char_indices().nth(EXCERPT).map(|(at, _)| at);
    if longer.is_none() && !text.contains(['\n', '\r']) {
        return text.into();
    }
    let mut line = text[..longer.unwrap_or(text.len())].replace(['\n', '\r'], " ");
    if longer.is_some() {
        _ = write!(line, "… ({} characters in all)", text.chars().count());
    }
    line.into()
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
            Some(by) => format!("{id} was answered by {by}: {answer}"),
            None => format!("{id} got its default answer: {answer}"),
        },
        (QuestionStatus::Pending, _) if asked_now.is_empty() => {
            format!("{id} is pending: it waits for everybody")
        }
        (QuestionStatus::Pending, _) => format!("{id} is pending: it waits for {}", asked_now.join(", ")),
        (QuestionStatus::Failed, _) => format!("{id} was given up: nobody answered in time"),
        (QuestionStatus::Answered, None) => format!("{id} was answered"),
        (QuestionStatus::Unknown, _) => format!("{id} is neither open nor answered nor given up"),
    }
}

/// A question for the agent to answer.
pub(crate) fn to_answer(question: &Question) -> String {
    let Question { id, question: text, from, options, deadline, .. } = question;
    let mut line = format!("{id} from {from}: {text}");
    if question.excerpt {
        line.push_str(" … (an excerpt: `answer` with `question` alone shows all of it)");
    }
    if !options.is_empty() {
        _ = write!(line, " [choose: {}]", options.join(" | "));
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
        assert_eq!(excerpt("two\nlines"), "two lines");
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
