//! `ARCHITECTURE.md` has an entry for every crate and for no crate that is gone.
//!
//! An entry names the crate's directory in backticks, as in `crates/model`. Every path under `crates/` the page
//! names that way has to be there.

use super::{Problem, markdown};
use crate::repository::Repository;
use crate::workspace::Workspace;

const PAGE: &str = "ARCHITECTURE.md";

/// The page against the crates and the files.
pub(super) fn check(workspace: &Workspace, repository: &Repository) -> Vec<Problem> {
    let Some(text) = repository.text(PAGE) else {
        return vec![Problem::in_file(PAGE, "is missing")];
    };
    let mut problems = Vec::new();
    let mut named = Vec::new();
    for (number, line) in markdown::prose(text) {
        for code in line.split('`').skip(1).step_by(2) {
            let path = code.trim_end_matches('/');
            named.push(path);
            if path.starts_with("crates/") && !path.contains(['*', '{', '<', ' ']) && !repository.has(path) {
                problems.push(Problem::at_line(PAGE, number, format!("{path} is not there")));
            }
        }
    }
    for one in workspace.crates.iter().filter(|one| !named.contains(&one.directory.as_str())) {
        problems.push(Problem::in_file(PAGE, format!("has no entry for `{}`", one.directory)));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Crate;

    #[test]
    fn entries_and_crates_are_the_same_set() {
        let one = |directory: &str| Crate {
            name: directory.to_owned(),
            directory: directory.to_owned(),
            dependencies: vec![],
        };
        let workspace = Workspace {
            crates: vec![one("crates/model"), one("crates/doors/mcp"), one("xtask")],
            target: "target".into(),
        };
        let repository = Repository::of([
            (
                PAGE,
                "### `crates/model/`\nStart at `crates/model/src/lib.rs`.\n### `crates/attic`\n### `xtask`\n",
            ),
            ("crates/model/src/lib.rs", ""),
            ("crates/doors/mcp/src/lib.rs", ""),
        ]);
        let told: Vec<_> = check(&workspace, &repository).iter().map(Problem::to_string).collect();
        assert_eq!(
            told,
            [
                "ARCHITECTURE.md:3: crates/attic is not there",
                "ARCHITECTURE.md: has no entry for `crates/doors/mcp`",
            ]
        );
    }
}
