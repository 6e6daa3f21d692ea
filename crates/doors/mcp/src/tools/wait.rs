//! Waits for an answer, or for anything that concerns the agent.

use client::protocol::{Call, Empty, Message, News, Question, QuestionStatus, Status, WAIT_SECONDS};
use serde_json::json;

use super::answer;
use super::inbox::count_more;
use crate::about::About;
use crate::arguments::Arguments;
use crate::evidence::{MailShown, Mailbox};
use crate::hall::Visit;
use crate::letters::{head, letter};
use crate::limits::RESULT_MESSAGES;
use crate::outcome::{Failure, Outcome};
use crate::text::{count, status};

pub(super) fn about() -> About {
    About {
        description: "Wait until there is something for you: a message, a question, an answer to one of yours, a changed \
                      context key you read. With `ticket`: wait for that question's answer only.",
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
    let owner = hall.name();
    let (News { questions, answers, stale, left_out, messages, waiting, .. }, heard) = hall.news().await?;
    let mailbox = Mailbox { incarnation: heard.incarnation().to_owned(), owner };
    let (mut lines, mail) = arrived(&messages, waiting, mailbox);
    lines.extend(answer::arrived(&questions));
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
        let Status { messages, .. } = hall.call(Call::Status(Empty {})).await?;
        lines.push(format!("nothing new in {seconds} s{}", left(open.len(), messages)));
        shown.extend(answer::ids(&open));
    }
    Ok(Outcome { text: lines.join("\n"), shown, heard: Some(heard), mail })
}

/// Messages that came, and what of them may be said to be in context later: not those shown in part.
fn arrived(messages: &[Message], waiting: usize, mailbox: Mailbox) -> (Vec<String>, MailShown) {
    let most = usize::try_from(RESULT_MESSAGES).unwrap_or(usize::MAX);
    let (here, rest) = messages.split_at(messages.len().min(most));
    let mut lines: Vec<_> =
        here.iter().map(|message| format!("message {}", letter(&head(message), message))).collect();
    let more = rest.len() + waiting;
    if more > 0 {
        let more = if here.is_empty() { count_waiting(more) } else { count_more(more) };
        lines.push(format!("{more} for you: use `inbox`"));
    }
    let whole: Vec<_> =
        here.iter().filter(|message| !message.excerpt).map(|message| message.number).collect();
    let mail = MailShown {
        mailbox,
        receipt: whole.iter().map(|number| (*number, *number)).collect(),
        numbers: whole,
        told: messages.len() + waiting,
        ..MailShown::default()
    };
    (lines, mail)
}

/// `1 message waits`, `2 messages wait`.
fn count_waiting(n: usize) -> String {
    format!("{} {}", count(n, "message"), if n == 1 { "waits" } else { "wait" })
}

/// What waits although it is not new.
fn left(questions: usize, messages: usize) -> String {
    let questions = (questions > 0).then(|| (count(questions, "question"), questions, "`answer`"));
    let messages = (messages > 0).then(|| (count(messages, "message"), messages, "`inbox`"));
    let both = questions.into_iter().chain(messages);
    both.map(|(counted, n, tool)| {
        format!("; {counted} still {} for you: use {tool}", if n == 1 { "waits" } else { "wait" })
    })
    .collect()
}
