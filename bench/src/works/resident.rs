//! Resident memory: of a server that has just started, of one that has taken in many events, and of one that has
//! carried many messages.

use std::time::Duration;

use anyhow::Result;

use crate::bare::Path;
use crate::client::{Call, Exchange, Load, Until};
use crate::ground::Ground;
use crate::process;
use crate::report::{Goal, Row};
use crate::rounds::Side;
use crate::subject::Running;
use crate::works::messages::exchange;
use crate::works::{INSTANCES, Scale, grouped};

/// How long a server is left alone before it counts as idle.
const SETTLE: Duration = Duration::from_secs(2);
/// Messages under way.
const IN_FLIGHT: usize = 64;

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    let ours = grow(ground, scale, Side::Guildhall).await?;
    let bare = grow(ground, scale, Side::Bare).await?;
    let (our_messages, bare_messages) =
        (carry(ground, scale, Side::Guildhall).await?, carry(ground, scale, Side::Bare).await?);
    let after = format!("after {} events", grouped(scale.shares));
    let row = |state: &str, ours: f64, bare: f64, goal: f64, before| Row {
        name: "resident",
        work: format!("resident: {state}"),
        guildhall: format!("{ours:.1} MB"),
        bare: format!("{bare:.1} MB"),
        ratio: None,
        gate: None,
        goal: Some(Goal { text: format!("{goal:.0} MB"), reached: ours <= goal }),
        before,
        durability: "fsynced",
    };
    let messages = format!("after {} messages between {INSTANCES} instances", grouped(scale.shares));
    Ok(vec![
        row("idle", ours.0, bare.0, 30.0, "–"),
        row(&after, ours.1, bare.1, 90.0, "90 MB"),
        row(&messages, our_messages, bare_messages, 90.0, "over 1 GB"),
    ])
}

/// MB after many messages, delivered to instances that are connected.
async fn carry(ground: &mut Ground, scale: &Scale, side: Side) -> Result<f64> {
    let load = Exchange { instances: INSTANCES, in_flight: IN_FLIGHT, until: Until::Calls(scale.shares) };
    let measured = exchange(ground, side, load).await?;
    anyhow::ensure!(measured.answered == scale.shares, "{} of {}", measured.answered, scale.shares);
    Ok(measured.resident as f64 / 1e6)
}

/// MB before and after.
async fn grow(ground: &mut Ground, scale: &Scale, side: Side) -> Result<(f64, f64)> {
    let home = ground.fresh("resident")?;
    let server = match side {
        Side::Guildhall => Running::guildhall(&home)?.with_token(&home)?,
        Side::Bare => Running::bare(Path::Share, &home)?,
    };
    tokio::time::sleep(SETTLE).await;
    let idle = process::resident(server.pid())?;
    let load = Load { call: Call::Share, connections: 16, each: 16, until: Until::Calls(scale.shares) };
    let measured = load.put_on(&server.door(), server.pid()).await?;
    anyhow::ensure!(measured.answered == scale.shares, "{} of {}", measured.answered, scale.shares);
    server.stop().await?;
    std::fs::remove_dir_all(&home)?;
    Ok((idle as f64 / 1e6, measured.resident as f64 / 1e6))
}
