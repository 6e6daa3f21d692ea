//! The steps of a test run, in their order.

use std::process::Command;

use anyhow::{Result, ensure};

use super::clients;
use super::options::Options;
use super::tally::Tally;
use crate::workspace::Workspace;
use crate::{child, prerequisites, tidy};

/// One step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Programs and libraries of the machine.
    Prerequisites,
    /// `npm ci` of the clients.
    ClientPackages,
    /// `cargo fmt --check`.
    Format,
    /// `cargo xtask tidy`.
    Tidy,
    /// `cargo clippy`, warnings are errors.
    Lints,
    /// `cargo build`, so that the program the clients meet is the one of these sources.
    Build,
    /// `cargo test`.
    CargoTest,
    /// `node --test`, real clients against the program.
    Clients,
    /// `cargo doc`, warnings are errors.
    Documentation,
}

impl Step {
    /// A full run. What is quick comes first.
    pub(super) const ALL: [Step; 9] = [
        Step::Prerequisites,
        Step::ClientPackages,
        Step::Format,
        Step::Tidy,
        Step::Lints,
        Step::Build,
        Step::CargoTest,
        Step::Clients,
        Step::Documentation,
    ];

    /// A run for the tests somebody chose.
    pub(super) const FOR_CHOSEN_TESTS: [Step; 5] =
        [Step::Prerequisites, Step::ClientPackages, Step::Build, Step::CargoTest, Step::Clients];

    /// As printed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Step::Prerequisites => "prerequisites",
            Step::ClientPackages => "client packages",
            Step::Format => "format",
            Step::Tidy => "tidy",
            Step::Lints => "lints",
            Step::Build => "build",
            Step::CargoTest => "cargo test",
            Step::Clients => "clients",
            Step::Documentation => "documentation",
        }
    }

    /// Does it, with its output on ours.
    ///
    /// # Errors
    /// When the step is not green.
    pub(super) fn run(self, options: &Options, tally: &mut Tally) -> Result<()> {
        let cargo = |arguments: &str| {
            let mut cargo = child::cargo();
            cargo.args(arguments.split(' '));
            cargo
        };
        match self {
            Step::Prerequisites => prerequisites::require(prerequisites::TO_TEST),
            Step::ClientPackages => clients::install_packages(),
            Step::Format => child::run(&mut cargo("fmt --all --check")),
            Step::Tidy => ensure_tidy(),
            Step::Lints => child::run(&mut cargo("clippy --workspace --all-targets -- -D warnings")),
            Step::Build => child::run(&mut cargo("build --workspace --all-targets")),
            Step::CargoTest => {
                let mut tests = cargo("test --workspace --no-fail-fast --");
                tests.args(&options.filters);
                child::run_reading(&mut for_tests(tests, options)?, |line| tally.read_cargo(line))
            }
            Step::Clients => {
                let tests = clients::tests(&options.filters)?;
                child::run_reading(&mut for_tests(tests, options)?, |line| tally.read_node(line))
            }
            Step::Documentation => {
                child::run(cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-Dwarnings"))
            }
        }
    }
}

fn ensure_tidy() -> Result<()> {
    let problems = tidy::problems()?;
    for problem in &problems {
        println!("{problem}");
    }
    ensure!(problems.is_empty(), "{} problems", problems.len());
    Ok(())
}

/// Tells the tests which program to meet, unless the caller has, and how long to take.
fn for_tests(mut tests: Command, options: &Options) -> Result<Command> {
    if std::env::var_os("GUILDHALL_BIN").is_none() {
        tests.env("GUILDHALL_BIN", Workspace::read()?.target.join("debug/guildhall"));
    }
    tests.envs(options.environment().iter().copied());
    Ok(tests)
}
