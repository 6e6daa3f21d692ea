//! What may stand after `cargo xtask test`.

use anyhow::{Result, bail};

use super::step::Step;

/// The command line of a test run.
#[derive(Default)]
pub(super) struct Options {
    /// Take the time: long properties, many fuzz iterations.
    pub(super) long: bool,
    /// Run the later steps although one has failed.
    pub(super) keep_going: bool,
    /// Only tests whose name contains one of these; all when empty.
    pub(super) filters: Vec<String>,
}

impl Options {
    /// # Errors
    /// For an option nobody knows.
    pub(super) fn parse(arguments: &[String]) -> Result<Options> {
        let mut options = Options::default();
        for argument in arguments {
            match argument.as_str() {
                "--long" => options.long = true,
                "--keep-going" => options.keep_going = true,
                unknown if unknown.starts_with('-') => bail!("`cargo xtask test` has no option {unknown}"),
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    /// Everything; with a filter, what leads to the tests it chooses.
    pub(super) fn steps(&self) -> &'static [Step] {
        if self.filters.is_empty() { &Step::ALL } else { &Step::FOR_CHOSEN_TESTS }
    }

    /// Variables for the tests.
    pub(super) fn environment(&self) -> &'static [(&'static str, &'static str)] {
        if self.long { &[("GUILDHALL_LONG", "1"), ("GUILDHALL_FUZZ_ITERATIONS", "2000000")] } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Options> {
        Options::parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_filter_leaves_out_what_is_not_a_test() {
        let options = parsed(&["--long", "keepalive", "--keep-going"]).unwrap();
        assert!(options.long && options.keep_going);
        assert_eq!(options.filters, ["keepalive"]);
        assert!(!options.steps().contains(&Step::Lints));
        assert!(options.steps().contains(&Step::Clients));
        assert!(parsed(&[]).unwrap().steps().contains(&Step::Lints));
    }

    #[test]
    fn a_mistyped_option_is_not_taken_for_a_filter() {
        assert!(parsed(&["--lnog"]).is_err());
    }
}
