//! Who may speak as whom, and how a member that went missing comes back by being used.

use std::sync::Arc;

use model::roster::{Membership, Reason};
use model::rows::{MemberRow, Table};
use model::{Command, MemberId, Principal, Refusal};

use crate::error::{Declined, unavailable};
use crate::presence::Attendance;
use crate::workspace::Workspace;

/// What a member's id is to a principal that wants to speak as it.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// A member of theirs that is on the roster.
    Present,
    /// A member of theirs that was let lapse, and comes back by being used.
    Lapsed(Arc<Membership>),
    /// Nobody's that could come back, or not checked: recorded as claimed.
    Claimed,
}

impl Standing {
    /// Whether it is a member of theirs, present or coming back.
    pub fn is_member(&self) -> bool {
        *self != Self::Claimed
    }
}

impl Workspace {
    /// Counts a connection of a member; it counts until the returned value is dropped.
    pub fn attend(&self, member: &MemberId) -> Attendance {
        self.presence().attend(self.clone(), member.clone())
    }

    /// Checks that `by` may speak as `member`, and brings the membership back if it had lapsed.
    ///
    /// # Errors
    /// As [`Workspace::standing`].
    pub async fn speak_as(&self, by: &Principal, member: &MemberId) -> Result<Standing, Declined> {
        let standing = self.standing(by, member).await?;
        if let Standing::Lapsed(member) = &standing {
            // Not waited for: what is submitted after it is decided after it.
            drop(self.submit(by, Command::Return(member.clone())).await?);
        }
        Ok(standing)
    }

    /// What `member` is to `by`.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if the membership is another principal's. The exception is
    /// [`Principal::compat`], whose clients may claim any id, and are recorded as claiming it.
    pub async fn standing(&self, by: &Principal, member: &MemberId) -> Result<Standing, Declined> {
        // Ids that the hall makes are in lower case. Another spelling is another id, and so nobody's; but it must not be
        // a way to sign with somebody else's.
        if let Some(plain) = member.in_lower_case() {
            return Box::pin(self.standing(by, &plain)).await.map(|_| Standing::Claimed);
        }
        let forbidden = || Refusal::Forbidden(format!("agent {member} belongs to another principal"));
        let present = self.state().roster.get(member).map(|member| member.principal == *by);
        match present {
            Some(true) => return Ok(Standing::Present),
            Some(false) if *by == Principal::compat() => return Ok(Standing::Claimed),
            Some(false) => return Err(forbidden().into()),
            None if self.strangers().get(member).is_some() => return Ok(Standing::Claimed),
            None => {}
        }
        let known = self.row::<MemberRow>(Table::Members, member.as_str()).await.map_err(unavailable)?;
        match known.map(|(_, row)| row) {
            Some(row) if row.member.principal != *by && *by != Principal::compat() => Err(forbidden().into()),
            Some(MemberRow { member, gone }) if member.principal == *by && gone != Some(Reason::Left) => {
                Ok(Standing::Lapsed(Arc::new(member)))
            }
            // Left for good: the id still names its author, and brings nobody back.
            Some(_) => Ok(Standing::Claimed),
            None => {
                self.strangers().insert(member.clone(), ());
                Ok(Standing::Claimed)
            }
        }
    }
}
