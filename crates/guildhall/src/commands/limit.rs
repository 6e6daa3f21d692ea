//! `--limit`: how long a list may be.

use std::ops::RangeInclusive;

use clap::{Args, value_parser};

/// What the hall allows.
pub(crate) const RANGE: RangeInclusive<i64> = 1..=1000;
/// If nothing is said.
pub(crate) const USUAL: u16 = 100;

/// How long a list may be.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Limit {
    /// How many at most, up to 1000.
    #[arg(long, value_name = "NUMBER", default_value_t = USUAL, value_parser = value_parser!(u16).range(RANGE))]
    limit: u16,
}

impl From<Limit> for usize {
    fn from(Limit { limit }: Limit) -> Self {
        limit.into()
    }
}
