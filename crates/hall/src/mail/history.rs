//! What was said before, from the newest on; and to whom it can be said.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use model::lists::{List, MessageItem};
use model::messages::{Party, Recipient};
use model::{AgentId, MemberId, Position};

use super::lists::{Noted, Source};
use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// Messages of before, newest first.
#[derive(Debug, Default)]
pub struct Past {
    /// At most as many as were asked for.
    pub messages: Vec<Noted>,
    /// There may be older ones before this place. That can be so although none was found: no list is looked through without
    /// end.
    pub before: Option<Position>,
}

// === impl Past ===

impl Past {
    /// Of what was `found` the newest, if everything down to the place `seen`, or to the beginning, was looked at.
    fn newest(mut found: Vec<Noted>, seen: Option<Position>, most: usize) -> Self {
        found.retain(|(place, _)| seen.is_none_or(|seen| *place >= seen));
        found.sort_unstable_by_key(|(place, _)| Reverse(*place));
        let all = found.len() <= most;
        found.truncate(most);
        let before = if all { seen } else { found.last().map(|(place, _)| *place) };
        Self { messages: found, before }
    }
}

// === impl Workspace ===

impl Workspace {
    /// The newest messages of a list before a place, `most` at most.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn newest(
        &self,
        list: &List,
        before: Option<Position>,
        most: usize,
    ) -> Result<Past, HallError> {
        let mut found = Vec::new();
        let all = |place, item| {
            found.push((place, item));
            true
        };
        self.look_back(list, Position::START, before, most + 1, all).await?;
        Ok(Past::newest(found, None, most))
    }

    /// The newest messages of a list before a place that are `wanted`, `most` at most.
    /// [`limits::HISTORY_SCAN`] are looked through.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn newest_of(
        &self,
        list: &List,
        before: Option<Position>,
        most: usize,
        wanted: impl Fn(&MessageItem) -> bool,
    ) -> Result<Past, HallError> {
        let mut found = Vec::new();
        let seen = self.gather(list, Position::START, before, most, wanted, &mut found).await?;
        Ok(Past::newest(found, seen, most))
    }

    /// The newest messages that two have sent one another before a place, `most` at most. Of each side
    /// [`limits::HISTORY_SCAN`] are looked through.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub async fn between(
        &self,
        one: &AgentId,
        other: &AgentId,
        before: Option<Position>,
        most: usize,
    ) -> Result<Past, HallError> {
        let before = Some(self.as_of_now(before));
        let mut directions = vec![(one, other)];
        if one != other {
            directions.push((other, one));
        }
        let (mut found, mut seen) = (Vec::new(), None);
        for (from, to) in directions {
            let wanted = |item: &MessageItem| matches!(&item.to, Recipient::Party(party) if party.id == *to);
            let list = List::From(from.clone());
            seen = seen.max(self.gather(&list, Position::START, before, most, wanted, &mut found).await?);
        }
        Ok(Past::newest(found, seen, most))
    }

    /// The newest messages of a mailbox before a place, read or not, `most` at most. Of each topic
    /// [`limits::HISTORY_SCAN`] are looked through.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub async fn received(
        &self,
        reader: &AgentId,
        before: Option<Position>,
        most: usize,
    ) -> Result<Past, HallError> {
        let before = Some(self.as_of_now(before));
        let mailbox = self.mailbox(reader).unwrap_or_default();
        let (mut found, mut seen) = (Vec::new(), None);
        for source in Source::of(reader, &mailbox) {
            let wanted = |item: &MessageItem| source.is_for(reader, item);
            seen = seen.max(self.gather(&source.list, source.since, before, most, wanted, &mut found).await?);
        }
        Ok(Past::newest(found, seen, most))
    }

    /// Adds the newest messages of a list that are wanted, and one more than `most`, which tells that there are more. Down to
    /// where the list was looked through; none if it was to its beginning.
    async fn gather(
        &self,
        list: &List,
        since: Position,
        before: Option<Position>,
        most: usize,
        wanted: impl Fn(&MessageItem) -> bool,
        found: &mut Vec<Noted>,
    ) -> Result<Option<Position>, HallError> {
        let mut left = most + 1;
        self.look_back(list, since, before, limits::HISTORY_SCAN, |place, item| {
            if wanted(&item) {
                found.push((place, item));
                left -= 1;
            }
            left > 0
        })
        .await
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
