//! What no file of the repository may say.
//!
//! Paths of somebody's machine and hosts of package registries mean that something works only there. Unfinished
//! code and tests that do not run mean that green says less than it seems to.
//!
//! The patterns are put together from pieces, so that this file does not contain what it looks for.

use super::Problem;
use crate::repository::Repository;

/// Directories at the root of machines this was written on or built on.
const MACHINE_DIRECTORIES: [&str; 4] =
    [concat!("/", "work"), concat!("/", "root"), concat!("/", "farm"), concat!("/tmp/", "brief")];

const REGISTRY_HOSTS: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("registry.npm", "js.org"),
    concat!("npm", "js.com"),
    concat!("registry.yarn", "pkg.com"),
    concat!("py", "pi.org"),
    concat!("proxy.go", "lang.org"),
];

/// How Cargo.lock names the default registry, whichever mirror it was fetched from.
const DEFAULT_REGISTRY: &str = concat!("registry+https://github.com/rust-lang/crates", ".io-index");

const IN_RUST: [&str; 4] =
    [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("dbg", "!"), concat!("#[", "ignore")];

const IN_CLIENT_TESTS: [&str; 3] = [concat!(".", "skip("), concat!(".", "todo("), concat!(".", "only(")];

/// Every text file.
pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repository.texts() {
        for (number, line) in text.lines().enumerate() {
            for word in forbidden(path, line) {
                problems.push(Problem::at_line(path, number + 1, format!("{word} has no place here")));
            }
        }
    }
    problems
}

fn forbidden<'a>(path: &'a str, line: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    let directories = MACHINE_DIRECTORIES.into_iter().filter(|directory| has_path(line, directory));
    let hosts = REGISTRY_HOSTS.into_iter().filter(move |host| {
        line.contains(host) && !(path.ends_with("Cargo.lock") && line.contains(DEFAULT_REGISTRY))
    });
    let rust: &[_] = if path.ends_with(".rs") { &IN_RUST } else { &[] };
    let client_test =
        path.starts_with("tests/") && [".mjs", ".js", ".ts"].iter().any(|end| path.ends_with(end));
    let clients: &[_] = if client_test { &IN_CLIENT_TESTS } else { &[] };
    let words = rust.iter().chain(clients).copied().filter(move |word| has_word(line, word));
    directories.chain(hosts).chain(words)
}

/// Whether the line names this directory of the root or something in it; neither a longer name that begins the
/// same nor a directory of that name elsewhere counts.
fn has_path(line: &str, directory: &str) -> bool {
    line.match_indices(directory).any(|(at, _)| {
        let inside = |character: char| character.is_alphanumeric() || "_-.})>*/".contains(character);
        let longer = |character: char| character.is_alphanumeric() || "_-".contains(character);
        !line[..at].ends_with(inside) && !line[at + directory.len()..].starts_with(longer)
    })
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    let whole = |at: usize| !word.starts_with(part) || !line[..at].ends_with(part);
    line.match_indices(word).any(|(at, _)| whole(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Vec<&'static str> {
        text.lines().flat_map(|line| forbidden(path, line).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_path_of_this_machine_is_told_and_its_look_alikes_are_not() {
        let machine = MACHINE_DIRECTORIES[0];
        assert_eq!(told("README.md", &format!("see {machine}/main")), [machine]);
        assert_eq!(told("a.rs", &format!("open(\"{machine}\")")), [machine]);
        assert_eq!(
            told("a.rs", &format!("{machine}space/trpc, clients{machine}/a, ${{HOME}}{machine}")),
            [""; 0]
        );
    }

    #[test]
    fn a_lockfile_may_name_the_default_registry_and_no_other() {
        let default = format!("source = \"{DEFAULT_REGISTRY}\"");
        assert_eq!(told("Cargo.lock", &default), [""; 0]);
        let resolved = format!("\"resolved\": \"https://{}/ws/-/ws-8.23.0.tgz\"", REGISTRY_HOSTS[1]);
        assert_eq!(told("tests/clients/package-lock.json", &resolved), [REGISTRY_HOSTS[1]]);
    }

    #[test]
    fn unfinished_code_and_tests_that_do_not_run_are_told_where_they_mean_that() {
        assert_eq!(told("crates/a/src/b.rs", &format!("{}()", IN_RUST[0])), [IN_RUST[0]]);
        assert_eq!(told("crates/a/src/b.rs", &format!("my_{}()", IN_RUST[0])), [""; 0]);
        assert_eq!(told("crates/a/src/b.rs", &format!("lines{}1)", IN_CLIENT_TESTS[0])), [""; 0]);
        assert_eq!(
            told("tests/clients/a.test.mjs", &format!("test{}", IN_CLIENT_TESTS[0])),
            [IN_CLIENT_TESTS[0]]
        );
        assert_eq!(told("docs/a.md", IN_RUST[1]), [""; 0]);
    }
}
