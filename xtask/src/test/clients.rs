//! The clients' tests: JavaScript under `tests/clients`, run by Node's own test runner.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{child, repository, tidy};

fn directory() -> PathBuf {
    repository::root().join("tests/clients")
}

/// `npm ci`, unless what is installed was installed from this very lockfile.
///
/// # Errors
/// When there is no lockfile or npm fails.
pub(super) fn install_packages() -> Result<()> {
    let lockfile = directory().join("package-lock.json");
    let lock = std::fs::read(&lockfile).with_context(|| format!("cannot read {}", lockfile.display()))?;
    let digest = tidy::digest([("package-lock.json", lock.as_slice())]);
    // Inside node_modules, so that whatever removes the packages removes the stamp.
    let stamp = directory().join("node_modules/.guildhall-lockfile-sha256");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == digest) {
        println!("node_modules is what the lockfile says");
        return Ok(());
    }
    child::run(child::command("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(directory()))?;
    std::fs::write(&stamp, digest).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The command that runs every `*.test.mjs`, or the tests whose name contains one of `filters`.
///
/// # Errors
/// When there are no tests to run.
pub(super) fn tests(filters: &[String]) -> Result<Command> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") {
            files.push(name);
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "no *.test.mjs in {}", directory().display());
    let mut node = child::command("node");
    // Two at a time: each test starts servers of its own, and some measure time.
    node.current_dir(directory()).args(["--test", "--test-reporter=spec", "--test-concurrency=2"]);
    node.args(filters.iter().map(|filter| format!("--test-name-pattern={}", literally(filter))));
    node.args(files);
    Ok(node)
}

/// As a regular expression that matches these characters and nothing else.
fn literally(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        if ".*+?^${}()|[]\\/".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_its_own_characters() {
        assert_eq!(literally("§2.1 (3)"), r"§2\.1 \(3\)");
    }
}
