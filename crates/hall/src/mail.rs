//! Reading mailboxes: what waits for a reader, what it is shown, and what it has had once that is proved.
//!
//! What waits is found by the lists a message stands in, from the reader's low-water mark on; so it costs what is unread,
//! not what is kept. Showing changes nothing: [`Fetched::receipt`] is handed in when there is evidence, and until then
//! the same messages are shown again.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexSet;
use model::lists::{Item, List, MessageItem, Note, TakenItem};
use model::mailboxes::{Mailbox, Stage, Take, counts};
use model::marks::{Marks, Range};
use model::messages::{Message, Party, Recipient};
use model::{AgentId, Command, Fact, Position, Principal, Timestamp};
use store::Span;

use crate::entry::Entry;
use crate::error::{Declined, HallError};
use crate::limits;
use crate::recall::entry_of;
use crate::submission::Done;
use crate::workspace::Workspace;

/// Messages that wait for a reader, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    /// Each with what its list says of it.
    pub messages: Vec<(Position, Arc<MessageItem>)>,
    /// Up to where nothing waits.
    pub(crate) low: Position,
    /// As of where in the log this is.
    pub(crate) end: Position,
    /// What the reader has had.
    mailbox: Mailbox,
}

/// Messages that a reader is shown.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// High priority before normal before low, oldest first within each.
    pub messages: Vec<Arc<Entry>>,
    /// How many more wait.
    pub left: usize,
    /// What to hand in when it is proved that the reader has them.
    pub receipt: Shown,
}

/// Which messages were shown, as [`Workspace::take`] takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Their ranges.
    pub ranges: Vec<Range>,
    /// Whose they are, each once.
    pub senders: Vec<AgentId>,
}

/// How far a message has come with one reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// When the reader had it.
    pub delivered: Option<Timestamp>,
    /// When the reader's model had it.
    pub in_context: Option<Timestamp>,
    /// When the reader said it had read it.
    pub read: Option<Timestamp>,
    /// Of a message to a topic, with how many it has come how far.
    pub readers: Option<Readers>,
}

/// With how many of those who follow its topic a message has come how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readers {
    /// For whom it is.
    pub all: usize,
    /// Who have had it.
    pub delivered: usize,
    /// Whose model had it.
    pub in_context: usize,
    /// Who say that they have read it.
    pub read: usize,
}

// === impl Shown ===

impl Shown {
    /// Adds what else was shown; ranges stay in order and apart from one another.
    pub(crate) fn join(&mut self, more: Self) {
        if more.is_empty() {
            return;
        }
        self.ranges = Marks::default().with(&self.ranges).with(&more.ranges).ranges().to_vec();
        for sender in more.senders {
            if !self.senders.contains(&sender) {
                self.senders.push(sender);
            }
        }
    }

