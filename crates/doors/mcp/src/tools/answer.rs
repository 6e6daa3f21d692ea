//! Shows the questions that wait for the agent, and answers one.

use std::collections::HashSet;

use client::protocol::{Answer, Call, Listing, Question};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::{count, excerpt, status, to_answer};

pub(super) fn about() -> About {
    About {
        description: "Without arguments: the open questions that wait for you. With `question` and `answer`: answer \
                      one. With `question` alone: read all of it.",
        properties: json!({
            "question": {"type": "string", "description": "its id"},
            "answer": {"type": "string", "description": "if it has options, one of them"},
        }),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let question = arguments.optional_text("question")?;
    let answer = arguments.optional_text("answer")?;
    match (question, answer) {
        (None, None) => list(hall).await,
        (Some(question), Some(answer)) => put(hall, question, answer).await,
        (None, Some(_)) => {
            Err(Failure::argument("question", "is missing: give the id of the question you answer"))
        }
        (Some(question), None) => show(hall, &question).await,
    }
}

async fn put(hall: &Visit<'_>, question: String, answer: String) -> Result<Outcome, Failure> {
    // The newest answer stands, also over somebody else's; whoever replaces one should know.
    let before = hall.question(&question).await?;
    let call = Call::Answer(Answer { question, answer, once: None });
    let Question { id, from, options, answer: put, .. } = hall.call(call).await?;
    let mut text = format!("answered question {id} from {}", name(&from));
    if !options.is_empty() && put.is_some_and(|put| !options.contains(&put)) {
        text.push_str(", with something else than its options");
    }
    if let (Some(old), Some(by)) = (&before.answer, &before.answered_by) {
        text.push_str(&format!(", in place of the answer by {}: {}", name(by), excerpt(old)));
    }
    Ok(Outcome::text(text))
}

async fn list(hall: &Visit<'_>) -> Result<Outcome, Failure> {
    let Listing { items: open, more } = hall.open_questions().await?;
    if open.is_empty() {
        return Ok(Outcome::text("no question waits for you"));
    }
    let mut lines = vec![format!("{} for you", count(open.len(), "question"))];
    lines.extend(open.iter().map(|question| format!("- {}", to_answer(question))));
    if more {
        lines.push("these are the newest: older ones show once these are answered".into());
    }
    Ok(Outcome::showing(lines.join("\n"), ids(&open)))
}

async fn show(hall: &Visit<'_>, question: &str) -> Result<Outcome, Failure> {
    let whole = hall.question(question).await?;
    Ok(Outcome::showing(format!("question {}\n{}", to_answer(&whole), status(&whole)), ids([&whole])))
}

/// What `wait` says of questions that came.
pub(super) fn arrived(questions: &[Question]) -> impl Iterator<Item = String> + '_ {
    questions.iter().map(|question| {
        let brief = Question { question: excerpt(&question.question).into_owned(), ..question.clone() };
        format!("question for you: {} (use `answer`)", to_answer(&brief))
    })
}

/// The ids of questions.
pub(super) fn ids<'a>(questions: impl IntoIterator<Item = &'a Question>) -> HashSet<String> {
    questions.into_iter().map(|question| question.id.clone()).collect()
}
