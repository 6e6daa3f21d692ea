//! `guildhall config`: what is set, and where.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use crate::config::layers::PROJECT_FILE;
use crate::config::settings::{VARIABLES, Variable};
use crate::config::{Flags, Value};
use crate::here::Here;

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show what is set. Passwords are not shown.
    Show(Show),
    /// Show where files are.
    #[command(after_help = variables())]
    Path,
}

/// The environment variables beside those of the settings.
fn variables() -> String {
    let line = |variable: &Variable| format!("\n  {:<22}  {}", variable.name, variable.description);
    format!("Variables:{}", VARIABLES.iter().map(line).collect::<String>())
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Say where each value comes from.
    #[arg(long)]
    origin: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    key: &'static str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl Config {
    pub(crate) fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        match self {
            Self::Show(show) => show.run(here),
            Self::Path => {
                let home = &here.home;
                let project = here.surroundings.directory.join(PROJECT_FILE);
                let paths = json!({
                    "user": home.config_file,
                    "project": project,
                    "data": home.data,
                    "socket": home.socket(),
                    "owner_token": home.owner_token,
                });
                here.output.show(&paths, |_| {
                    let rows = [
                        ("user file", &home.config_file),
                        ("project file", &project),
                        ("data", &home.data),
                        ("socket", &home.socket()),
                        ("owner's token", &home.owner_token),
                    ];
                    rows.map(|(what, path)| format!("{what:<14}{}\n", path.display())).concat()
                })?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Show {
    fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let settings = here.settings(Flags::new())?;
        let shown = |value: &Value| Shown {
            key: value.setting.key,
            value: value.shown(),
            origin: self.origin.then(|| value.origin.to_string()),
        };
        let all: Vec<Shown> = settings.all().iter().map(shown).collect();
        here.output.show(&all[..], |all| {
            let width = all.iter().map(|shown| shown.key.len()).max().unwrap_or_default();
            let line = |Shown { key, value, origin }: &Shown| {
                let origin = origin.as_ref().map(|origin| format!("  # {origin}")).unwrap_or_default();
                format!("{key:width$} = {value}{origin}\n")
            };
            all.iter().map(line).collect()
        })?;
        // Shown first: what is wrong is easier to find beside what is set.
        for value in settings.all() {
            value.check()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
