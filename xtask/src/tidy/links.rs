//! Every relative link of every page leads to a file or directory of the repository.

use super::{Problem, markdown};
use crate::repository::Repository;

/// Every Markdown file.
pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repository.texts().filter(|(path, _)| path.ends_with(".md")) {
        for (number, line) in markdown::prose(text) {
            for target in targets(&markdown::without_code(line)) {
                match resolved(path, &target) {
                    Some(file) if repository.has(&file) => {}
                    _ => problems.push(Problem::at_line(path, number, format!("{target} leads nowhere"))),
                }
            }
        }
    }
    problems
}

/// The relative targets of `[text](target)` and `[name]: target`, without their anchors.
fn targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let reference =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
    inline
        .chain(reference)
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty())
        .collect()
}

/// The path from the root; `None` for one that leaves it.
fn resolved(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_from_its_page() {
        let repository = Repository::of([
            (
                "docs/wire/a.md",
                "[up](../../README.md#top) [here](#b) [out](https://example.org/x) `[no](no.md)`\n\
                 [gone](b.md) [dir](../wire/)\n\n[r]: ../../../x.md\n",
            ),
            ("README.md", "[docs](docs)\n"),
        ]);
        let told: Vec<_> = check(&repository).iter().map(Problem::to_string).collect();
        assert_eq!(
            told,
            ["docs/wire/a.md:2: b.md leads nowhere", "docs/wire/a.md:4: ../../../x.md leads nowhere"]
        );
    }
}