    /// Nothing was shown.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

// === impl Waiting ===

impl Waiting {
    /// The receipt for some of them: a range ends where a message lies that is not meant.
    pub(crate) fn receipt(&self, meant: &HashSet<Position>) -> Shown {
        let mut ranges: Vec<Range> = Vec::new();
        let mut senders = IndexSet::new();
        let mut whole = true;
        for (position, item) in &self.messages {
            if !meant.contains(position) {
                whole = false;
                continue;
            }
            senders.insert(item.from.id.clone());
            match ranges.last_mut().filter(|_| whole) {
                Some(run) => run.1 = *position,
                // What lies before the first that waits is had already, or not for this reader.
                None if whole => ranges.push((self.low.next(), *position)),
                None => ranges.push((*position, *position)),
            }
            whole = true;
        }
        Shown { ranges, senders: senders.into_iter().collect() }
    }
}

// === impl Workspace ===

impl Workspace {
    /// What waits for a reader, [`limits::WAITING`] messages at most. Looking has no effect.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn waiting(&self, reader: &AgentId) -> Result<Waiting, HallError> {
        // All lists are looked at as of one moment: what came while one was read after the other would lie between messages
        // that were shown, and be taken with them.
        let (mailbox, end) = {
            let state = self.state();
            (state.mailboxes.get(reader).cloned(), state.position())
        };
        let Some(mailbox) = mailbox else { return Ok(Waiting::default()) };
        let (low, now) = (mailbox.low(), self.now());
        let mut sources = vec![(List::To(reader.clone()), low)];
        sources.extend(mailbox.follows().map(|(topic, since)| (List::Topic(topic.clone()), since.max(low))));
        let mut messages = Vec::new();
        // Up to where every list has been looked through.
        let mut horizon = None;
        for (list, after) in sources {
            let before = messages.len();
            // What was taken in one go behind something that was not is passed over in one go.
            let on = |last| mailbox.taken_behind(last);
            let last = self.collect(&list, after, end, on, |place, item| {
                let mine = matches!(list, List::Topic(_)) && item.from.id == *reader;
                let expired = item.expires_at.is_some_and(|expires| expires <= now);
                if !mine && !expired && mailbox.is_unread(place) {
                    messages.push((place, item));
                }
                messages.len() - before < limits::WAITING
            });
            horizon = last.await?.into_iter().chain(horizon).min();
        }
        messages.retain(|(place, _)| horizon.is_none_or(|horizon| *place <= horizon));
        messages.sort_unstable_by_key(|(place, _)| *place);
        Ok(Waiting { messages, low, end, mailbox })
    }

    /// Calls `each` with the messages of a list behind a place and up to another, until it has enough; then tells which was
    /// the last. Between two pages it goes `on` from the last one.
    async fn collect(
        &self,
        list: &List,
        mut after: Position,
        end: Position,
        on: impl Fn(Position) -> Position,
        mut each: impl FnMut(Position, Arc<MessageItem>) -> bool,
    ) -> Result<Option<Position>, HallError> {
        loop {
            let most = limits::LIST_PAGE;
            let span = Span { after, before: Some(end.next()), most, newest_first: false };
            let page = self.messages(list, span).await?;
            let Some((last, _)) = page.last() else { return Ok(None) };
            after = on(*last);
            let whole = page.len() == most;
            for (place, item) in page {
                if !each(place, item) {
                    return Ok(Some(place));
                }
            }
            if !whole {
                return Ok(None);
            }
        }
    }

