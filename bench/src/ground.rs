//! The directory that everything is measured in: beside what was built, so on a disk and not in memory.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// A scratch directory that goes away at the end, and what was put into it.
pub(crate) struct Ground {
    directory: TempDir,
    /// Where a long history lies, once one was made.
    pub(crate) history: Option<PathBuf>,
    homes: usize,
}

impl Ground {
    /// Makes it in the target directory.
    pub(crate) fn take() -> Result<Self> {
        let place = built_beside()?;
        let directory = tempfile::Builder::new().prefix("bench-").tempdir_in(place)?;
        Ok(Self { directory, history: None, homes: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A new, empty directory in it.
    pub(crate) fn fresh(&mut self, name: &str) -> Result<PathBuf> {
        self.homes += 1;
        let path = self.path().join(format!("{name}-{}", self.homes));
        std::fs::create_dir(&path)?;
        Ok(path)
    }
}

/// The directory of this program, `target/release` as a rule.
pub(crate) fn built_beside() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.parent().context("a program lies in a directory")?.to_owned())
}
