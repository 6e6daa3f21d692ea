//! One share to many subscribers, each on a connection of its own.

use anyhow::Result;

use crate::bare::Path;
use crate::client::{FanOut, fan_out};
use crate::ground::Ground;
use crate::report::{Gate, Goal, Row, spread};
use crate::rounds::{Figure, Rounds, Side};
use crate::subject::Running;
use crate::works::{Scale, grouped};

/// What rates must reach of the prototype's.
const OF_BARE: f64 = 0.7;

/// What is hoped for with so many listeners.
struct Hope {
    listeners: usize,
    /// Deliveries per second.
    rate: f64,
    /// In ms.
    p99: f64,
    before: &'static str,
}

const HOPES: [Hope; 2] = [
    Hope { listeners: 100, rate: 100_000.0, p99: 2.0, before: "43k/s, p99 4 ms" },
    Hope { listeners: 1_000, rate: 110_000.0, p99: 12.0, before: "31k/s, p99 41 ms" },
];

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for hope in HOPES {
        let rounds = Rounds::take(scale.rounds, async |side| {
            let home = ground.fresh("listeners")?;
            let server = match side {
                Side::Guildhall => Running::guildhall(&home)?.with_token(&home)?,
                Side::Bare => Running::bare(Path::FanOut, &home)?,
            };
            let door = server.door();
            let measured = fan_out(&door, server.pid(), hope.listeners, scale.warm_up, scale.time).await?;
            server.stop().await?;
            std::fs::remove_dir_all(&home)?;
            Ok(measured)
        })
        .await?;
        rows.push(row(&hope, &rounds));
    }
    Ok(rows)
}

fn row(hope: &Hope, rounds: &Rounds<FanOut>) -> Row {
    let (ours, ratio) = (rounds.of_guildhall(FanOut::rate), rounds.ratio(FanOut::rate));
    let reached = ours.median >= hope.rate && p99(&rounds.guildhall) <= hope.p99;
    Row {
        name: "fan-out",
        work: format!("one share to {} subscribers, deliveries", grouped(hope.listeners as u64)),
        guildhall: cell(&rounds.guildhall, ours),
        bare: cell(&rounds.bare, rounds.of_bare(FanOut::rate)),
        ratio: Some(ratio),
        gate: Some(Gate::at_least("of bare", ratio.median, OF_BARE)),
        goal: Some(Goal { text: format!("{:.0}k/s, p99 ≤ {:.0} ms", hope.rate / 1e3, hope.p99), reached }),
        before: hope.before,
        durability: "fsynced before it is sent",
    }
}

fn p99(side: &[FanOut]) -> f64 {
    Figure::of(side.iter().map(|round| round.latencies.value_at_quantile(0.99) as f64)).median / 1e3
}

fn cell(side: &[FanOut], rate: Figure) -> String {
    let cpu = |round: &FanOut| round.cpu.as_secs_f64() * 1e6 / round.deliveries as f64;
    let cpu = Figure::of(side.iter().map(cpu)).median;
    let lost: u64 = side.iter().map(|round| round.lost).sum();
    let losses = if lost == 0 { String::new() } else { format!(", **{lost} lost**") };
    let (p99, thousands) = (p99(side), rate.median / 1e3);
    format!("{thousands:.1}k/s{}, p99 {p99:.2} ms, {cpu:.1} µs CPU{losses}", spread(rate))
}
