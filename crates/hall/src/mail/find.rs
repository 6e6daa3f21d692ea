//! Messages of one mailbox by their ids, newest first: whoever marks a message has usually just seen it.

use std::collections::{HashMap, HashSet};

use model::mailboxes::Mailbox;
use model::marks::{Marks, Range};
use model::{AgentId, MessageId, Position};
use store::Span;

use super::lists::{Noted, Source};
use super::message;
use super::shown::Shown;
use super::waiting::Fetched;
use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// What was found of the messages asked for.
#[derive(Debug, Default)]
pub struct Found {
    /// How many of the ids, each as often as it was given, are of this mailbox.
    pub count: usize,
    /// How to say that the reader has had them.
    pub shown: Shown,
}

/// What a reader was handed last: whoever marks messages has mostly just been given them, out of turn perhaps, and they are
/// then found without looking for them.
#[derive(Debug, Default)]
pub struct Handed {
    /// In the order of the log: where each stands, its id, and whose it is.
    messages: Vec<(Position, MessageId, AgentId)>,
    /// Within each of these, these are all there is to this reader.
    ranges: Vec<Range>,
}

/// One list of a mailbox, read backwards.
struct Backwards {
    source: Source,
    before: Option<Position>,
}

// === impl Handed ===

impl Handed {
    /// What was fetched.
    pub fn of(fetched: &Fetched) -> Self {
        let messages = fetched.messages.iter().filter_map(|entry| Some((entry.position(), message(entry)?)));
        let mut messages: Vec<_> =
            messages.map(|(place, message)| (place, message.id.clone(), message.from.id.clone())).collect();
        messages.sort_unstable_by_key(|(place, ..)| *place);
        Self { messages, ranges: fetched.receipt.ranges.clone() }
    }

    /// Those among them that are wanted, which are then wanted no more.
    fn find(&self, wanted: &mut HashMap<&str, usize>) -> Found {
        let (mut found, mut messages) = (Found::default(), self.messages.iter().peekable());
        let mut marks = Marks::default();
        for (from, to) in &self.ranges {
            let mut before = Position(from.0.saturating_sub(1));
            while let Some((place, id, sender)) = messages.next_if(|(place, ..)| place <= to) {
                if let Some(times) = wanted.remove(id.as_str()) {
                    found.count += times;
                    found.shown.senders.push(sender.clone());
                    marks.insert((before.next(), *place));
                }
                before = *place;
            }
        }
        found.shown.ranges = marks.ranges().to_vec();
        found
    }
}

// === impl Workspace ===

impl Workspace {
    /// Looks for messages in a reader's mailbox: by where they stand, and by their ids. It looks first among what the reader
    /// was handed last, if that is known; then among all that wait; then among what was taken last, and among what came last, of
    /// either [`limits::MAILBOX_PAGES`] pages. Of what lies further back only what is named by its place is found.
    ///
    /// # Errors
    /// If the mailbox cannot be read.
    pub async fn find_messages(
        &self,
        reader: &AgentId,
        ids: &[String],
        places: &[Position],
        handed: &Handed,
    ) -> Result<Found, HallError> {
        let Some(mailbox) = self.mailbox(reader) else { return Ok(Found::default()) };
        let named = at(self, reader, &mailbox, places).await?;
        let mut wanted: HashMap<&str, usize> = HashMap::new();
        let ids = ids.iter().map(String::as_str).chain(named.iter().map(|(_, id, _)| id.as_str()));
        ids.for_each(|id| *wanted.entry(id).or_default() += 1);
        let mut found = handed.find(&mut wanted);
        if wanted.is_empty() {
            return Ok(found);
        }
        let _turn = self.turn_at_mailboxes().await;
        let waiting = self.look_through(reader).await?;
        let among: HashSet<Position> = (waiting.messages.iter())
            .filter_map(|(place, item)| wanted.remove(item.id.as_str()).map(|times| (*place, times)))
            .map(|(place, times)| {
                found.count += times;
                place
            })
            .collect();
        found.shown.join(waiting.receipt(&among));
        // If nothing waits, what was taken last is what came last.
        let taken_last = Some(waiting.low.next()).filter(|_| !waiting.messages.is_empty());
        for before in taken_last.into_iter().chain([waiting.end.next()]) {
            if wanted.is_empty() {
                break;
            }
            let more = look_back(self, reader, &mailbox, before, &mut wanted).await?;
            found.count += more.count;
            found.shown.join(more.shown);
        }
        for (place, id, sender) in &named {
            if let Some(times) = wanted.remove(id.as_str()) {
                found.count += times;
                found.shown.join(Shown { ranges: vec![(*place, *place)], senders: vec![sender.clone()] });
            }
        }
        Ok(found)
    }
}

/// The messages of a mailbox that stand at these places, each as often as it is named: where, its id, and whose it is.
async fn at(
    workspace: &Workspace,
    reader: &AgentId,
    mailbox: &Mailbox,
    places: &[Position],
) -> Result<Vec<(Position, MessageId, AgentId)>, HallError> {
    let mut found = Vec::new();
    for place in places {
        let message = workspace.message_at(*place).await?;
        found.extend(
            message
                .filter(|message| mailbox.is_for(reader, *place, message))
                .map(|message| (*place, message.id.clone(), message.from.id.clone())),
        );
    }
    Ok(found)
}

/// Looks for ids before a place, newest first; takes out of those that are wanted what it has found.
async fn look_back(
    workspace: &Workspace,
    reader: &AgentId,
    mailbox: &Mailbox,
    before: Position,
    wanted: &mut HashMap<&str, usize>,
) -> Result<Found, HallError> {
    let backwards = |source| Backwards { source, before: Some(before) };
    let mut sources: Vec<_> = Source::of(reader, mailbox).into_iter().map(backwards).collect();
    // All lists together make a page.
    let most = (limits::LIST_PAGE / sources.len()).max(limits::MAILBOX_PAGE_LEAST);
    let mut known: Vec<Noted> = Vec::new();
    // Behind this place every message of the mailbox is known.
    let mut floor = Position::START;
    for _ in 0..limits::MAILBOX_PAGES {
        let mut exhausted = Vec::new();
        for source in sources {
            exhausted.extend(source.read(workspace, reader, most, &mut known).await?);
        }
        sources = exhausted;
        floor = sources.iter().filter_map(|source| source.before).max().unwrap_or(Position::START);
        let is_found = |(place, item): &&Noted| *place > floor && wanted.contains_key(item.id.as_str());
        if sources.is_empty() || known.iter().filter(is_found).count() == wanted.len() {
            break;
        }
    }
    known.retain(|(place, _)| *place > floor);
    known.sort_unstable_by_key(|(place, _)| *place);
    let shown = Shown::reaching_back(&known, floor, |_, item| wanted.contains_key(item.id.as_str()));
    let count = known.iter().filter_map(|(_, item)| wanted.remove(item.id.as_str())).sum();
    Ok(Found { count, shown })
}

impl Backwards {
    /// Reads one more page; gives itself back if there may be more.
    async fn read(
        mut self,
        workspace: &Workspace,
        reader: &AgentId,
        most: usize,
        known: &mut Vec<Noted>,
    ) -> Result<Option<Self>, HallError> {
        let span = Span { after: self.source.since, before: self.before, most, newest_first: true };
        let page = workspace.messages(&self.source.list, span).await?;
        let whole = page.len() == most;
        self.before = page.last().map(|(place, _)| *place);
        known.extend(page.into_iter().filter(|(_, item)| self.source.is_for(reader, item)));
        Ok(whole.then_some(self))
    }
}
