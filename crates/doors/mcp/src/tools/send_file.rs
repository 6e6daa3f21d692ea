//! Sends a file of the agent's directory.

use client::protocol::{Call, Send, Sent};
use client::shown::name;
use serde_json::json;

use super::send::{recipient, whom};
use crate::about::About;
use crate::arguments::Arguments;
use crate::files;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};

pub(super) fn about() -> About {
    About {
        description: "Send a file of the directory you work in, 8 MiB at most, with a message.",
        properties: json!({
            "to": {"type": "string", "description": "as in `send`"},
            "path": {"type": "string"},
            "content": {"type": "string", "description": "what to say about it"},
            "reply_to": {"type": "integer"},
        }),
        required: &["path"],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let (to, reply_to) = recipient(arguments)?;
    let content = arguments.optional_text("content")?;
    let file = files::read(hall.directory(), &arguments.text("path")?).await?;
    let called = name(&file.name).into_owned();
    // A message says something, also where files are not shown.
    let content = content.unwrap_or_else(|| format!("file {called}"));
    let send = Send { to, content, reply_to, files: vec![file], ..Send::default() };
    let sent: Sent = hall.call(Call::Send(send)).await?;
    Ok(Outcome::text(format!("sent {called} with message #{} {}", sent.number, whom(&sent))))
}
