//! Subscriptions: each is a follower of the workspace's log that picks its events.

use hall::{Entry, Follower, Identity, Workspace};
use model::{AgentId, Fact, Position, Timestamp};

use crate::speaker::own;
use crate::wire::error::{Code, TrpcError};
use crate::wire::procedure::{Delivery, Feed, Subscription};
use crate::wire::reply::{self, ReplyTo};
use crate::{cursor, data};

/// A live subscription.
pub(crate) struct Following {
    to: ReplyTo<'static>,
    watched: Watched,
    tracked: bool,
    follower: Follower,
}

/// What a subscription is for.
#[derive(PartialEq)]
enum Watched {
    Agents,
    Context,
    Questions,
    Decisions,
    /// One agent's mailbox.
    Messages(AgentId),
}

/// What a subscription has to send.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) frames: Vec<Vec<u8>>,
    /// Why it cannot go on, once those are sent.
    pub(crate) ended: Option<TrpcError>,
}

impl Following {
    /// Starts at the log's end, or after the last event that the client has seen.
    ///
    /// # Errors
    /// If that event is of another life of the log, or of none; or if the mailbox to be followed is not the caller's.
    pub(crate) async fn start(
        workspace: &Workspace,
        identity: &Identity,
        to: ReplyTo<'static>,
        subscription: &Subscription<'_>,
    ) -> Result<Self, TrpcError> {
        let watched = match &subscription.feed {
            Feed::Agents => Watched::Agents,
            Feed::Context => Watched::Context,
            Feed::Questions => Watched::Questions,
            Feed::Decisions => Watched::Decisions,
            Feed::Messages(agent) => {
                Watched::Messages(Box::pin(own(workspace, identity, agent)).await?.agent.clone())
            }
        };
        let now = *workspace.head().borrow();
        let (tracked, after) = match &subscription.delivery {
            Delivery::Bare => (false, None),
            Delivery::Tracked { last_event_id } => (true, last_event_id.as_deref()),
        };
        let after = match after {
            Some(id) => cursor::read(workspace, "lastEventId", id)?,
            None => now,
        };
        if after > now {
            return Err(TrpcError::new(Code::PreconditionFailed, "lastEventId is ahead of this workspace"));
        }
        Ok(Self { to, watched, tracked, follower: workspace.follow(after) })
    }

    /// Whom its frames are for.
    pub(crate) fn to(&self) -> &ReplyTo<'static> {
        &self.to
    }

    /// What a new subscriber is shown at once: the roster, unless it resumes and nothing has changed.
    ///
    /// # Errors
    /// If the roster is too large to be sent.
    pub(crate) fn snapshot(
        &self,
        workspace: &Workspace,
        resumed: bool,
    ) -> Result<Option<Vec<u8>>, TrpcError> {
        (self.watched == Watched::Agents && !resumed).then(|| self.roster(workspace)).transpose()
    }

    /// Whether there are events it has not taken.
    pub(crate) fn is_behind(&self) -> bool {
        self.follower.is_behind()
    }

    /// Whether there are events it has not taken, up to a position.
    pub(crate) fn is_before(&self, target: Position) -> bool {
        self.follower.position() < target
    }

    /// Takes a page of events and gives what to send for it now.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) async fn take(
        &mut self,
        workspace: &Workspace,
        now: Timestamp,
    ) -> Result<Taken, store::StoreError> {
        let page = self.follower.take().await?;
        let mut taken = Taken::default();
        let mut forgotten = false;
        for entry in page.iter().filter(|entry| self.picks(workspace, entry, now)) {
            match data::event(entry) {
                Ok(Some(data)) => taken.frames.push(self.frame(&data, entry.position())),
                // A change of the roster that is read back: what the roster was then is not known any more.
                Ok(None) => forgotten = true,
                Err(error) => {
                    taken.ended = Some(error);
                    return Ok(taken);
                }
            }
        }
        if forgotten {
            match self.roster(workspace) {
                Ok(frame) => taken.frames.push(frame),
                Err(error) => taken.ended = Some(error),
            }
        }
        Ok(taken)
    }

    fn picks(&self, workspace: &Workspace, entry: &Entry, now: Timestamp) -> bool {
        use Fact::{
            ContextShared, DecisionLogged, MemberJoined, MemberLeft, MemberReturned, MessageSent,
            QuestionAnswered, QuestionAsked, QuestionPassed,
        };
        match &self.watched {
            Watched::Agents => matches!(entry.fact(), MemberJoined(_) | MemberReturned(_) | MemberLeft(_)),
            Watched::Context => matches!(entry.fact(), ContextShared(_)),
            Watched::Questions => {
                matches!(entry.fact(), QuestionAsked(_) | QuestionPassed(_) | QuestionAnswered(_))
            }
            Watched::Decisions => matches!(entry.fact(), DecisionLogged(_)),
            Watched::Messages(reader) => match entry.fact() {
                // One that is read back may have expired: it is not offered any more, here as in the inbox.
                MessageSent(message) if !message.is_expired(now) => {
                    let state = workspace.state();
                    let mailbox = state.mailboxes.get(reader);
                    mailbox.is_some_and(|mailbox| mailbox.is_for(reader, entry.position(), message))
                }
                _ => false,
            },
        }
    }

    fn roster(&self, workspace: &Workspace) -> Result<Vec<u8>, TrpcError> {
        let mut data = Vec::new();
        let position = {
            let state = workspace.state();
            data::agents(state.roster.members(), &mut data)?;
            state.position()
        };
        // Never an id behind what was already taken: the client would be sent those events again.
        Ok(self.frame(&data, position.min(self.follower.position())))
    }

    fn frame(&self, data: &[u8], position: Position) -> Vec<u8> {
        let mut frame = Vec::with_capacity(data.len() + 160);
        if self.tracked {
            let id = cursor::write(self.follower.incarnation(), position);
            reply::tracked(&self.to, &id, data, &mut frame);
        } else {
            reply::data(&self.to, data, &mut frame);
        }
        frame
    }
}
