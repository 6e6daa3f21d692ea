//! As whom a client speaks and reads where messages are concerned: an agent of its own, always. The coordinator's calls may be
//! signed with any UUID, since they are for everybody to see; a mailbox is not.

use std::sync::Arc;

use hall::{Identity, Workspace};
use model::messages::Party;
use model::roster::Membership;

use crate::wire::UuidText;
use crate::wire::error::{Code, TrpcError};
use crate::{ids, refusal};

/// The caller's agent of this id, whether it is here or not.
///
/// # Errors
/// NOT_FOUND if nobody ever joined under it, FORBIDDEN if it is another principal's.
pub(crate) async fn own(
    workspace: &Workspace,
    identity: &Identity,
    agent: &UuidText<'_>,
) -> Result<Arc<Membership>, TrpcError> {
    let member = workspace.member(&ids::member(agent)).await.map_err(|error| refusal::unreadable(&error))?;
    let Some(member) = member else {
        let message = format!("no agent has joined as {}; messages are for those who have", agent.as_str());
        return Err(TrpcError::new(Code::NotFound, &message));
    };
    if member.principal != identity.principal {
        let message = format!("agent {} belongs to another principal", agent.as_str());
        return Err(TrpcError::new(Code::Forbidden, &message));
    }
    Ok(member)
}

/// Whose mailbox a member's is.
pub(crate) fn party(member: &Membership) -> Party {
    Party { id: member.agent.clone(), name: member.name.clone() }
}
