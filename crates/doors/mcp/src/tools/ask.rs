//! Puts a question and gives a ticket for its answer.

use std::collections::HashSet;
use std::fmt::Write as _;

use client::protocol::{Ask, Call, LONGEST_SECONDS, OnTimeout, Question, QuestionStatus, WAIT_SECONDS};
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::status;

pub(super) fn about() -> About {
    let texts = json!({"type": "string"});
    About {
        description: "Ask other agents or people. Returns a ticket (the question's id) at once; go on working and \
                      get the answer with `wait`, or in a note at the end of a later result.",
        properties: json!({
            "question": {"type": "string", "description": "with all the context its reader needs"},
            "to": {
                "type": "array",
                "items": texts,
                "description": "agents' names or ids, role:source, role:target, person:NAME, or person (any); \
                                everybody if absent",
            },
            "options": {"type": "array", "items": texts, "description": "answers to choose from"},
            "wait": {"type": "integer", "maximum": WAIT_SECONDS, "description": "seconds to wait for the answer now"},
            "deadline": {"type": "integer", "description": "seconds it may stay open; no end if absent"},
            "on_timeout": {
                "enum": ["default", "next", "human", "fail"],
                "description": "at the deadline: answer with `default`, ask the next in `to`, hand to a person, or \
                                give up (usual)",
            },
            "default": {"type": "string"},
        }),
        required: &["question"],
    }
}

pub(super) async fn call(hall: &mut Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let question = arguments.text("question")?;
    let to = arguments.texts("to")?;
    let options = arguments.texts("options")?;
    let wait = arguments.number("wait", 0..=WAIT_SECONDS)?.unwrap_or(0);
    let deadline_seconds = arguments.number("deadline", 1..=LONGEST_SECONDS)?;
    let default = arguments.optional_text("default")?;
    let on_timeout = on_timeout(arguments, deadline_seconds.is_some(), default.is_some())?;
    let ask = Ask { question, to, options, deadline_seconds, on_timeout, default, once: None };
    hall.may_wait(wait);
    let mut put: Question = hall.call(Call::Ask(ask)).await?;
    // From here on there is a ticket to give, whatever becomes of the waiting.
    let mut trouble = None;
    if wait > 0 && put.status == QuestionStatus::Pending {
        let answered = tokio::select! {
            answered = hall.question(&put.id) => answered,
            () = hall.hung_up() => Err(Failure::Abandoned),
        };
        match answered {
            Ok(question) => put = question,
            Err(failure) => trouble = Some(failure),
        }
    }
    let shown = HashSet::from([put.id.clone()]);
    let mut text = format!("question {}", status(&put));
    if put.status == QuestionStatus::Pending {
        _ = write!(text, "\nticket: {} (for `wait`)", put.id);
    }
    if let Some(failure) = trouble {
        _ = write!(text, "\nwaiting failed: {}", failure.why());
    }
    Ok(Outcome::showing(text, shown))
}

/// What is to happen at the deadline, if what is said about it makes sense together.
fn on_timeout(arguments: &Arguments, deadline: bool, default: bool) -> Result<Option<OnTimeout>, Failure> {
    let words = [
        ("default", OnTimeout::Default),
        ("next", OnTimeout::Next),
        ("human", OnTimeout::Human),
        ("fail", OnTimeout::Fail),
    ];
    match arguments.word("on_timeout", &words)? {
        Some(_) if !deadline => Err(Failure::argument("on_timeout", "needs a `deadline` to happen at")),
        None if default && !deadline => {
            Err(Failure::argument("default", "needs a `deadline` to be given at"))
        }
        Some(OnTimeout::Default) if !default => {
            Err(Failure::argument("default", "is missing: `on_timeout` default gives that answer"))
        }
        Some(OnTimeout::Next | OnTimeout::Human | OnTimeout::Fail) if default => {
            Err(Failure::argument("default", "is given only with `on_timeout` default"))
        }
        // Whoever names a default answer wants it given.
        None if default => Ok(Some(OnTimeout::Default)),
        said => Ok(said),
    }
}
