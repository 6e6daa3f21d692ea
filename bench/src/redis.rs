//! A Redis server of our own, thrown away afterwards: its log is synced before anything is answered, and nothing else
//! is written.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::client::Resp;

/// How long it may take to answer.
const START: Duration = Duration::from_secs(10);
/// Between two attempts to reach it.
const AGAIN: Duration = Duration::from_millis(20);
/// Ports that are tried: between our finding one free and the server's taking it another may.
const PORTS: usize = 5;

/// A server that runs. Dropping it kills it.
pub(crate) struct Redis {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Whether there is a `redis-server` to start.
pub(crate) fn is_installed() -> bool {
    let mut version = Command::new("redis-server");
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

impl Redis {
    /// Starts one on a free port of the loopback interface. All it writes lies in `directory`.
    pub(crate) async fn start(directory: &Path) -> Result<Self> {
        for _ in 0..PORTS {
            if let Some(redis) = Self::try_to_start(directory).await? {
                return Ok(redis);
            }
        }
        let said = std::fs::read_to_string(directory.join("redis.log")).unwrap_or_default();
        bail!("redis-server did not start; it said:\n{said}")
    }

    /// None if it has ended at once.
    async fn try_to_start(directory: &Path) -> Result<Option<Self>> {
        // A port of 0 would be none to this server.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut serve = Command::new("redis-server");
        serve.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
        serve.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        // Rewriting the log would only cost it time.
        serve.args(["--auto-aof-rewrite-percentage", "0", "--logfile", "redis.log", "--dir"]).arg(directory);
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = serve.spawn().context("cannot start redis-server")?;
        let mut redis = Self { child, address };
        let end = Instant::now() + START;
        while Instant::now() < end {
            if redis.child.try_wait()?.is_some() {
                return Ok(None);
            }
            if let Ok(mut connection) = Resp::open(address).await {
                connection.call(&[b"PING"]).await.context("something else answers at that port")?;
                return Ok(Some(redis));
            }
            tokio::time::sleep(AGAIN).await;
        }
        bail!("redis-server did not answer within {START:?}")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Either fails only if it has ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
