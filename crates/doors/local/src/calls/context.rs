//! Shared context.

use std::sync::Arc;

use client::protocol::{Delete, Deleted, Entry, History, Key, List, Listing, Share};
use hall::{Done, HallError};
use model::context::{self, Current};
use model::{Command, Fact, Position, Text};
use store::StoreError;

use super::list::{Growing, most};
use super::{Request, unreadable};
use crate::authors::Authors;
use crate::caller::Caller;
use crate::refused::Refused;
use crate::told;

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

pub(super) async fn list(Request { caller, .. }: Request<'_>, list: List) -> Result<Listing<Entry>, Refused> {
    let most = most(list.limit)?;
    let found: Vec<(Arc<str>, Current)> = {
        let state = caller.workspace.state();
        let has_tags = |current: &Current| list.tags.iter().all(|tag| current.tags.contains(tag));
        let wanted =
            |(key, current): (&Arc<str>, &Current)| has_tags(current).then(|| (key.clone(), current.clone()));
        // One more than is given tells whether there are more.
        match &list.after {
            Some(after) if state.context.get(after).is_none() => {
                return Err(Refused::not_found(format!(
                    "the list cannot go on after the key {after:?}: it has no value any more"
                )));
            }
            Some(after) => state.context.entries_after(after).filter_map(wanted).take(most + 1).collect(),
            None => state.context.entries().filter_map(wanted).take(most + 1).collect(),
        }
    };
    let (mut entries, mut authors) = (Growing::new(most), Authors::new(caller));
    for (key, current) in found {
        let (entry, bytes) = match at(&mut authors, caller, current.position).await {
            Err(why) if is_damage(&why) => (told::unreadable(&key, Some(&current), &why), 0),
            read => match read? {
                Some(read) => read,
                None => continue,
            },
        };
        if !push(&mut entries, entry, bytes, list.values) {
            break;
        }
    }
    Ok(entries.into_listing())
}

pub(super) async fn history(
    Request { caller, .. }: Request<'_>,
    history: History,
) -> Result<Listing<Entry>, Refused> {
    let most = most(history.limit)?;
    let newest = caller.workspace.state().context.newest_change(&history.key);
    let mut next = history.from.map(Position).or(newest);
    let (mut versions, mut authors) = (Growing::new(most), Authors::new(caller));
    while let Some(position) = next {
        // Positions come from the caller, and behind the newest change there is nothing of this key.
        let read = match newest {
            Some(newest) if Position::START < position && position <= newest => {
                at(&mut authors, caller, position).await
            }
            _ => Ok(None),
        };
        let (entry, bytes) = match read {
            // What came before it cannot be found any more.
            Err(why) if is_damage(&why) => (told::unreadable(&history.key, None, &why), 0),
            read => match read?.filter(|(entry, _)| entry.key == history.key) {
                Some(read) => read,
                None => {
                    let message =
                        format!("no version of the key {:?} stands at position {position}", history.key);
                    return Err(Refused::not_found(message));
                }
            },
        };
        next = entry.previous.map(Position);
        if !push(&mut versions, entry, bytes, history.values) {
            break;
        }
    }
    Ok(versions.into_listing())
}

/// The version of a key that was made at a position, if one was, and the bytes of its value as it is kept.
async fn at(
    authors: &mut Authors<'_>,
    caller: &Caller,
    position: Position,
) -> Result<Option<(Entry, usize)>, HallError> {
    let event = caller.workspace.entry(position).await?;
    let bytes = match event.fact() {
        Fact::ContextShared(entry) => entry.value.bytes(),
        _ => 0,
    };
    Ok(authors.entry(&event).await?.map(|entry| (entry, bytes)))
}

/// Adds a version to a list, its value whole or as an excerpt; `false` if it does not fit any more.
fn push(list: &mut Growing<Entry>, entry: Entry, bytes: usize, whole: bool) -> bool {
    let entry = if whole { entry } else { told::brief(entry) };
    let value = if whole { bytes } else { 6 * entry.value.as_ref().map_or(0, String::len) };
    list.push(told::entry_weight(&entry) + value, entry)
}

/// Whether one thing is damaged, and others need not be.
fn is_damage(why: &HallError) -> bool {
    matches!(
        why,
        HallError::Row(_) | HallError::Store(StoreError::Damaged { .. } | StoreError::DamagedRow(_))
    )
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
