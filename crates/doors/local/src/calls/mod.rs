//! The methods, one file for each group of them.

mod context;
mod decisions;
mod directory;
mod list;
mod news;
mod questions;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use client::protocol::{Call, Cancelled, WAIT_SECONDS};
use hall::HallError;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::refused::Refused;
use crate::session::answer_line;

/// Carries a call out, its waiting no longer than until `ending`. Returns the line that answers it.
pub(crate) async fn carry_out(
    caller: &Arc<Caller>,
    id: &RawValue,
    call: Call,
    ending: &CancellationToken,
) -> Vec<u8> {
    match call {
        // The connection has taken the first one itself.
        Call::Hello(_) => {
            answer_line(id, Err::<(), _>(Refused::bad_request("this connection has said who speaks already")))
        }
        // So does it with this one: it knows the calls under way.
        Call::Cancel(_) => answer_line(id, Ok(Cancelled { success: false })),
        Call::Status(_) => answer_line(id, Ok(standing::status(caller))),
        Call::Agents(_) => answer_line(id, Ok(standing::agents(caller))),
        Call::Share(share) => answer_line(id, context::share(caller, share).await),
        Call::Get(key) => answer_line(id, context::get(caller, key).await),
        Call::List(list) => answer_line(id, context::list(caller, list).await),
        Call::History(history) => answer_line(id, context::history(caller, history).await),
        Call::Delete(delete) => answer_line(id, context::delete(caller, delete).await),
        Call::Ask(ask) => answer_line(id, questions::ask(caller, ask).await),
        Call::Answer(answer) => answer_line(id, questions::answer(caller, answer).await),
        Call::Question(ticket) => answer_line(id, questions::get(caller, ticket, ending).await),
        Call::Questions(questions) => answer_line(id, questions::list(caller, questions).await),
        Call::Wait(wait) => answer_line(id, news::wait(caller, wait, ending).await),
        Call::Decide(decide) => answer_line(id, decisions::log(caller, decide).await),
        Call::Decisions(page) => answer_line(id, decisions::list(caller, page).await),
        Call::Workspaces(_) => answer_line(id, directory::workspaces(caller)),
        Call::CreateWorkspace(workspace) => {
            answer_line(id, directory::create_workspace(caller, workspace).await)
        }
        Call::CreateToken(token) => answer_line(id, directory::create_token(caller, token).await),
        Call::Tokens(_) => answer_line(id, directory::tokens(caller)),
        Call::RevokeToken(token) => answer_line(id, directory::revoke_token(caller, token).await),
    }
}

/// When a wait of so many seconds is over.
fn until(seconds: u64) -> Result<Instant, Refused> {
    if seconds > WAIT_SECONDS {
        return Err(Refused::bad_request(format!(
            "one call waits {WAIT_SECONDS} seconds at most, not {seconds}; call again to go on waiting"
        )));
    }
    Ok(Instant::now() + Duration::from_secs(seconds))
}

/// Something could not be read, although it was committed.
fn unreadable(cause: impl Into<HallError>) -> Refused {
    cause.into().into()
}
