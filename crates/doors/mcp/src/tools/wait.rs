//! Waits for an answer, or for anything that concerns the agent.

use client::protocol::{News, Question, QuestionStatus, WAIT_SECONDS};
use serde_json::json;

use super::{About, answer};
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::{count, status};

pub(super) fn about() -> About {
    About {
        description: "Wait until there is something for you: a question, an answer to one of yours, a changed context \
                      key you read. With `ticket`: wait for that question's answer only.",
        properties: json!({
            "ticket": {"type": "string", "description": "a question's id, from `ask`"},
            "seconds": {"type": "integer", "maximum": WAIT_SECONDS, "description": "45 if absent"},
        }),
        required: &[],
    }
}

pub(super) async fn call(hall: &mut Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let ticket = arguments.optional_text("ticket")?;
    let seconds = arguments.number("seconds", 0..=WAIT_SECONDS)?.unwrap_or(WAIT_SECONDS);
    hall.may_wait(seconds);
    match ticket {
        Some(ticket) => answered(hall, &ticket, seconds).await,
        None => anything(hall, seconds).await,
    }
}

async fn answered(hall: &Visit<'_>, ticket: &str, seconds: u64) -> Result<Outcome, Failure> {
    let question: Question = hall.question(ticket).await?;
    let mut text = format!("question {}", status(&question));
    if question.status == QuestionStatus::Pending && seconds > 0 {
        text.push_str(&format!(" (waited {seconds} s; go on working and look again later)"));
    }
    Ok(Outcome::showing(text, answer::ids([&question])))
}

async fn anything(hall: &Visit<'_>, seconds: u64) -> Result<Outcome, Failure> {
    let (News { questions, answers, stale, left_out, .. }, heard) = hall.news().await?;
    let mut lines: Vec<_> = answer::arrived(&questions).collect();
    if left_out > 0 {
        lines.push(format!("{} more for you: use `answer`", count(left_out, "question")));
    }
    lines.extend(answers.iter().map(|question| {
        let more = if question.excerpt { " … (all of it: `wait` with this ticket)" } else { "" };
        format!("your question {}{more}", status(question))
    }));
    lines.extend(stale.iter().map(|stale| {
        format!(
            "context key {:?} that you read at version {} is now at version {}",
            stale.key, stale.read, stale.now
        )
    }));
    let mut shown = answer::ids(questions.iter().chain(&answers));
    if lines.is_empty() {
        // What was told and left is not news, and is what there is to do.
        let open = hall.open_questions().await?.items;
        lines.push(match open.len() {
            0 => format!("nothing new in {seconds} s"),
            1 => format!("nothing new in {seconds} s; 1 question still waits for you: use `answer`"),
            n => format!(
                "nothing new in {seconds} s; {} still wait for you: use `answer`",
                count(n, "question")
            ),
        });
        shown.extend(answer::ids(&open));
    }
    Ok(Outcome { text: lines.join("\n"), shown, heard: Some(heard) })
}
