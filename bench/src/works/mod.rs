//! What is measured: a row of the table each, or a few.

mod append;
mod calls;
mod fetch;
mod idle;
mod listeners;
mod messages;
mod postgres;
mod redis;
mod resident;
mod start;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use crate::ground::Ground;
use crate::report::Row;

/// A work that can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// The roster of 16 agents, 64 calls in flight.
    List,
    /// One key's value, 64 calls in flight.
    Get,
    /// A value for a key, 64 calls in flight.
    Share,
    /// One share to 100 and to 1,000 subscribers.
    FanOut,
    /// A value for a key, one call in flight, against the disk.
    One,
    /// WebSockets on which nothing happens.
    Idle,
    /// Appending at the end of a long log and of a short one.
    Append,
    /// How long a start takes.
    Start,
    /// Memory before and after many events.
    Resident,
    /// Appending to PostgreSQL.
    Postgres,
    /// Direct messages between 20 instances, delivered; 1, 16, 64 and 1,000 in flight.
    Messages,
    /// 20 instances fetch what waits for them, with little and with much stored.
    Fetch,
    /// Messages from one connection to another, beside Redis Streams.
    Redis,
}

/// Instances that write to one another.
const INSTANCES: usize = 20;

/// How long and how much.
pub(crate) struct Scale {
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
    /// Events of a long log.
    pub(crate) history: u64,
    /// Shares, or messages, after which memory is looked at.
    pub(crate) shares: u64,
    /// Messages that each of 20 instances has fetched before it fetches what waits.
    pub(crate) fetched: usize,
    /// Idle WebSockets.
    pub(crate) sockets: usize,
}

impl Scale {
    /// For figures to publish.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 5,
            warm_up: Duration::from_secs(1),
            time: Duration::from_secs(4),
            history: 5_000_000,
            shares: 1_000_000,
            fetched: 9_000,
            sockets: 10_000,
        }
    }

    /// For seeing that it works.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 2,
            warm_up: Duration::from_millis(300),
            time: Duration::from_secs(1),
            history: 200_000,
            shares: 100_000,
            fetched: 2_000,
            sockets: 2_000,
        }
    }
}

impl Work {
    /// All, in the order of the table. `Start` comes after `Append`, whose long log it takes over.
    pub(crate) const ALL: [Self; 13] = [
        Self::List,
        Self::Get,
        Self::Share,
        Self::FanOut,
        Self::One,
        Self::Idle,
        Self::Append,
        Self::Start,
        Self::Resident,
        Self::Postgres,
        Self::Messages,
        Self::Fetch,
        Self::Redis,
    ];

    /// The name it is asked for by.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Measures it.
    pub(crate) async fn measure(self, ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
        match self {
            Self::List => calls::list(ground, scale).await,
            Self::Get => calls::get(ground, scale).await,
            Self::Share => calls::share(ground, scale).await,
            Self::FanOut => listeners::measure(ground, scale).await,
            Self::One => calls::one(ground, scale).await,
            Self::Idle => idle::measure(ground, scale).await,
            Self::Append => append::measure(ground, scale).await,
            Self::Start => start::measure(ground, scale).await,
            Self::Resident => resident::measure(ground, scale).await,
            Self::Postgres => postgres::measure(scale).await,
            Self::Messages => messages::measure(ground, scale).await,
            Self::Fetch => fetch::measure(ground, scale).await,
            Self::Redis => redis::measure(ground, scale).await,
        }
    }
}

/// A count with commas between its thousands.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
