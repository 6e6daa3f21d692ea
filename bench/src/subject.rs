//! Starting a server that is to be measured, and ending it: the real one or a prototype. Both say on one line of
//! standard output when they can be used.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum as _;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::bare;
use crate::client::Door;
use crate::ground::built_beside;

/// How long a server may take to say that it can be used.
const START: Duration = Duration::from_secs(120);
/// How long it may take to end.
const END: Duration = Duration::from_secs(30);

/// A server that runs. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    /// Kept open: a server that writes another line must not fail at it.
    _stdout: BufReader<ChildStdout>,
    /// From before its process was made until it said that it could be used.
    pub(crate) started_in: Duration,
    address: SocketAddr,
    /// Of the listener for the linker's clients, if there is one.
    linker: Option<SocketAddr>,
    token: Option<String>,
}

#[derive(Deserialize)]
struct Ready {
    event: String,
    http: String,
    #[serde(default)]
    compat: Compat,
}

#[derive(Deserialize, Default)]
struct Compat {
    linker: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

impl Running {
    /// Starts `guildhall serve` as a person would, on this home, with default settings.
    pub(crate) fn guildhall(home: &Path) -> Result<Self> {
        let mut serve = guildhall(home)?;
        serve.args(["serve", "--json", "--listen", "127.0.0.1:0"]);
        Self::start(serve, &home.join("stderr"))
    }

    /// The same, with the listener for the linker's clients.
    pub(crate) fn guildhall_with_linker(home: &Path) -> Result<Self> {
        let mut serve = guildhall(home)?;
        serve.args(["serve", "--json", "--listen", "127.0.0.1:0", "--compat", "linker=0"]);
        Self::start(serve, &home.join("stderr"))
    }

    /// Starts a prototype of one path; its log goes into `data`.
    pub(crate) fn bare(path: bare::Path, data: &Path) -> Result<Self> {
        let name = path.to_possible_value().context("every path has a name")?;
        let mut serve = Command::new(std::env::current_exe()?);
        serve.args(["bare", "--path", name.get_name(), "--data"]).arg(data);
        Self::start(serve, &data.join("stderr"))
    }

    fn start(mut serve: Command, stderr: &Path) -> Result<Self> {
        let said = File::create(stderr)?;
        serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
        let begun = Instant::now();
        let mut child = serve.spawn().with_context(|| format!("cannot start {serve:?}"))?;
        let stdout = child.stdout.take().context("standard output was asked for")?;
        let (line, stdout) = match first_line(stdout) {
            Ok(read) => read,
            Err(error) => {
                _ = child.kill();
                _ = child.wait();
                let said = std::fs::read_to_string(stderr).unwrap_or_default();
                return Err(error.context(format!("{serve:?} did not start; it said:\n{said}")));
            }
        };
        let started_in = begun.elapsed();
        let ready: Ready = serde_json::from_str(&line).with_context(|| format!("not ready: {line}"))?;
        ensure!(ready.event == "ready", "not ready: {line}");
        let address = ready.http.strip_prefix("http://").context("another scheme than http")?.parse()?;
        let linker = match ready.compat.linker.as_deref() {
            Some(url) => Some(url.strip_prefix("ws://").context("another scheme than ws")?.parse()?),
            None => None,
        };
        Ok(Self { child, _stdout: stdout, started_in, address, linker, token: None })
    }

    /// Gets a token for the benchmark, as `guildhall token create` gives it.
    pub(crate) fn with_token(mut self, home: &Path) -> Result<Self> {
        let create = ["token", "create", "--json", "--role", "member", "--name", "bench"];
        let made = guildhall(home)?.args(create).output()?;
        ensure!(made.status.success(), "no token: {}", String::from_utf8_lossy(&made.stderr));
        self.token = Some(serde_json::from_slice::<Token>(&made.stdout)?.token);
        Ok(self)
    }

    /// Where clients go.
    pub(crate) fn door(&self) -> Door {
        Door { address: self.address, path: "/trpc", token: self.token.clone() }
    }

    /// Where the linker's clients go; a prototype has one door for all.
    pub(crate) fn linker_door(&self) -> Door {
        Door { address: self.linker.unwrap_or(self.address), path: "/", token: None }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a service manager would, and waits until it has ended.
    pub(crate) async fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let end = Instant::now() + END;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > end {
                bail!("the server did not end within {END:?}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either fails only if it has ended already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The program, on this home, without any setting that the caller's environment may hold.
fn guildhall(home: &Path) -> Result<Command> {
    let program = match std::env::var_os("GUILDHALL_BIN") {
        Some(named) => PathBuf::from(named),
        None => built_beside()?.join("guildhall"),
    };
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("GUILDHALL_") || ["PORT", "HOST"].contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command.env("GUILDHALL_HOME", home);
    Ok(command)
}

fn first_line(stdout: ChildStdout) -> Result<(String, BufReader<ChildStdout>)> {
    let (to, line) = mpsc::sync_channel(1);
    // Ends with the line or with the server.
    std::thread::Builder::new().name("first line".into()).spawn(move || {
        let (mut stdout, mut line) = (BufReader::new(stdout), String::new());
        let read = stdout.read_line(&mut line);
        // Nobody waits any more if it took too long.
        _ = to.send(read.map(|_| (line, stdout)));
    })?;
    let (line, stdout) =
        line.recv_timeout(START).with_context(|| format!("it said nothing for {START:?}"))??;
    ensure!(!line.is_empty(), "it ended without a word on standard output");
    Ok((line, stdout))
}
