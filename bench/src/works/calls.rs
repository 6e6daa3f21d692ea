//! Single calls: list, get and share with 64 in flight over 16 connections, and share with one.

use anyhow::{Context as _, Result};

use crate::bare::Path;
use crate::client::{Call, Connection, Load, Measured, Until, frames};
use crate::corpus;
use crate::ground::Ground;
use crate::machine;
use crate::report::{Gate, Goal, Row, spread};
use crate::rounds::{Figure, Rounds, Side};
use crate::subject::Running;
use crate::works::Scale;

/// 64 in flight are four on each of sixteen connections.
const CONNECTIONS: usize = 16;
const EACH: usize = 4;
/// What rates must reach of the prototype's.
const OF_BARE: f64 = 0.6;
/// What a single share may take, in times of the disk's.
const OF_DISK: f64 = 2.5;

pub(super) async fn list(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let rounds = at_64(ground, scale, Call::List, Path::Read).await?;
    let work = format!("list {CONNECTIONS} agents, 64 in flight");
    Ok(vec![rate_row("list", work, &rounds, 120_000.0, "31k/s", "reads only")])
}

pub(super) async fn get(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let rounds = at_64(ground, scale, Call::Get, Path::Read).await?;
    Ok(vec![rate_row("get", "get, 64 in flight".into(), &rounds, 120_000.0, "35k/s", "reads only")])
}

pub(super) async fn share(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let rounds = at_64(ground, scale, Call::Share, Path::Share).await?;
    Ok(vec![rate_row("share", "share, 64 in flight".into(), &rounds, 60_000.0, "31k/s", "fsynced")])
}

pub(super) async fn one(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let until = Until::Time { warm_up: scale.warm_up, time: scale.time };
    let load = Load { call: Call::Share, connections: 1, each: 1, until };
    let mut disk = Vec::new();
    let rounds = Rounds::take(scale.rounds, async |side| {
        disk.push(machine::fdatasync(ground.path())?.as_secs_f64() * 1e6);
        put_on(ground, side, Path::Share, load).await
    })
    .await?;
    let disk = Figure::of(disk.into_iter());
    let p50 = |measured: &Measured| measured.quantile(0.5);
    let ours = rounds.of_guildhall(p50);
    let cell = |side: &[Measured], p50: Figure| {
        let times = p50.median / disk.median;
        let p99 = Figure::of(side.iter().map(|measured| measured.quantile(0.99))).median;
        let micros = p50.median;
        format!("{micros:.0} µs{} = {times:.1} × fdatasync, p99 {p99:.0} µs{}", spread(p50), losses(side))
    };
    Ok(vec![Row {
        name: "one",
        work: format!("share, 1 in flight, p50 (fdatasync {:.0} µs)", disk.median),
        guildhall: cell(&rounds.guildhall, ours),
        bare: cell(&rounds.bare, rounds.of_bare(p50)),
        ratio: Some(rounds.ratio(p50)),
        gate: Some(Gate::at_most("× fdatasync", ours.median / disk.median, OF_DISK)),
        goal: None,
        before: "(no disk)",
        durability: "fsynced",
    }])
}

async fn at_64(ground: &mut Ground, scale: &Scale, call: Call, path: Path) -> Result<Rounds<Measured>> {
    let until = Until::Time { warm_up: scale.warm_up, time: scale.time };
    let load = Load { call, connections: CONNECTIONS, each: EACH, until };
    Rounds::take(scale.rounds, async |side| put_on(ground, side, path, load).await).await
}

/// A new server on an empty directory, the load, and the server's end.
async fn put_on(ground: &mut Ground, side: Side, path: Path, load: Load) -> Result<Measured> {
    let home = ground.fresh("calls")?;
    let server = match side {
        Side::Guildhall => Running::guildhall(&home)?.with_token(&home)?,
        Side::Bare => Running::bare(path, &home)?,
    };
    if load.call == Call::Get {
        fill(&server).await.context("the keys could not be filled")?;
    }
    let measured = load.put_on(&server.door(), server.pid()).await?;
    server.stop().await?;
    std::fs::remove_dir_all(&home)?;
    Ok(measured)
}

/// Gives every key a value.
async fn fill(server: &Running) -> Result<()> {
    let mut connection = Connection::open(&server.door()).await?;
    let agent = connection.join("bench-filler").await?;
    for number in 0..corpus::KEYS {
        connection.call(frames::share(1, number, &agent)).await?;
    }
    Ok(())
}

fn rate_row(
    name: &'static str,
    work: String,
    rounds: &Rounds<Measured>,
    goal: f64,
    before: &'static str,
    durability: &'static str,
) -> Row {
    let (ours, ratio) = (rounds.of_guildhall(Measured::rate), rounds.ratio(Measured::rate));
    Row {
        name,
        work,
        guildhall: cell(&rounds.guildhall, ours),
        bare: cell(&rounds.bare, rounds.of_bare(Measured::rate)),
        ratio: Some(ratio),
        gate: Some(Gate::at_least("of bare", ratio.median, OF_BARE)),
        goal: Some(Goal { text: format!("{:.0}k/s", goal / 1e3), reached: ours.median >= goal }),
        before,
        durability,
    }
}

pub(super) fn cell(side: &[Measured], rate: Figure) -> String {
    let middle = |figure: fn(&Measured) -> f64| Figure::of(side.iter().map(figure)).median;
    let p50 = middle(|measured| measured.quantile(0.5)) / 1e3;
    let p99 = middle(|measured| measured.quantile(0.99)) / 1e3;
    let cpu = middle(Measured::cpu_each);
    let resident = middle(|measured| measured.resident as f64) / 1e6;
    let (rate, spread) = (rate.median / 1e3, spread(rate));
    let losses = losses(side);
    format!(
        "{rate:.1}k/s{spread}, p50 {p50:.2} ms, p99 {p99:.2} ms, {cpu:.1} µs CPU, {resident:.0} MB{losses}"
    )
}

/// What went wrong, if anything did, in all rounds together.
fn losses(side: &[Measured]) -> String {
    let errors: u64 = side.iter().map(|measured| measured.errors).sum();
    let lost: u64 = side.iter().map(|measured| measured.lost).sum();
    match (errors, lost) {
        (0, 0) => String::new(),
        _ => format!(", **{errors} errors, {lost} lost**"),
    }
}
