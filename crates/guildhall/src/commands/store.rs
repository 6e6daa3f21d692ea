//! `guildhall store`: checks and mends what is kept. Opens it directly, so no server may hold the data directory.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde::Serialize;
use store::sqlite::{DirectoryLock, is_kept};
use store::{PostgresStore, SqliteStore, StoreError};

use crate::config::Flags;
use crate::config::flags::StoreSetting;
use crate::here::Here;
use crate::server::StoreChoice;

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Read every log and check that it is what was written.
    Verify(StoreSetting),
    /// Make all read models anew from the logs.
    Rebuild(StoreSetting),
}

/// What became of one log.
#[derive(Debug, Serialize)]
struct Outcome {
    workspace: String,
    ok: bool,
    /// How many events it has, if it is well.
    events: Option<u64>,
    /// What is wrong with it.
    error: Option<String>,
    /// The first bad position.
    position: Option<u64>,
}

impl Store {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let (flags, rebuild) = match self {
            Self::Verify(flags) => (flags.0, false),
            Self::Rebuild(flags) => (flags.0, true),
        };
        let doing = if rebuild { "store rebuild" } else { "store verify" };
        let (store, _lock) = open(here, flags, doing, rebuild).await?;
        let logs = store.logs().await?;
        if logs.is_empty() {
            bail!("no log is kept there");
        }
        let mut outcomes = Vec::new();
        for log in logs {
            let done = if rebuild {
                hall::rebuild(&*store, &log).await.map(|position| position.0)
            } else {
                store::verify::verify(&*store, &log).await.map(|head| head.position.0)
            };
            outcomes.push(Outcome::of(log.to_string(), done));
        }
        here.output.show(&outcomes[..], |outcomes| {
            outcomes.iter().map(|outcome| format!("{}\n", outcome.text(rebuild))).collect()
        })?;
        let well = outcomes.iter().all(|outcome| outcome.ok);
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

async fn open(
    here: &Here,
    flags: Flags,
    doing: &str,
    rebuild: bool,
) -> anyhow::Result<(Arc<dyn store::Store>, Option<DirectoryLock>)> {
    match here.settings(flags)?.store()? {
        StoreChoice::Memory => bail!("the store `memory` keeps nothing"),
        StoreChoice::Postgres(url) if rebuild => {
            Ok((Arc::new(PostgresStore::connect_alone(&url).await?), None))
        }
        StoreChoice::Postgres(url) => Ok((Arc::new(PostgresStore::connect(&url).await?), None)),
        StoreChoice::Sqlite => {
            let directory = &here.home.data;
            // Opening makes what is not there, and an empty store is always well.
            if !is_kept(directory)? {
                bail!("nothing is kept in {}", directory.display());
            }
            let lock = DirectoryLock::take(directory, &format!("process {}, `{doing}`", std::process::id()))
                .context("end the server first")?;
            let open = if rebuild { SqliteStore::open_to_rebuild } else { SqliteStore::open_to_verify };
            Ok((Arc::new(open(directory)?), Some(lock)))
        }
    }
}

impl Outcome {
    fn of(workspace: String, done: Result<u64, StoreError>) -> Self {
        let position = match &done {
            Err(StoreError::Damaged { position, .. }) => Some(position.0),
            _ => None,
        };
        let error = done.as_ref().err().map(ToString::to_string);
        Self { workspace, ok: done.is_ok(), events: done.ok(), error, position }
    }

    fn text(&self, rebuilt: bool) -> String {
        match (&self.error, self.events.unwrap_or_default()) {
            (Some(error), _) => format!("{}: {error}", self.workspace),
            (None, events) if rebuilt => format!("{}: made anew from {events} events", self.workspace),
            (None, events) => format!("{}: ok, {events} events", self.workspace),
        }
    }
}
