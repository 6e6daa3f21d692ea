//! Questions by their ids, or the beginnings of those that people type.

use anyhow::bail;
use client::Connection;
use client::protocol::{Call, Listing, Question, Questions, Ticket};

use crate::failure::NotFound;

/// As many as one list holds.
pub(crate) const MOST: usize = 1000;
/// The length of a whole id.
const ID: usize = 36;

/// Among which questions a beginning is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    Open,
    All,
}

/// The whole id of the question that is meant.
pub(crate) async fn whole_id(hall: &Connection, id: String, among: Among) -> anyhow::Result<String> {
    if id.len() >= ID {
        return Ok(id);
    }
    let (all, what) = match among {
        Among::Open => (false, "open question"),
        Among::All => (true, "question"),
    };
    // Two are as good as many: then it is not clear which is meant.
    let call = Call::Questions(Questions { for_me: false, all, beginning: Some(id.clone()), limit: Some(2) });
    let found: Listing<Question> = hall.call(call).await?;
    let mut meant = found.items.into_iter().map(|question| question.id);
    match (meant.next(), meant.next()) {
        (Some(whole), None) => Ok(whole),
        (None, _) => Err(NotFound(format!("no {what}'s id begins with {id:?}")).into()),
        (Some(_), Some(_)) => bail!("more than one {what}'s id begins with {id:?}"),
    }
}

/// A question as it is now, or once it is no longer open within so many seconds.
pub(crate) async fn look(hall: &Connection, id: &str, wait_seconds: u64) -> anyhow::Result<Question> {
    Ok(hall.call(Call::Question(Ticket { question: id.to_owned(), wait_seconds })).await?)
}
