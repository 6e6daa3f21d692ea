//! Questions and answers.

use std::time::Duration;

use client::protocol::{self as wire, Answer, Ask, Listing, Questions, Ticket};
use client::shown;
use model::questions::{self, OnTimeout, Question};
use model::roster::Role;
use model::rows::{AgentRow, Table};
use model::{Address, Command, Fact, QuestionId, Text};

use super::list::{PAGE_BYTES, most, newest};
use super::{Request, until};
use crate::caller::Caller;
use crate::refused::Refused;
use crate::told;

pub(super) async fn ask(Request { caller, .. }: Request<'_>, ask: Ask) -> Result<wire::Question, Refused> {
    if ask.question.is_empty() {
        return Err(Refused::bad_request("a question has at least one character"));
    }
    let patience = patience(&ask)?;
    let mut to = Vec::with_capacity(ask.to.len());
    for text in &ask.to {
        let address =
            Address::parse(text).map_err(|cause| Refused::bad_request(format!("{text:?}: {cause}")))?;
        must_be_known(caller, &address).await?;
        to.push(address);
    }
    let command = Command::Ask(questions::Ask {
        text: Text::new(&ask.question),
        author: caller.author.clone(),
        to: to.into(),
        options: ask.options.into(),
        patience,
    });
    let done = caller.carry_out(command, ask.once.as_deref()).await?;
    let asked = done.entries.iter().find_map(|entry| match entry.fact() {
        Fact::QuestionAsked(question) => Some(told::question(question)),
        _ => None,
    });
    asked.ok_or_else(|| Refused::without_events("asking"))
}

fn patience(ask: &Ask) -> Result<Option<(Duration, OnTimeout)>, Refused> {
    let bad = |why: &str| Err(Refused::bad_request(why));
    let then = match (ask.on_timeout, &ask.default) {
        (Some(wire::OnTimeout::Default), Some(default)) => OnTimeout::Default(Text::new(default)),
        (Some(wire::OnTimeout::Default), None) => {
            return bad("on_timeout `default` needs the `default` to give");
        }
        (_, Some(_)) => return bad("a `default` is only given with on_timeout `default`"),
        (Some(wire::OnTimeout::Next), None) => OnTimeout::Next,
        (Some(wire::OnTimeout::Human), None) => OnTimeout::Human,
        (Some(wire::OnTimeout::Fail) | None, None) => OnTimeout::Fail,
    };
    match (ask.deadline_seconds, ask.on_timeout) {
        (Some(seconds), _) => Ok(Some((Duration::from_secs(seconds), then))),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            bad("on_timeout needs `deadline_seconds`: without a deadline a question waits for ever")
        }
    }
}

/// Nobody waits for an answer from somebody who does not exist. An agent that was here and is away is known.
async fn must_be_known(caller: &Caller, address: &Address) -> Result<(), Refused> {
    let workspace = &caller.workspace;
    let known = match address {
        Address::Person(_) | Address::AnyPerson => true,
        Address::Role(role) => [Role::Source, Role::Target].iter().any(|known| known.as_str() == &**role),
        Address::Member(id) => workspace.member(id).await?.is_some(),
        Address::Agent(name) => {
            let here = workspace.state().roster.members().any(|member| member.name == *name);
            here || workspace.row::<AgentRow>(Table::Agents, name).await?.is_some()
        }
    };
    if known {
        return Ok(());
    }
    Err(Refused::not_found(format!("nobody is known as {:?}; {}", address.to_string(), who_is_here(caller))))
}

/// The names of those who are here, some of them, for whoever has named somebody else.
pub(super) fn who_is_here(caller: &Caller) -> String {
    let mut here: Vec<String> = caller
        .workspace
        .state()
        .roster
        .members()
        .map(|member| shown::name(&member.name).into_owned())
        .collect();
    here.sort();
    here.dedup();
    here.truncate(20);
    if here.is_empty() { "nobody is here now".into() } else { format!("here are {}", here.join(", ")) }
}

