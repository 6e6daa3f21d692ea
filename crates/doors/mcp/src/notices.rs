//! What the end of any tool's answer tells: an agent hears of what concerns it without having to look.

use client::protocol::{Message, News, Question};

use crate::outcome::Outcome;
use crate::text::{brief_status, count, names};

/// How many keys or answers a notice names before it counts the rest.
const NAMED: usize = 5;

/// One line for each thing that is new, but for what the answer itself speaks of; `None` if there is nothing.
pub(crate) fn notice(news: &News, outcome: Option<&Outcome>) -> Option<String> {
    let unseen = |question: &&Question| outcome.is_none_or(|outcome| !outcome.shown.contains(&question.id));
    let mut lines = Vec::new();
    for stale in news.stale.iter().take(NAMED) {
        lines.push(format!(
            "note: context key {:?} that you read at version {} is now at version {}",
            stale.key, stale.read, stale.now
        ));
    }
    rest(&mut lines, news.stale.len(), "keys that you read have changed");
    let answers: Vec<_> = news.answers.iter().filter(unseen).collect();
    for question in answers.iter().take(NAMED) {
        lines.push(format!("note: your question {}", brief_status(question)));
    }
    rest(&mut lines, answers.len(), "questions of yours were answered or given up");
    match news.questions.iter().filter(unseen).count() + news.left_out {
        0 => {}
        1 => lines.push("note: 1 question waits for you: use `answer`".into()),
        n => lines.push(format!("note: {n} questions wait for you: use `answer`")),
    }
    lines.extend(mail(news, outcome));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// That messages wait, and from whom as far as that is known.
fn mail(news: &News, outcome: Option<&Outcome>) -> Option<String> {
    let unseen =
        |message: &&Message| outcome.is_none_or(|outcome| !outcome.mail.numbers.contains(&message.number));
    let came: Vec<_> = news.messages.iter().filter(unseen).collect();
    let told = outcome.map_or(0, |outcome| outcome.mail.told);
    let waiting = came.len() + news.waiting.saturating_sub(told);
    let mut senders: Vec<String> = Vec::new();
    for message in came {
        if !senders.contains(&message.from) {
            senders.push(message.from.clone());
        }
    }
    let more = senders.len().saturating_sub(NAMED);
    senders.truncate(NAMED);
    let from = match (senders.as_slice(), more) {
        ([], _) => String::new(),
        (senders, 0) => format!(" (from {})", names(senders, ", ")),
        (senders, more) => format!(" (from {} and {more} more)", names(senders, ", ")),
    };
    let verb = if waiting == 1 { "waits" } else { "wait" };
    (waiting > 0).then(|| format!("note: {} {verb} for you{from}: use `inbox`", count(waiting, "message")))
}

/// Adds what the next stretch of the log has for the agent.
pub(crate) fn join(news: &mut News, more: News) {
    news.questions.retain(|known| more.questions.iter().all(|question| question.id != known.id));
    news.answers.retain(|known| more.answers.iter().all(|question| question.id != known.id));
    news.stale.retain(|known| more.stale.iter().all(|stale| stale.key != known.key));
    news.messages.retain(|known| more.messages.iter().all(|message| message.number != known.number));
    news.questions.extend(more.questions);
    news.answers.extend(more.answers);
    news.stale.extend(more.stale);
    news.messages.extend(more.messages);
    news.left_out += more.left_out;
    news.waiting += more.waiting;
    (news.position, news.behind) = (more.position, more.behind);
}

fn rest(lines: &mut Vec<String>, all: usize, what: &str) {
    if let Some(more) = all.checked_sub(NAMED).filter(|more| *more > 0) {
        lines.push(format!("note: {more} more {what}"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use client::protocol::Stale;
    use serde_json::json;

    use super::*;

    fn question(id: &str) -> Question {
        serde_json::from_value(json!({
            "id": id, "question": "which port?", "from": "web", "status": "answered", "asked_at": "",
            "answer": "7420", "answered_by": "api",
        }))
        .unwrap()
    }

    fn speaking_of(question: &str) -> Outcome {
        Outcome::showing("", HashSet::from([question.to_owned()]))
    }

    fn message(number: u64, from: &str) -> Message {
        serde_json::from_value(json!({
            "number": number, "id": "", "from": from, "from_id": "", "to": "web", "content": "hi", "sent_at": "",
        }))
        .unwrap()
    }

    #[test]
    fn messages_are_told_but_for_those_the_answer_shows() {
        let news = News { waiting: 3, ..News::default() };
        assert_eq!(notice(&news, None).unwrap(), "note: 3 messages wait for you: use `inbox`");
        let mut outcome = Outcome::text("");
        outcome.mail.told = 3;
        assert_eq!(notice(&news, Some(&outcome)), None);
        outcome.mail.told = 2;
        assert_eq!(notice(&news, Some(&outcome)).unwrap(), "note: 1 message waits for you: use `inbox`");
        let messages = vec![message(5, "web"), message(6, "api"), message(7, "web")];
        let news = News { messages, ..News::default() };
        assert_eq!(
            notice(&news, None).unwrap(),
            "note: 3 messages wait for you (from web, api): use `inbox`"
        );
        outcome.mail.numbers = vec![5, 6];
        assert_eq!(
            notice(&news, Some(&outcome)).unwrap(),
            "note: 1 message waits for you (from web): use `inbox`"
        );
        let messages = (0..8).map(|n| message(n, &format!("a{n}"))).collect();
        let told = notice(&News { messages, ..News::default() }, None).unwrap();
        assert!(told.contains("(from a0, a1, a2, a3, a4 and 3 more)"), "{told}");
    }

    #[test]
    fn nothing_new_is_nothing_said() {
        assert_eq!(notice(&News::default(), None), None);
        let seen = News { questions: vec![question("q1")], ..News::default() };
        assert_eq!(notice(&seen, Some(&speaking_of("q1"))), None);
    }

    #[test]
    fn each_thing_has_its_line() {
        let news = News {
            stale: vec![Stale { key: "x".into(), read: 3, now: 5 }],
            answers: vec![question("q0")],
            questions: vec![question("q1"), question("q2")],
            ..News::default()
        };
        let told = notice(&news, Some(&speaking_of("q2"))).unwrap();
        assert_eq!(
            told.lines().collect::<Vec<_>>(),
            [
                "note: context key \"x\" that you read at version 3 is now at version 5",
                "note: your question q0 was answered by api: 7420 (which port?)",
                "note: 1 question waits for you: use `answer`",
            ]
        );
    }

    #[test]
    fn stretches_are_told_as_one() {
        let stale = |key: &str, now| Stale { key: key.into(), read: 1, now };
        let first = News {
            behind: true,
            stale: vec![stale("x", 2), stale("y", 2)],
            answers: vec![question("q0")],
            left_out: 3,
            ..News::default()
        };
        let mut news = News::default();
        join(&mut news, first);
        assert!(news.behind);
        let last = News {
            position: 9,
            stale: vec![stale("x", 3)],
            answers: vec![question("q0")],
            ..News::default()
        };
        join(&mut news, last);
        assert_eq!((news.position, news.behind, news.answers.len()), (9, false, 1));
        assert_eq!(news.stale, [stale("y", 2), stale("x", 3)]);
        assert!(notice(&news, None).unwrap().ends_with("note: 3 questions wait for you: use `answer`"));
    }

    #[test]
    fn many_are_counted() {
        let stale = (0..8).map(|n| Stale { key: n.to_string(), read: 1, now: 2 }).collect();
        let told = notice(&News { stale, ..News::default() }, None).unwrap();
        assert_eq!(told.lines().count(), 6);
        assert!(told.ends_with("note: 3 more keys that you read have changed"), "{told}");
    }
}
