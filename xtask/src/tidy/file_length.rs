//! A file is one idea; one that no longer fits into [`MOST`] lines is two.
//!
//! Tests do not count: neither whole files of them nor the `mod tests` at the end of a file.

use super::Problem;
use crate::repository::Repository;

/// Lines of Rust code that are not tests.
const MOST: usize = 650;

/// Every Rust file.
pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let code = repository.texts().filter(|(path, _)| path.ends_with(".rs") && !is_test(path));
    let long = code.map(|(path, text)| (path, without_tests(text))).filter(|(_, lines)| *lines > MOST);
    long.map(|(path, lines)| {
        Problem::in_file(
            path,
            format!("{lines} lines that are not tests, {MOST} at most: it is more than one idea"),
        )
    })
    .collect()
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let opens_tests = |pair: &[&str]| {
        pair[0].trim_end() == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    };
    lines.windows(2).position(opens_tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_may_be_as_long_as_the_story_is() {
        let code = "fn f() {}\n".repeat(MOST);
        let with_tests = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let too_long = format!("{code}fn g() {{}}\n");
        let repository = Repository::of([
            ("crates/a/src/lib.rs", with_tests.as_str()),
            ("crates/a/src/long.rs", too_long.as_str()),
            ("crates/a/tests/story.rs", too_long.as_str()),
            ("tests/src/story.rs", too_long.as_str()),
        ]);
        let told: Vec<_> = check(&repository).into_iter().map(|problem| problem.path).collect();
        assert_eq!(told, ["crates/a/src/long.rs"]);
    }
}
