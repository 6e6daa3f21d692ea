//! `guildhall agents`: who is here.

use std::process::ExitCode;

use client::protocol::{Agent, Call, Empty};

use crate::here::Here;
use crate::output::table;

pub(crate) async fn run(here: &Here) -> anyhow::Result<ExitCode> {
    let agents: Vec<Agent> = here.hall().await?.call(Call::Agents(Empty {})).await?;
    here.output.list(&agents, "Nobody is here.", |agents| {
        let row = |agent: &Agent| {
            let Agent { name, role, door, repo_path, connected_at, .. } = agent.clone();
            [name, role, door, connected_at, repo_path]
        };
        table(["NAME", "ROLE", "DOOR", "SINCE", "DIRECTORY"], agents.iter().map(row))
    })?;
    Ok(ExitCode::SUCCESS)
}
