//! Lists that stay within their bounds: so many things, and no more than fits a line.

use std::collections::VecDeque;

use client::protocol::{LINE_BYTES, Listing};
use hall::Workspace;
use model::Position;
use model::rows::Table;
use serde::de::DeserializeOwned;

use crate::limits;
use crate::refused::Refused;

/// What a page may weigh so that it fits a line with all that stands around it.
pub(super) const PAGE_BYTES: usize = LINE_BYTES - 1024 * 1024;

/// How many things are wanted.
pub(super) fn most(limit: Option<usize>) -> Result<usize, Refused> {
    match limit {
        None => Ok(limits::LIST_USUALLY),
        Some(limit) if (1..=limits::LIST).contains(&limit) => Ok(limit),
        Some(limit) => {
            Err(Refused::bad_request(format!("a list has 1 to {} things, not {limit}", limits::LIST)))
        }
    }
}

/// A list as it grows, up to where one more thing would be too many or would not fit a line.
pub(super) struct Growing<T> {
    items: Vec<T>,
    bytes: usize,
    most: usize,
    more: bool,
}

impl<T> Growing<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { items: Vec::new(), bytes: 0, most, more: false }
    }

    /// Adds one more thing; `false` if it was one too many. The first one always fits: things have bounds of their own.
    pub(super) fn push(&mut self, weight: usize, item: T) -> bool {
        self.bytes += weight;
        self.more = self.items.len() == self.most || (self.bytes > PAGE_BYTES && !self.items.is_empty());
        if !self.more {
            self.items.push(item);
        }
        !self.more
    }

    pub(super) fn into_listing(self) -> Listing<T> {
        Listing { items: self.items, more: self.more }
    }
}

/// The newest rows of a table that are wanted, each with its place in the log, oldest first.
///
/// Rows are read forwards, so this looks at twice as much of the log's end each time until it has found enough.
pub(super) async fn newest<T: DeserializeOwned>(
    workspace: &Workspace,
    table: Table,
    most: usize,
    wanted: impl Fn(&T) -> bool,
    weigh: impl Fn(&T) -> usize,
) -> Result<Listing<(Position, T)>, Refused> {
    let end = workspace.state().position();
    let mut span = 4 * most as u64;
    loop {
        let start = Position(end.0.saturating_sub(span));
        let mut found = Newest { rows: VecDeque::new(), bytes: 0, most, dropped: false };
        let mut after = start;
        loop {
            let page = workspace.rows::<T>(table, after, limits::LIST_USUALLY).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (place, row) in page {
                if wanted(&row) {
                    found.push(weigh(&row), (place, row));
                }
            }
        }
        if found.dropped || found.rows.len() == most || start == Position::START {
            let more = found.dropped || start != Position::START;
            return Ok(Listing { items: found.rows.into_iter().map(|(_, row)| row).collect(), more });
        }
        span = span.saturating_mul(2);
    }
}

struct Newest<T> {
    rows: VecDeque<(usize, T)>,
    bytes: usize,
    most: usize,
    /// Whether older ones were left out.
    dropped: bool,
}

impl<T> Newest<T> {
    fn push(&mut self, weight: usize, row: T) {
        self.bytes += weight;
        self.rows.push_back((weight, row));
        while self.rows.len() > self.most || (self.bytes > PAGE_BYTES && self.rows.len() > 1) {
            if let Some((weight, _)) = self.rows.pop_front() {
                self.bytes -= weight;
                self.dropped = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_as_many_as_fit() {
        let newest_of = |most: usize, weights: &[usize]| {
            let mut newest = Newest { rows: VecDeque::new(), bytes: 0, most, dropped: false };
            for weight in weights {
                newest.push(*weight, *weight);
            }
            (newest.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), newest.dropped)
        };
        assert_eq!(newest_of(3, &[1, 2, 3]), (vec![1, 2, 3], false));
        assert_eq!(newest_of(2, &[1, 2, 3]), (vec![2, 3], true));
        let half = PAGE_BYTES / 2;
        assert_eq!(newest_of(2, &[half, half, 7, 8]), (vec![7, 8], true));
        assert_eq!(newest_of(3, &[half, half, half]), (vec![half, half], true));
    }

    #[test]
    fn a_list_grows_until_the_next_thing_would_not_fit() {
        let list_of = |most: usize, weights: &[usize]| {
            let mut list = Growing::new(most);
            let taken = weights.iter().take_while(|weight| list.push(**weight, ())).count();
            (taken, list.into_listing().more)
        };
        assert_eq!(list_of(2, &[1, 1]), (2, false));
        assert_eq!(list_of(2, &[1, 1, 1]), (2, true));
        assert_eq!(list_of(9, &[PAGE_BYTES - 1, 2]), (1, true));
        assert_eq!(list_of(9, &[LINE_BYTES]), (1, false), "one thing always fits");
    }
}
