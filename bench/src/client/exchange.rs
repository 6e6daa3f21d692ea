//! Instances that write to one another: so many messages are under way at any time. Whoever gets one writes the next,
//! to any other, so pairs are random and nobody waits. Each message is a write of its own, as real clients send them.
//!
//! A message counts as delivered when its recipient has both of its frames. One that was refused is sent again a little
//! later, and counted.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::linker::{self, Heard};
use super::load::{LAST_ANSWERS, micros, micros_of};
use super::{Connection, Door, Measured, Until};
use crate::process;

/// How long an instance waits after a refusal before it sends again.
pub(crate) const AGAIN: Duration = Duration::from_millis(10);

/// A load of messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange {
    /// Who takes part, each on a connection of its own; two at least.
    pub(crate) instances: usize,
    pub(crate) in_flight: usize,
    pub(crate) until: Until,
}

/// What all instances share.
struct Shared {
    exchange: Exchange,
    begun: Instant,
    state: Mutex<State>,
    /// Nothing is under way any more.
    quiet: Notify,
}

struct State {
    /// When the message in each place was sent. A message's number is its place.
    sent: Vec<Option<Instant>>,
    /// Messages under way.
    out: usize,
    /// Messages sent so far, and how many may still be.
    number: usize,
    left: u64,
    /// Messages delivered, whenever they were.
    delivered: u64,
    /// Of them, those in the time that counts.
    counted: u64,
    errors: u64,
    latencies: Histogram<u64>,
}

// === impl Exchange ===

impl Exchange {
    /// Registers every instance, then puts the load on. `pid` is the server's.
    pub(crate) async fn put_on(self, door: &Door, pid: u32) -> Result<Measured> {
        let mut connections = Vec::new();
        for number in 0..self.instances {
            let mut connection = Connection::open(door).await?;
            connection.register(&linker::instance(number)).await?;
            connections.push(connection);
        }
        let state = State {
            sent: vec![None; self.in_flight],
            out: 0,
            number: 0,
            left: self.until.calls(),
            delivered: 0,
            counted: 0,
            errors: 0,
            latencies: micros(),
        };
        let state = Mutex::new(state);
        let shared = Arc::new(Shared { exchange: self, begun: Instant::now(), state, quiet: Notify::new() });
        let mut tasks = JoinSet::new();
        for (me, connection) in connections.into_iter().enumerate() {
            tasks.spawn(live(shared.clone(), connection, me));
        }
        // What is left of the tasks ends when they are dropped.
        tokio::select! {
            Some(ended) = tasks.join_next() => {
                let Err(cause) = ended.context("an instance's task failed")?;
                Err(cause.context("an instance's connection ended"))
            }
            measured = shared.watch(pid) => measured,
        }
    }
}

// === impl Shared ===

