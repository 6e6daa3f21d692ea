//! The methods, one file for each group of them. Which function carries out which method stands in the protocol's table,
//! [`client::methods`].

mod connection;
mod context;
mod decisions;
mod directory;
mod list;
mod mailbox;
mod messages;
mod news;
mod questions;
mod reservations;
mod search;
mod standing;
mod topics;

use std::time::Duration;

use client::protocol::*;
use hall::HallError;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::refused::Refused;
use crate::session::answer_line;
use crate::waits::Waits;

/// One call as its handler sees it, but for the parameters.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) caller: &'a Caller,
    /// Cancelled when the call is to wait no longer.
    pub(crate) ending: &'a CancellationToken,
    /// Other calls of this connection that wait.
    pub(crate) waits: &'a Waits,
}

macro_rules! dispatch {
    ($(
        $(#[$about:meta])*
        $name:literal $variant:ident($params:ty) -> $result:ty,
            $effect:ident, $who:ident $(($what:literal))?, $group:ident::$handler:ident;
    )+) => {
        /// Carries a call out, if the caller may make it. Returns the line that answers it.
        pub(crate) async fn carry_out(request: Request<'_>, id: &RawValue, call: Call) -> Vec<u8> {
            if let Err(refused) = allowed(request.caller, &call) {
                return answer_line(id, request.caller, Err::<(), _>(refused));
            }
            match call {
                $(Call::$variant(params) => {
                    let result: Result<$result, Refused> = $group::$handler(request, params).await;
                    answer_line(id, request.caller, result)
                })+
            }
        }
    };
}

client::methods!(dispatch);

/// Whether the table lets this caller make this call.
fn allowed(caller: &Caller, call: &Call) -> Result<(), Refused> {
    match call.method().who {
        Who::Anybody => Ok(()),
        Who::Owner(what) => caller.must_be_owner(what),
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
