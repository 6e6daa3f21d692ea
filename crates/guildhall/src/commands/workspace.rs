//! `guildhall workspace`: makes workspaces.

use std::process::ExitCode;

use clap::Subcommand;
use client::protocol::{self, Call, Empty};
use serde_json::json;

use crate::here::Here;

#[derive(Debug, Subcommand)]
pub(crate) enum Workspace {
    /// Make a workspace, if it does not exist.
    Create {
        /// Its name.
        name: String,
    },
    /// Show which workspaces there are.
    List,
}

impl Workspace {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        match self {
            Self::Create { name } => {
                let call = Call::CreateWorkspace(protocol::Workspace { name });
                let name: String = hall.call(call).await?;
                here.output.show(&json!({ "name": name }), |_| format!("{name}\n"))?;
            }
            Self::List => {
                let names: Vec<String> = hall.call(Call::Workspaces(Empty {})).await?;
                let lines = |names: &[String]| names.iter().map(|name| format!("{name}\n")).collect();
                here.output.list(&names, "There are no workspaces.", lines)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
