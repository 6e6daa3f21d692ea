//! How things stand, and who is here.

use client::protocol::{Agent, Empty, Status};

use model::Position;

use super::Request;
use crate::refused::Refused;
use crate::told;

pub(super) async fn status(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Status, Refused> {
    let health = caller.door.hall.health();
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
        listening: caller.door.listening.clone(),
    })
}

pub(super) async fn agents(Request { caller, .. }: Request<'_>, _: Empty) -> Result<Vec<Agent>, Refused> {
    Ok(caller.workspace.state().roster.members().map(|member| told::agent(member)).collect())
}
