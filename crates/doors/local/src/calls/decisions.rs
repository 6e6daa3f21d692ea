//! Decisions.

use client::protocol::{self as wire, Decide, Listing, Page};
use model::decisions::{Decision, Log};
use model::rows::Table;
use model::{Command, DecisionId, Fact, Text};

use super::Request;
use super::list::{most, newest};
use crate::authors::Authors;
use crate::refused::Refused;
use crate::told;

pub(super) async fn log(
    Request { caller, .. }: Request<'_>,
    decide: Decide,
) -> Result<wire::Decision, Refused> {
    if decide.decision.is_empty() {
        return Err(Refused::bad_request("a decision has at least one character"));
    }
    let supersedes = decide.supersedes.as_deref().map(DecisionId::parse).transpose();
    let command = Command::Log(Log {
        decision: Text::new(&decide.decision),
        rationale: decide.rationale.as_deref().map(Text::new),
        supersedes: supersedes.map_err(Refused::bad_request)?,
        author: caller.author.clone(),
    });
    let done = caller.carry_out(command, decide.once.as_deref()).await?;
    let logged = done.entries.iter().find_map(|entry| match entry.fact() {
        Fact::DecisionLogged(decision) => Some((entry.position(), decision)),
        _ => None,
    });
    let (position, decision) = logged.ok_or_else(|| Refused::without_events("deciding"))?;
    let by = Authors::new(caller).name(&decision.by, position).await?;
    Ok(told::decision(decision, &by))
}

pub(super) async fn list(
    Request { caller, .. }: Request<'_>,
    page: Page,
) -> Result<Listing<wire::Decision>, Refused> {
    let weigh =
        |decision: &Decision| decision.decision.bytes() + decision.rationale.as_ref().map_or(0, Text::bytes);
    let found = newest(&caller.workspace, Table::Decisions, most(page.limit)?, |_| true, weigh).await?;
    let (mut decisions, mut authors) = (Vec::with_capacity(found.items.len()), Authors::new(caller));
    for (position, decision) in &found.items {
        let by = authors.name(&decision.by, *position).await?;
        decisions.push(told::decision(decision, &by));
    }
    Ok(Listing { items: decisions, more: found.more })
}
