//! Search.

use client::protocol::{ErrorCode, Found, Search};

use super::Request;
use crate::refused::Refused;

pub(super) async fn search(Request { .. }: Request<'_>, _: Search) -> Result<Found, Refused> {
    Err(Refused::new(ErrorCode::Unavailable, "search comes with the next commit"))
}
