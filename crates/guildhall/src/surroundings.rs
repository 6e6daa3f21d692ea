//! What the program is started in: environment variables, working directory, home. Read once, at the start; tests make
//! their own.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// What the program is started in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) variables: HashMap<String, OsString>,
    pub(crate) directory: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub(crate) fn own() -> anyhow::Result<Self> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let directory = std::env::current_dir().context("the working directory cannot be told")?;
        Ok(Self { variables: variables.collect(), directory })
    }

    /// A variable, if it is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.get(name).filter(|value| !value.is_empty())
    }

    /// A variable that names a path, made absolute.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(|value| self.directory.join(Path::new(value)))
    }
}
