//! Writes decisions down and shows them.

use client::protocol::{Call, Decide, Decision, Listing, Page};
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};
use crate::text::{below, count, excerpt, moment};

/// Decisions shown if nothing else is said.
const USUAL: u64 = 20;

pub(super) fn about() -> About {
    About {
        description: "With `decision`: write down a choice that others must follow, and why. Without: the decisions \
                      so far, the newest last.",
        properties: json!({
            "decision": {"type": "string"},
            "rationale": {"type": "string"},
            "supersedes": {"type": "string", "description": "id of the decision it replaces"},
            "limit": {"type": "integer", "description": "how many to show; 20 if absent"},
        }),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let rationale = arguments.optional_text("rationale")?;
    let supersedes = arguments.optional_text("supersedes")?;
    let limit = arguments.number("limit", 1..=1000)?;
    let Some(decision) = arguments.optional_text("decision")? else {
        return match (rationale, supersedes) {
            (None, None) => list(hall, limit.unwrap_or(USUAL)).await,
            _ => Err(Failure::argument("decision", "is missing")),
        };
    };
    let decide = Decide { decision, rationale, supersedes, once: None };
    let written: Decision = hall.call(Call::Decide(decide)).await?;
    Ok(Outcome::text(format!("decision {} is written down", written.id)))
}

async fn list(hall: &Visit<'_>, limit: u64) -> Result<Outcome, Failure> {
    let page = Page { limit: usize::try_from(limit).ok() };
    let Listing { items: decisions, more }: Listing<Decision> = hall.call(Call::Decisions(page)).await?;
    if decisions.is_empty() {
        return Ok(Outcome::text("no decisions yet"));
    }
    let authors = hall.authors().await?;
    let newest = if more { ", the newest" } else { "" };
    let mut lines = vec![format!("{}{newest}", count(decisions.len(), "decision"))];
    for made in &decisions {
        let Decision { id, decision, rationale, supersedes, by, at, .. } = made;
        let why = rationale.as_deref().map(|why| format!(", because {}", excerpt(why)));
        let instead = supersedes.as_deref().map(|old| format!(", replaces {old}"));
        lines.push(format!(
            "- {}{} ({} at {}, id {id}{})",
            below(decision),
            why.unwrap_or_default(),
            authors.of(by, made.author()),
            moment(at),
            instead.unwrap_or_default()
        ));
    }
    Ok(Outcome::text(lines.join("\n")))
}
