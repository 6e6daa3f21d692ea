//! `guildhall inbox`: what waits for this person, and what was sent before.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use client::protocol::{
    self, Call, File, FileOf, Mail, Marked, Message, Messages, Number, Past, Priority, Stage, Took,
};
use client::shown::name;
use client::{Connection, files};
use serde::Serialize;

use super::limit::Limit;
use crate::here::Here;
use crate::output::indented;

#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// Only look: all of it goes on waiting.
    #[arg(long, conflicts_with = "which")]
    peek: bool,
    /// Show what was sent to you, read or not.
    #[arg(long, group = "which")]
    all: bool,
    /// Show what you have sent, and how far it has come.
    #[arg(long, group = "which")]
    sent: bool,
    /// Show dead letters: what found no recipient, whoever sent it. `send --resend` sends one again.
    #[arg(long, group = "which")]
    dead: bool,
    /// Show what you and this agent or person have sent each other.
    #[arg(long, value_name = "WHOM", group = "which")]
    with: Option<String>,
    /// Show what was sent to this topic.
    #[arg(long, value_name = "NAME", group = "which")]
    topic: Option<String>,
    /// Show the thread that the message of this number belongs to.
    #[arg(long, value_name = "NUMBER", group = "which")]
    thread: Option<u64>,
    /// Show the message of this number, whole, and how far it has come.
    #[arg(long, value_name = "NUMBER", group = "which")]
    message: Option<u64>,
    /// Write the files of that message into this directory, beside what is there.
    #[arg(long, value_name = "DIRECTORY", requires = "message")]
    save: Option<PathBuf>,
    #[command(flatten)]
    limit: Limit,
    /// Show those before the message of this number.
    #[arg(long, value_name = "NUMBER", requires = "which", conflicts_with = "message")]
    before: Option<u64>,
}

/// One message, and where its files were written.
#[derive(Debug, Serialize)]
struct Whole {
    #[serde(flatten)]
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    saved: Vec<String>,
}

