//! Counting tests from what their runners print.
//!
//! Rust's harness closes each binary with `test result: ok. 3 passed; 0 failed; …`; Node's `spec` reporter
//! closes the run with `ℹ pass 3`, `ℹ fail 0`, `ℹ cancelled 0`. A cancelled test did not pass: it counts as
//! failed.

/// What the tests so far came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Names of failed Rust tests. Node repeats its own at the end of its output.
    pub(super) failed_names: Vec<String>,
}

impl Tally {
    /// One line of `cargo test`.
    pub(super) fn read_cargo(&mut self, line: &str) {
        // Not from the start of the line: what a test's child wrote without a line end stands before it.
        let from = |start: &str| line.find(start).map(|at| &line[at + start.len()..]);
        if let Some(name) = from("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failed_names.push(name.to_owned());
        }
        let Some(result) = from("test result: ") else { return };
        let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// One line of `node --test --test-reporter=spec`.
    pub(super) fn read_node(&mut self, line: &str) {
        let line = without_colour(line);
        let Some((what, number)) = line.strip_prefix("ℹ ").and_then(|rest| rest.split_once(' ')) else {
            return;
        };
        let Ok(number) = number.parse::<u64>() else { return };
        match what {
            "pass" => self.passed += number,
            "fail" | "cancelled" => self.failed += number,
            _ => {}
        }
    }
}

/// Node colours its summary when FORCE_COLOR is set, as on some CI.
fn without_colour(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        plain += before;
        rest = sequence.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test log::appends ... ok",
            "readytest log::tears ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 0.01s",
            "test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            tally.read_cargo(line);
        }
        assert_eq!(tally, Tally { passed: 9, failed: 1, failed_names: vec!["log::tears".to_owned()] });
    }

    #[test]
    fn a_cancelled_client_test_is_a_failed_one() {
        let mut tally = Tally::default();
        for line in [
            "✔ §2 WS path: any path is served (1.09ms)",
            "ℹ tests 9",
            "ℹ suites 1",
            "\u{1b}[34mℹ pass 5\u{1b}[39m",
            "ℹ fail 2",
            "ℹ cancelled 1",
            "ℹ skipped 1",
            "ℹ duration_ms 298.374664",
        ] {
            tally.read_node(line);
        }
        assert_eq!((tally.passed, tally.failed), (5, 3));
    }
}
