//! One connection sends and another receives, beside a stream of Redis whose log is synced before it answers.

use anyhow::Result;

use crate::client::{LinkerPipe, Measured, OneWay, RedisPipe};
use crate::ground::Ground;
use crate::redis::{self, Redis};
use crate::report::{Goal, Row};
use crate::rounds::{Rounds, Side};
use crate::subject::Running;
use crate::works::calls::cell;
use crate::works::{Scale, grouped};

/// Messages under way.
const IN_FLIGHT: [usize; 2] = [64, 1_000];
/// What is hoped for of Redis' rate.
const OF_REDIS: f64 = 0.8;

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for in_flight in IN_FLIGHT {
        if !redis::is_installed() {
            rows.push(not_measured(in_flight));
            continue;
        }
        let load = OneWay { in_flight, warm_up: scale.warm_up, time: scale.time };
        let rounds = Rounds::take(scale.rounds, async |side| put_on(ground, side, load).await).await?;
        rows.push(row(in_flight, &rounds));
    }
    Ok(rows)
}

/// A new server on an empty directory, the load, and the server's end.
async fn put_on(ground: &mut Ground, side: Side, load: OneWay) -> Result<Measured> {
    let home = ground.fresh("redis")?;
    let measured = match side {
        Side::Guildhall => {
            let server = Running::guildhall_with_linker(&home)?;
            let mut pipe = LinkerPipe::open(&server.linker_door()).await?;
            let measured = load.put_on(&mut pipe, server.pid()).await?;
            server.stop().await?;
            measured
        }
        Side::Bare => {
            let redis = Redis::start(&home).await?;
            let mut pipe = RedisPipe::open(redis.address).await?;
            load.put_on(&mut pipe, redis.pid()).await?
        }
    };
    std::fs::remove_dir_all(&home)?;
    Ok(measured)
}

fn row(in_flight: usize, rounds: &Rounds<Measured>) -> Row {
    let (ours, ratio) = (rounds.of_guildhall(Measured::rate), rounds.ratio(Measured::rate));
    Row {
        guildhall: cell(&rounds.guildhall, ours),
        bare: format!("Redis Streams: {}", cell(&rounds.bare, rounds.of_bare(Measured::rate))),
        ratio: Some(ratio),
        goal: Some(Goal { text: format!("≥ {OF_REDIS} × Redis"), reached: ratio.median >= OF_REDIS }),
        ..not_measured(in_flight)
    }
}

fn not_measured(in_flight: usize) -> Row {
    Row {
        name: "redis",
        work: format!(
            "messages, one connection each way, {} in flight, delivered, beside Redis Streams",
            grouped(in_flight as u64)
        ),
        guildhall: "not measured: no redis-server; `cargo xtask bench --install redis` installs it".into(),
        bare: "–".into(),
        ratio: None,
        gate: None,
        goal: None,
        before: "–",
        durability: "fsynced before it is delivered; Redis with appendfsync always",
    }
}
