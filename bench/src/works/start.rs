//! How long a start takes, from the making of the process until it says that it can be used: with nothing, with a
//! long log, and after a crash under load, which must have lost nothing that was answered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::client::{Call, Connection, Load, Until, frames};
use crate::ground::Ground;
use crate::report::{Goal, Row, spread};
use crate::rounds::Figure;
use crate::subject::Running;
use crate::works::append::long_log;
use crate::works::{Scale, grouped};

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    Ok(vec![
        empty(ground, scale).await?,
        with_long_log(ground, scale).await?,
        after_crash(ground, scale).await?,
    ])
}

async fn empty(ground: &mut Ground, scale: &Scale) -> Result<Row> {
    let mut times = Vec::new();
    for _ in 0..scale.rounds {
        let home = ground.fresh("empty")?;
        let server = Running::guildhall(&home)?;
        times.push(server.started_in);
        server.stop().await?;
        std::fs::remove_dir_all(&home)?;
    }
    Ok(row("start: empty".into(), &times, 50, "–", ""))
}

async fn with_long_log(ground: &mut Ground, scale: &Scale) -> Result<Row> {
    let log = long_log(ground, scale).await?;
    let home = ground.fresh("long")?;
    // The server makes its home as it likes it; then its log is exchanged for the long one.
    Running::guildhall(&home)?.stop().await?;
    let data = find(&home, store::sqlite::LOG_FILE)?.context("the server made no log")?;
    for directory in [&data, &log] {
        for file in databases(directory)? {
            let name = file.file_name().context("a file has a name")?;
            match directory == &data {
                true => std::fs::remove_file(&file)?,
                false => std::fs::rename(&file, data.join(name))?,
            }
        }
    }
    let mut times = Vec::new();
    for _ in 0..scale.rounds {
        let server = Running::guildhall(&home)?;
        times.push(server.started_in);
        server.stop().await?;
    }
    std::fs::remove_dir_all(&home)?;
    Ok(row(format!("start: {} events", grouped(scale.history)), &times, 100, "–", ""))
}

async fn after_crash(ground: &mut Ground, scale: &Scale) -> Result<Row> {
    let until = Until::Time { warm_up: Duration::ZERO, time: Duration::from_secs(3600) };
    let load = Load { call: Call::Share, connections: 16, each: 4, until };
    let (mut times, mut answered, mut lost) = (Vec::new(), 0, 0);
    for _ in 0..scale.rounds {
        let home = ground.fresh("crash")?;
        let server = Running::guildhall(&home)?.with_token(&home)?;
        let door = server.door();
        let clients = tokio::spawn(async move { load.until_gone(&door).await });
        tokio::time::sleep(scale.time).await;
        server.kill()?;
        let acknowledged = clients.await.context("the load failed")??;
        let server = Running::guildhall(&home)?;
        times.push(server.started_in);
        let server = server.with_token(&home)?;
        let mut connection = Connection::open(&server.door()).await?;
        let kept = frames::shares_behind(&connection.call(frames::versions(1)).await?)?;
        answered += acknowledged;
        lost += acknowledged.saturating_sub(kept);
        drop(connection);
        server.stop().await?;
        std::fs::remove_dir_all(&home)?;
    }
    let losses = format!(", {lost} of {} acknowledged shares lost", grouped(answered));
    Ok(row("start: after SIGKILL under load".into(), &times, 2_000, "loses everything", &losses))
}

fn row(work: String, times: &[Duration], goal_ms: u64, before: &'static str, more: &str) -> Row {
    let took = Figure::of(times.iter().map(Duration::as_secs_f64));
    Row {
        name: "start",
        work,
        guildhall: format!("{:.0} ms{}{more}", took.median * 1e3, spread(took)),
        bare: "–".into(),
        ratio: None,
        gate: None,
        goal: Some(Goal { text: format!("{goal_ms} ms"), reached: took.median * 1e3 <= goal_ms as f64 }),
        before,
        durability: "fsynced",
    }
}

/// The directory below `place` that holds a file of this name.
fn find(place: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            if let Some(found) = find(&entry.path(), name)? {
                return Ok(Some(found));
            }
        } else if entry.file_name() == name {
            return Ok(Some(place.to_owned()));
        }
    }
    Ok(None)
}

/// The store's files in a directory, with what SQLite keeps beside them.
fn databases(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if [store::sqlite::LOG_FILE, store::sqlite::VIEWS_FILE].iter().any(|of| name.starts_with(of)) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
