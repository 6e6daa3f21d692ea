//! `guildhall serve`: runs the server until it is told to end.

use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio::runtime::Builder;

use crate::config::Config;
use crate::config::flags::AllSettings;
use crate::here::Here;
use crate::logs;
use crate::output::print;
use crate::server::{Addresses, Options, Paths, Server};
use crate::signals::Signals;
use crate::surroundings::Surroundings;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) flags: AllSettings,
}

impl Serve {
    pub(crate) fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let config = here.settings(self.flags.0)?.config()?;
        logs::begin(&config.log, config.log_as_json)?;
        // The store has a thread of its own. With the rest on one thread two cores are busy and nothing has to be
        // handed from one to the other; only more cores are worth more workers.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut runtime = match config.workers.unwrap_or(cores.saturating_sub(1)) {
            0 | 1 => Builder::new_current_thread(),
            workers => {
                let mut runtime = Builder::new_multi_thread();
                runtime.worker_threads(workers);
                runtime
            }
        };
        let paths = here.home.paths()?;
        runtime.max_blocking_threads(BLOCKING_THREADS);
        runtime.enable_all().build()?.block_on(serve(config.into_options(paths), here))
    }
}

/// Threads for what blocks, which is reading and writing the databases. Those wait for one another anyhow, and every thread
/// holds on to memory that it has once used.
const BLOCKING_THREADS: usize = 16;

impl Config {
    fn into_options(self, paths: Paths) -> Options {
        /// Of bad tokens, as many as at once again in so many seconds.
        const FORGIVEN: f64 = 60.0;
        Options {
            paths,
            store: self.store,
            listen: self.listen,
            compat_trpc: self.compat.trpc,
            compat_linker: self.compat.linker,
            presence_grace: self.presence_grace,
            clock_ahead: self.clock_ahead,
            trpc: door_trpc::Options {
                keep_alive: self.keep_alive,
                keep_alive_grace: self.keep_alive_grace,
                write_stall: self.write_stall,
            },
            linker: door_linker::Options {
                keep_alive: self.keep_alive,
                keep_alive_grace: self.keep_alive_grace,
                write_stall: self.write_stall,
            },
            calls: gate::rate::Rate {
                per_second: self.rate_calls_per_second.into(),
                burst: self.rate_burst.into(),
            },
            failures: gate::rate::Rate {
                per_second: f64::from(self.auth_failures_burst) / FORGIVEN,
                burst: self.auth_failures_burst.into(),
            },
            connections: self.connections,
            names: gate::Names { hosts: self.allowed_hosts, origins: self.allowed_origins },
            drain: self.drain,
        }
    }
}

async fn serve(options: Options, here: &Here) -> anyhow::Result<ExitCode> {
    let owner_token = options.paths.owner_token.clone();
    // Listened to before anything is opened, so that being told to end in between is not the end of the process.
    let mut signals = Signals::listen()?;
    let server = Server::start(options).await?;
    print(&ready(server.addresses(), &owner_token, here))?;
    let failed = tokio::select! {
        () = signals.end() => false,
        () = server.failed() => true,
    };
    tracing::info!("ending; once more to hurry");
    server.stop(signals.hurry()).await;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is printed once everything can be used.
fn ready(addresses: &Addresses, owner_token: &Path, here: &Here) -> String {
    let Addresses { http, compat_trpc, compat_linker, socket } = addresses;
    let open = [("trpc", compat_trpc), ("linker", compat_linker)];
    let open = open.into_iter().filter_map(|(protocol, address)| Some((protocol, (*address)?)));
    if here.output.json {
        let compat: serde_json::Map<_, _> =
            open.map(|(protocol, address)| (protocol.to_owned(), json!(format!("ws://{address}")))).collect();
        let http = format!("http://{http}");
        let pid = std::process::id();
        let line = json!({
            "event": "ready",
            "http": http,
            "compat": compat,
            "socket": socket,
            "pid": pid,
            "register": register(&here.surroundings)
        });
        return format!("{line}\n");
    }
    let compat: String = open
        .map(|(protocol, address)| format!("  for {protocol} clients without a token: ws://{address}\n"))
        .collect();
    format!(
        "Guildhall is open.
  main listener: http://{http}
{compat}  socket: {}
  owner's credential: {} (for you alone; the command line reads it by itself)

Let Claude Code in, once for all your projects:
  {}
",
        socket.display(),
        owner_token.display(),
        register(&here.surroundings)
    )
}

/// The line that lets Claude Code in. What says where this hall is must be said to the bridge too, as absolute paths: Claude
/// Code may be started from anywhere.
fn register(surroundings: &Surroundings) -> String {
    let places = ["GUILDHALL_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"];
    let set = places.iter().filter_map(|name| Some((name, surroundings.path(name)?)));
    let environment: String =
        set.map(|(name, path)| format!(" --env {name}={}", quoted(&path.display().to_string()))).collect();
    format!("claude mcp add guildhall --scope user{environment} -- {} mcp", program())
}

/// How this program is called: by its name if that finds it, else by its path.
fn program() -> String {
    let Ok(own) = std::env::current_exe() else { return "guildhall".into() };
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&directories)
        .map(|directory| directory.join("guildhall"))
        .find(|p| p.is_file());
    let same = found.and_then(|found| found.canonicalize().ok()).is_some_and(|found| found == own);
    if same { "guildhall".into() } else { quoted(&own.display().to_string()) }
}

/// A path as a shell takes it for one word.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path.into() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
