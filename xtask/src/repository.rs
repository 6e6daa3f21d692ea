//! The repository as the checks see it: its root, and every file that is or could be committed.
//!
//! The checks read from memory, so that each can be tried on a handful of lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::child;

/// The directory that holds the root `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let here = manifest_directory();
    here.parent().unwrap_or(&here).to_owned()
}

/// Every file of the repository by its path from the root, with `/` between the parts.
pub(crate) struct Repository {
    /// `None` for a file that is not UTF-8.
    files: BTreeMap<String, Option<String>>,
}

impl Repository {
    /// Reads what git tracks, and what it would track after `git add .`; where there is no git, everything
    /// but build products.
    ///
    /// # Errors
    /// When git or a file cannot be read.
    pub(crate) fn read() -> Result<Repository> {
        let root = root();
        let paths = if root.join(".git").exists() { listed_by_git()? } else { listed_by_walking(&root)? };
        let mut files = BTreeMap::new();
        for path in paths {
            let full = root.join(&path);
            // Deleted but not yet staged, or a link out of the tree.
            if !full.is_file() {
                continue;
            }
            let bytes = std::fs::read(&full).with_context(|| format!("cannot read {path}"))?;
            files.insert(path, String::from_utf8(bytes).ok());
        }
        Ok(Repository { files })
    }

    /// A repository of these files only.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(files: [(&str, &str); N]) -> Repository {
        let files = files.into_iter().map(|(path, text)| (path.to_owned(), Some(text.to_owned()))).collect();
        Repository { files }
    }

    /// The text files, in order of their paths.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether there is a file or a directory with this path; the root is `""`.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|file| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }
}

fn listed_by_git() -> Result<Vec<String>> {
    // A checkout made by another user (a mounted volume, a CI image) is no reason to refuse to list it.
    let list = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = child::output(child::command("git").args(list))?;
    Ok(listed.split_terminator('\0').map(str::to_owned).collect())
}

fn listed_by_walking(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                found.push(path.to_string_lossy().into_owned());
            } else if !["target", "node_modules", ".git"].iter().any(|product| path.ends_with(product)) {
                waiting.push(path);
            }
        }
    }
    Ok(found)
}

/// This crate's directory, as cargo says when it runs this. What was told when it was compiled may be another checkout's,
/// if both share a target directory.
fn manifest_directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_and_git_agree_that_this_file_is_part_of_the_repository() {
        let walked = listed_by_walking(&root()).unwrap();
        assert!(walked.iter().any(|path| path == "xtask/src/repository.rs"));
        assert!(!walked.iter().any(|path| path.starts_with("target/")));
        let read = Repository::read().unwrap();
        assert!(read.text("xtask/src/repository.rs").is_some());
        assert!(read.has("xtask/src/") && read.has("xtask") && !read.has("xtas"));
    }
}
