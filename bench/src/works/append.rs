//! Appending at the end of a long log: a thousand keys, through a hall in this process, so that nothing but the log's
//! length differs.

use std::time::Duration;

use anyhow::Result;

use crate::filling::Filling;
use crate::ground::Ground;
use crate::report::{Gate, Row, spread};
use crate::rounds::{Rounds, Side};
use crate::works::{Scale, grouped};

/// Events of a short log.
const SHORT: u64 = 10_000;
/// Events of one round.
const ROUND: u64 = 20_000;
/// Shares under way while it is measured.
const IN_FLIGHT: usize = 64;
/// And while the log is filled: batches as large as the hall makes them.
const FILLING: usize = 2_048;
/// How long a log is left alone after it was filled: checkpoints and snapshots of the filling are not the round's.
const SETTLE: Duration = Duration::from_secs(1);
/// What the rate must keep.
const KEPT: f64 = 0.6;

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let directory = ground.fresh("history")?;
    let long = Filling::open(&directory).await?;
    let took = long.share(scale.history, FILLING).await?;
    let (events, seconds) = (grouped(scale.history), took.as_secs_f64());
    let filled = scale.history as f64 / seconds / 1e3;
    eprintln!("    {events} events in {seconds:.0} s, {filled:.1}k/s with {FILLING} in flight");
    let rounds = Rounds::take(scale.rounds, async |side| {
        let took = match side {
            Side::Guildhall => {
                tokio::time::sleep(SETTLE).await;
                long.share(ROUND, IN_FLIGHT).await?
            }
            Side::Bare => {
                let directory = ground.fresh("short")?;
                let short = Filling::open(&directory).await?;
                short.share(SHORT, FILLING).await?;
                tokio::time::sleep(SETTLE).await;
                let took = short.share(ROUND, IN_FLIGHT).await?;
                short.close().await;
                std::fs::remove_dir_all(&directory)?;
                took
            }
        };
        Ok(ROUND as f64 / took.as_secs_f64())
    })
    .await?;
    let now = grouped(long.events());
    long.close().await;
    ground.history = Some(directory);
    let (ours, short, ratio) =
        (rounds.of_guildhall(|rate| *rate), rounds.of_bare(|rate| *rate), rounds.ratio(|rate| *rate));
    Ok(vec![Row {
        name: "append",
        work: format!("append at {events} events, 1,000 active keys, 64 in flight, in process"),
        guildhall: format!("{:.1}k/s{} (up to {now} events)", ours.median / 1e3, spread(ours)),
        bare: format!("the same at {}: {:.1}k/s{}", grouped(SHORT), short.median / 1e3, spread(short)),
        ratio: Some(ratio),
        gate: Some(Gate::at_least("of the short log's", ratio.median, KEPT)),
        goal: None,
        before: "–",
        durability: "fsynced",
    }])
}

/// A long log, made now if none was.
pub(super) async fn long_log(ground: &mut Ground, scale: &Scale) -> Result<std::path::PathBuf> {
    if let Some(directory) = ground.history.take() {
        return Ok(directory);
    }
    let directory = ground.fresh("history")?;
    let long = Filling::open(&directory).await?;
    long.share(scale.history, FILLING).await?;
    long.close().await;
    Ok(directory)
}
