//! A set of positions as ranges: what a reader has had of its mailbox.
//!
//! Only the positions of messages to that reader matter, so a range may span whatever lies between two of them. A reader
//! that takes everything in turn has one range; each message taken out of turn costs another until those before it are
//! taken too.

use serde::{Deserialize, Serialize};

use crate::event::Position;

/// Positions from the first to the second, both included.
pub type Range = (Position, Position);

/// Disjoint ranges that do not touch, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks(Vec<Range>);

impl Marks {
    /// Whether this position is in the set.
    pub fn contains(&self, position: Position) -> bool {
        self.covers((position, position))
    }

    /// Whether all of a range is in the set.
    pub fn covers(&self, (from, to): Range) -> bool {
        let after = self.0.partition_point(|range| range.0 <= from);
        after > 0 && self.0[after - 1].1 >= to
    }

    /// The range that a position lies in.
    pub fn around(&self, position: Position) -> Option<Range> {
        let after = self.0.partition_point(|range| range.0 <= position);
        self.0[..after].last().copied().filter(|range| position <= range.1)
    }

    /// The range that holds a position or, if none does, is the next behind it: its place among [`Marks::ranges`].
    pub fn next_range(&self, position: Position) -> usize {
        self.0.partition_point(|range| range.1 < position)
    }

    /// A position or, if the next one is not in the set, the last before the range behind that.
    pub fn before_next(&self, position: Position) -> Position {
        match self.0.get(self.next_range(position.next())) {
            Some((from, _)) => position.max(Position(from.0.saturating_sub(1))),
            None => position,
        }
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[Range] {
        &self.0
    }

    /// The parts of a range that are not in the set.
    pub fn missing(&self, (mut from, to): Range) -> Vec<Range> {
        let mut missing = Vec::new();
        let first = self.0.partition_point(|range| range.1 < from);
        for range in self.0[first..].iter().take_while(|range| range.0 <= to) {
            if from < range.0 {
                missing.push((from, Position(range.0.0 - 1)));
            }
            from = range.1.next();
        }
        if from <= to {
            missing.push((from, to));
        }
        missing
    }

    /// The set with these ranges in it.
    pub fn with(&self, ranges: &[Range]) -> Self {
        let mut with = self.clone();
        ranges.iter().for_each(|range| with.insert(*range));
        with
    }

    /// Puts a range into the set.
    pub fn insert(&mut self, (mut from, mut to): Range) {
        // What overlaps or touches it becomes one with it.
        let first = self.0.partition_point(|range| range.1.0 + 1 < from.0);
        let last = self.0.partition_point(|range| range.0.0 <= to.0 + 1);
        if first < last {
            from = from.min(self.0[first].0);
            to = to.max(self.0[last - 1].1);
        }
        self.0.splice(first..last, [(from, to)]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range(from: u64, to: u64) -> Range {
        (Position(from), Position(to))
    }

    #[test]
    fn what_touches_becomes_one() {
        let mut marks = Marks::default();
        for (from, to) in [(5, 6), (1, 2), (9, 9), (3, 4)] {
            marks.insert(range(from, to));
        }
        assert_eq!(marks.ranges(), [range(1, 6), range(9, 9)]);
        assert!(!marks.covers(range(6, 9)));
    }

    proptest! {
        #[test]
        fn it_holds_what_was_put_in_and_nothing_else(ranges in prop::collection::vec((1_u64..60, 0_u64..9), 0..20)) {
            let (mut marks, mut set) = (Marks::default(), BTreeSet::new());
            for (from, more) in ranges {
                marks.insert(range(from, from + more));
                set.extend(from..=from + more);
            }
            for position in 0..80 {
                prop_assert_eq!(marks.contains(Position(position)), set.contains(&position));
            }
            let mut rest = marks.missing(range(10, 50)).into_iter().flat_map(|(from, to)| from.0..=to.0);
            prop_assert!(rest.by_ref().eq((10..=50).filter(|position| !set.contains(position))));
            prop_assert!(marks.ranges().windows(2).all(|pair| pair[0].1.0 + 1 < pair[1].0.0));
            for position in 0..80 {
                let next = (position + 1..80).find(|next| set.contains(next));
                let before = marks.before_next(Position(position)).0;
                prop_assert_eq!(before, next.map_or(position, |next| next - 1));
            }
        }
    }
}
