//! A wire document and the sources it describes change together.
//!
//! Each page of `docs/wire` has a line
//!
//! ```text
//! <!-- tidy: sources=crates/doors/x/src/wire/*.rs sha256=0123… -->
//! ```
//!
//! with the files it describes (several patterns are separated by commas; `*` stands for anything within one
//! name) and the digest of those files when somebody last compared the two. Whoever changes a source finds the
//! check red, reads the page, corrects it where it no longer holds, and records that with
//! `cargo xtask tidy --bless`.

use anyhow::{Context, Result, anyhow};

use super::Problem;
use crate::repository::{self, Repository};

const MARK: &str = "<!-- tidy: sources=";

/// Every page of `docs/wire`.
pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in pages(repository) {
        let wrong = match comparison(repository, text) {
            Err(wrong) => wrong,
            Ok(compared) if compared.recorded != compared.actual => format!(
                "{} changed since this page was last compared with it: correct the page where it no longer \
                 holds, then `cargo xtask tidy --bless`",
                compared.patterns
            ),
            Ok(_) => continue,
        };
        problems.push(Problem::in_file(path, wrong));
    }
    problems
}

/// Records in every page that it agrees with its sources as they are.
///
/// # Errors
/// When a page has no such line, its patterns name no file, or it cannot be written.
pub(super) fn bless(repository: &Repository) -> Result<()> {
    for (path, text) in pages(repository) {
        let compared = comparison(repository, text).map_err(|wrong| anyhow!("{path} {wrong}"))?;
        if compared.recorded != compared.actual {
            let blessed = text.replacen(&compared.line, &line(compared.patterns, &compared.actual), 1);
            std::fs::write(repository::root().join(path), blessed)
                .with_context(|| format!("cannot write {path}"))?;
            println!("{path}: compared with {}", compared.patterns);
        }
    }
    Ok(())
}

fn pages(repository: &Repository) -> impl Iterator<Item = (&str, &str)> {
    repository.texts().filter(|(path, _)| path.starts_with("docs/wire/") && path.ends_with(".md"))
}

struct Comparison<'a> {
    patterns: &'a str,
    recorded: &'a str,
    actual: String,
    line: String,
}

fn comparison<'a>(repository: &Repository, page: &'a str) -> Result<Comparison<'a>, String> {
    let found = page.lines().find_map(|line| line.strip_prefix(MARK)?.strip_suffix(" -->"));
    let (patterns, recorded) = found
        .and_then(|mark| mark.split_once(" sha256="))
        .ok_or_else(|| format!("has no line `{MARK}… sha256=… -->`"))?;
    let patterns_of_it = patterns.split(',');
    if let Some(pattern) =
        patterns_of_it.clone().find(|one| !repository.texts().any(|(path, _)| fits(path, one)))
    {
        return Err(format!("describes {pattern}, and there is no such file"));
    }
    let sources = repository.texts().filter(|(path, _)| patterns_of_it.clone().any(|one| fits(path, one)));
    let actual = super::digest(sources.map(|(path, text)| (path, text.as_bytes())));
    Ok(Comparison { patterns, recorded, actual, line: line(patterns, recorded) })
}

fn line(patterns: &str, digest: &str) -> String {
    format!("{MARK}{patterns} sha256={digest} -->")
}

/// Whether a path fits a pattern in which each name may have one `*`.
fn fits(path: &str, pattern: &str) -> bool {
    let (names, patterns): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
    names.len() == patterns.len()
        && names.iter().zip(patterns).all(|(name, pattern)| match pattern.split_once('*') {
            None => *name == pattern,
            Some((start, end)) => {
                name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "crates/doors/x/src/wire/frame.rs";

    fn told(page: &str, source: &str) -> Vec<String> {
        let repository = Repository::of([("docs/wire/x.md", page), (SOURCE, source)]);
        check(&repository).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_changed_source_asks_for_the_page_to_be_read() {
        let digest = super::super::digest([(SOURCE, b"struct Frame;".as_slice())]);
        let page = format!("# X\n\n{}\n\nFacts.\n", line("crates/doors/x/src/wire/*.rs", &digest));
        assert_eq!(told(&page, "struct Frame;"), [""; 0]);
        let changed = told(&page, "struct Frame { id: u64 }");
        assert_eq!(changed.len(), 1);
        assert!(changed[0].starts_with("crates/doors/x/src/wire/*.rs changed"), "{changed:?}");
    }

    #[test]
    fn a_page_without_sources_is_told() {
        assert_eq!(told("# X\n", ""), ["has no line `<!-- tidy: sources=… sha256=… -->`"]);
        let gone = line("crates/doors/y/src/*.rs", "0");
        assert_eq!(told(&gone, ""), ["describes crates/doors/y/src/*.rs, and there is no such file"]);
    }

    #[test]
    fn a_star_stays_within_its_name() {
        assert!(fits("a/wire/frame.rs", "a/wire/*.rs"));
        assert!(!fits("a/wire/deep/frame.rs", "a/wire/*.rs"));
        assert!(!fits("a/wire/frame.md", "a/wire/*.rs"));
        assert!(!fits("a/wire.rs", "a/wire.rs*.rs"));
    }
}
