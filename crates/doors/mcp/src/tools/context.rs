//! Shared keys and values.

use std::fmt::Write as _;

use client::protocol::{Call, Delete, Deleted, Entry, History, Key, List, Listing, Share};
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::authors::Authors;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::{beginning, count, excerpt, moment, names};

/// Keys or versions shown if nothing else is said.
const USUAL: u64 = 50;

#[derive(Clone, Copy)]
enum Action {
    Share,
    Get,
    List,
    History,
    Delete,
}

pub(super) fn about() -> About {
    About {
        description: "Facts shared with every agent, as keys with values and versions. After `get` you are told when \
                      the key changes.",
        properties: json!({
            "action": {
                "enum": ["share", "get", "list", "history", "delete"],
                "description": "share: key, value, tags, if_version; get: key; list: tags, limit, after; \
                                history: key, limit; delete: key, if_version",
            },
            "key": {"type": "string"},
            "value": {"type": "string"},
            "tags": {
                "type": "array",
                "items": {"type": "string"},
                "description": "share: of this version; list: only keys with all of them",
            },
            "if_version": {
                "type": "integer",
                "description": "only if the key is still at this version; 0: has no value yet",
            },
            "limit": {"type": "integer"},
            "after": {"type": "string", "description": "list: go on behind this key"},
        }),
        required: &["action"],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let words = [
        ("share", Action::Share),
        ("get", Action::Get),
        ("list", Action::List),
        ("history", Action::History),
        ("delete", Action::Delete),
    ];
    let Some(action) = arguments.word("action", &words)? else {
        return Err(Failure::argument("action", "is missing: share, get, list, history or delete"));
    };
    let text = match action {
        Action::Share => share(hall, arguments).await?,
        Action::Get => get(hall, arguments.text("key")?).await?,
        Action::List => list(hall, arguments).await?,
        Action::History => history(hall, arguments).await?,
        Action::Delete => delete(hall, arguments).await?,
    };
    Ok(Outcome::text(text))
}

async fn share(hall: &Visit<'_>, arguments: &Arguments) -> Result<String, Failure> {
    let share = Share {
        key: arguments.text("key")?,
        value: arguments.any_text("value")?,
        tags: arguments.texts("tags")?,
        if_version: arguments.number("if_version", 0..=u64::MAX)?,
        once: None,
    };
    let entry: Entry = hall.call(Call::Share(share)).await?;
    Ok(format!("{:?} is shared at version {}", entry.key, entry.version))
}

async fn get(hall: &Visit<'_>, key: String) -> Result<String, Failure> {
    let entry: Option<Entry> = hall.call(Call::Get(Key { key: key.clone() })).await?;
    let Some(entry) = entry else { return Ok(format!("{key:?} has no value")) };
    let authors = hall.authors().await?;
    let head = head(&entry, &authors);
    Ok(match entry.value {
        // As it is, to be used: nothing of ours follows it.
        Some(value) => format!("{head}\n{value}"),
        None => format!("{head}: deleted"),
    })
}

async fn list(hall: &Visit<'_>, arguments: &Arguments) -> Result<String, Failure> {
    let limit = limit(arguments)?;
    let (tags, after) = (arguments.texts("tags")?, arguments.optional_text("after")?);
    let list = List { tags, limit: Some(limit), after, values: false };
    let Listing { items: entries, more }: Listing<Entry> = hall.call(Call::List(list)).await?;
    let Some(last) = entries.last() else { return Ok("no such keys".into()) };
    let more = more.then(|| format!("there are more: `after` {:?}", last.key));
    let authors = hall.authors().await?;
    let mut lines = vec![count(entries.len(), "key")];
    lines.extend(entries.iter().map(|entry| line(entry, &authors)));
    lines.extend(more);
    Ok(lines.join("\n"))
}

async fn history(hall: &Visit<'_>, arguments: &Arguments) -> Result<String, Failure> {
    let (key, limit) = (arguments.text("key")?, Some(limit(arguments)?));
    let history = History { key, limit, from: None, values: false };
    let key = history.key.clone();
    let Listing { items: versions, more }: Listing<Entry> = hall.call(Call::History(history)).await?;
    if versions.is_empty() {
        return Ok(format!("{key:?} never had a value"));
    }
    let authors = hall.authors().await?;
    let mut lines = vec![format!("{}, the newest first", count(versions.len(), "version"))];
    lines.extend(versions.iter().map(|entry| line(entry, &authors)));
    lines.extend(more.then(|| "there are older ones: raise `limit`".into()));
    Ok(lines.join("\n"))
}

async fn delete(hall: &Visit<'_>, arguments: &Arguments) -> Result<String, Failure> {
    let delete = Delete {
        key: arguments.text("key")?,
        if_version: arguments.number("if_version", 0..=u64::MAX)?,
        once: None,
    };
    let key = delete.key.clone();
    let Deleted { success } = hall.call(Call::Delete(delete)).await?;
    Ok(if success { format!("{key:?} is deleted") } else { format!("{key:?} had no value") })
}

fn limit(arguments: &Arguments) -> Result<usize, Failure> {
    let limit = arguments.number("limit", 1..=1000)?.unwrap_or(USUAL);
    usize::try_from(limit).map_err(|_| Failure::argument("limit", "is too large"))
}

fn head(entry: &Entry, authors: &Authors) -> String {
    let mut head = format!(
        "{:?} version {} by {} at {}",
        entry.key,
        entry.version,
        authors.of(&entry.by, entry.author()),
        moment(&entry.at)
    );
    if !entry.tags.is_empty() {
        _ = write!(head, ", tags {}", names(&entry.tags, ", "));
    }
    head
}

fn line(entry: &Entry, authors: &Authors) -> String {
    if let Some(why) = &entry.unreadable {
        return format!("- {:?} cannot be read: {}", entry.key, excerpt(why));
    }
    let value = match &entry.value {
        None => "deleted".into(),
        // How long it is in all is not known here.
        Some(value) if entry.excerpt => format!("{}… (a long value)", beginning(value)).into(),
        Some(value) => excerpt(value),
    };
    format!("- {}: {value}", head(entry, authors))
}
