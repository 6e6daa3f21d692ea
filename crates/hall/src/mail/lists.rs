//! Lists of messages, and of what readers took, as of the newest committed event.

use std::sync::Arc;

use model::AgentId;
use model::Position;
use model::lists::{Item, List, MessageItem, Note, TakenItem};
use model::mailboxes::{Mailbox, Stage};
use model::marks::Marks;
use store::Span;

use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// A message at its place, as its lists tell of it.
pub type Noted = (Position, Arc<MessageItem>);

/// Messages of a list within some ranges, oldest first.
#[derive(Debug, Default)]
pub struct Within {
    /// Perhaps none.
    pub messages: Vec<Noted>,
    /// Behind this place there may be more.
    pub behind: Option<Position>,
}

/// One of the lists that make a mailbox.
pub(super) struct Source {
    pub(super) list: List,
    /// What was sent to it up to here, before the reader followed it, is not the reader's.
    pub(super) since: Position,
}

// === impl Source ===

impl Source {
    /// All those of a reader's mailbox.
    pub(super) fn of(reader: &AgentId, mailbox: &Mailbox) -> Vec<Self> {
        let mut sources = vec![Self { list: List::To(reader.clone()), since: Position::START }];
        sources
            .extend(mailbox.follows().map(|(topic, since)| Self { list: List::Topic(topic.clone()), since }));
        sources
    }

    /// Whether a message of the list is for the reader: nobody is told what they have said to all.
    pub(super) fn is_for(&self, reader: &AgentId, item: &MessageItem) -> bool {
        !matches!(self.list, List::Topic(_)) || item.from.id != *reader
    }
}

// === impl Workspace ===

impl Workspace {
    /// A part of a list of messages, as of the newest committed event; of what a reader took, there are none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn messages(&self, list: &List, span: Span) -> Result<Vec<Noted>, HallError> {
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

    /// A page of those messages of a list that lie within these ranges, behind a place. What lies between two ranges is passed
    /// over in one go.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn within(&self, list: &List, ranges: &Marks, after: Position) -> Result<Within, HallError> {
        let Some((_, end)) = ranges.ranges().last() else { return Ok(Within::default()) };
        let most = limits::LIST_PAGE;
        let after = ranges.before_next(after);
        let span = Span { after, before: Some(end.next()), most, newest_first: false };
        let mut messages = self.messages(list, span).await?;
        let behind = messages.last().map(|(last, _)| *last).filter(|_| messages.len() == most);
        messages.retain(|(place, _)| ranges.contains(*place));
        Ok(Within { messages, behind })
    }

    /// Calls `each` with the messages of a list behind a place and up to another, until it has enough; then tells which was
    /// the last. Between two pages it goes `on` from the last one.
    pub(super) async fn collect(
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

    /// Calls `each` with the messages of a list behind `since` and before a place, or from its end, newest first: until it
    /// has enough, and `most` of them at most. Where it stopped, to go on before it; none if the list ended.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn look_back(
        &self,
        list: &List,
        since: Position,
        mut before: Option<Position>,
        most: usize,
        mut each: impl FnMut(Position, Arc<MessageItem>) -> bool,
    ) -> Result<Option<Position>, HallError> {
        let mut left = most;
        while left > 0 {
            let page_size = left.min(limits::LIST_PAGE);
            let span = Span { after: since, before, most: page_size, newest_first: true };
            let page = self.messages(list, span).await?;
            let whole = page.len() == page_size;
            before = page.last().map(|(place, _)| *place);
            for (place, item) in page {
                if !each(place, item) {
                    return Ok(Some(place));
                }
            }
            if !whole {
                return Ok(None);
            }
            left -= page_size;
        }
        Ok(before)
    }
}
