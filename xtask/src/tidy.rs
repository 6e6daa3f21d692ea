//! `cargo xtask tidy`: tests of the repository itself.
//!
//! Each check is one file here, takes the repository (and where it needs them the crates) and gives back what
//! is wrong. They know no order and share nothing but [`Problem`].

mod architecture_entries;
mod dependency_direction;
mod file_length;
mod forbidden_words;
mod links;
mod markdown;
mod wire_cases;
mod wire_sources;

use std::fmt;
use std::process::ExitCode;

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use crate::repository::Repository;
use crate::workspace::Workspace;

/// Something a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    /// From the root.
    path: String,
    /// Counted from 1.
    line: Option<usize>,
    /// What is wrong and what to do about it.
    what: String,
}

impl Problem {
    fn in_file(path: impl Into<String>, what: impl Into<String>) -> Problem {
        Problem { path: path.into(), line: None, what: what.into() }
    }

    fn at_line(path: impl Into<String>, line: usize, what: impl Into<String>) -> Problem {
        Problem { path: path.into(), line: Some(line), what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(to, "{}:{line}: {}", self.path, self.what),
            None => write!(to, "{}: {}", self.path, self.what),
        }
    }
}

/// The command.
///
/// # Errors
/// For an option nobody knows, or when the repository cannot be read; a problem found is exit code 1.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments {
        [] => {}
        [bless] if bless == "--bless" => wire_sources::bless(&Repository::read()?)?,
        _ => bail!("`cargo xtask tidy` takes nothing or --bless"),
    }
    let problems = problems()?;
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} problems", problems.len());
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every problem of the repository, one line each, in the order of the checks.
///
/// # Errors
/// When the repository cannot be read.
pub(crate) fn problems() -> Result<Vec<String>> {
    let repository = Repository::read()?;
    let workspace = Workspace::read()?;
    let mut problems = dependency_direction::check(&workspace, &repository);
    problems.extend(file_length::check(&repository));
    problems.extend(forbidden_words::check(&repository));
    problems.extend(wire_sources::check(&repository));
    problems.extend(wire_cases::check(&repository));
    problems.extend(architecture_entries::check(&workspace, &repository));
    problems.extend(links::check(&repository));
    Ok(problems.iter().map(Problem::to_string).collect())
}

/// SHA-256 of these named contents, in this order, as lower-case hexadecimal.
pub(crate) fn digest<'a>(named: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (name, content) in named {
        // With their lengths, so that no two lists of files read the same.
        for part in [name.as_bytes(), content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_apart_what_would_be_equal_end_to_end() {
        let one = digest([("a", b"bc".as_slice())]);
        assert_eq!(one.len(), 64);
        assert_ne!(one, digest([("ab", b"c".as_slice())]));
        assert_ne!(one, digest([("a", b"b".as_slice()), ("c", b"".as_slice())]));
    }
}
