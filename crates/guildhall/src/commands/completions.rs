//! `guildhall completions`: scripts for shells.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use crate::cli::Cli;
use crate::here::Here;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "guildhall", &mut script);
        let script = String::from_utf8(script)?;
        here.output.show_as_it_is(&json!({ "shell": self.shell.to_string(), "script": script }), |_| {
            script.clone()
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
