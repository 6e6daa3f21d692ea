//! How things stand, and who is here.

use client::protocol::{Agent, Changed, Empty, ErrorCode, SetStatus, Status};
use model::roster::{Leave, Reason};
use model::{Command, Position, statuses};

use super::Request;
use crate::refused::Refused;
use crate::told;

pub(super) async fn status(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Status, Refused> {
    let health = caller.door.hall.health();
    let waiting = caller.workspace.waiting(&caller.party().id).await?;
    let state = caller.workspace.state();
    Ok(Status {
        server: env!("CARGO_PKG_VERSION").into(),
        workspace: caller.workspace.name().to_string(),
        position: state.position().0,
        as_of: (state.position() > Position::START).then(|| state.at().to_string()),
        ready: health.is_ok(),
        reason: health.err(),
        agents: state.roster.members().len(),
        context_keys: state.context.entries().count(),
        open_questions: state.questions.open().len(),
        for_you: state.questions.open().filter(|question| caller.is_asked(question)).count(),
        messages: waiting.messages.len(),
        listening: caller.door.listening.clone(),
    })
}

pub(super) async fn agents(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Vec<Agent>, Refused> {
    let state = caller.workspace.state();
    Ok(state.roster.members().map(|member| told::agent(member, &state.statuses)).collect())
}

pub(super) async fn set_status(
    Request { caller, .. }: Request<'_>,
    set: SetStatus,
) -> Result<Agent, Refused> {
    let Some(member) = &caller.agent else {
        return Err(Refused::new(ErrorCode::Forbidden, "only an agent says what it is at"));
    };
    let SetStatus { status, description } = set;
    let author = member.id.clone();
    let command = statuses::SetStatus {
        author,
        status: status.map(Into::into),
        description: description.map(Into::into),
    };
    caller.carry_out(Command::SetStatus(command), None).await?;
    Ok(told::agent(member, &caller.workspace.state().statuses))
}

pub(super) async fn leave(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Changed, Refused> {
    let Some(member) = &caller.agent else { return Ok(Changed { success: false }) };
    let leave = Leave { member: member.id.clone(), reason: Reason::Left };
    let done = caller.carry_out(Command::Leave(leave), None).await?;
    Ok(Changed { success: !done.entries.is_empty() })
}