impl Shared {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this")
    }

    async fn watch(&self, pid: u32) -> Result<Measured> {
        let (from, to) = self.exchange.until.window();
        tokio::time::sleep(from).await;
        let used = process::cpu(pid)?;
        let mut end = None;
        if let Until::Time { time, .. } = self.exchange.until {
            tokio::time::sleep(to.saturating_sub(self.begun.elapsed())).await;
            end = Some((time, process::cpu(pid)?));
        }
        self.settle().await;
        let (time, spent) = match end {
            Some(end) => end,
            None => (self.begun.elapsed(), process::cpu(pid)?),
        };
        let resident = process::resident(pid)?;
        let state = self.locked();
        Ok(Measured {
            answered: state.counted,
            errors: state.errors,
            lost: state.out as u64,
            time,
            latencies: state.latencies.clone(),
            cpu: spent.saturating_sub(used),
            resident,
        })
    }

    /// Waits until nothing is under way, or nothing has moved for a while: then what is missing is lost.
    async fn settle(&self) {
        loop {
            let before = {
                let state = self.locked();
                if state.out == 0 {
                    return;
                }
                state.delivered
            };
            let woken = tokio::time::timeout(LAST_ANSWERS, self.quiet.notified()).await;
            if woken.is_err() && self.locked().delivered == before {
                return;
            }
        }
    }

    /// The next message in this place, as a frame; none when the load is over.
    fn next(&self, me: usize, place: usize) -> Option<String> {
        let now = Instant::now();
        let mut state = self.locked();
        if now.duration_since(self.begun) >= self.exchange.until.window().1 {
            return None;
        }
        state.left = state.left.checked_sub(1)?;
        state.number += 1;
        state.out += 1;
        state.sent[place] = Some(now);
        Some(linker::send(somebody_else(state.number, me, self.exchange.instances), place))
    }

    /// One message was refused, and may be sent again. Which one is not told, so its place stays taken.
    fn refused(&self, frame: &str) {
        let mut state = self.locked();
        state.out -= 1;
        state.left = state.left.saturating_add(1);
        state.errors += 1;
        // One speaks for all: they come by the thousand.
        if state.errors == 1 {
            eprintln!("\n    {frame}");
        }
    }

    /// A place for a message that takes a refused one's.
    fn open_place(&self) -> usize {
        let mut state = self.locked();
        state.sent.push(None);
        state.sent.len() - 1
    }

    /// The message in this place was delivered.
    fn delivered(&self, place: usize) -> Result<()> {
        let now = Instant::now();
        let mut state = self.locked();
        let at = state.sent.get_mut(place).and_then(Option::take);
        let took = now - at.with_context(|| format!("message {place} came and was not under way"))?;
        state.out -= 1;
        state.delivered += 1;
        let (from, to) = self.exchange.until.window();
        let since = now.duration_since(self.begun);
        if since >= from && since < to {
            state.counted += 1;
            state.latencies.saturating_record(micros_of(took));
        }
        if state.out == 0 {
            self.quiet.notify_one();
        }
        Ok(())
    }
}

/// One instance's part. It ends with its connection only.
async fn live(shared: Arc<Shared>, mut connection: Connection, me: usize) -> Result<Infallible> {
    let Exchange { instances, in_flight, .. } = shared.exchange;
    for place in (me..in_flight).step_by(instances) {
        send(&shared, &mut connection, me, place).await?;
    }
    // Whose first frame has come, and not its second.
    let mut halfway = None;
    // How many of its messages were refused, and when it sends as many again.
    let (mut refused, mut again) = (0, None);
    loop {
        let frame = match again {
            None => connection.receive().await?,
            Some(then) => match tokio::time::timeout_at(then, connection.receive()).await {
                Ok(frame) => frame?,
                Err(_) => {
                    again = None;
                    for _ in 0..std::mem::take(&mut refused) {
                        let place = shared.open_place();
                        send(&shared, &mut connection, me, place).await?;
                    }
                    continue;
                }
            },
        };
        match linker::heard(&frame)? {
            Heard::Message(place) => ensure!(halfway.replace(place).is_none(), "no notification before it"),
            Heard::Notification(place) => {
                ensure!(halfway.take() == Some(place), "not the notification that was due: {frame}");
                shared.delivered(place)?;
                send(&shared, &mut connection, me, place).await?;
            }
            Heard::Error => {
                shared.refused(&frame);
                again.get_or_insert(tokio::time::Instant::now() + AGAIN);
                refused += 1;
            }
            Heard::Other => {}
        }
    }
}

async fn send(shared: &Shared, connection: &mut Connection, me: usize, place: usize) -> Result<()> {
    let Some(frame) = shared.next(me, place) else { return Ok(()) };
    connection.feed(frame).await?;
    connection.flush().await
}

/// Any instance but this one: the same for the same number, and no two numbers alike.
fn somebody_else(number: usize, me: usize, instances: usize) -> usize {
    let scrambled = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    (me + 1 + scrambled as usize % (instances - 1)) % instances
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_written_to_about_as_often_and_nobody_by_itself() {
        let mut got = [0; 20];
        for number in 0..20_000 {
            got[somebody_else(number, 7, 20)] += 1;
        }
        assert_eq!(got[7], 0);
        for (instance, times) in got.iter().enumerate().filter(|(instance, _)| *instance != 7) {
            assert!((900..1_200).contains(times), "{instance}: {times}");
        }
    }
}