pub(super) async fn answer(
    Request { caller, .. }: Request<'_>,
    answer: Answer,
) -> Result<wire::Question, Refused> {
    let id = parse(&answer.question)?;
    let question = find(caller, &id).await?;
    if question.needs_a_person(caller.agent.as_deref()) {
        // The model refuses it too; asked here, it is refused with the reason why this caller is none.
        caller.must_be_owner("answer what is asked of a person")?;
    }
    let command = Command::Answer(questions::Answer {
        question: id,
        answer: Text::new(&answer.answer),
        author: caller.author.clone(),
        person: caller.is_person(),
        known: None,
    });
    let done = caller.carry_out(command, answer.once.as_deref()).await?;
    let answered = done.entries.iter().find_map(|entry| match entry.fact() {
        Fact::QuestionAnswered(question) => Some(told::question(question)),
        _ => None,
    });
    answered.ok_or_else(|| Refused::without_events("answering"))
}

pub(super) async fn get(
    Request { caller, ending, .. }: Request<'_>,
    ticket: Ticket,
) -> Result<wire::Question, Refused> {
    let id = parse(&ticket.question)?;
    let end = until(ticket.wait_seconds)?;
    loop {
        // Looked at after the place was taken, so that no change can fall in between.
        let position = caller.workspace.state().position();
        let mut follower = caller.workspace.follow(position);
        let question = find(caller, &id).await?;
        if !question.is_pending() || ticket.wait_seconds == 0 {
            return Ok(told::question(&question));
        }
        tokio::select! {
            news = follower.wait() => if news.is_ok() { continue },
            () = tokio::time::sleep_until(end) => {}
            () = ending.cancelled() => {}
        }
        return Ok(told::question(&*find(caller, &id).await?));
    }
}

pub(super) async fn list(
    Request { caller, .. }: Request<'_>,
    questions: Questions,
) -> Result<Listing<wire::Question>, Refused> {
    let most = most(questions.limit)?;
    let beginning = questions.beginning.as_deref().unwrap_or_default();
    let wanted = |question: &Question| {
        question.id.as_str().starts_with(beginning) && (!questions.for_me || caller.is_asked(question))
    };
    if questions.all && !questions.for_me {
        // Made short as they are read, so that what they weigh is what is told of them.
        let short = |question: &Question| told::weight(&told::excerpt(question));
        let found = newest(&caller.workspace, Table::Questions, most, wanted, short).await?;
        let items = found.items.iter().map(|(_, question)| told::excerpt(question)).collect();
        return Ok(Listing { items, more: found.more });
    }
    // What waits for somebody is open, so the state has all of it.
    let state = caller.workspace.state();
    let open = state.questions.open().filter(|question| wanted(question));
    let open: Vec<_> = open.map(|question| told::excerpt(question)).collect();
    let (items, left_out) = newest_that_fit(open, most);
    Ok(Listing { items, more: left_out > 0 })
}

/// The newest of these, oldest first, at most so many and no more than fit a line; and how many are left out.
pub(super) fn newest_that_fit(mut all: Vec<wire::Question>, most: usize) -> (Vec<wire::Question>, usize) {
    let mut weight = 0;
    let fitting = all.iter().rev().take(most).take_while(|question| {
        weight += told::weight(question);
        weight <= PAGE_BYTES
    });
    let left_out = all.len() - fitting.count();
    (all.split_off(left_out), left_out)
}

fn parse(id: &str) -> Result<QuestionId, Refused> {
    QuestionId::parse(id).map_err(Refused::bad_request)
}

async fn find(caller: &Caller, id: &QuestionId) -> Result<std::sync::Arc<Question>, Refused> {
    let found = caller.workspace.question(id).await?;
    found.ok_or_else(|| Refused::not_found(format!("Question not found: {id}")))
}
