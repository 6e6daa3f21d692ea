//! What the model knows, in the protocol's form.

use std::sync::Arc;

use client::protocol as wire;
use hall::mail::Progress;
use hall::{Entry, HallError};
use model::context::Current;
use model::directory::Token;
use model::messages::{Message, Priority, Recipient};
use model::questions::{Question, Status};
use model::reservations::Reservation;
use model::roster::Membership;
use model::statuses::Statuses;
use model::{Address, AgentId, Fact, Position};

pub(crate) fn agent(member: &Membership, statuses: &Statuses) -> wire::Agent {
    let saying = statuses.get(&member.agent).and_then(|said| {
        let description = said.description.as_deref().map(Into::into);
        Some(wire::Saying {
            status: said.status.as_deref()?.into(),
            description,
            since: said.since.to_string(),
        })
    });
    wire::Agent {
        saying,
        id: member.id.to_string(),
        agent_id: Some(member.agent.to_string()),
        name: member.name.to_string(),
        role: member.role.as_str().into(),
        repo_path: member.repo_path.to_string(),
        door: member.door.to_string(),
        instance: member.instance.as_deref().map(Into::into),
        principal: member.principal.to_string(),
        connected_at: member.connected_at.to_string(),
    }
}

/// A version of a key, whole, from the event that made it and its author's name; `None` if the event made none.
pub(crate) fn entry(event: &Arc<Entry>, by_name: &str) -> Option<wire::Entry> {
    match event.fact() {
        Fact::ContextShared(entry) => Some(wire::Entry {
            key: entry.key.to_string(),
            value: Some(entry.value.decode().into_owned()),
            excerpt: false,
            unreadable: None,
            tags: entry.tags.to_vec(),
            version: entry.version,
            by: entry.updated_by.to_string(),
            by_name: by_name.into(),
            at: entry.updated_at.to_string(),
            previous: entry.previous.map(|position| position.0),
        }),
        Fact::ContextDeleted(deletion) => Some(wire::Entry {
            key: deletion.key.to_string(),
            value: None,
            excerpt: false,
            unreadable: None,
            tags: Vec::new(),
            version: deletion.version,
            by: deletion.by.to_string(),
            by_name: by_name.into(),
            at: event.recorded().event.at.to_string(),
            previous: Some(deletion.previous.0),
        }),
        _ => None,
    }
}

/// A version of a key that is damaged: what is known of it without its event. Its version is 0 if that is not known.
pub(crate) fn unreadable(key: &str, current: Option<&Current>, why: &HallError) -> wire::Entry {
    wire::Entry {
        key: key.into(),
        value: None,
        excerpt: false,
        unreadable: Some(why.to_string()),
        tags: current.map(|current| current.tags.to_vec()).unwrap_or_default(),
        version: current.map_or(0, |current| current.version),
        by: String::new(),
        by_name: String::new(),
        at: String::new(),
        previous: None,
    }
}

/// A version as it stands in a list: a long value is cut.
pub(crate) fn brief(mut entry: wire::Entry) -> wire::Entry {
    if let Some(value) = &mut entry.value {
        entry.excerpt = shorten(value, wire::EXCERPT_CHARACTERS);
    }
    entry
}

/// The most that a version comes to on the wire, but for its value.
pub(crate) fn entry_weight(entry: &wire::Entry) -> usize {
    let texts = [&entry.key, &entry.by_name].into_iter().chain(&entry.tags).chain(&entry.unreadable);
    1024 + texts.map(|text| 6 * text.len() + 3).sum::<usize>()
}

pub(crate) fn question(question: &Question) -> wire::Question {
    let addresses = |to: &[Address]| to.iter().map(Address::to_string).collect();
    let (status, answered) = match &question.status {
        Status::Pending { .. } => (wire::QuestionStatus::Pending, None),
        Status::Answered(answered) => (wire::QuestionStatus::Answered, Some(answered)),
        Status::Failed { .. } => (wire::QuestionStatus::Failed, None),
    };
    let deadline = question.patience.as_ref().filter(|_| question.is_pending());
    wire::Question {
        excerpt: false,
        id: question.id.to_string(),
        question: question.text.decode().into_owned(),
        from: question.from_name.to_string(),
        to: addresses(&question.to),
        asked_now: if question.is_pending() { addresses(question.asked_now()) } else { Vec::new() },
        options: question.options.to_vec(),
        status,
        asked_at: question.asked_at.to_string(),
        deadline: deadline.map(|patience| patience.deadline.to_string()),
        answer: answered.map(|answered| answered.answer.decode().into_owned()),
        answered_by: answered.map(|answered| answered.by_name.to_string()),
        answered_at: answered.map(|answered| answered.at.to_string()),
    }
}

/// A question as it stands in a list or in news: a large one is cut, so that however many there are, they get there.
/// At most some 20 KB on the wire.
pub(crate) fn excerpt(question: &Question) -> wire::Question {
    let mut told = self::question(question);
    let mut cut = false;
    for text in [Some(&mut told.question), told.answer.as_mut()].into_iter().flatten() {
        cut |= shorten(text, wire::EXCERPT_CHARACTERS);
    }
    for name in [Some(&mut told.from), told.answered_by.as_mut()].into_iter().flatten() {
        cut |= shorten(name, NAME_CHARACTERS);
    }
    for list in [&mut told.to, &mut told.asked_now, &mut told.options] {
        let mut left = wire::EXCERPT_CHARACTERS;
        let fits = list.iter().take_while(|item| {
            let characters = item.chars().count();
            let fits = characters <= left;
            left = left.saturating_sub(characters);
            fits
        });
        let fits = fits.count();
        cut |= fits < list.len();
        list.truncate(fits);
    }
    told.excerpt = cut;
    told
}

