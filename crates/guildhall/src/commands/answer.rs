//! `guildhall answer`: what waits for an answer, and answering it; on demand also what has one.

use std::process::ExitCode;

use clap::{Args, value_parser};
use client::Connection;
use client::protocol::{self, Call, Listing, Question, QuestionStatus, Questions};
use client::shown::name;

use super::limit;
use super::ticket::{Among, MOST, look, whole_id};
use crate::here::Here;
use crate::output::{indented, names};

#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The question's id, or its beginning.
    #[arg(requires = "answer")]
    question: Option<String>,
    /// The answer.
    answer: Option<String>,
    /// Show the newest of all questions: also those for others, and those that were answered or given up.
    #[arg(long, conflicts_with = "question")]
    all: bool,
    /// How many of these at most, up to 1000 [default: 100].
    #[arg(long, value_name = "NUMBER", requires = "all", value_parser = value_parser!(u16).range(limit::RANGE))]
    limit: Option<u16>,
}

impl Answer {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        match (self.question, self.answer) {
            (Some(question), Some(answer)) => {
                let question = whole_id(&hall, question, Among::Open).await?;
                let call = Call::Answer(protocol::Answer { question, answer, once: None });
                let answered: Question = hall.call(call).await?;
                here.output.show(&answered, |question| format!("Answered {}.\n", name(&question.from)))?;
                let Question { options, answer, .. } = &answered;
                if !options.is_empty() && answer.as_ref().is_some_and(|answer| !options.contains(answer)) {
                    here.output.say("This is none of the choices.");
                }
            }
            _ if self.all => {
                let limit = Some(self.limit.unwrap_or(limit::USUAL).into());
                let call = Call::Questions(Questions { all: true, limit, ..Questions::default() });
                let Listing { items: all, more }: Listing<Question> = hall.call(call).await?;
                let text = |all: &[Question]| all.iter().map(with_standing).collect();
                here.output.list(&all, "Nothing was asked yet.", text)?;
                if more {
                    here.output.say("These are the newest; there may be more.");
                }
            }
            _ => {
                let Listing { items: waiting, more } = waiting(&hall).await?;
                let text = |waiting: &[Question]| waiting.iter().map(paragraph).collect();
                here.output.list(&waiting, "Nothing waits for your answer.", text)?;
                if more {
                    here.output.say("\nThese are the newest; older ones show once these are answered.");
                }
                if !waiting.is_empty() {
                    here.output.say("\nAnswer with: guildhall answer ID TEXT");
                }
                if let Some(why) = here.not_the_owner(&hall)? {
                    here.output.say(&format!("What is asked of people is not shown here: {why}."));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What waits for this person, all of it to be read.
async fn waiting(hall: &Connection) -> anyhow::Result<Listing<Question>> {
    let call = Call::Questions(Questions { for_me: true, limit: Some(MOST), ..Questions::default() });
    let mut waiting: Listing<Question> = hall.call(call).await?;
    for question in waiting.items.iter_mut().filter(|question| question.excerpt) {
        *question = look(hall, &question.id, 0).await?;
    }
    Ok(waiting)
}

/// What is asked, and by whom.
fn paragraph(question: &Question) -> String {
    let Question { id, from, asked_at, .. } = question;
    let mut text = format!("{id}  from {}, {asked_at}\n", name(from));
    text.push_str(&indented(&question.question));
    if question.excerpt {
        text.push_str(&format!("    … (the beginning; all of it: guildhall --json ask --ticket {id})\n"));
    }
    if !question.options.is_empty() {
        text.push_str(&format!("    choices: {}\n", names(&question.options, " | ")));
    }
    if let Some(deadline) = &question.deadline {
        text.push_str(&format!("    until: {deadline}\n"));
    }
    text
}

/// The same, and how it stands.
fn with_standing(question: &Question) -> String {
    let Question { answer, answered_by, asked_now, .. } = question;
    let standing = match question.status {
        QuestionStatus::Pending if asked_now.is_empty() => "open, for everybody".to_owned(),
        QuestionStatus::Pending => format!("open, for {}", names(asked_now, ", ")),
        QuestionStatus::Answered => {
            let by = answered_by.as_deref().map(|by| format!(" by {}", name(by))).unwrap_or_default();
            format!("answered{by}: {}", answer.as_deref().unwrap_or_default())
        }
        QuestionStatus::Failed => "given up: nobody answered in time".to_owned(),
        QuestionStatus::Unknown => "neither open nor answered nor given up".to_owned(),
    };
    paragraph(question) + &indented(&standing)
}
