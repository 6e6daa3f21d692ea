//! Lists that stay within their bounds: so many things, and no more than fits a line.

use std::collections::VecDeque;

use client::protocol::LINE_BYTES;
use hall::Workspace;
use model::Position;
use model::rows::Table;
use serde::de::DeserializeOwned;

use crate::limits;
use crate::refused::Refused;
use crate::session::too_large;

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

/// Counts what a growing list weighs, so that one that cannot be sent is not built.
#[derive(Default)]
pub(super) struct Weight(usize);

impl Weight {
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Refused> {
        self.0 += bytes;
        if self.0 > LINE_BYTES { Err(too_large()) } else { Ok(()) }
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
) -> Result<Vec<(Position, T)>, Refused> {
    let end = workspace.state().position();
    let mut span = 4 * most as u64;
    loop {
        let start = Position(end.0.saturating_sub(span));
        let mut found = Newest { rows: VecDeque::new(), bytes: 0, most, crowded: false };
        let mut after = start;
        loop {
            let page = workspace.rows::<T>(table, after, most.min(limits::LIST_USUALLY)).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (place, row) in page {
                if wanted(&row) {
                    found.push(weigh(&row), (place, row));
                }
            }
        }
        if found.rows.len() == most || start == Position::START {
            return found.into_list();
        }
        if found.crowded {
            return Err(too_large());
        }
        span = span.saturating_mul(2);
    }
}

struct Newest<T> {
    rows: VecDeque<(usize, T)>,
    bytes: usize,
    most: usize,
    /// Whether some were left out for their weight that the number would have allowed.
    crowded: bool,
}

impl<T> Newest<T> {
    fn push(&mut self, weight: usize, row: T) {
        self.bytes += weight;
        self.rows.push_back((weight, row));
        if self.rows.len() > self.most {
            self.drop_oldest();
        }
        while self.bytes > LINE_BYTES {
            self.drop_oldest();
            self.crowded = true;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((weight, _)) = self.rows.pop_front() {
            self.bytes -= weight;
        }
    }

    fn into_list(self) -> Result<Vec<T>, Refused> {
        if self.crowded && self.rows.len() < self.most {
            return Err(too_large());
        }
        Ok(self.rows.into_iter().map(|(_, row)| row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_of(most: usize, weights: &[usize]) -> Result<Vec<usize>, Refused> {
        let mut newest = Newest { rows: VecDeque::new(), bytes: 0, most, crowded: false };
        for weight in weights {
            newest.push(*weight, *weight);
        }
        newest.into_list()
    }

    #[test]
    fn the_newest_are_kept_and_what_does_not_fit_is_an_error() {
        assert_eq!(newest_of(2, &[1, 2, 3]).unwrap(), [2, 3]);
        let half = LINE_BYTES / 2;
        assert_eq!(
            newest_of(2, &[half, half, 7, 8]).unwrap(),
            [7, 8],
            "large ones that are not wanted do no harm"
        );
        assert!(newest_of(3, &[half, half, half]).is_err());
    }
}
