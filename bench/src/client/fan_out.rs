//! One writes, many listen. The next share is sent when everybody has seen the last.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use hdrhistogram::Histogram;
use tokio::sync::Notify;

use super::frames::{self, Answer};
use super::load::{micros, micros_of};
use super::{Connection, Door};
use crate::process;

/// How long one share may be on its way. Who has not seen it then has lost it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of it.
pub(crate) struct FanOut {
    pub(crate) deliveries: u64,
    /// Deliveries that never came.
    pub(crate) lost: u64,
    pub(crate) time: Duration,
    /// From the writing of a share to each delivery, in µs.
    pub(crate) latencies: Histogram<u64>,
    /// The server's CPU time.
    pub(crate) cpu: Duration,
}

/// What the listeners tell the writer.
struct Heard {
    missing: AtomicUsize,
    everybody: Notify,
    sent: Mutex<(Instant, Histogram<u64>)>,
}

impl FanOut {
    /// Deliveries per second.
    pub(crate) fn rate(&self) -> f64 {
        self.deliveries as f64 / self.time.as_secs_f64()
    }
}

/// Lets `listeners` connections follow the context, and shares for a while. `pid` is the server's.
pub(crate) async fn fan_out(
    door: &Door,
    pid: u32,
    listeners: usize,
    warm_up: Duration,
    time: Duration,
) -> Result<FanOut> {
    let heard = Arc::new(Heard {
        missing: AtomicUsize::new(0),
        everybody: Notify::new(),
        sent: Mutex::new((Instant::now(), micros())),
    });
    let mut tasks = Vec::new();
    for _ in 0..listeners {
        let mut connection = Connection::open(door).await?;
        connection.call(frames::subscribe(1)).await?;
        tasks.push(tokio::spawn(listen(connection, heard.clone())));
    }
    let mut writer = Connection::open(door).await?;
    let agent = writer.join("bench-writer").await?;
    let begun = Instant::now();
    let (mut number, mut deliveries, mut lost) = (0, 0, 0);
    let mut measuring: Option<(Instant, Duration)> = None;
    while begun.elapsed() < warm_up + time {
        if measuring.is_none() && begun.elapsed() >= warm_up {
            heard.locked().1.reset();
            deliveries = 0;
            measuring = Some((Instant::now(), process::cpu(pid)?));
        }
        heard.missing.store(listeners, Ordering::Release);
        heard.locked().0 = Instant::now();
        writer.call(frames::share(0, number, &agent)).await?;
        number += 1;
        if tokio::time::timeout(PATIENCE, heard.everybody.notified()).await.is_err() {
            lost += heard.missing.load(Ordering::Acquire) as u64;
            break;
        }
        deliveries += listeners as u64;
    }
    let (since, used) = measuring.context("the time was over before it began")?;
    let (time, cpu) = (since.elapsed(), process::cpu(pid)? - used);
    for task in &tasks {
        if task.is_finished() {
            bail!("a listener's connection ended");
        }
        task.abort();
    }
    let latencies = heard.locked().1.clone();
    Ok(FanOut { deliveries, lost, time, latencies, cpu })
}

impl Heard {
    fn locked(&self) -> std::sync::MutexGuard<'_, (Instant, Histogram<u64>)> {
        self.sent.lock().expect("nothing panics while it holds this")
    }
}

async fn listen(mut connection: Connection, heard: Arc<Heard>) -> Result<()> {
    loop {
        let frame = connection.receive().await?;
        if !matches!(frames::answer(&frame), Some((1, Answer::Data))) {
            bail!("not an event: {frame}");
        }
        let mut sent = heard.locked();
        let took = micros_of(sent.0.elapsed());
        sent.1.saturating_record(took);
        drop(sent);
        if heard.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            heard.everybody.notify_one();
        }
    }
}
