//! `guildhall ask`: puts a question, and waits for the answer if wished.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum, value_parser};
use client::Connection;
use client::protocol::{self, Call, OnTimeout, Question, Ticket, WAIT_SECONDS};
use tokio::time::Instant;

use crate::here::Here;

/// The longest that a question may wait, in seconds.
const YEAR: u64 = 366 * 24 * 3600;

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The question.
    question: String,
    /// For whom: an agent's name, `role:source`, `role:target`, `person:NAME` or `person`; everybody if not given.
    #[arg(long, value_name = "WHOM")]
    to: Vec<String>,
    /// An answer to choose from.
    #[arg(long, value_name = "ANSWER")]
    option: Vec<String>,
    /// How long it may wait for an answer.
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=YEAR))]
    deadline: Option<u64>,
    /// What happens then.
    #[arg(long, value_enum, requires = "deadline")]
    on_timeout: Option<Then>,
    /// The answer that is given then, with `--on-timeout default`.
    #[arg(long, value_name = "ANSWER")]
    default: Option<String>,
    /// Wait for the answer, so long at most.
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(0..=YEAR))]
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
        let call = Call::Ask(protocol::Ask {
            question: self.question,
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
            return Ok(ExitCode::SUCCESS);
        };
        eprintln!("Asked; the ticket is {}. Waiting.", asked.id);
        let question = wait(&hall, &asked.id, Duration::from_secs(seconds)).await?;
        match &question.answer {
            Some(_) => {
                here.output.show(&question, |q| format!("{}\n", q.answer.as_deref().unwrap_or_default()))?;
                Ok(ExitCode::SUCCESS)
            }
            None => {
                here.output.show(&question, |_| String::new())?;
                eprintln!("There is no answer: the question is {}.", question.status);
                Ok(ExitCode::FAILURE)
            }
        }
    }
}

async fn wait(hall: &Connection, ticket: &str, patience: Duration) -> anyhow::Result<Question> {
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let wait_seconds = (left.as_secs_f64().ceil() as u64).min(WAIT_SECONDS);
        let call = Call::Question(Ticket { question: ticket.to_owned(), wait_seconds });
        let question: Question = hall.call(call).await?;
        if question.status != "pending" || wait_seconds == 0 {
            return Ok(question);
        }
    }
}
