//! What concerns the connection itself.

use client::protocol::{Cancel, Cancelled, Hello, Welcome};

use super::Request;
use crate::refused::Refused;

pub(super) async fn hello(_: Request<'_>, _: Hello) -> Result<Welcome, Refused> {
    // The session has taken the first one itself: before it there is no caller.
    Err(Refused::bad_request("this connection has said who speaks already"))
}

pub(super) async fn cancel(Request { waits, .. }: Request<'_>, cancel: Cancel) -> Result<Cancelled, Refused> {
    Ok(Cancelled { success: waits.end(cancel.id) })
}
