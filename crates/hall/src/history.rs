//! What was said before: lists read backwards, from the newest on.

use std::cmp::Reverse;
use std::sync::Arc;

use model::lists::{List, MessageItem};
use model::messages::{Party, Recipient};
use model::{AgentId, MemberId, Position};
use store::Span;

use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// A message at its place, as its lists tell of it.
pub type Noted = (Position, Arc<MessageItem>);

impl Workspace {
    /// Calls `each` with the messages of a list before a place, or from its end, newest first: until it has enough, and
    /// `most` of them at most.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn look_back(
        &self,
        list: &List,
        mut before: Option<Position>,
        most: usize,
        mut each: impl FnMut(Position, Arc<MessageItem>) -> bool,
    ) -> Result<(), HallError> {
        let mut left = most;
        while left > 0 {
            let page_size = left.min(limits::LIST_PAGE);
            let span = Span { after: Position::START, before, most: page_size, newest_first: true };
            let page = self.messages(list, span).await?;
            let whole = page.len() == page_size;
            before = page.last().map(|(place, _)| *place);
            for (place, item) in page {
                if !each(place, item) {
                    return Ok(());
                }
            }
            if !whole {
                return Ok(());
            }
            left -= page_size;
        }
        Ok(())
    }

    /// The newest messages of a list before a place, newest first.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn newest(
        &self,
        list: &List,
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Noted>, HallError> {
        let mut found = Vec::new();
        self.look_back(list, before, most, |place, item| {
            found.push((place, item));
            true
        })
        .await?;
        Ok(found)
    }

    /// The newest messages that two have sent one another before a place, newest first. Of each side
    /// [`limits::CONVERSATION_SCAN`] are looked through.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub async fn between(
        &self,
        one: &AgentId,
        other: &AgentId,
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Noted>, HallError> {
        let mut directions = vec![(one, other)];
        if one != other {
            directions.push((other, one));
        }
        let mut found = Vec::new();
        for (from, to) in directions {
            let (mut left, found) = (most, &mut found);
            let pick = |place, item: Arc<MessageItem>| {
                if matches!(&item.to, Recipient::Party(party) if party.id == *to) {
                    found.push((place, item));
                    left -= 1;
                }
                left > 0
            };
            self.look_back(&List::From(from.clone()), before, limits::CONVERSATION_SCAN, pick).await?;
        }
        Ok(newest_of(found, most))
    }

    /// The newest messages of a mailbox before a place, read or not, newest first.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub async fn received(
        &self,
        reader: &AgentId,
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Noted>, HallError> {
        let mut found = self.newest(&List::To(reader.clone()), before, most).await?;
        let topics: Vec<_> = match self.mailbox(reader) {
            Some(mailbox) => mailbox.follows().map(|(topic, since)| (topic.clone(), since)).collect(),
            None => vec![],
        };
        for (topic, since) in topics {
            let mut left = most;
            self.look_back(&List::Topic(topic), before, limits::CONVERSATION_SCAN, |place, item| {
                if place > since && item.from.id != *reader {
                    found.push((place, item));
                    left -= 1;
                }
                place > since && left > 0
            })
            .await?;
        }
        Ok(newest_of(found, most))
    }

    /// Topics that somebody has written to, in alphabetical order, `most` at most.
    ///
    /// # Errors
    /// If the lists cannot be read.
    pub async fn topics(&self, most: usize) -> Result<Vec<Arc<str>>, HallError> {
        // Lists are in the order in which they are written, and those of topics stand together. What is written now is in
        // the store a moment later: whoever follows a topic has it in the state.
        let lists = self.store().lists(self.name(), "topic/", most).await?;
        let topic = |list| match list {
            List::Topic(topic) => Some(topic),
            _ => None,
        };
        Ok(lists.into_iter().map_while(topic).collect())
    }

    /// Who is meant by a name or an id: somebody who has a mailbox.
    ///
    /// # Errors
    /// If the read model cannot be read.
    pub async fn agent_called(&self, text: &str) -> Result<Option<AgentId>, HallError> {
        let name = self.name().as_str();
        let mut meant = vec![AgentId::of(name, text)];
        meant.extend(Party::principal_in(text).map(|person| AgentId::of_person(name, person)));
        meant.extend(AgentId::parse(text).ok());
        let known = |agent: &AgentId| self.state().mailboxes.get(agent).is_some();
        if let Some(agent) = meant.into_iter().find(known) {
            return Ok(Some(agent));
        }
        let Ok(member) = MemberId::parse(text) else { return Ok(None) };
        Ok(self.member(&member).await?.map(|member| member.agent.clone()))
    }
}

fn newest_of(mut found: Vec<Noted>, most: usize) -> Vec<Noted> {
    found.sort_unstable_by_key(|(place, _)| Reverse(*place));
    found.truncate(most);
    found
}
