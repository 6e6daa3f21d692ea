//! `guildhall decide`: what was decided, and why.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use client::protocol::{self, Call, Decision, Listing, Page};
use client::shown::name;

use super::limit::Limit;
use crate::here::Here;
use crate::output::indented;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Decide {
    #[command(subcommand)]
    command: Option<Other>,
    #[command(flatten)]
    log: Log,
}

#[derive(Debug, Args)]
struct Log {
    /// What was decided.
    #[arg(required = true)]
    decision: Option<String>,
    /// Why.
    #[arg(long, value_name = "REASON")]
    why: Option<String>,
    /// The id of the decision that no longer holds.
    #[arg(long, value_name = "ID")]
    supersedes: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// Write down what was decided, also if it is a single word such as `list`.
    Log(Log),
    /// Show the newest decisions.
    List(Limit),
}

impl Decide {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        let log = match self.command {
            Some(Other::List(limit)) => {
                let page = Page { limit: Some(limit.into()) };
                let Listing { items: decisions, more }: Listing<Decision> =
                    hall.call(Call::Decisions(page)).await?;
                here.output.list(&decisions, "Nothing was decided yet.", list)?;
                if more {
                    here.output.say("These are the newest; there may be more.");
                }
                return Ok(ExitCode::SUCCESS);
            }
            Some(Other::Log(log)) => log,
            None => self.log,
        };
        let Log { decision, why, supersedes } = log;
        let call = Call::Decide(protocol::Decide {
            decision: decision.unwrap_or_default(),
            rationale: why,
            supersedes,
            once: None,
        });
        let decision: Decision = hall.call(call).await?;
        here.output.show(&decision, |decision| format!("{}\n", decision.id))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn list(decisions: &[Decision]) -> String {
    let mut text = String::new();
    for made in decisions {
        let Decision { id, decision, rationale, supersedes, at, .. } = made;
        text.push_str(&format!("{id}  by {}, {at}\n{}", name(made.author()), indented(decision)));
        if let Some(rationale) = rationale {
            text.push_str(&indented(&format!("because: {rationale}")));
        }
        if let Some(supersedes) = supersedes {
            text.push_str(&format!("    instead of {supersedes}\n"));
        }
    }
    text
}
