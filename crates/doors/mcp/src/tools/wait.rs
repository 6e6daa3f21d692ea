//! Waits for an answer, or for anything that concerns the agent.

use client::protocol::{News, Question, WAIT_SECONDS};
use serde_json::json;

use super::{About, answer};
use crate::arguments::Arguments;
use crate::hall::Hall;
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

pub(super) async fn call(hall: &Hall, arguments: &Arguments) -> Result<Outcome, Failure> {
    let ticket = arguments.optional_text("ticket")?;
    let seconds = arguments.number("seconds", 0..=WAIT_SECONDS)?.unwrap_or(WAIT_SECONDS);
    match ticket {
        Some(ticket) => answered(hall, &ticket, seconds).await,
        None => anything(hall, seconds).await,
    }
}

async fn answered(hall: &Hall, ticket: &str, seconds: u64) -> Result<Outcome, Failure> {
    let question: Question = hall.question(ticket, seconds).await?;
    let mut text = format!("question {}", status(&question));
    if question.status == "pending" && seconds > 0 {
        text.push_str(&format!(" (waited {seconds} s; go on working and look again later)"));
    }
    Ok(Outcome { text, shown: answer::ids([&question]) })
}

async fn anything(hall: &Hall, seconds: u64) -> Result<Outcome, Failure> {
    let News { questions, answers, stale, .. } = hall.news(seconds).await?;
    let mut lines: Vec<_> = answer::arrived(&questions).collect();
    lines.extend(answers.iter().map(|question| format!("your question {}", status(question))));
    lines.extend(stale.iter().map(|stale| {
        format!(
            "context key {:?} that you read at version {} is now at version {}",
            stale.key, stale.read, stale.now
        )
    }));
    let mut shown = answer::ids(questions.iter().chain(&answers));
    if lines.is_empty() {
        // What was told and left is not news, and is what there is to do.
        let open = hall.open_questions().await?;
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
    Ok(Outcome { text: lines.join("\n"), shown })
}
