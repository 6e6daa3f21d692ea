//! `guildhall answer`: what waits for an answer, and answering it.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use client::Connection;
use client::protocol::{self, Call, Question, Questions, Ticket};

use crate::here::Here;

/// As many as one list holds.
const MOST: usize = 1000;
/// The length of a whole id.
const ID: usize = 36;

#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The question's id, or its beginning.
    #[arg(requires = "answer")]
    question: Option<String>,
    /// The answer.
    answer: Option<String>,
}

impl Answer {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        let (Some(question), Some(answer)) = (self.question, self.answer) else {
            let mut waiting = open(&hall, true).await?;
            for question in waiting.iter_mut().filter(|question| question.excerpt) {
                let ticket = Ticket { question: question.id.clone(), wait_seconds: 0 };
                *question = hall.call(Call::Question(ticket)).await?;
            }
            here.output.show(&waiting[..], list)?;
            return Ok(ExitCode::SUCCESS);
        };
        let question = find(&hall, question).await?;
        let call = Call::Answer(protocol::Answer { question, answer, once: None });
        let answered: Question = hall.call(call).await?;
        here.output.show(&answered, |question| format!("Answered {}.\n", question.from))?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn open(hall: &Connection, for_me: bool) -> anyhow::Result<Vec<Question>> {
    let call = Call::Questions(Questions { for_me, all: false, limit: Some(MOST) });
    Ok(hall.call(call).await?)
}

/// The whole id of the question that is meant.
async fn find(hall: &Connection, id: String) -> anyhow::Result<String> {
    if id.len() >= ID {
        return Ok(id);
    }
    let open = open(hall, false).await?;
    let mut meant = open.into_iter().map(|question| question.id).filter(|whole| whole.starts_with(&id));
    match (meant.next(), meant.next()) {
        (Some(whole), None) => Ok(whole),
        (None, _) => bail!("no open question's id begins with {id:?}"),
        (Some(_), Some(_)) => bail!("more than one open question's id begins with {id:?}"),
    }
}

fn list(questions: &[Question]) -> String {
    if questions.is_empty() {
        return "Nothing waits for your answer.\n".into();
    }
    let mut text = String::new();
    for question in questions {
        let Question { id, from, asked_at, .. } = question;
        text.push_str(&format!("{id}  from {from}, {asked_at}\n"));
        for line in question.question.lines() {
            text.push_str(&format!("    {line}\n"));
        }
        if !question.options.is_empty() {
            text.push_str(&format!("    choices: {}\n", question.options.join(" | ")));
        }
        if let Some(deadline) = &question.deadline {
            text.push_str(&format!("    until: {deadline}\n"));
        }
    }
    text.push_str("\nAnswer with: guildhall answer ID TEXT\n");
    text
}
