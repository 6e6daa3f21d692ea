//! Commands: what somebody wishes to happen. Doors build them from frames; [`crate::State::decide`] answers them.

use std::sync::Arc;

use serde::Serialize;

use crate::address::Address;
use crate::context::{Delete, Read, Share};
use crate::decisions::Log;
use crate::directory::{IssueToken, OpenWorkspace, RevokeToken};
use crate::ids::CommandId;
use crate::mailboxes::{Follow, Take};
use crate::messages::{Attachment, Send, To};
use crate::names::Principal;
use crate::questions::{Answer, Ask, OnTimeout, TimeOut};
use crate::reservations::{Release, Reserve};
use crate::roster::{Join, Leave, Membership};
use crate::statuses::SetStatus;
use crate::time::Timestamp;

/// A command with all that deciding it needs and may not draw itself.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its id. The thing it makes, if it makes one, gets this id too, so deciding again makes the same thing.
    pub id: CommandId,
    /// The hall's clock when the command came in.
    pub at: Timestamp,
    /// Who acts: known to the door, never taken from the frame.
    pub by: Principal,
    /// The wish.
    pub command: Command,
}

/// Everything that can be wished for. Serialises for one purpose: its digest tells whether an idempotency key is
/// used again for the same wish.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "each variant is documented by the type it carries")]
pub enum Command {
    Join(Join),
    /// A membership whose connections were gone is used again; the record comes from the read model.
    Return(Arc<Membership>),
    Leave(Leave),
    Share(Share),
    Delete(Delete),
    Read(Read),
    Ask(Ask),
    Answer(Answer),
    TimeOut(TimeOut),
    Log(Log),
    Send(Send),
    Take(Take),
    Follow(Follow),
    SetStatus(SetStatus),
    Reserve(Reserve),
    Release(Release),
    OpenWorkspace(OpenWorkspace),
    IssueToken(IssueToken),
    RevokeToken(RevokeToken),
}

impl Command {
    /// About how many bytes the command holds on to while it waits, for bounding queues.
    pub fn weight(&self) -> usize {
        256 + match self {
            Self::Join(join) => join.name.len() + join.repo_path.len(),
            Self::Share(share) => {
                let tags: usize = share.tags.iter().map(|tag| tag.len() + size_of::<String>()).sum();
                share.value.bytes() + share.key.len() + tags
            }
            Self::Ask(ask) => {
                let options: usize =
                    ask.options.iter().map(|option| option.len() + size_of::<String>()).sum();
                let default = match &ask.patience {
                    Some((_, OnTimeout::Default(answer))) => answer.bytes(),
                    _ => 0,
                };
                ask.text.bytes() + options + ask.to.len() * size_of::<Address>() + default
            }
            Self::Answer(answer) => {
                answer.answer.bytes() + answer.known.as_ref().map_or(0, |q| q.text.bytes())
            }
            Self::Send(send) => {
                let (To::Party(to) | To::Topic(to)) = &send.to;
                send.content.bytes() + to.len() + send.attachments.len() * size_of::<Attachment>()
            }
            Self::Take(take) => take.ranges.len() * 16 + take.senders.len() * 64,
            Self::Reserve(reserve) => reserve.globs.iter().map(|glob| glob.len() + 16).sum(),
            Self::Log(log) => log.decision.bytes() + log.rationale.as_ref().map_or(0, |text| text.bytes()),
            _ => 0,
        }
    }
}
