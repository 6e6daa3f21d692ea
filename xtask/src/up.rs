//! `cargo xtask up`: the product, built and started, in one command.
//!
//! The server replaces this process, so that its exit code, its signals and its terminal are its own.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use anyhow::{Result, anyhow};

use crate::workspace::Workspace;
use crate::{child, prerequisites};

/// Builds the product in release and becomes `guildhall serve` with these arguments; a first `--` is dropped.
///
/// # Errors
/// When something to build with is missing (the message is the line that installs it), the build fails, or
/// the program cannot be started. Returns only then.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let arguments = match arguments {
        [first, rest @ ..] if first == "--" => rest,
        all => all,
    };
    prerequisites::require(prerequisites::TO_BUILD)?;
    child::run(child::cargo().args(["build", "--release", "--package", "guildhall"]))?;
    let program = Workspace::read()?.target.join("release/guildhall");
    let mut serve = child::command(&program);
    // The person's directory, not the repository's: a path among the arguments is meant from there.
    serve.current_dir(std::env::current_dir()?);
    let error = serve.arg("serve").args(arguments).exec();
    Err(anyhow!(error).context(format!("cannot start {}", program.display())))
}