/// Characters of a name in an excerpt.
const NAME_CHARACTERS: usize = 100;

/// Cuts a text after so many characters; whether there were more.
pub(crate) fn shorten(text: &mut String, most: usize) -> bool {
    let end = text.char_indices().nth(most).map(|(at, _)| at);
    if let Some(end) = end {
        // What was cut off is not held on to.
        *text = text[..end].to_owned();
    }
    end.is_some()
}

/// The most that a question comes to on the wire: an escape has six bytes.
pub(crate) fn weight(question: &wire::Question) -> usize {
    let lists = [&question.to, &question.asked_now, &question.options];
    let texts = [&question.question, &question.from].into_iter();
    let texts = texts.chain(&question.answer).chain(&question.answered_by);
    1024 + texts.chain(lists.into_iter().flatten()).map(|text| 6 * text.len() + 3).sum::<usize>()
}

pub(crate) fn decision(decision: &model::decisions::Decision, by_name: &str) -> wire::Decision {
    wire::Decision {
        id: decision.id.to_string(),
        decision: decision.decision.decode().into_owned(),
        rationale: decision.rationale.as_ref().map(|why| why.decode().into_owned()),
        supersedes: decision.supersedes.as_ref().map(ToString::to_string),
        by: decision.by.to_string(),
        by_name: by_name.into(),
        at: decision.at.to_string(),
    }
}

pub(crate) fn token(token: &Token) -> wire::Token {
    wire::Token {
        id: token.id.to_string(),
        principal: token.principal.to_string(),
        role: token.grant.as_str().into(),
        workspaces: token.workspaces.iter().map(ToString::to_string).collect(),
        issued_at: token.issued_at.to_string(),
        expires_at: token.expires_at.map(|end| end.to_string()),
    }
}

/// A message, whole.
pub(crate) fn message(place: Position, message: &Message) -> wire::Message {
    let attachment = |file: &model::messages::Attachment| wire::Attachment {
        name: file.name.to_string(),
        content_type: file.content_type.to_string(),
        bytes: file.bytes,
        digest: file.digest.to_string(),
    };
    wire::Message {
        number: place.0,
        id: message.id.to_string(),
        from: message.from.name.to_string(),
        from_id: message.from.id.to_string(),
        to: message.to.written().into_owned(),
        thread: message.thread.map(|began| began.0),
        content: message.content.decode().into_owned(),
        excerpt: false,
        characters: None,
        priority: match message.priority {
            Priority::High => wire::Priority::High,
            Priority::Normal => wire::Priority::Normal,
            Priority::Low => wire::Priority::Low,
        },
        files: message.attachments.iter().map(attachment).collect(),
        sent_at: message.sent_at.to_string(),
        expires_at: message.expires_at.map(|end| end.to_string()),
        dead: matches!(message.to, Recipient::Unknown(_)),
        progress: None,
    }
}

/// A message as it stands in a list or in news: a long one is cut.
pub(crate) fn message_excerpt(place: Position, message: &Message) -> wire::Message {
    let mut told = self::message(place, message);
    let characters = told.content.chars().count();
    told.excerpt = shorten(&mut told.content, wire::EXCERPT_CHARACTERS);
    told.characters = told.excerpt.then_some(characters);
    for name in [&mut told.from, &mut told.to] {
        told.excerpt |= shorten(name, NAME_CHARACTERS);
    }
    told
}

/// The most that a message comes to on the wire.
pub(crate) fn message_weight(message: &wire::Message) -> usize {
    let files = message.files.iter().map(|file| 256 + 6 * (file.name.len() + file.content_type.len()));
    1024 + 6 * (message.content.len() + message.from.len() + message.to.len()) + files.sum::<usize>()
}

/// How far a message has come. `expired` says that it is offered no longer.
pub(crate) fn progress(progress: &Progress, expired: bool) -> wire::Progress {
    let nowhere = progress.delivered.or(progress.in_context).or(progress.read).is_none();
    let moment = |at: Option<model::Timestamp>| at.map(|at| at.to_string());
    wire::Progress {
        delivered_at: moment(progress.delivered),
        in_context_at: moment(progress.in_context),
        read_at: moment(progress.read),
        expired: expired && nowhere,
        readers: progress.readers.map(|readers| wire::Readers {
            all: readers.all,
            delivered: readers.delivered,
            in_context: readers.in_context,
            read: readers.read,
        }),
    }
}

/// A reservation, as `reader` sees it.
pub(crate) fn reservation(reservation: &Reservation, reader: &AgentId) -> wire::Reservation {
    wire::Reservation {
        id: reservation.id.to_string(),
        holder: reservation.holder.name.to_string(),
        mine: reservation.holder.id == *reader,
        files: reservation.globs.iter().map(ToString::to_string).collect(),
        shared: reservation.shared,
        why: reservation.why.as_deref().map(Into::into),
        fence: reservation.fence,
        since: reservation.since.to_string(),
        until: reservation.until.to_string(),
    }
}
