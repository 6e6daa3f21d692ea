//! `guildhall context`: what is shared.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use client::protocol::{self, Call, Deleted, Entry, Key, List, Listing};
use client::shown;

use super::limit::Limit;
use crate::failure::NotFound;
use crate::here::Here;
use crate::output::table;

#[derive(Debug, Subcommand)]
pub(crate) enum Context {
    /// Give a key a value.
    Share {
        /// The key.
        key: String,
        /// The value; `-` to read it from stdin.
        value: String,
        /// A tag; may be given several times.
        #[arg(long)]
        tag: Vec<String>,
        /// Only if the key is at this version; 0 for a key that has no value.
        #[arg(long, value_name = "VERSION")]
        if_version: Option<u64>,
    },
    /// Show a key's value.
    Get {
        /// The key.
        key: String,
    },
    /// Show which keys there are.
    List {
        /// A tag they must have; may be given several times.
        #[arg(long)]
        tag: Vec<String>,
        #[command(flatten)]
        limit: Limit,
        /// Only those after this one.
        #[arg(long, value_name = "KEY")]
        after: Option<String>,
        /// With `--json`: whole values, also long ones.
        #[arg(long)]
        values: bool,
    },
    /// Show a key's versions, newest first.
    History {
        /// The key.
        key: String,
        #[command(flatten)]
        limit: Limit,
        /// Begin with the version at this position, the `previous` of another one.
        #[arg(long, value_name = "POSITION")]
        from: Option<u64>,
        /// With `--json`: whole values, also long ones.
        #[arg(long)]
        values: bool,
    },
    /// Take a key away.
    Delete {
        /// The key.
        key: String,
        /// Only if the key is at this version.
        #[arg(long, value_name = "VERSION")]
        if_version: Option<u64>,
    },
}

impl Context {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        match self {
            Self::Share { key, value, tag, if_version } => {
                let value = given_or_stdin(value)?;
                let share = protocol::Share { key, value, tags: tag, if_version, once: None };
                let entry: Entry = hall.call(Call::Share(share)).await?;
                here.output.show(&entry, |entry| {
                    format!("{} is at version {}.\n", shown::name(&entry.key), entry.version)
                })?;
            }
            Self::Get { key } => {
                let entry: Option<Entry> = hall.call(Call::Get(Key { key: key.clone() })).await?;
                let entry = entry.ok_or_else(|| NotFound(format!("the key {key:?} has no value")))?;
                here.output.show_as_it_is(&entry, |entry| {
                    format!("{}\n", entry.value.as_deref().unwrap_or_default())
                })?;
            }
            Self::List { tag, limit, after, values } => {
                let list = List { tags: tag, limit: Some(limit.into()), after, values };
                let Listing { items: entries, more }: Listing<Entry> = hall.call(Call::List(list)).await?;
                here.output.list(&entries, "No keys.", keys)?;
                if more {
                    here.output.say("There are more; go on with --after and the last key.");
                }
            }
            Self::History { key, limit, from, values } => {
                let limit = Some(limit.into());
                let history = protocol::History { key: key.clone(), limit, from, values };
                let Listing { items: entries, more }: Listing<Entry> =
                    hall.call(Call::History(history)).await?;
                here.output.list(&entries, &format!("The key {key:?} never had a value."), versions)?;
                if let Some(previous) = entries.last().and_then(|entry| entry.previous).filter(|_| more) {
                    here.output.say(&format!("There are older ones; go on with --from {previous}."));
                }
            }
            Self::Delete { key, if_version } => {
                let delete = protocol::Delete { key: key.clone(), if_version, once: None };
                let deleted: Deleted = hall.call(Call::Delete(delete)).await?;
                here.output.show(&deleted, |deleted| match deleted.success {
                    true => format!("{} has no value any more.\n", shown::name(&key)),
                    false => format!("{} had no value.\n", shown::name(&key)),
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What was typed, or stdin if that is `-`.
pub(super) fn given_or_stdin(given: String) -> anyhow::Result<String> {
    if given != "-" {
        return Ok(given);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read from stdin")?;
    Ok(text)
}

fn keys(entries: &[Entry]) -> String {
    let row = |entry: &Entry| {
        let at = if entry.unreadable.is_some() { "(damaged)" } else { &entry.at };
        [entry.key.clone(), entry.version.to_string(), at.to_owned(), entry.tags.join(",")]
    };
    table(["KEY", "VERSION", "CHANGED", "TAGS"], entries.iter().map(row))
}

fn versions(entries: &[Entry]) -> String {
    /// As much of a value as shows what it is about.
    const BEGINNING: usize = 60;
    let row = |entry: &Entry| {
        if let Some(why) = &entry.unreadable {
            return ["?".to_owned(), String::new(), String::new(), format!("(damaged: {why})")];
        }
        let value = match &entry.value {
            None => "(taken away)".to_owned(),
            Some(value) if value.chars().count() > BEGINNING => {
                format!("{}…", value.chars().take(BEGINNING).collect::<String>())
            }
            Some(value) => value.clone(),
        };
        [entry.version.to_string(), entry.at.clone(), entry.author().to_owned(), value]
    };
    table(["VERSION", "AT", "BY", "VALUE"], entries.iter().map(row))
}