    /// A part of a list of messages, as of the newest committed event; of what a reader took, there are none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn messages(
        &self,
        list: &List,
        span: Span,
    ) -> Result<Vec<(Position, Arc<MessageItem>)>, HallError> {
        let message = |Item { place, note }| match note {
            Note::Message(message) => Some((place, message)),
            Note::Taken(_) => None,
        };
        Ok(self.items(list, span).await?.into_iter().filter_map(message).collect())
    }

    /// A part of what a reader has had, as of the newest committed event: where ranges end, and the rest.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn taken(
        &self,
        reader: &AgentId,
        stage: Stage,
        span: Span,
    ) -> Result<Vec<(Position, TakenItem)>, HallError> {
        let taken = |Item { place, note }| match note {
            Note::Taken(taken) => Some((place, taken)),
            Note::Message(_) => None,
        };
        let list = List::Taken(reader.clone(), stage);
        Ok(self.items(&list, span).await?.into_iter().filter_map(taken).collect())
    }

    async fn items(&self, list: &List, span: Span) -> Result<Vec<Item>, HallError> {
        Ok(self.projector().items(self.store(), self.name(), list, span).await?)
    }

    /// Shows a reader what waits for it, `most` messages and about `bytes` of content at most, but always one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn fetch(&self, reader: &AgentId, most: usize, bytes: u64) -> Result<Fetched, HallError> {
        let waiting = self.waiting(reader).await?;
        let mut order: Vec<_> = waiting.messages.iter().collect();
        order.sort_by_key(|(_, item)| item.priority);
        let mut page = first_of(&order, most, bytes);
        let mut receipt = waiting.receipt(&places(&page).into_iter().collect());
        if !waiting.mailbox.has_room_for(&receipt.ranges) {
            // So much was taken out of turn that there is no room to write down more of it: those that have waited longest
            // close the gaps.
            order.sort_by_key(|(place, _)| *place);
            page = first_of(&order, most, bytes);
            page.sort_by_key(|(_, item)| item.priority);
            receipt = waiting.receipt(&places(&page).into_iter().collect());
        }
        let left = waiting.messages.len() - page.len();
        Ok(Fetched { messages: self.entries(&places(&page)).await?, left, receipt })
    }

    /// The message at a place; none if something else stands there, or nothing yet.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn message_at(&self, place: Position) -> Result<Option<Arc<Message>>, HallError> {
        if place == Position::START || place > self.end() {
            return Ok(None);
        }
        Ok(message(&*self.entry(place).await?).cloned())
    }

    /// The events at these positions, in this order.
    ///
    /// # Errors
    /// If one of them is not there.
    pub async fn entries(&self, positions: &[Position]) -> Result<Vec<Arc<Entry>>, HallError> {
        let found: Vec<_> = positions.iter().map(|position| self.at_hand(*position)).collect();
        let missing = positions.iter().zip(&found).filter(|(_, found)| found.is_none());
        let missing: Vec<_> = missing.map(|(position, _)| *position).collect();
        let mut read = self.store().read_at(self.name(), &missing).await?.into_iter();
        let mut entries = Vec::with_capacity(found.len());
        for entry in found {
            entries.push(match entry {
                Some(entry) => entry,
                None => entry_of(self.name(), &read.next().expect("one is read for each that was missing"))?,
            });
        }
        Ok(entries)
    }

    /// Writes down that a reader has had what it was shown, and what shows it.
    ///
    /// # Errors
    /// As any command.
    pub async fn take(
        &self,
        by: &Principal,
        reader: Party,
        stage: Stage,
        evidence: &'static str,
        shown: Shown,
    ) -> Result<Done, Declined> {
        let Shown { ranges, senders } = shown;
        let take = Take { reader, stage, evidence, ranges: ranges.into(), senders: senders.into() };
        self.carry_out(by, Command::Take(take)).await
    }

    /// What a reader says to have been shown: of these ranges those that hold anything of its mailbox, and whose messages
    /// that is. A place behind the log's end means nothing yet.
    ///
    /// # Errors
    /// If its mailbox cannot be read.
    pub async fn shown(&self, reader: &AgentId, ranges: &[Range]) -> Result<Shown, HallError> {
        let end = self.end();
        let Some(mailbox) = self.mailbox(reader) else { return Ok(Shown::default()) };
        let mut senders = IndexSet::new();
        let mut shown = Vec::new();
        for (from, to) in ranges.iter().map(|(from, to)| (*from, (*to).min(end))) {
            let mut sources = vec![(List::To(reader.clone()), Position::START)];
            sources.extend(mailbox.follows().map(|(topic, since)| (List::Topic(topic.clone()), since)));
            let mut holds_any = false;
            for (list, since) in sources {
                let after = Position(from.0.saturating_sub(1)).max(since);
                if after >= to {
                    continue;
                }
                let is_topic = matches!(list, List::Topic(_));
                self.collect(
                    &list,
                    after,
                    to,
                    |last| last,
                    |_, item| {
                        if !(is_topic && item.from.id == *reader) {
                            holds_any = true;
                            senders.insert(item.from.id.clone());
                        }
                        true
                    },
                )
                .await?;
            }
            if holds_any {
                shown.push((from, to));
            }
        }
        Ok(Shown { ranges: shown, senders: senders.into_iter().collect() })
    }

    /// How far a message has come: with its recipient; of one to a topic, with how many of its readers, here or away, and
    /// when with the first of them. For that, [`limits::TOPIC_READERS`] of those are asked whom it has reached.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn progress_of(&self, place: Position, message: &Message) -> Result<Progress, HallError> {
        let (mut readers, mut reached) = (Readers::default(), Vec::new());
        match &message.to {
            Recipient::Party(party) => return self.progress(&party.id, place, message).await,
            Recipient::Unknown(_) => return Ok(Progress::default()),
            Recipient::Topic(_) => {
                let state = self.state();
                for (reader, mailbox) in state.mailboxes.iter() {
                    if !mailbox.is_for(reader, place, message) {
                        continue;
                    }
                    readers.all += 1;
                    readers.delivered += usize::from(!mailbox.is_unread(place));
                    readers.in_context += usize::from(mailbox.has(Stage::InContext, place));
                    readers.read += usize::from(mailbox.has(Stage::Read, place));
                    if !mailbox.is_unread(place) && reached.len() < limits::TOPIC_READERS {
                        reached.push(reader.clone());
                    }
                }
            }
        }
        let mut first = Progress { readers: Some(readers), ..Progress::default() };
        for reader in &reached {
            let progress = self.progress(reader, place, message).await?;
            let earlier =
                |one: Option<Timestamp>, other: Option<Timestamp>| one.into_iter().chain(other).min();
            first.delivered = earlier(first.delivered, progress.delivered);
            first.in_context = earlier(first.in_context, progress.in_context);
            first.read = earlier(first.read, progress.read);
        }
        Ok(first)
    }

    /// How far a message has come with a reader.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn progress(
        &self,
        reader: &AgentId,
        place: Position,
        message: &Message,
    ) -> Result<Progress, HallError> {
        Ok(Progress {
            delivered: self.reached(reader, Stage::Delivered, place, message).await?,
            in_context: self.reached(reader, Stage::InContext, place, message).await?,
            read: self.reached(reader, Stage::Read, place, message).await?,
            readers: None,
        })
    }

    async fn reached(
        &self,
        reader: &AgentId,
        stage: Stage,
        place: Position,
        message: &Message,
    ) -> Result<Option<Timestamp>, HallError> {
        // Receipts never overlap, and stand where they end: the first behind the message is the only one that may hold it.
        let before = Position(place.0.saturating_sub(1));
        let span = Span { after: before, before: None, most: 1, newest_first: false };
        let found = self.taken(reader, stage, span).await?;
        let Some((_, taken)) = found.first() else { return Ok(None) };
        Ok((taken.from <= place && counts(taken.at, message.expires_at)).then_some(taken.at))
    }

    /// Where the log ends that mailboxes are read from: what a reader was just shown is not behind it, although those who
    /// follow the log may not have been told of it yet.
    fn end(&self) -> Position {
        self.state().position()
    }

    /// A reader's mailbox, as it stands.
    pub fn mailbox(&self, reader: &AgentId) -> Option<Mailbox> {
        self.state().mailboxes.get(reader).cloned()
    }
}

/// As many of these as fit, but always one.
fn first_of<'a>(
    order: &[&'a (Position, Arc<MessageItem>)],
    most: usize,
    bytes: u64,
) -> Vec<&'a (Position, Arc<MessageItem>)> {
    let mut size = 0;
    let fits = |(_, item): &&(Position, Arc<MessageItem>)| {
        let first = size == 0;
        size += item.bytes + 1;
        first || size <= bytes
    };
    order.iter().copied().take(most).take_while(fits).collect()
}

fn places(messages: &[&(Position, Arc<MessageItem>)]) -> Vec<Position> {
    messages.iter().map(|(place, _)| *place).collect()
}

/// The message an event is about.
pub fn message(entry: &Entry) -> Option<&Arc<Message>> {
    match entry.fact() {
        Fact::MessageSent(message) | Fact::MessageDied(message) => Some(message),
        _ => None,
    }
}
