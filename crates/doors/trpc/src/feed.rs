//! Subscriptions: each is a follower of the workspace's log that picks its events.

use hall::{Entry, Follower, Workspace};
use model::{Fact, Position};

use crate::wire::error::{Code, TrpcError};
use crate::wire::procedure::{Delivery, Feed, Subscription};
use crate::wire::reply::{self, ReplyTo};
use crate::{cursor, data};

/// A live subscription.
pub(crate) struct Following {
    to: ReplyTo<'static>,
    feed: Feed,
    tracked: bool,
    follower: Follower,
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
    /// If that event is of another life of the log, or of none.
    pub(crate) fn start(
        workspace: &Workspace,
        to: ReplyTo<'static>,
        subscription: &Subscription<'_>,
    ) -> Result<Self, TrpcError> {
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
        Ok(Self { to, feed: subscription.feed, tracked, follower: workspace.follow(after) })
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
        (self.feed == Feed::Agents && !resumed).then(|| self.roster(workspace)).transpose()
    }

    /// Whether there are events it has not taken.
    pub(crate) fn is_behind(&self) -> bool {
        self.follower.is_behind()
    }

    /// Whether there are events it has not taken, up to a position.
    pub(crate) fn is_before(&self, target: Position) -> bool {
        self.follower.position() < target
    }

    /// Takes a page of events and gives what to send for it.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) async fn take(&mut self, workspace: &Workspace) -> Result<Taken, store::StoreError> {
        let page = self.follower.take().await?;
        let mut taken = Taken::default();
        let mut forgotten = false;
        for entry in page.iter().filter(|entry| self.picks(entry)) {
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

    fn picks(&self, entry: &Entry) -> bool {
        use Fact::{
            ContextShared, DecisionLogged, MemberJoined, MemberLeft, MemberReturned, QuestionAnswered,
            QuestionAsked, QuestionPassed,
        };
        match self.feed {
            Feed::Agents => matches!(entry.fact(), MemberJoined(_) | MemberReturned(_) | MemberLeft(_)),
            Feed::Context => matches!(entry.fact(), ContextShared(_)),
            Feed::Questions => {
                matches!(entry.fact(), QuestionAsked(_) | QuestionPassed(_) | QuestionAnswered(_))
            }
            Feed::Decisions => matches!(entry.fact(), DecisionLogged(_)),
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
