//! What any query may be asked for besides its own input: a part of the list, and a log that has come so far. All of it is
//! ours, optional, and unknown to the peers.

use std::borrow::Cow;

use super::error::TrpcError;
use super::field::{self, Field};
use super::issue::Issues;
use super::request::Input;

/// The largest page that may be asked for.
pub const MAX_LIMIT: u16 = 1000;

/// The part of a list that is asked for; the peers always give all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<'a> {
    /// At most so many, 1 to [`MAX_LIMIT`].
    pub limit: Option<u16>,
    /// Those after this place, in the server's own spelling.
    pub after: Option<Cow<'a, str>>,
}

/// How far the log must have come before a query is answered: the id of a tracked event, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position<'a>(pub Option<Cow<'a, str>>);

/// Both, of a list whose input the peers ignore: what is no object is ignored still.
pub(super) fn alone<'a>(input: &Input<'a>) -> Result<(Page<'a>, Position<'a>), TrpcError> {
    let [limit, after, min_pos] = field::any(input, ["limit", "after", "minPos"])?;
    let issues = &mut Issues::default();
    match (Page::read(limit, after, issues), Position::read(min_pos, issues)) {
        (Some(page), Some(min_pos)) => Ok((page, min_pos)),
        _ => Err(issues.refusal()),
    }
}

impl<'a> Page<'a> {
    pub(super) fn read(limit: Field<'a>, after: Field<'a>, issues: &mut Issues) -> Option<Self> {
        let limit = limit.optional(issues, |field, issues| {
            field.integer(1, MAX_LIMIT.into(), issues).and_then(|limit| u16::try_from(limit).ok())
        });
        let after = after.optional(issues, Field::decoded);
        Some(Self { limit: limit?, after: after? })
    }
}

impl<'a> Position<'a> {
    pub(super) fn read(field: Field<'a>, issues: &mut Issues) -> Option<Self> {
        field.optional(issues, Field::decoded).map(Self)
    }
}
