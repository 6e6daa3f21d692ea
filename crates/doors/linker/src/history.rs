//! What was said before: between two, or by everybody.

use std::sync::Arc;

use hall::mail::message;
use hall::{Entry, HallError, Workspace};
use model::lists::{List, MessageItem};
use model::messages::{Party, Recipient};
use model::{AgentId, Position, Principal};

use crate::limits;
use crate::shown::{content, recipient};
use crate::wire::frame::{Frame, Iso, Said};
use crate::wire::request::{GetConversation, Limit};

/// The messages asked for, oldest first: [`limits::CONVERSATION_MESSAGES`] and about [`limits::CONVERSATION_BYTES`] of
/// content at most, the newest. What is between agents of other principals is none of them.
pub(crate) async fn conversation(
    workspace: &Workspace,
    by: &Principal,
    me: Option<AgentId>,
    asked: &GetConversation,
) -> Result<Vec<Arc<Entry>>, HallError> {
    let most = match asked.limit {
        Limit::Newest(most) => most.min(limits::CONVERSATION_MESSAGES),
        Limit::All | Limit::AllBut(_) => limits::CONVERSATION_MESSAGES,
    };
    let may_read =
        |item: &MessageItem| workspace.state().mailboxes.may_read(me.as_ref(), by, &item.from.id, &item.to);
    let may_hear = |one: &AgentId, other: &AgentId| {
        let to = Recipient::Party(Party { id: other.clone(), name: "".into() });
        workspace.state().mailboxes.may_read(me.as_ref(), by, one, &to)
    };
    let between = match &asked.with {
        None => None,
        Some(with) => {
            let side = match &asked.side {
                Some(side) => workspace.agent_called(side).await?,
                None => me.clone(),
            };
            match (side, workspace.agent_called(with).await?) {
                (Some(side), Some(with)) if may_hear(&side, &with) => Some((side, with)),
                _ => return Ok(vec![]),
            }
        }
    };
    let (mut found, mut before) = (Vec::new(), None);
    for _ in 0..limits::CONVERSATION_LOOKS {
        let left = most - found.len();
        let past = match &between {
            None => workspace.newest_of(&List::Messages, before, left, may_read).await?,
            Some((side, with)) => workspace.between(side, with, before, left).await?,
        };
        found.extend(past.messages);
        before = past.before;
        if before.is_none() || found.len() >= most {
            break;
        }
    }
    let mut bytes = 0;
    let within = found.iter().take_while(|(_, item)| {
        bytes += item.bytes;
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
    let messages = entries.iter().filter_map(|entry| Some((entry.position(), message(entry)?)));
    let messages = messages.map(|(place, message)| Said {
        id: &message.id,
        from: &message.from.id,
        to: recipient(&message.to),
        content: content(place, message),
        timestamp: Iso(message.sent_at),
        from_name: &message.from.name,
    });
    Frame::Conversation { messages: messages.collect() }
}
