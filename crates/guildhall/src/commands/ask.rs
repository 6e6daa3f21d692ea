//! `guildhall ask`: puts a question, and waits for the answer if wished, now or later.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum, value_parser};
use client::protocol::{
    self, Call, ErrorCode, LONGEST_SECONDS, OnTimeout, Question, QuestionStatus, WAIT_SECONDS,
};
use client::{CallError, Connection};
use tokio::time::Instant;

use super::context::given_or_stdin;
use super::ticket::{Among, look, whole_id};
use crate::here::Here;

/// Between two looks for a server that has gone.
const BETWEEN: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(
    override_usage = "guildhall ask [OPTIONS] <QUESTION>\n       guildhall ask [OPTIONS] --ticket <ID>"
)]
pub(crate) struct Ask {
    /// The question; `-` to read it from stdin.
    #[arg(required_unless_present = "ticket")]
    question: Option<String>,
    /// Show the answer to a question that was asked before, by its id or the beginning of that.
    #[arg(long, value_name = "ID",
        conflicts_with_all = ["question", "to", "option", "deadline", "on_timeout", "default"])]
    ticket: Option<String>,
    /// For whom: an agent's name, `role:source`, `role:target`, `person:NAME` or `person`; may be given several times;
    /// everybody if not given.
    #[arg(long, value_name = "WHOM")]
    to: Vec<String>,
    /// An answer to choose from; may be given several times.
    #[arg(long, value_name = "ANSWER")]
    option: Vec<String>,
    /// How long it may wait for an answer.
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=LONGEST_SECONDS))]
    deadline: Option<u64>,
    /// What happens then.
    #[arg(long, value_enum, requires = "deadline")]
    on_timeout: Option<Then>,
    /// The answer that is given then, with `--on-timeout default`.
    #[arg(long, value_name = "ANSWER")]
    default: Option<String>,
    /// Wait for the answer, so long at most. Without an answer the command fails.
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(0..=LONGEST_SECONDS))]
    wait: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Then {
    /// The default answer is given.
    Default,
    /// The next of those it is for is asked.
    Next,
    /// It waits for a person.
    Human,
    /// It is given up.
    Fail,
}

impl Ask {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        if let Some(ticket) = self.ticket {
            let ticket = whole_id(&hall, ticket, Among::All).await?;
            return show_answer(here, &wait(here, hall, &ticket, self.wait.unwrap_or(0)).await?);
        }
        let call = Call::Ask(protocol::Ask {
            question: given_or_stdin(self.question.unwrap_or_default())?,
            to: self.to,
            options: self.option,
            deadline_seconds: self.deadline,
            on_timeout: self.on_timeout.map(|then| match then {
                Then::Default => OnTimeout::Default,
                Then::Next => OnTimeout::Next,
                Then::Human => OnTimeout::Human,
                Then::Fail => OnTimeout::Fail,
            }),
            default: self.default,
            once: None,
        });
        let asked: Question = hall.call(call).await?;
        let Some(seconds) = self.wait else {
            here.output.show(&asked, |question| format!("{}\n", question.id))?;
            here.output.say("Look for the answer with: guildhall ask --ticket ID");
            return Ok(ExitCode::SUCCESS);
        };
        here.output.say(&format!("Asked; the ticket is {}. Waiting.", asked.id));
        show_answer(here, &wait(here, hall, &asked.id, seconds).await?)
    }
}

/// That there is none is a failure: a script that asks can go on only with an answer.
fn show_answer(here: &Here, question: &Question) -> anyhow::Result<ExitCode> {
    here.output.show_as_it_is(question, |question| match &question.answer {
        Some(answer) => format!("{answer}\n"),
        None => String::new(),
    })?;
    if question.answer.is_some() {
        return Ok(ExitCode::SUCCESS);
    }
    here.output.say(match question.status {
        QuestionStatus::Pending => "There is no answer yet.",
        _ => "There is no answer: the question was given up.",
    });
    Ok(ExitCode::FAILURE)
}

/// The question once it is no longer open, or as it is after so many seconds. A server that is started again meanwhile does
/// not end the waiting.
async fn wait(here: &Here, mut hall: Connection, ticket: &str, seconds: u64) -> anyhow::Result<Question> {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let wait_seconds = (left.as_secs_f64().ceil() as u64).min(WAIT_SECONDS);
        match look(&hall, ticket, wait_seconds).await {
            Ok(question) if question.status != QuestionStatus::Pending || wait_seconds == 0 => {
                return Ok(question);
            }
            // A hall that is about to close answers early; it is not asked again at once.
            Ok(_) => tokio::time::sleep(BETWEEN.min(left)).await,
            Err(why) if wait_seconds > 0 && is_gone(&why) => {
                tokio::time::sleep(BETWEEN.min(left)).await;
                match here.hall().await {
                    Ok(connection) => hall = connection,
                    Err(why) if is_gone(&why) => {}
                    Err(why) => return Err(why),
                }
            }
            Err(why) => return Err(why),
        }
    }
}

/// Whether the server has gone, and may come back.
fn is_gone(why: &anyhow::Error) -> bool {
    match why.downcast_ref::<CallError>() {
        Some(CallError::Closed | CallError::Lost | CallError::NotRunning { .. }) => true,
        Some(CallError::Refused { code, .. }) => *code == ErrorCode::Unavailable,
        _ => false,
    }
}
