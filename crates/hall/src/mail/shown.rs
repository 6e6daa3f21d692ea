//! What a reader was shown, and that it has had it.

use indexmap::IndexSet;
use model::lists::List;
use model::mailboxes::{Stage, Take};
use model::marks::{Marks, Range};
use model::messages::Party;
use model::{AgentId, Command, Position, Principal};

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
        // Each place is looked at once, however often it is named.
        let named = ranges.iter().map(|(from, to)| (*from, (*to).min(end)));
        let named: Vec<Range> = named.filter(|(from, to)| from <= to).collect();
        for (from, to) in Marks::default().with(&named).ranges().iter().copied() {
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
}
