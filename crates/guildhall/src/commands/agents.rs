//! `guildhall agents`: who is here.

use std::process::ExitCode;

use client::protocol::{Agent, Call, Empty, Saying};

use crate::here::Here;
use crate::output::table;

pub(crate) async fn run(here: &Here) -> anyhow::Result<ExitCode> {
    let agents: Vec<Agent> = here.hall().await?.call(Call::Agents(Empty {})).await?;
    here.output.list(&agents, "Nobody is here.", |agents| {
        let row = |agent: &Agent| {
            let Agent { name, role, door, repo_path, connected_at, saying, .. } = agent.clone();
            [name, role, door, connected_at, repo_path, saying.map(at_what).unwrap_or_default()]
        };
        table(["NAME", "ROLE", "DOOR", "SINCE", "DIRECTORY", "SAYS"], agents.iter().map(row))
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What an agent says to be at, in a line.
fn at_what(Saying { status, description, .. }: Saying) -> String {
    match description {
        Some(more) => format!("{status}: {more}"),
        None => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_is_at_is_one_line() {
        let saying = |description: Option<&str>| Saying {
            status: "reviewing".into(),
            description: description.map(Into::into),
            since: "2026-01-02T03:04:05.000Z".into(),
        };
        assert_eq!(at_what(saying(None)), "reviewing");
        assert_eq!(at_what(saying(Some("the doors"))), "reviewing: the doors");
    }
}
