//! Mutations of mailboxes: sending, saying what was had, following topics. What they need to know is looked up before they
//! are submitted.

use std::sync::Arc;
use std::time::Duration;

use hall::mail::{Handed, Shown};
use hall::{Identity, Workspace};
use model::mailboxes::{Follow, Stage, Take};
use model::messages::{self, Priority, To};
use model::{Command, Position};

use crate::mailbox::find;
use crate::mutation::{Prepared, Reply, text};
use crate::speaker::{own, party};
use crate::wire::error::TrpcError;
use crate::wire::mail::{self, FollowTopic, MarkRead, Named, Send, Took};
use crate::{ids, refusal};

pub(crate) async fn send(
    workspace: &Workspace,
    identity: &Identity,
    send: Send<'_>,
) -> Result<Prepared, TrpcError> {
    let sender = own(workspace, identity, &send.agent_id).await?;
    if let Some(number) = send.reply_to {
        // One answers what one may read.
        find(workspace, &sender.agent, number).await?;
    }
    let author = ids::member(&send.agent_id);
    let command = Command::Send(messages::Send {
        workspace: workspace.name().into(),
        author: author.clone(),
        to: To::parse(&send.to),
        reply_to: send.reply_to.map(Position),
        thread: None,
        content: text(send.content),
        priority: match send.priority {
            mail::Priority::High => Priority::High,
            mail::Priority::Normal => Priority::Normal,
            mail::Priority::Low => Priority::Low,
        },
        ttl: send.ttl_ms.map(Duration::from_millis),
        attachments: Arc::new([]),
        resends: None,
        found: None,
    });
    // Of the agent's own: many agents may share a principal.
    let key = send.key.map(|key| format!("{author} {key}"));
    Ok(Prepared { author: Some(author), command, reply: Reply::Sent, key })
}

pub(crate) async fn took(
    workspace: &Workspace,
    identity: &Identity,
    took: Took<'_>,
) -> Result<Prepared, TrpcError> {
    let reader = own(workspace, identity, &took.agent_id).await?;
    let (stage, evidence) = match took.stage {
        mail::Stage::Delivered => (Stage::Delivered, "trpc: said to be delivered"),
        mail::Stage::InContext => (Stage::InContext, "trpc: said to be in context"),
        mail::Stage::Read => (Stage::Read, "trpc: said to be read"),
    };
    let ranges: Vec<_> = took.receipt.iter().map(|(from, to)| (Position(*from), Position(*to))).collect();
    let shown =
        workspace.shown(&reader.agent, stage, &ranges).await.map_err(|error| refusal::unreadable(&error))?;
    let Shown { ranges, senders } = shown;
    let reader = party(&reader);
    let command = Take { reader, stage, evidence, ranges: ranges.into(), senders: senders.into() };
    Ok(Prepared {
        author: Some(ids::member(&took.agent_id)),
        command: Command::Take(command),
        reply: Reply::Changed,
        key: None,
    })
}

pub(crate) async fn mark_read(
    workspace: &Workspace,
    identity: &Identity,
    marked: MarkRead<'_>,
) -> Result<Prepared, TrpcError> {
    let reader = own(workspace, identity, &marked.agent_id).await?;
    let (mut named, mut places) = (Vec::new(), Vec::new());
    for id in marked.ids {
        match id {
            Named::Id(id) => named.push(id.into_owned()),
            Named::Number(number) => {
                find(workspace, &reader.agent, number).await?;
                places.push(Position(number));
            }
        }
    }
    let found = workspace.find_messages(&reader.agent, &named, &places, &Handed::default()).await;
    let found = found.map_err(|error| refusal::unreadable(&error))?;
    let Shown { ranges, senders } = found.shown;
    let command = Take {
        reader: party(&reader),
        stage: Stage::Read,
        evidence: "trpc: said to be read",
        ranges: ranges.into(),
        senders: senders.into(),
    };
    Ok(Prepared {
        author: Some(ids::member(&marked.agent_id)),
        command: Command::Take(command),
        reply: Reply::Marked(found.count),
        key: None,
    })
}

pub(crate) async fn follow(
    workspace: &Workspace,
    identity: &Identity,
    follow: FollowTopic<'_>,
) -> Result<Prepared, TrpcError> {
    let reader = own(workspace, identity, &follow.agent_id).await?;
    let command = Follow { reader: party(&reader), topic: follow.topic.as_ref().into(), on: follow.follow };
    Ok(Prepared {
        author: Some(ids::member(&follow.agent_id)),
        command: Command::Follow(command),
        reply: Reply::Changed,
        key: None,
    })
}
