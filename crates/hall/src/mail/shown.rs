//! What a reader was shown, and that it has had it.

use indexmap::IndexSet;
use model::lists::MessageItem;
use model::mailboxes::{Stage, Take};
use model::marks::{Marks, Range};
use model::messages::Party;
use model::{AgentId, Command, Position, Principal};

use super::lists::{Noted, Source};
use crate::error::{Declined, HallError};
use crate::submission::Done;
use crate::workspace::Workspace;

/// Which messages were shown, as [`Workspace::take`] takes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Their ranges.
    pub ranges: Vec<Range>,
    /// Whose they are, each once.
    pub senders: Vec<AgentId>,
}

// === impl Shown ===

impl Shown {
    /// Some messages of a mailbox, of which these are all behind a place, `floor`: a range reaches back to the message
    /// before, since between the two lies nothing to this reader, and what is marked one by one becomes one range.
    pub(super) fn reaching_back(
        messages: &[Noted],
        floor: Position,
        meant: impl Fn(Position, &MessageItem) -> bool,
    ) -> Self {
        let (mut ranges, mut senders, mut before) = (Vec::<Range>::new(), IndexSet::new(), floor);
        for (place, item) in messages {
            if meant(*place, item) {
                senders.insert(item.from.id.clone());
                match ranges.last_mut().filter(|last| last.1 == before) {
                    Some(last) => last.1 = *place,
                    None => ranges.push((before.next(), *place)),
                }
            }
            before = *place;
        }
        Self { ranges, senders: senders.into_iter().collect() }
    }

    /// Adds what else was shown; ranges stay in order and apart from one another.
    pub(super) fn join(&mut self, more: Self) {
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

// === impl Workspace ===

impl Workspace {
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

    /// What a reader says to have been shown, and to have come so far: what of these ranges has not, up to the last message of
    /// its mailbox in them, and whose messages those are. A place behind the log's end means nothing yet.
    ///
    /// # Errors
    /// If its mailbox cannot be read.
    pub async fn shown(&self, reader: &AgentId, stage: Stage, ranges: &[Range]) -> Result<Shown, HallError> {
        let _turn = self.turn_at_mailboxes().await;
        let end = self.end();
        let Some(mailbox) = self.mailbox(reader) else { return Ok(Shown::default()) };
        // Each place is looked at once, however often it is named.
        let named = ranges.iter().map(|(from, to)| (*from, (*to).min(end)));
        let named: Vec<Range> = named.filter(|(from, to)| from <= to).collect();
        let named = Marks::default().with(&named);
        let news = named.ranges().iter().flat_map(|range| mailbox.short_of(stage, *range));
        let named = Marks::default().with(&news.collect::<Vec<_>>());
        let (mut senders, mut last_held) = (IndexSet::new(), vec![None; named.ranges().len()]);
        for source in Source::of(reader, &mailbox) {
            let mut after = Some(source.since);
            while let Some(place) = after {
                let page = self.within(&source.list, &named, place).await?;
                for (place, item) in page.messages.iter().filter(|(_, item)| source.is_for(reader, item)) {
                    let last = &mut last_held[named.next_range(*place)];
                    *last = (*last).max(Some(*place));
                    senders.insert(item.from.id.clone());
                }
                after = page.behind;
            }
        }
        // A gap between what it has had is closed. But what came to others since it was shown this is no news of this reader.
        let is_gap = |to: &Position| mailbox.short_of(stage, (to.next(), to.next())).is_empty();
        let part = |((from, to), last): (&Range, Option<Position>)| {
            let to = if is_gap(to) { *to } else { last? };
            Some((*from, to))
        };
        let shown = named.ranges().iter().zip(last_held).filter_map(part);
        Ok(Shown { ranges: shown.collect(), senders: senders.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::messages::{Priority, Recipient};
    use model::{MessageId, Timestamp};

    use super::*;

    /// A message of the mailbox at each of these places.
    fn known(places: &[u64]) -> Vec<Noted> {
        let web = Party { id: AgentId::of("default", "web"), name: "web".into() };
        let item = |place: &u64| MessageItem {
            id: MessageId::parse(&format!("00000000-0000-4000-8000-{place:012}")).expect("a UUID"),
            from: web.clone(),
            to: Recipient::Party(web.clone()),
            priority: Priority::Normal,
            sent_at: Timestamp::default(),
            expires_at: None,
            bytes: 0,
        };
        places.iter().map(|place| (Position(*place), Arc::new(item(place)))).collect()
    }

    fn ranges(places: &[u64], floor: u64, meant: &[u64]) -> Vec<(u64, u64)> {
        let shown =
            Shown::reaching_back(&known(places), Position(floor), |place, _| meant.contains(&place.0));
        shown.ranges.iter().map(|(from, to)| (from.0, to.0)).collect()
    }

    #[test]
    fn a_range_reaches_back_to_the_message_before() {
        assert_eq!(ranges(&[10, 20, 30], 0, &[10]), [(1, 10)]);
        assert_eq!(ranges(&[10, 20, 30], 0, &[20]), [(11, 20)]);
        assert_eq!(ranges(&[10, 20, 30], 0, &[30, 10]), [(1, 10), (21, 30)]);
        assert_eq!(ranges(&[10, 20, 30], 0, &[10, 20, 30]), [(1, 30)]);
    }

    #[test]
    fn and_no_further_than_is_known() {
        assert_eq!(ranges(&[20, 30], 15, &[20]), [(16, 20)]);
        assert_eq!(ranges(&[20, 30], 15, &[10]), []);
    }
}
