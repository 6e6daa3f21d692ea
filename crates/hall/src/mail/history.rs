//! What was said before, from the newest on; and to whom it can be said.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use model::lists::{List, MessageItem};
use model::messages::{Party, Recipient};
use model::{AgentId, MemberId, Position};

use super::lists::Noted;
use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

impl Workspace {
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
        let before = Some(self.as_of_now(before));
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
        let before = Some(self.as_of_now(before));
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

    /// A place, and not behind where the log ends now: lists that are read one after the other are to be of one moment, or
    /// what came meanwhile would be on one and missing on another.
    fn as_of_now(&self, before: Option<Position>) -> Position {
        let end = self.end().next();
        before.map_or(end, |before| before.min(end))
    }

    /// Topics that somebody has written to, in alphabetical order, `most` at most.
    ///
    /// # Errors
    /// If the lists cannot be read.
    pub async fn topics(&self, most: usize) -> Result<Vec<Arc<str>>, HallError> {
        let topic = |list| match list {
            List::Topic(topic) => Some(topic),
            _ => None,
        };
        // Looked at before the store: what is written in between is then seen twice, never not at all.
        let waiting = self.projector().lists_waiting();
        let mut topics: BTreeSet<_> = waiting.into_iter().filter_map(topic).collect();
        // Lists are in the order in which they are written, and those of topics stand together.
        let lists = self.store().lists(self.name(), "topic/", most).await?;
        topics.extend(lists.into_iter().map_while(topic));
        Ok(topics.into_iter().take(most).collect())
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
