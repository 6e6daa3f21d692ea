//! `guildhall status`: how the server and the workspace stand.

use std::process::ExitCode;

use client::protocol::{Call, Empty, Status};

use crate::here::Here;

pub(crate) async fn run(here: &Here) -> anyhow::Result<ExitCode> {
    let status: Status = here.hall().await?.call(Call::Status(Empty {})).await?;
    here.output.show(&status, text)?;
    Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(status: &Status) -> String {
    let ready = match (status.ready, &status.reason) {
        (true, _) => "ready".to_owned(),
        (false, Some(reason)) => format!("not ready: {reason}"),
        (false, None) => "not ready".to_owned(),
    };
    let as_of = match &status.as_of {
        None => "nothing has happened yet".to_owned(),
        Some(as_of) => format!("{as_of} (position {})", status.position),
    };
    format!(
        "server     {} {ready}\nworkspace  {}\nlistening  {}\nagents     {}\nkeys       {}\nquestions  {} open, {} for you\nmessages   {} for you\nas of      {as_of}\n",
        status.server,
        status.workspace,
        status.listening.join(", "),
        status.agents,
        status.context_keys,
        status.open_questions,
        status.for_you,
        status.messages,
    )
}
