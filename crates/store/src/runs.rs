//! Lists as databases keep them: in [runs](model::lists::run), each a row of its own, keyed by where its last item
//! stands and sealed as a whole. A run is never written again.

use model::lists::run::{decode, encode, runs};
use model::lists::{Item, List};
use model::{Position, WorkspaceName};

use crate::{Hash, Projection, Result, StoreError, seal};

/// Which part of a list to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Items behind this place.
    pub after: Position,
    /// Items before this place; to the end if absent.
    pub before: Option<Position>,
    /// Items at most.
    pub most: usize,
    /// Whether to begin with the last.
    pub newest_first: bool,
}

/// A run as it is written.
pub(crate) struct NewRun {
    pub(crate) list: String,
    pub(crate) place: Position,
    pub(crate) body: Vec<u8>,
    pub(crate) digest: Hash,
}

/// A run as it was found.
pub(crate) struct StoredRun<'a> {
    pub(crate) place: Option<i64>,
    pub(crate) body: &'a [u8],
    pub(crate) digest: &'a [u8],
}

/// A part of a list, put together from its runs as they are found one after the other.
pub(crate) struct Gathering<'a> {
    log: &'a WorkspaceName,
    list: &'a List,
    pub(crate) key: String,
    span: Span,
    items: Vec<Item>,
    /// Where the run before ends that faces the next.
    edge: Option<Position>,
}

// === impl Span ===

impl Span {
    /// What of these items, which stand in the order of their places, belongs to it: in this order too, whichever end
    /// it begins with.
    pub fn cut<'a>(&self, items: &'a [Item]) -> &'a [Item] {
        let from = items.partition_point(|item| item.place <= self.after);
        let items = &items[from..];
        let to = items.partition_point(|item| self.before.is_none_or(|before| item.place < before));
        let most = self.most.min(to);
        if self.newest_first { &items[to - most..to] } else { &items[..most] }
    }
}

// === impl NewRun ===

impl NewRun {
    /// Writes all runs of a projection.
    pub(crate) fn of(log: &WorkspaceName, projection: &Projection) -> impl Iterator<Item = Self> {
        projection.lists().flat_map(move |(list, items)| {
            let key = list.key();
            runs(items).filter_map(move |run| {
                let (list, place, body) = (key.clone(), run.last()?.place, encode(run));
                let digest = seal::run(log, &list, place, &body);
                Some(Self { list, place, body, digest })
            })
        })
    }
}

// === impl Gathering ===

impl<'a> Gathering<'a> {
    pub(crate) fn new(log: &'a WorkspaceName, list: &'a List, span: Span) -> Self {
        Self { log, list, key: list.key(), span, items: Vec::new(), edge: None }
    }

    /// How many more items are wanted.
    pub(crate) fn wanted(&self) -> usize {
        self.span.most - self.items.len()
    }

    /// Takes the next run.
    pub(crate) fn take(&mut self, stored: &StoredRun<'_>) -> Result<()> {
        let run = self
            .intact(stored)
            .ok_or_else(|| StoreError::DamagedRow(format!("a run of {} of {}", self.key, self.log)))?;
        let cut = Span { most: self.wanted(), ..self.span }.cut(&run);
        if self.span.newest_first {
            self.items.extend(cut.iter().rev().cloned());
        } else {
            self.items.extend_from_slice(cut);
        }
        Ok(())
    }

    fn intact(&mut self, stored: &StoredRun<'_>) -> Option<Vec<Item>> {
        let place = Position(stored.place?.cast_unsigned());
        if seal::run(self.log, &self.key, place, stored.body).0 != *stored.digest {
            return None;
        }
        let run = decode(self.list, stored.body).ok()?;
        let (first, last) = (run.first()?.place, run.last()?.place);
        // Runs that overlap would show items twice, or in another order.
        let follows = match self.edge {
            None => true,
            Some(edge) if self.span.newest_first => last < edge,
            Some(edge) => edge < first,
        };
        self.edge = Some(if self.span.newest_first { first } else { last });
        (last == place && follows).then_some(run)
    }

    /// What was gathered, in the order of the span.
    pub(crate) fn items(self) -> Vec<Item> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;
    use model::lists::{Note, TakenItem};

    use super::*;

    #[test]
    fn a_span_cuts_from_the_end_it_begins_with() {
        let item = |place| {
            let note = TakenItem { from: Position(place), at: Timestamp::default(), event: Position(place) };
            Item { place: Position(place), note: Note::Taken(note) }
        };
        let items = [3, 5, 8, 13].map(item);
        let cut = |after, before: Option<u64>, most, newest_first| {
            let span = Span { after: Position(after), before: before.map(Position), most, newest_first };
            span.cut(&items).iter().map(|item| item.place.0).collect::<Vec<_>>()
        };
        assert_eq!(cut(0, None, 9, false), [3, 5, 8, 13]);
        assert_eq!(cut(0, None, 2, false), [3, 5]);
        assert_eq!(cut(0, None, 2, true), [8, 13]);
        assert_eq!(cut(3, Some(13), 9, true), [5, 8]);
        assert_eq!(cut(8, Some(5), 9, false), [0; 0]);
        assert_eq!(cut(13, None, 9, false), [0; 0]);
    }
}
