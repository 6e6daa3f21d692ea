//! What was said before: between two, or by everybody.

use std::sync::Arc;

use hall::mail::message;
use hall::{Entry, HallError, Workspace};
use model::lists::{List, MessageItem};
use model::messages::Recipient;
use model::{AgentId, MemberId, Position};

use crate::limits;
use crate::news::{newest, recipient};
use crate::wire::frame::{Frame, Iso, Said};
use crate::wire::request::{GetConversation, Limit};

/// The messages asked for, oldest first: [`limits::CONVERSATION_MESSAGES`] and about [`limits::CONVERSATION_BYTES`] of
/// content at most, the newest.
pub(crate) async fn conversation(
    workspace: &Workspace,
    me: Option<AgentId>,
    asked: &GetConversation,
) -> Result<Vec<Arc<Entry>>, HallError> {
    let most = match asked.limit {
        Limit::Newest(most) => most.min(limits::CONVERSATION_MESSAGES),
        Limit::All | Limit::AllBut(_) => limits::CONVERSATION_MESSAGES,
    };
    let mut found = match &asked.with {
        None => everything(workspace, most).await?,
        Some(with) => {
            let side = match &asked.side {
                Some(side) => agent(workspace, side).await?,
                None => me,
            };
            match (side, agent(workspace, with).await?) {
                (Some(side), Some(with)) => between(workspace, &side, &with, most).await?,
                _ => vec![],
            }
        }
    };
    let mut bytes = 0;
    let within = found.iter().take_while(|(_, size)| {
        bytes += size;
        bytes <= limits::CONVERSATION_BYTES
    });
    // Always one, however large it is.
    let within = within.count().max(1);
    found.truncate(within);
    if let Limit::AllBut(oldest) = asked.limit {
        found.truncate(found.len().saturating_sub(oldest));
    }
    let places: Vec<Position> = found.iter().rev().map(|(place, _)| *place).collect();
    workspace.entries(&places).await
}

/// What these clients are shown of them.
pub(crate) fn frame(entries: &[Arc<Entry>]) -> Frame<'_> {
    let messages = entries.iter().filter_map(|entry| message(entry)).map(|message| Said {
        id: &message.id,
        from: &message.from.id,
        to: recipient(&message.to),
        content: &message.content,
        timestamp: Iso(message.sent_at),
        from_name: &message.from.name,
    });
    Frame::Conversation { messages: messages.collect() }
}

/// Places and sizes of the newest messages, newest first.
async fn everything(workspace: &Workspace, most: usize) -> Result<Vec<(Position, u64)>, HallError> {
    let mut found = Vec::new();
    newest(workspace, &List::Messages, most, |place, item| {
        found.push((place, item.bytes));
        true
    })
    .await?;
    Ok(found)
}

/// The same of those that two have sent one another.
async fn between(
    workspace: &Workspace,
    one: &AgentId,
    other: &AgentId,
    most: usize,
) -> Result<Vec<(Position, u64)>, HallError> {
    let mut found = Vec::new();
    let mut directions = vec![(one, other)];
    if one != other {
        directions.push((other, one));
    }
    for (from, to) in directions {
        let (mut left, found) = (most, &mut found);
        let pick = |place, item: Arc<MessageItem>| {
            if matches!(&item.to, Recipient::Party(party) if party.id == *to) {
                found.push((place, item.bytes));
                left -= 1;
            }
            left > 0
        };
        newest(workspace, &List::From(from.clone()), limits::CONVERSATION_SCAN, pick).await?;
    }
    found.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
    found.truncate(most);
    Ok(found)
}

/// Who is meant by a name or an id: somebody who has a mailbox.
async fn agent(workspace: &Workspace, text: &str) -> Result<Option<AgentId>, HallError> {
    let name = workspace.name().as_str();
    let mut meant = vec![AgentId::of(name, text)];
    meant.extend(text.strip_prefix("person:").map(|person| AgentId::of_person(name, person)));
    meant.extend(AgentId::parse(text).ok());
    let known = |agent: &AgentId| workspace.state().mailboxes.get(agent).is_some();
    if let Some(agent) = meant.into_iter().find(known) {
        return Ok(Some(agent));
    }
    let Ok(member) = MemberId::parse(text) else { return Ok(None) };
    Ok(workspace.member(&member).await?.map(|member| member.agent.clone()))
}
