//! The repository's own commands: `cargo xtask up`, `test`, `bench`, `tidy`.
//!
//! Nothing here is part of the product. `up` builds and starts it, `test` is everything that has to be
//! green before a change is merged, `bench` measures it beside what the machine can do, and `tidy` tests the
//! repository itself: what depends on what, what a document says about which file, which line of a wire page
//! has its case.
//!
//! The crate depends on next to nothing, because it is built before anything else is.

mod bench;
mod child;
mod policy;
mod prerequisites;
mod repository;
mod test;
mod tidy;
mod up;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  up [-- ARGS]                          build the product and run `guildhall serve ARGS`
  test [--long] [--keep-going] [FILTER] everything: format, tidy, lints, tests, clients, documentation;
                                        with a FILTER only the tests whose name contains it
  bench [NAME…] [--quick] [--write] [--install]
                                        figures beside bare prototypes; --write puts them into the
                                        documentation, --install gets what is measured beside them
                                        (Redis); NAME is one of the rows, --help lists them
  tidy [--bless]                        the checks of the repository itself; --bless records that each
                                        wire document agrees with its sources as they are now
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let outcome = match command.as_str() {
        "up" => up::run(&arguments),
        "test" => test::run(&arguments),
        "bench" => bench::run(&arguments),
        "tidy" => tidy::run(&arguments),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
