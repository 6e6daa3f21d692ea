//! What waits for the caller, and saying that it has it.

use client::protocol::{self as wire, Inbox, Mail, MarkRead, Marked, Took};
use hall::mail::{Handed, Shown, message};
use model::Position;
use model::mailboxes::Stage;

use super::Request;
use super::list::{PAGE_BYTES, most};
use crate::caller::Caller;
use crate::limits;
use crate::refused::Refused;
use crate::told;

pub(super) async fn inbox(Request { caller, .. }: Request<'_>, inbox: Inbox) -> Result<Mail, Refused> {
    let most = most(inbox.limit)?;
    // What stands around the contents, names and files, takes room too.
    let fetched = caller.workspace.fetch(&caller.party().id, most, PAGE_BYTES as u64 / 3).await?;
    let messages = fetched.messages.iter().filter_map(|entry| Some((entry.position(), message(entry)?)));
    let messages = messages.map(|(place, message)| told::message(place, message)).collect();
    let receipt = fetched.receipt.ranges.iter().map(|(from, to)| (from.0, to.0)).collect();
    Ok(Mail { messages, left: fetched.left, receipt })
}

pub(super) async fn took(Request { caller, .. }: Request<'_>, took: Took) -> Result<Marked, Refused> {
    if took.receipt.len() > limits::RECEIPT_RANGES {
        return Err(Refused::bad_request(format!(
            "a receipt has at most {} stretches",
            limits::RECEIPT_RANGES
        )));
    }
    let ranges: Vec<_> = took.receipt.iter().map(|(from, to)| (Position(*from), Position(*to))).collect();
    let (stage, evidence) = match took.stage {
        wire::Stage::Delivered => (Stage::Delivered, "local: a later call"),
        wire::Stage::InContext => (Stage::InContext, "local: a later call"),
        wire::Stage::Read => (Stage::Read, "local: said to be read"),
    };
    let shown = caller.workspace.shown(&caller.party().id, stage, &ranges).await?;
    Ok(Marked { count: take(caller, stage, evidence, shown).await? })
}

pub(super) async fn mark_read(
    Request { caller, .. }: Request<'_>,
    marked: MarkRead,
) -> Result<Marked, Refused> {
    if marked.messages.len() > limits::LIST {
        return Err(Refused::bad_request(format!("{} messages at most are marked at once", limits::LIST)));
    }
    let (mut ids, mut places) = (Vec::new(), Vec::new());
    for named in marked.messages {
        match named.parse() {
            Ok(number) => places.push(Position(number)),
            Err(_) => ids.push(named),
        }
    }
    let reader = &caller.party().id;
    let found = caller.workspace.find_messages(reader, &ids, &places, &Handed::default()).await?;
    let count = found.count;
    take(caller, Stage::Read, "local: said to be read", found.shown).await?;
    Ok(Marked { count })
}

/// Writes down what the caller has; 1 if that is news, else 0.
async fn take(caller: &Caller, stage: Stage, evidence: &'static str, shown: Shown) -> Result<usize, Refused> {
    if shown.is_empty() {
        return Ok(0);
    }
    let done = caller.workspace.take(&caller.principal, caller.party(), stage, evidence, shown).await?;
    Ok(done.entries.len())
}
