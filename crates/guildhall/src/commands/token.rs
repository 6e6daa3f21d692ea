//! `guildhall token`: issues and withdraws tokens.

use std::process::ExitCode;

use clap::{Subcommand, value_parser};
use client::protocol::{Call, CreateToken, Deleted, Empty, IssuedToken, TokenId};

use crate::here::Here;
use crate::output::table;

/// The longest life of a token that has an end, in seconds.
const CENTURY: u64 = 100 * 366 * 24 * 3600;

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Issue a token. It is shown once.
    Create {
        /// What it allows: `owner`, `operator`, `member`, `viewer` or `agent`.
        #[arg(long)]
        role: String,
        /// Who acts with it [default: a name of its own].
        #[arg(long)]
        name: Option<String>,
        /// A workspace it opens; may be given several times [default: all].
        #[arg(long, value_name = "WORKSPACE")]
        only: Vec<String>,
        /// How long it lives [default: for ever].
        #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=CENTURY))]
        life: Option<u64>,
    },
    /// Show the tokens in force.
    List,
    /// Withdraw a token.
    Revoke {
        /// Its id.
        id: String,
    },
}

impl Token {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        match self {
            Self::Create { role, name, only, life } => {
                let call =
                    Call::CreateToken(CreateToken { role, name, workspaces: only, life_seconds: life });
                let issued: IssuedToken = hall.call(call).await?;
                here.output.show(&issued, |issued| format!("{}\n", issued.token))?;
                here.output.say(&format!("This is {}'s, and is shown only now.", issued.about.principal));
            }
            Self::List => {
                let tokens: Vec<client::protocol::Token> = hall.call(Call::Tokens(Empty {})).await?;
                here.output.list(&tokens, "No tokens are in force.", list)?;
            }
            Self::Revoke { id } => {
                let deleted: Deleted = hall.call(Call::RevokeToken(TokenId { id })).await?;
                here.output.show(&deleted, |_| "Withdrawn.\n".into())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(tokens: &[client::protocol::Token]) -> String {
    let row = |token: &client::protocol::Token| {
        let all = || "all".to_owned();
        let workspaces = Some(token.workspaces.join(",")).filter(|names| !names.is_empty());
        let ends = token.expires_at.clone().unwrap_or_else(|| "never".into());
        let [id, principal, role] = [&token.id, &token.principal, &token.role].map(String::clone);
        [id, principal, role, workspaces.unwrap_or_else(all), token.issued_at.clone(), ends]
    };
    table(["ID", "NAME", "ROLE", "WORKSPACES", "ISSUED", "ENDS"], tokens.iter().map(row))
}
