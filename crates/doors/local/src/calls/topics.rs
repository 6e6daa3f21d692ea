//! Topics: which there are, and who follows them.

use std::collections::HashSet;
use std::sync::Arc;

use client::protocol::{Changed, Empty, Follow, Listing, Topic};
use model::Command;
use model::lists::List;
use model::mailboxes;

use super::Request;
use crate::limits;
use crate::refused::Refused;

/// Topics in alphabetical order, those that the caller follows before all others.
pub(super) async fn list(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Listing<Topic>, Refused> {
    let workspace = &caller.workspace;
    let followed: HashSet<Arc<str>> = match workspace.mailbox(&caller.party().id) {
        Some(mailbox) => mailbox.follows().map(|(topic, _)| topic.clone()).collect(),
        None => HashSet::new(),
    };
    let mut topics = workspace.state().mailboxes.followers();
    for written_to in workspace.topics(limits::LIST + 1).await? {
        topics.entry(written_to).or_default();
    }
    let more = topics.len() > limits::LIST;
    let mut topics: Vec<_> = topics.into_iter().collect();
    topics.sort_by_key(|(topic, _)| !followed.contains(topic));
    let mut told = Vec::new();
    for (topic, followers) in topics.into_iter().take(limits::LIST) {
        let newest = workspace.newest(&List::Topic(topic.clone()), None, 1).await?;
        let last_at = newest.messages.first().map(|(_, item)| item.sent_at.to_string());
        told.push(Topic { name: topic.to_string(), followed: followed.contains(&topic), followers, last_at });
    }
    Ok(Listing { items: told, more })
}

pub(super) async fn follow(Request { caller, .. }: Request<'_>, follow: Follow) -> Result<Changed, Refused> {
    let Follow { topic, follow: on } = follow;
    let command = mailboxes::Follow { reader: caller.party(), topic: topic.into(), on };
    let done = caller.carry_out(Command::Follow(command), None).await?;
    Ok(Changed { success: !done.entries.is_empty() })
}
