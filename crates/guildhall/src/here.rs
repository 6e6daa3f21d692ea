//! What every command needs: where it is, what is set, and the way to the hall.

use anyhow::Context as _;
use client::protocol::{ErrorCode, Hello, Speaker, VERSION};
use client::{Connection, connect};

use crate::config::settings::WORKSPACE;
use crate::config::{Flags, Settings};
use crate::home::Home;
use crate::output::Output;
use crate::surroundings::Surroundings;

/// As whom the hall takes whoever has not shown to be somebody else.
const LOCAL: &str = "local";

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Here {
    pub(crate) surroundings: Surroundings,
    pub(crate) home: Home,
    pub(crate) output: Output,
    workspace: Option<String>,
}

impl Here {
    pub(crate) fn find(json: bool, workspace: Option<String>) -> anyhow::Result<Self> {
        let surroundings = Surroundings::own()?;
        let home = Home::find(&surroundings)?;
        Ok(Self { surroundings, home, output: Output::new(json), workspace })
    }

    /// What is set, with these flags of the command.
    pub(crate) fn settings(&self, mut flags: Flags) -> anyhow::Result<Settings> {
        if let Some(workspace) = &self.workspace {
            flags.insert(WORKSPACE, workspace.clone());
        }
        Settings::read(&self.surroundings, &self.home, &flags)
    }

    /// Why this person is not taken for the owner on this connection, if that is so.
    pub(crate) fn not_the_owner(&self, hall: &Connection) -> anyhow::Result<Option<String>> {
        if hall.welcome().principal != LOCAL {
            return Ok(None);
        }
        Ok(Some(match self.home.credential()? {
            Some(_) => "this terminal is an agent's own, one that a `guildhall mcp` was started from".into(),
            None => {
                format!("there is no owner's credential to be read at {}", self.home.owner_token.display())
            }
        }))
    }

    /// A connection to the hall, as the person who types: the owner, if the owner's credential can be read.
    pub(crate) async fn hall(&self) -> anyhow::Result<Connection> {
        let workspace = self.settings(Flags::new())?.workspace()?;
        let credential = self.home.credential()?;
        let hello = Hello {
            version: VERSION,
            workspace: Some(workspace.to_string()),
            speaker: Speaker::Person { credential },
        };
        match connect(&self.home.socket(), hello).await {
            Err(refused) if refused.code() == Some(ErrorCode::Forbidden) => {
                Err(refused).with_context(|| format!("with {}", self.home.owner_token.display()))
            }
            outcome => Ok(outcome?),
        }
    }
}
