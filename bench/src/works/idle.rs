//! WebSockets on which nothing happens: what each of them keeps resident in the server.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::bare::Path;
use crate::client::{Connection, Door};
use crate::ground::Ground;
use crate::process;
use crate::report::{Goal, Row};
use crate::subject::Running;
use crate::works::{Scale, grouped};

/// Descriptors that either side needs besides its sockets.
const OTHERS: u64 = 200;
/// Sockets from one address of the loopback interface, well below the ports it has.
const FROM_ONE: usize = 5_000;
/// Handshakes under way.
const AT_ONCE: usize = 64;
/// How long everything is left alone before memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);
/// Resident bytes of one socket at most.
const GOAL: f64 = 12.0 * 1024.0;

pub(super) async fn measure(ground: &mut Ground, scale: &Scale) -> Result<Vec<Row>> {
    // The server inherits it.
    allow_descriptors(scale.sockets as u64 + OTHERS)?;
    let home = ground.fresh("idle")?;
    let server = Running::guildhall(&home)?.with_token(&home)?;
    let ours = each(&server, scale.sockets).await?;
    server.stop().await?;
    let data = ground.fresh("idle")?;
    let server = Running::bare(Path::Read, &data)?;
    let bare = each(&server, scale.sockets).await?;
    server.stop().await?;
    let cell = |bytes: f64| format!("{:.1} KiB each", bytes / 1024.0);
    Ok(vec![Row {
        name: "idle",
        work: format!("{} idle WebSockets, resident", grouped(scale.sockets as u64)),
        guildhall: cell(ours),
        bare: cell(bare),
        ratio: None,
        gate: None,
        goal: Some(Goal { text: "≤ 12 KiB each".into(), reached: ours <= GOAL }),
        before: "9.4 KiB each",
        durability: "–",
    }])
}

/// Resident bytes that each of so many sockets adds.
async fn each(server: &Running, sockets: usize) -> Result<f64> {
    let door = server.door();
    // What the first connection makes the server load is not the second's.
    drop(Connection::open(&door).await?);
    tokio::time::sleep(SETTLE).await;
    let before = process::resident(server.pid())?;
    let mut opened = Vec::with_capacity(sockets);
    let mut opening = FuturesUnordered::new();
    for number in 0..sockets {
        opening.push(open(&door, number));
        if opening.len() == AT_ONCE {
            opened.push(opening.next().await.context("something is under way")??);
        }
    }
    while let Some(connection) = opening.next().await {
        opened.push(connection?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = process::resident(server.pid())?;
    // Nobody was turned away meanwhile.
    for connection in &mut opened {
        if let Some(received) = connection.arrived() {
            let frame = received.context("an idle connection was closed")?;
            anyhow::bail!("an idle connection was sent {frame}");
        }
    }
    Ok(after.saturating_sub(before) as f64 / opened.len() as f64)
}

async fn open(door: &Door, number: usize) -> Result<Connection> {
    let last = u8::try_from(1 + number / FROM_ONE)?;
    Connection::open_from(door, Ipv4Addr::new(127, 0, 0, last)).await
}

/// Raises the soft limit of open files, and the hard one if this process may.
fn allow_descriptors(needed: u64) -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = maximum.map(|maximum| maximum.max(needed));
    setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
        .with_context(|| format!("{needed} open files are needed, and this process may not have them"))
}
