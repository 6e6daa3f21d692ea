//! Search.

use std::sync::Arc;

use client::protocol::{self as wire, Found, Hit, Search};
use hall::Entry;
use hall::mail::message;
use model::search::{Kind, Query};
use model::{Fact, Position};

use super::Request;
use crate::authors::Authors;
use crate::limits;
use crate::refused::Refused;
use crate::told;

pub(super) async fn search(Request { caller, .. }: Request<'_>, search: Search) -> Result<Found, Refused> {
    let most = match search.limit {
        None => limits::FOUND_USUALLY,
        Some(limit) if (1..=limits::FOUND).contains(&limit) => limit,
        Some(limit) => {
            return Err(Refused::bad_request(format!(
                "a page of what is found has 1 to {} things, not {limit}",
                limits::FOUND
            )));
        }
    };
    let query = Query::parse(&search.query).map_err(hall::Declined::from)?;
    let kinds: Vec<_> = search.kinds.into_iter().map(kind).collect();
    let end = caller.workspace.state().position();
    let found = caller.workspace.search(&query, &kinds, search.before.map(Position), most).await?;
    let (mut hits, mut authors) = (Vec::with_capacity(found.hits.len()), Authors::new(caller));
    let between_others =
        |entry: &Entry| message(entry).is_some_and(|message| !caller.may_read(&message.from.id, &message.to));
    for entry in found.hits.iter().filter(|entry| !between_others(entry)) {
        hits.extend(hit(&mut authors, entry).await?);
    }
    let next = found.next.map(|place| place.0);
    Ok(Found { hits, next, as_of: found.as_of.0, complete: found.as_of >= end })
}

fn kind(kind: wire::Kind) -> Kind {
    match kind {
        wire::Kind::Message => Kind::Message,
        wire::Kind::Context => Kind::Context,
        wire::Kind::Question => Kind::Question,
        wire::Kind::Answer => Kind::Answer,
        wire::Kind::Decision => Kind::Decision,
    }
}

/// What is told of an event that was found.
async fn hit(authors: &mut Authors<'_>, entry: &Arc<Entry>) -> Result<Option<Hit>, Refused> {
    let (place, at) = (entry.position(), entry.recorded().event.at.to_string());
    let (kind, id, by, to, text) = match entry.fact() {
        Fact::MessageSent(message) | Fact::MessageDied(message) => {
            let to = Some(message.to.written().into_owned());
            (
                wire::Kind::Message,
                message.id.to_string(),
                message.from.name.clone(),
                to,
                message.content.decode(),
            )
        }
        Fact::ContextShared(shared) => {
            let by = authors.name(&shared.updated_by, place).await?;
            (wire::Kind::Context, shared.key.to_string(), by, None, shared.value.decode())
        }
        Fact::QuestionAsked(question) => {
            let (id, by) = (question.id.to_string(), question.from_name.clone());
            (wire::Kind::Question, id, by, None, question.text.decode())
        }
        Fact::QuestionAnswered(question) => {
            let model::questions::Status::Answered(answered) = &question.status else { return Ok(None) };
            let (id, by) = (question.id.to_string(), answered.by_name.clone());
            (wire::Kind::Answer, id, by, None, answered.answer.decode())
        }
        Fact::DecisionLogged(decision) => {
            let by = authors.name(&decision.by, place).await?;
            (wire::Kind::Decision, decision.id.to_string(), by, None, decision.decision.decode())
        }
        _ => return Ok(None),
    };
    let mut text = text.into_owned();
    let excerpt = told::shorten(&mut text, wire::EXCERPT_CHARACTERS);
    Ok(Some(Hit { kind, number: place.0, id, by: by.to_string(), to, at, text, excerpt }))
}
