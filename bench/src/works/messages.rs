//! Direct messages between 20 instances, over the linker's protocol: each is durable before it is delivered.

use anyhow::Result;

use crate::bare::Path;
use crate::client::{Exchange, Measured, Until};
use crate::ground::Ground;
use crate::report::{Gate, Goal, Row};
use crate::rounds::{Figure, Rounds, Side};
use crate::subject::Running;
use crate::works::calls::cell;
use crate::works::{INSTANCES, Scale, grouped};

/// What rates must reach of the prototype's.
const OF_BARE: f64 = 0.7;

/// What is hoped for with so many messages under way.
struct Hope {
    in_flight: usize,
    /// Messages per second.
    rate: f64,
    /// In ms.
    p99: Option<f64>,
    /// The server's, in µs for each message.
    cpu: Option<f64>,
    before: &'static str,
}

const HOPES: [Hope; 4] = [
    Hope { in_flight: 1, rate: 4_000.0, p99: None, cpu: None, before: "10.6k/s" },
    Hope { in_flight: 16, rate: 24_000.0, p99: None, cpu: None, before: "22.8k/s" },
    Hope {
        in_flight: 64,
        rate: 42_000.0,
        p99: Some(7.0),
        cpu: Some(25.0),
        before: "22.7k/s, p99 11.6 ms, 49 µs CPU",
    },
    Hope { in_flight: 1_000, rate: 75_000.0, p99: Some(35.0), cpu: None, before: "22.7k/s, p99 88 ms" },
];

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for hope in HOPES {
        let until = Until::Time { warm_up: scale.warm_up, time: scale.time };
        let rounds = Rounds::take(scale.rounds, async |side| {
            exchange(ground, side, Exchange { instances: INSTANCES, in_flight: hope.in_flight, until }).await
        })
        .await?;
        rows.push(row(&hope, &rounds));
    }
    Ok(rows)
}

/// A new server on an empty directory, the load, and the server's end.
pub(super) async fn exchange(ground: &mut Ground, side: Side, load: Exchange) -> Result<Measured> {
    let home = ground.fresh("messages")?;
    let server = match side {
        Side::Guildhall => Running::guildhall_with_linker(&home)?,
        Side::Bare => Running::bare(Path::Messages, &home)?,
    };
    let measured = load.put_on(&server.linker_door(), server.pid()).await?;
    server.stop().await?;
    std::fs::remove_dir_all(&home)?;
    Ok(measured)
}

fn row(hope: &Hope, rounds: &Rounds<Measured>) -> Row {
    let (ours, ratio) = (rounds.of_guildhall(Measured::rate), rounds.ratio(Measured::rate));
    Row {
        name: "messages",
        work: format!(
            "direct messages between {INSTANCES} instances, {} in flight, delivered",
            grouped(hope.in_flight as u64)
        ),
        guildhall: cell(&rounds.guildhall, ours),
        bare: cell(&rounds.bare, rounds.of_bare(Measured::rate)),
        ratio: Some(ratio),
        gate: Some(Gate::at_least("of bare", ratio.median, OF_BARE)),
        goal: Some(goal(hope, rounds, ours)),
        before: hope.before,
        durability: "fsynced before it is delivered",
    }
}

fn goal(hope: &Hope, rounds: &Rounds<Measured>, rate: Figure) -> Goal {
    let mut text = format!("{:.0}k/s", hope.rate / 1e3);
    let mut reached = rate.median >= hope.rate;
    if let Some(bound) = hope.p99 {
        text += &format!(", p99 ≤ {bound:.0} ms");
        reached &= rounds.of_guildhall(|measured| measured.quantile(0.99)).median <= bound * 1e3;
    }
    if let Some(bound) = hope.cpu {
        text += &format!(", ≤ {bound:.0} µs CPU");
        reached &= rounds.of_guildhall(Measured::cpu_each).median <= bound;
    }
    Goal { text, reached }
}
