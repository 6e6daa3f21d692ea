//! A closed loop: so many calls are under way at any time, spread evenly over some connections. An answer is at once
//! followed by the next call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::task::JoinHandle;

use super::frames::{self, Answer};
use super::{Connection, Door};
use crate::process;

/// How long answers may take that are still out when the load ends. What comes later counts as lost.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// The longest time a histogram can hold, in µs.
const LONGEST: u64 = 600_000_000;

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    List,
    Get,
    Share,
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After this time, measured from the end of a warm-up.
    Time { warm_up: Duration, time: Duration },
    /// After so many calls, or messages.
    Calls(u64),
}

/// A load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) call: Call,
    pub(crate) connections: usize,
    /// Calls under way on each of them.
    pub(crate) each: usize,
    pub(crate) until: Until,
}

/// What came of it.
pub(crate) struct Measured {
    /// Calls answered with a result, in the time measured.
    pub(crate) answered: u64,
    /// Calls answered with an error.
    pub(crate) errors: u64,
    /// Calls never answered.
    pub(crate) lost: u64,
    pub(crate) time: Duration,
    /// Of each answer, in µs.
    pub(crate) latencies: Histogram<u64>,
    /// The server's CPU time.
    pub(crate) cpu: Duration,
    /// The server's resident memory at the end, in bytes.
    pub(crate) resident: u64,
}

/// An empty histogram of µs.
pub(crate) fn micros() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order")
}

/// What all connections of a load share.
struct Shared {
    load: Load,
    begun: Instant,
    numbers: AtomicUsize,
    left: AtomicU64,
    /// Results of all connections, whenever they came.
    results: AtomicU64,
}

/// What one connection counted.
struct Counted {
    answered: u64,
    errors: u64,
    lost: u64,
    latencies: Histogram<u64>,
}

// === impl Measured ===

impl Measured {
    /// Calls answered per second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.time.as_secs_f64()
    }

    /// A quantile of the latencies, in µs.
    pub(crate) fn quantile(&self, of_one: f64) -> f64 {
        self.latencies.value_at_quantile(of_one) as f64
    }

    /// The server's CPU time per call, in µs.
    pub(crate) fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.answered as f64
    }
}

// === impl Until ===

impl Until {
    /// The window in which answers count, from the load's beginning.
    pub(super) fn window(self) -> (Duration, Duration) {
        match self {
            Self::Time { warm_up, time } => (warm_up, warm_up + time),
            Self::Calls(_) => (Duration::ZERO, Duration::MAX),
        }
    }

    /// How many calls there may be.
    pub(super) fn calls(self) -> u64 {
        match self {
            Self::Time { .. } => u64::MAX,
            Self::Calls(calls) => calls,
        }
    }
}

// === impl Load ===

impl Load {
    /// Joins with every connection, then puts the load on. `pid` is the server's.
    pub(crate) async fn put_on(self, door: &Door, pid: u32) -> Result<Measured> {
        let (shared, tasks) = self.begin(door).await?;
        if let Until::Time { warm_up, .. } = self.until {
            tokio::time::sleep(warm_up).await;
        }
        let used = process::cpu(pid)?;
        let mut end = None;
        if let Until::Time { time, .. } = self.until {
            tokio::time::sleep(time).await;
            end = Some((time, process::cpu(pid)?));
        }
        let (mut answered, mut errors, mut lost, mut latencies) = (0, 0, 0, micros());
        for task in tasks {
            let counted = task.await.context("a connection's task failed")??;
            answered += counted.answered;
            errors += counted.errors;
            lost += counted.lost;
            latencies.add(&counted.latencies)?;
        }
        let (time, spent) = match end {
            Some(end) => end,
            None => (shared.begun.elapsed(), process::cpu(pid)?),
        };
        let resident = process::resident(pid)?;
        Ok(Measured { answered, errors, lost, time, latencies, cpu: spent - used, resident })
    }

    /// Puts the load on a server that will be killed under it; how many calls were answered with a result.
    pub(crate) async fn until_gone(self, door: &Door) -> Result<u64> {
        let (shared, tasks) = self.begin(door).await?;
        for task in tasks {
            // It ends with an error: the server is gone, as was intended.
            _ = task.await.context("a connection's task failed")?;
        }
        Ok(shared.results.load(Ordering::Relaxed))
    }

    async fn begin(self, door: &Door) -> Result<(Arc<Shared>, Vec<JoinHandle<Result<Counted>>>)> {
        let mut connections = Vec::new();
        for number in 0..self.connections {
            let mut connection = Connection::open(door).await?;
            let agent = connection.join(&format!("bench-{number}")).await?;
            connections.push((connection, agent));
        }
        let shared = Arc::new(Shared {
            load: self,
            begun: Instant::now(),
            numbers: AtomicUsize::new(0),
            left: AtomicU64::new(self.until.calls()),
            results: AtomicU64::new(0),
        });
        let run = |(connection, agent)| tokio::spawn(run(shared.clone(), connection, agent));
        let tasks = connections.into_iter().map(run).collect();
        Ok((shared, tasks))
    }
}

impl Shared {
    /// The next call under this id; none when the load is over.
    fn next(&self, id: usize, agent: &str) -> Option<String> {
        if self.begun.elapsed() >= self.load.until.window().1 {
            return None;
        }
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok()?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Some(match self.load.call {
            Call::List => frames::list(id),
            Call::Get => frames::get(id, number),
            Call::Share => frames::share(id, number, agent),
        })
    }
}

/// One connection's part. Its calls' ids are the numbers of the places they take.
async fn run(shared: Arc<Shared>, mut connection: Connection, agent: String) -> Result<Counted> {
    let mut counted = Counted { answered: 0, errors: 0, lost: 0, latencies: micros() };
    let mut sent = vec![None; shared.load.each];
    for (id, sent) in sent.iter_mut().enumerate() {
        if let Some(frame) = shared.next(id, &agent) {
            *sent = Some(Instant::now());
            connection.feed(frame).await?;
        }
    }
    connection.flush().await?;
    let (from, to) = shared.load.until.window();
    while sent.iter().any(Option::is_some) {
        let rest = to.saturating_sub(shared.begun.elapsed()).saturating_add(LAST_ANSWERS);
        let mut arrived = match tokio::time::timeout(rest, connection.receive()).await {
            Ok(frame) => Some(frame?),
            Err(_) => break,
        };
        while let Some(frame) = arrived {
            let (id, answer) =
                frames::answer(&frame).with_context(|| format!("a frame of no known form: {frame}"))?;
            let at = sent.get_mut(id).and_then(Option::take);
            let at = at.with_context(|| format!("an answer that nobody asked for: {frame}"))?;
            let took = at.elapsed();
            let since = shared.begun.elapsed();
            if answer == Answer::Data {
                shared.results.fetch_add(1, Ordering::Relaxed);
            }
            if since >= from && since < to {
                match answer {
                    Answer::Data => {
                        counted.answered += 1;
                        counted.latencies.saturating_record(micros_of(took));
                    }
                    Answer::Started | Answer::Error => counted.errors += 1,
                }
            }
            if let Some(frame) = shared.next(id, &agent) {
                sent[id] = Some(Instant::now());
                connection.feed(frame).await?;
            }
            arrived = connection.arrived().transpose()?;
        }
        connection.flush().await?;
    }
    counted.lost = sent.iter().flatten().count() as u64;
    Ok(counted)
}

/// A time in whole µs.
pub(crate) fn micros_of(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(LONGEST)
}
