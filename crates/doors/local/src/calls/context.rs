//! Shared context.

use client::protocol::{Delete, Deleted, Entry, History, Key, List, Share};
use hall::Done;
use model::context::{self, Current};
use model::{Command, Fact, Position, Text};

use super::list::{Weight, most};
use super::{Request, unreadable};
use crate::authors::Authors;
use crate::caller::Caller;
use crate::refused::Refused;

/// How often a key is read anew that changes while it is read.
const READS: usize = 3;

pub(super) async fn share(Request { caller, .. }: Request<'_>, share: Share) -> Result<Entry, Refused> {
    if share.key.is_empty() {
        return Err(Refused::bad_request("a key has at least one character"));
    }
    let command = Command::Share(context::Share {
        key: share.key.into(),
        value: Text::new(&share.value),
        tags: share.tags.into(),
        author: caller.author.clone(),
        if_version: share.if_version,
    });
    let done = caller.carry_out(command, share.once.as_deref()).await?;
    let entry = version(caller, &done).await?.ok_or_else(|| Refused::without_events("sharing"))?;
    has_seen_own_change(caller, &entry.key, entry.version).await;
    Ok(entry)
}

pub(super) async fn get(Request { caller, .. }: Request<'_>, key: Key) -> Result<Option<Entry>, Refused> {
    let newest = || caller.workspace.state().context.newest_change(&key.key);
    let mut entry = None;
    for _ in 0..READS {
        let current = caller.workspace.state().context.get(&key.key).map(|current| current.position);
        let Some(position) = current else { return Ok(None) };
        let event = caller.workspace.entry(position).await.map_err(unreadable)?;
        entry = Authors::new(caller).entry(&event).await?;
        if let Some(entry) = &entry {
            has_seen(caller, &entry.key, entry.version).await;
        }
        // A change before the reading was remembered was no news to anybody who waited meanwhile.
        if newest() == Some(position) {
            break;
        }
    }
    Ok(entry)
}

pub(super) async fn list(Request { caller, .. }: Request<'_>, list: List) -> Result<Vec<Entry>, Refused> {
    let most = most(list.limit)?;
    let positions: Vec<Position> = {
        let state = caller.workspace.state();
        let has_tags = |current: &Current| list.tags.iter().all(|tag| current.tags.contains(tag));
        let position = |(_, current): (_, &Current)| has_tags(current).then_some(current.position);
        match &list.after {
            Some(after) if state.context.get(after).is_none() => {
                return Err(Refused::not_found(format!(
                    "the list cannot go on after the key {after:?}: it has no value any more"
                )));
            }
            Some(after) => state.context.entries_after(after).filter_map(position).take(most).collect(),
            None => state.context.entries().filter_map(position).take(most).collect(),
        }
    };
    let (mut entries, mut weight) = (Vec::with_capacity(positions.len()), Weight::default());
    let mut authors = Authors::new(caller);
    for position in positions {
        let event = caller.workspace.entry(position).await.map_err(unreadable)?;
        if let Fact::ContextShared(entry) = event.fact() {
            weight.add(entry.value.bytes() + entry.key.len())?;
        }
        entries.extend(authors.entry(&event).await?);
    }
    Ok(entries)
}

pub(super) async fn history(
    Request { caller, .. }: Request<'_>,
    history: History,
) -> Result<Vec<Entry>, Refused> {
    let most = most(history.limit)?;
    let mut next = caller.workspace.state().context.newest_change(&history.key);
    let (mut versions, mut weight) = (Vec::new(), Weight::default());
    let mut authors = Authors::new(caller);
    while let Some(position) = next.filter(|_| versions.len() < most) {
        let event = caller.workspace.entry(position).await.map_err(unreadable)?;
        next = match event.fact() {
            Fact::ContextShared(entry) => {
                weight.add(entry.value.bytes() + entry.key.len())?;
                entry.previous
            }
            Fact::ContextDeleted(deletion) => Some(deletion.previous),
            _ => None,
        };
        versions.extend(authors.entry(&event).await?);
    }
    Ok(versions)
}

pub(super) async fn delete(Request { caller, .. }: Request<'_>, delete: Delete) -> Result<Deleted, Refused> {
    let command = Command::Delete(context::Delete {
        key: delete.key.into(),
        author: caller.author.clone(),
        if_version: delete.if_version,
    });
    let done = caller.carry_out(command, delete.once.as_deref()).await?;
    let deletion = version(caller, &done).await?;
    if let Some(deletion) = &deletion {
        has_seen_own_change(caller, &deletion.key, deletion.version).await;
    }
    Ok(Deleted { success: deletion.is_some() })
}

/// The version that a command has made, if it has made one.
async fn version(caller: &Caller, done: &Done) -> Result<Option<Entry>, Refused> {
    let mut authors = Authors::new(caller);
    for event in &done.entries {
        if let Some(entry) = authors.entry(event).await? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Remembers that an agent has seen a version, to tell it when there is a newer one.
async fn has_seen(caller: &Caller, key: &str, version: u64) {
    let Some(member) = &caller.agent else { return };
    let read = context::Read { agent: member.agent.clone(), key: key.into(), version };
    // Reading goes on where writing cannot: then the agent is not told of changes.
    if let Err(cause) = caller.carry_out(Command::Read(read), None).await {
        tracing::warn!(workspace = %caller.workspace.name(), %cause, "could not remember what an agent read");
    }
}

/// An agent's own change of a key it had read is no news to it.
async fn has_seen_own_change(caller: &Caller, key: &str, version: u64) {
    let Some(member) = &caller.agent else { return };
    let is_news = {
        let state = caller.workspace.state();
        state.context.stale_reads(&member.agent).any(|(stale, _, now)| **stale == *key && now == version)
    };
    if is_news {
        has_seen(caller, key, version).await;
    }
}
