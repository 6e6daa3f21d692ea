//! Topics: which there are, and who follows them.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::protocol::{Changed, Empty, Follow, Topic};
use model::Command;
use model::lists::List;
use model::mailboxes;
use model::messages::BROADCAST;

use super::Request;
use crate::limits;
use crate::refused::Refused;

pub(super) async fn list(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Vec<Topic>, Refused> {
    let workspace = &caller.workspace;
    let mut names: BTreeSet<Arc<str>> = workspace.topics(limits::LIST).await?.into_iter().collect();
    names.extend(workspace.state().mailboxes.topics().cloned());
    names.insert(BROADCAST.into());
    let me = caller.party().id;
    let mut topics = Vec::new();
    for name in names.into_iter().take(limits::LIST) {
        let newest = workspace.newest(&List::Topic(name.clone()), None, 1).await?;
        let state = workspace.state();
        topics.push(Topic {
            followed: state.mailboxes.get(&me).is_some_and(|mailbox| mailbox.follows_topic(&name)),
            followers: state.mailboxes.followers(&name),
            last_at: newest.first().map(|(_, item)| item.sent_at.to_string()),
            name: name.to_string(),
        });
    }
    Ok(topics)
}

pub(super) async fn follow(Request { caller, .. }: Request<'_>, follow: Follow) -> Result<Changed, Refused> {
    let Follow { topic, follow: on } = follow;
    let command = mailboxes::Follow { reader: caller.party(), topic: topic.into(), on };
    let done = caller.carry_out(Command::Follow(command), None).await?;
    Ok(Changed { success: !done.entries.is_empty() })
}
