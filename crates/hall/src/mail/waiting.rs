//! What waits for a reader.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use model::lists::MessageItem;
use model::mailboxes::Mailbox;
use model::marks::Range;
use model::{AgentId, Position};

use super::lists::{Noted, Source};
use super::shown::Shown;
use crate::entry::Entry;
use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// Messages that wait for a reader, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Waiting {
    /// Each with what its list says of it.
    pub messages: Vec<Noted>,
    /// Up to where nothing waits.
    pub(super) low: Position,
    /// As of where in the log this is.
    pub end: Position,
    /// What the reader has had.
    pub(super) mailbox: Mailbox,
}

/// Messages that a reader is shown.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// High priority before normal before low, oldest first within each.
    pub messages: Vec<Arc<Entry>>,
    /// How many more wait.
    pub left: usize,
    /// As of where in the log this is.
    pub end: Position,
    /// What to hand in when it is proved that the reader has them.
    pub receipt: Shown,
}

// === impl Waiting ===

impl Waiting {
    /// The receipt for some of them. Of what the reader has had already it says nothing: that has come as far as it has.
    pub(super) fn receipt(&self, meant: &HashSet<Position>) -> Shown {
        let mut shown = Shown::reaching_back(&self.messages, self.low, |place, _| meant.contains(&place));
        let news = shown.ranges.iter().flat_map(|range| self.mailbox.not_had(*range));
        let mut ranges: Vec<Range> = news.collect();
        // Parts without any of them close gaps between what was had: not too many in one go.
        let places: BTreeSet<_> = meant.iter().copied().collect();
        let holds = |(from, to): &Range| places.range(*from..=*to).next().is_some();
        let mut spare = (2 * meant.len()).saturating_sub(ranges.iter().filter(|range| holds(range)).count());
        ranges.retain(|range| {
            let stays = holds(range) || spare > 0;
            spare -= usize::from(stays && !holds(range));
            stays
        });
        shown.ranges = ranges;
        shown
    }
}

// === impl Workspace ===

impl Workspace {
    /// What waits for a reader, [`limits::WAITING`] messages at most. Looking has no effect.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn waiting(&self, reader: &AgentId) -> Result<Waiting, HallError> {
        let _turn = self.turn_at_mailboxes().await;
        self.look_through(reader).await
    }

    pub(super) async fn look_through(&self, reader: &AgentId) -> Result<Waiting, HallError> {
        // All lists are looked at as of one moment: what came while one was read after the other would lie between messages
        // that were shown, and be taken with them.
        let (mailbox, end) = {
            let state = self.state();
            (state.mailboxes.get(reader).cloned(), state.position())
        };
        let Some(mailbox) = mailbox else { return Ok(Waiting::default()) };
        let (low, now) = (mailbox.low(), self.now());
        let is_expired = |item: &MessageItem| item.expires_at.is_some_and(|expires| expires <= now);
        // Who reads page by page has most of it gathered already.
        let (mut messages, from) = match self.gathered().take(reader, &mailbox) {
            Some(Waiting { messages, end, .. }) => (messages, end.max(low)),
            None => (Vec::new(), low),
        };
        messages.retain(|(place, item)| mailbox.is_unread(*place) && !is_expired(item));
        // Up to where every list has been looked through.
        let mut horizon = None;
        for source in Source::of(reader, &mailbox) {
            let before = messages.len();
            // What was taken in one go behind something that was not is passed over in one go.
            let on = |last| mailbox.taken_behind(last);
            let until = horizon.unwrap_or(end);
            let last = self.collect(&source.list, source.since.max(from), until, on, |place, item| {
                if source.is_for(reader, &item) && !is_expired(&item) && mailbox.is_unread(place) {
                    messages.push((place, item));
                }
                messages.len() - before < limits::WAITING
            });
            horizon = last.await?.into_iter().chain(horizon).min();
            if messages.len() > limits::WAITING {
                messages.sort_by_key(|(place, _)| *place);
                messages.truncate(limits::WAITING);
                horizon = messages.last().map(|(place, _)| *place).into_iter().chain(horizon).min();
            }
        }
        messages.retain(|(place, _)| horizon.is_none_or(|horizon| *place <= horizon));
        messages.sort_unstable_by_key(|(place, _)| *place);
        let waiting = Waiting { messages, low, end, mailbox };
        if horizon.is_none() {
            self.gathered().keep(reader, &waiting);
        }
        Ok(waiting)
    }

    /// Shows a reader what waits for it, `most` messages and about `bytes` of content at most, but always one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn fetch(&self, reader: &AgentId, most: usize, bytes: u64) -> Result<Fetched, HallError> {
        let _turn = self.turn_at_mailboxes().await;
        let waiting = self.look_through(reader).await?;
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
        Ok(Fetched { messages: self.entries(&places(&page)).await?, left, end: waiting.end, receipt })
    }
}

/// As many of these as fit, but always one.
fn first_of<'a>(order: &[&'a Noted], most: usize, bytes: u64) -> Vec<&'a Noted> {
    let mut size = 0;
    let fits = |(_, item): &&Noted| {
        let first = size == 0;
        size += item.bytes + 1;
        first || size <= bytes
    };
    order.iter().copied().take(most).take_while(fits).collect()
}

fn places(messages: &[&Noted]) -> Vec<Position> {
    messages.iter().map(|(place, _)| *place).collect()
}
