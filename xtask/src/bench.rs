//! `cargo xtask bench`: the product and its benchmark, built in release, and the one measured by the other.

use std::process::ExitCode;

use anyhow::Result;

use crate::{child, prerequisites};

/// Installs, if it is missing, what the server is measured beside.
const INSTALL: &str = "--install";

/// Builds both and runs the benchmark with these arguments; a first `--` is dropped, and [`INSTALL`] is ours.
///
/// # Errors
/// When something to build with is missing, a build fails, or the benchmark does.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let arguments = match arguments {
        [first, rest @ ..] if first == "--" => rest,
        all => all,
    };
    prerequisites::require(prerequisites::TO_BUILD)?;
    if arguments.iter().any(|argument| argument == INSTALL) {
        prerequisites::require(prerequisites::TO_COMPARE)?;
    }
    let arguments = arguments.iter().filter(|argument| *argument != INSTALL);
    // By itself, so that what is measured is built as `up` builds it.
    child::run(child::cargo().args(["build", "--release", "--package", "guildhall"]))?;
    let bench = ["run", "--release", "--package", "guildhall-bench", "--"];
    child::run(child::cargo().args(bench).args(arguments))?;
    Ok(ExitCode::SUCCESS)
}
