//! `guildhall mcp`: the bridge between one agent and the hall. Hosts start it; stdout carries the protocol.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum, value_parser};

use crate::config::Flags;
use crate::config::settings::{LOG, LOG_FORMAT};
use crate::here::Here;
use crate::logs;

/// What tells one of several agents of the same name from another: Claude Code names its session here.
const SESSION: &str = "CLAUDE_CODE_SESSION_ID";
/// The longest that a call waits for a server, in seconds: hosts give up long before.
const HOUR: u64 = 3600;

#[derive(Debug, Args)]
#[command(after_help = format!("Variables:\n  {SESSION}  Tells agents of the same name apart; Claude Code sets it."))]
pub(crate) struct Mcp {
    /// The agent's name [default: the name of the directory it works in].
    #[arg(long)]
    name: Option<String>,
    /// Whether the agent has what others need, or needs what others have.
    #[arg(long, value_enum, default_value_t = Role::Source)]
    role: Role,
    /// The directory the agent works in [default: the working directory].
    #[arg(long, value_name = "DIRECTORY")]
    repo_path: Option<PathBuf>,
    /// Which tools the agent has.
    #[arg(long, value_enum, default_value_t = Tools::Default)]
    tools: Tools,
    /// How long a call waits for a server that is not there.
    #[arg(long, value_name = "SECONDS", default_value_t = client::PATIENCE.as_secs(),
        value_parser = value_parser!(u64).range(0..=HOUR))]
    wait_for_server: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    Source,
    Target,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Tools {
    /// Those of this hall.
    Default,
    /// Those that the old linker's MCP servers had, for prompts and habits made for them.
    Linker,
}

impl Mcp {
    pub(crate) fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let settings = here.settings(Flags::new())?;
        logs::begin(&settings.get(LOG).text, settings.get(LOG_FORMAT).text == "json")?;
        let directory = match self.repo_path {
            Some(path) => here.surroundings.directory.join(path),
            None => here.surroundings.directory.clone(),
        };
        let folder = || directory.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = self.name.or_else(folder).context("this directory has no name; give one with --name")?;
        let role = match self.role {
            Role::Source => "source",
            Role::Target => "target",
        };
        let options = door_mcp::Options {
            socket: here.home.socket(),
            name,
            role: role.into(),
            repo_path: directory.to_string_lossy().into_owned(),
            instance: here.surroundings.variable(SESSION).map(|id| id.to_string_lossy().into_owned()),
            workspace: Some(settings.workspace()?.to_string()),
            tools: match self.tools {
                Tools::Default => door_mcp::ToolSet::Default,
                Tools::Linker => door_mcp::ToolSet::Linker,
            },
            wait_for_server: Duration::from_secs(self.wait_for_server),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(door_mcp::run(options));
        // A thread may still be reading stdin; it is not waited for.
        runtime.shutdown_background();
        ended?;
        Ok(ExitCode::SUCCESS)
    }
}
