//! What an event makes necessary outside the state: jobs to perform when they are due.

use serde::{Deserialize, Serialize};

use crate::event::Fact;
use crate::ids::QuestionId;
use crate::time::Timestamp;

/// A change to the jobs of a workspace, written in the transaction of the event it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Perform `job` at `due`. A job of the same key is replaced.
    Schedule {
        /// Names the job within its workspace.
        key: String,
        /// Not before this time.
        due: Timestamp,
        /// What to do.
        job: Job,
    },
    /// The job of this key is no longer needed.
    Cancel {
        /// Which.
        key: String,
    },
}

/// Something to perform. Each kind says how it is made safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// A question's deadline has come: propose a [`crate::questions::TimeOut`]. Safe to repeat: the state refuses
    /// what is answered already, or has a later deadline.
    QuestionDue {
        /// Which.
        question: QuestionId,
    },
}

/// What follows from a fact.
pub fn effects(fact: &Fact) -> Vec<Effect> {
    match fact {
        Fact::QuestionAsked(question)
        | Fact::QuestionPassed(question)
        | Fact::QuestionAnswered(question)
        | Fact::QuestionFailed(question) => {
            let key = format!("question/{}", question.id);
            match question.patience.as_ref().filter(|_| question.is_pending()) {
                Some(patience) => {
                    let job = Job::QuestionDue { question: question.id.clone() };
                    vec![Effect::Schedule { key, due: patience.deadline, job }]
                }
                None if matches!(fact, Fact::QuestionAsked(_)) => vec![],
                None => vec![Effect::Cancel { key }],
            }
        }
        _ => vec![],
    }
}
