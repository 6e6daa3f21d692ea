//! `cargo xtask test`: everything that has to be green, one step after the other.
//!
//! All steps use one target directory and the dev profile. `build` takes in all targets, which is the set of
//! features the tests are built with, so that the steps after it build nothing again; and no step sets
//! RUSTFLAGS, which would.
//!
//! The output ends with a table of minutes per step and one plain line, `N passed, N failed`: the tests of
//! cargo and of the clients together. A step that fails without a failed test, a lint say, counts as one, so
//! that the line never reads `0 failed` when the exit code is not 0.

mod clients;
mod options;
mod step;
mod tally;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use self::options::Options;
use self::step::Step;
use self::tally::Tally;

/// Runs the steps; stops at the first that fails unless told to keep going.
///
/// # Errors
/// Only for an option nobody knows; a failing step is a table and exit code 1.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let mut tally = Tally::default();
    let mut rows = Vec::new();
    let mut stopped = false;
    for &step in options.steps() {
        if stopped {
            rows.push(Row { step, took: None, failed: false });
            continue;
        }
        println!("\n=== {}", step.name());
        let started = Instant::now();
        let failed_before = tally.failed;
        let outcome = step.run(&options, &mut tally);
        if let Err(error) = &outcome {
            println!("{} failed: {error:#}", step.name());
            tally.failed = tally.failed.max(failed_before + 1);
        }
        rows.push(Row { step, took: Some(started.elapsed()), failed: outcome.is_err() });
        stopped = outcome.is_err() && !options.keep_going;
    }
    print!("{}", closing(&rows, &tally));
    let green = tally.failed == 0 && rows.iter().all(|row| !row.failed);
    Ok(if green { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of a step.
struct Row {
    step: Step,
    /// `None` when an earlier step failed.
    took: Option<Duration>,
    failed: bool,
}

fn closing(rows: &[Row], tally: &Tally) -> String {
    let mut text = format!("\n{:<18}{:>8}\n", "step", "minutes");
    let minutes = |took: Duration| took.as_secs_f64() / 60.0;
    for row in rows {
        let name = row.step.name();
        match row.took {
            Some(took) if row.failed => text += &format!("{name:<18}{:>8.2}  failed\n", minutes(took)),
            Some(took) => text += &format!("{name:<18}{:>8.2}\n", minutes(took)),
            None => text += &format!("{name:<18}{:>8}  not run\n", "-"),
        }
    }
    let total = rows.iter().filter_map(|row| row.took).sum();
    text += &format!("{:<18}{:>8.2}\n\n", "total", minutes(total));
    for name in &tally.failed_names {
        text += &format!("failed test: {name}\n");
    }
    for row in rows.iter().filter(|row| row.failed) {
        text += &format!("failed step: {}\n", row.step.name());
    }
    text + &format!("{} passed, {} failed\n", tally.passed, tally.failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_names_what_failed_and_ends_with_the_sum() {
        let rows = [
            Row { step: Step::Build, took: Some(Duration::from_secs(90)), failed: false },
            Row { step: Step::CargoTest, took: Some(Duration::from_secs(30)), failed: true },
            Row { step: Step::Clients, took: None, failed: false },
        ];
        let tally = Tally { passed: 41, failed: 1, failed_names: vec!["log::tears".to_owned()] };
        assert_eq!(
            closing(&rows, &tally),
            "\n\
             step               minutes\n\
             build                 1.50\n\
             cargo test            0.50  failed\n\
             clients                  -  not run\n\
             total                 2.00\n\
             \n\
             failed test: log::tears\n\
             failed step: cargo test\n\
             41 passed, 1 failed\n"
        );
    }
}
