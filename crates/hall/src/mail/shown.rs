//! What a reader was shown, and that it has had it.

use indexmap::IndexSet;
use model::mailboxes::{Stage, Take};
use model::marks::{Marks, Range};
use model::messages::Party;
use model::{AgentId, Command, Position, Principal};

use super::lists::Source;
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

    /// What a reader says to have been shown: of these ranges those that hold anything of its mailbox, up to the last of it,
    /// and whose messages that is. A place behind the log's end means nothing yet.
    ///
    /// # Errors
    /// If its mailbox cannot be read.
    pub async fn shown(&self, reader: &AgentId, ranges: &[Range]) -> Result<Shown, HallError> {
        let end = self.end();
        let Some(mailbox) = self.mailbox(reader) else { return Ok(Shown::default()) };
        // Each place is looked at once, however often it is named.
        let named = ranges.iter().map(|(from, to)| (*from, (*to).min(end)));
        let named: Vec<Range> = named.filter(|(from, to)| from <= to).collect();
        let named = Marks::default().with(&named);
        let named = named.ranges();
        let (Some(first), Some(last)) = (named.first(), named.last()) else { return Ok(Shown::default()) };
        let before_first = Position(first.0.0.saturating_sub(1));
        // Of a place, the range that holds it or is the next behind it.
        let next_range = |place: Position| named.partition_point(|(_, to)| *to < place);
        let (mut senders, mut last_held) = (IndexSet::new(), vec![None; named.len()]);
        for source in Source::of(reader, &mailbox) {
            // What lies between two ranges is passed over in one go.
            let on = |place: Position| {
                let (from, _) = named.get(next_range(place.next())).unwrap_or(last);
                place.max(Position(from.0.saturating_sub(1)))
            };
            self.collect(&source.list, before_first.max(source.since), last.1, on, |place, item| {
                let range = next_range(place);
                let is_named = named.get(range).is_some_and(|(from, _)| *from <= place);
                if is_named && source.is_for(reader, &item) {
                    last_held[range] = last_held[range].max(Some(place));
                    senders.insert(item.from.id.clone());
                }
                true
            })
            .await?;
        }
        // Not to the end of what was named: what came to others meanwhile is no news of this reader.
        let shown = named.iter().zip(last_held).filter_map(|((from, _), last)| Some((*from, last?)));
        Ok(Shown { ranges: shown.collect(), senders: senders.into_iter().collect() })
    }
}