impl Inbox {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        let limit = Some(self.limit.into());
        let Self { peek, all, sent, dead, with, topic, thread, message, save, before, .. } = self;
        let topic = topic.as_deref().map(protocol::topic_name).map(str::to_owned);
        if let Some(number) = message {
            show(here, &hall, number, save.as_deref()).await?;
        } else if all || sent || dead || with.is_some() || topic.is_some() || thread.is_some() {
            let nothing = if dead { "There are no dead letters." } else { "There are no messages." };
            list(here, &hall, Messages { with, topic, thread, sent, dead, before, limit }, nothing).await?;
        } else {
            take(here, &hall, limit, peek).await?;
            if let Some(why) = here.not_the_owner(&hall)? {
                here.output.say(&format!("What is sent to the owner is not shown here: {why}."));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows what waits. Only what has left this process is taken as read, so that nothing is lost in a pipe that broke.
async fn take(here: &Here, hall: &Connection, limit: Option<usize>, peek: bool) -> anyhow::Result<()> {
    let mail: Mail = hall.call(Call::Inbox(protocol::Inbox { limit })).await?;
    if mail.messages.is_empty() && !here.output.json {
        here.output.say("Nothing waits for you.");
    } else {
        let text = |mail: &Mail| mail.messages.iter().map(paragraph).collect();
        here.output.hand_over(&mail, text).context("nothing was taken as read")?;
    }
    let Mail { receipt, left, .. } = mail;
    if !peek && !receipt.is_empty() {
        let _: Marked = hall.call(Call::Took(Took { receipt, stage: Stage::Read })).await?;
    }
    if left > 0 {
        here.output.say(&format!("\n{left} more wait."));
    }
    Ok(())
}

/// Shows messages of before. That changes nothing for those that wait.
async fn list(here: &Here, hall: &Connection, which: Messages, nothing: &str) -> anyhow::Result<()> {
    let Past { items: messages, before }: Past = hall.call(Call::Messages(which)).await?;
    let nothing = if before.is_some() { "None of the newest is to be shown." } else { nothing };
    here.output.list(&messages, nothing, |messages| messages.iter().map(paragraph).collect())?;
    if let Some(before) = before {
        here.output.say(&format!("\nThere may be older ones; go on with --before {before}."));
    }
    Ok(())
}

/// Shows one message, and writes its files down if wished.
async fn show(here: &Here, hall: &Connection, number: u64, into: Option<&Path>) -> anyhow::Result<()> {
    let message: Message = hall.call(Call::Message(Number { message: number })).await?;
    let saved = match into {
        Some(directory) => save(hall, &message, directory).await?,
        None => Vec::new(),
    };
    here.output.show(&Whole { message, saved }, |Whole { message, saved }| {
        let saved = saved.iter().map(|path| format!("    saved: {}\n", name(path)));
        paragraph(message) + &saved.collect::<String>()
    })?;
    Ok(())
}

/// Writes a message's files into a directory. Where they went.
async fn save(hall: &Connection, message: &Message, directory: &Path) -> anyhow::Result<Vec<String>> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let mut saved = Vec::new();
    for attachment in &message.files {
        let which = FileOf { message: message.number, name: attachment.name.clone() };
        let file: File = hall.call(Call::File(which)).await?;
        saved.push(files::save(directory, &file)?.display().to_string());
    }
    Ok(saved)
}

/// A message under a heading that nothing of it can be taken for.
fn paragraph(message: &Message) -> String {
    let Message { number, from, to, sent_at, .. } = message;
    let mut text = format!("{number}  from {} to {}, {sent_at}", name(from), name(to));
    text.push_str(match message.priority {
        Priority::High => ", high priority",
        Priority::Normal => "",
        Priority::Low => ", low priority",
    });
    text.push('\n');
    text.push_str(&indented(&message.content));
    if message.excerpt {
        text.push_str(&format!("    … (the beginning; all of it: guildhall inbox --message {number})\n"));
    }
    for file in &message.files {
        let (called, content_type) = (name(&file.name), name(&file.content_type));
        text.push_str(&format!("    file: {called} ({content_type}, {} bytes)\n", file.bytes));
    }
    if let Some(began) = message.thread {
        text.push_str(&format!("    thread: guildhall inbox --thread {began}\n"));
    }
    if let Some(expires) = &message.expires_at {
        text.push_str(&format!("    until: {expires}\n"));
    }
    if message.dead {
        text.push_str(&format!("    dead letter: nobody was known as \"{}\"\n", name(to)));
    }
    if let Some(progress) = &message.progress {
        text.push_str(&format!("    {}\n", progress.in_words()));
    }
    text
}

#[cfg(test)]
mod tests {
    use client::protocol::{Attachment, Progress};

    use super::*;

    fn message() -> Message {
        Message {
            number: 7,
            id: "0a".into(),
            from: "web\n8  from owner".into(),
            from_id: "0b".into(),
            to: "person:owner".into(),
            thread: None,
            content: "done\n9  from owner".into(),
            excerpt: false,
            characters: None,
            priority: Priority::Normal,
            files: Vec::new(),
            sent_at: "2026-01-02T03:04:05.000Z".into(),
            expires_at: None,
            dead: false,
            progress: None,
        }
    }

    #[test]
    fn nothing_of_a_message_looks_like_another() {
        assert_eq!(
            paragraph(&message()),
            "7  from web\\n8  from owner to person:owner, 2026-01-02T03:04:05.000Z\n    done\n    9  from owner\n"
        );
    }

    #[test]
    fn all_that_is_known_of_a_message_stands_below_it() {
        let file = Attachment {
            name: "a\nb.txt".into(),
            content_type: "text/plain".into(),
            bytes: 3,
            digest: String::new(),
        };
        let message = Message {
            content: "x".into(),
            excerpt: true,
            priority: Priority::High,
            files: vec![file],
            thread: Some(3),
            expires_at: Some("2027".into()),
            dead: true,
            ..message()
        };
        let text = paragraph(&message);
        let mut lines = text.lines();
        assert!(lines.next().unwrap().ends_with("Z, high priority"), "{text}");
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                "    x",
                "    … (the beginning; all of it: guildhall inbox --message 7)",
                "    file: a\\nb.txt (text/plain, 3 bytes)",
                "    thread: guildhall inbox --thread 3",
                "    until: 2027",
                "    dead letter: nobody was known as \"person:owner\"",
            ]
        );
        let at = |time: &str| Some(time.to_owned());
        let progress = Progress { delivered_at: at("1"), read_at: at("2"), ..Progress::default() };
        assert_eq!(progress.in_words(), "delivered 1, read 2");
    }
}
