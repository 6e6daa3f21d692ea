//! Dependencies between our crates point one way, and a few outside crates have one home each.
//!
//! `guildhall → doors → {gate, client} → hall → store → model`: a crate may use what stands below it. Doors do
//! not use one another, `client` uses nothing of ours, and `model` does no input or output at all, so that
//! deciding again on another machine gives the same events.

use super::Problem;
use crate::repository::Repository;
use crate::workspace::{Crate, Workspace};

/// Where a crate stands. A crate may use ours of a lower floor only.
fn floor(name: &str) -> Option<u8> {
    Some(match name {
        "guildhall-model" => 0,
        "guildhall-store" => 1,
        "guildhall-hall" => 2,
        "guildhall-gate" | "guildhall-client" => 3,
        door if door.starts_with("guildhall-door-") => 4,
        "guildhall" => 5,
        "guildhall-tests" | "guildhall-bench" => 6,
        _ => return None,
    })
}

/// Test tools, for `[dev-dependencies]` of any crate, the end-to-end tests and one another. They stand beside the
/// house and use nothing of it, as does `xtask`.
fn is_test_tool(name: &str) -> bool {
    ["guildhall-faultdisk", "guildhall-mutator", "guildhall-postgres-harness"]
        .iter()
        .any(|tool| name.starts_with(tool))
}

/// Crates that look at the house from outside, at its files and tables too.
fn is_for_tests(name: &str) -> bool {
    ["guildhall-tests", "guildhall-bench"].contains(&name) || is_test_tool(name)
}

/// Outside crates and the only crates of ours, those for tests apart, that may name them.
const HOMES: [(&[&str], &[&str]); 3] = [
    (&["rusqlite", "libsqlite3-sys", "tokio-postgres"], &["guildhall-store"]),
    (&["rmcp"], &["guildhall-door-mcp"]),
    (
        &["tokio-tungstenite", "tungstenite"],
        &["guildhall-gate", "guildhall-door-trpc", "guildhall-door-linker", "guildhall-bench"],
    ),
];

/// What `model` may not name, neither as a dependency nor, outside comments, in its sources.
const NOT_IN_MODEL: [&str; 8] =
    ["tokio", "rusqlite", "std::fs", "std::net", "fs::", "net::", "SystemTime", "Instant"];

/// Manifests of all crates, and the sources of `model`.
pub(super) fn check(workspace: &Workspace, repository: &Repository) -> Vec<Problem> {
    let mut problems = Vec::new();
    for one in &workspace.crates {
        let manifest = format!("{}/Cargo.toml", one.directory);
        problems.extend(wrong_dependencies(one, workspace).map(|what| Problem::in_file(&manifest, what)));
        if floor(&one.name).is_none() && !is_test_tool(&one.name) && one.name != "xtask" {
            let what = format!("{} has no floor in xtask/src/tidy/dependency_direction.rs", one.name);
            problems.push(Problem::in_file(&manifest, what));
        }
    }
    for (path, text) in repository.texts().filter(|(path, _)| path.starts_with("crates/model/src/")) {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = NOT_IN_MODEL.iter().find(|word| names(code, word)) {
                let what = format!("the model does no input or output and knows no clock: {word}");
                problems.push(Problem::at_line(path, number + 1, what));
            }
        }
    }
    problems
}

fn wrong_dependencies<'a>(one: &'a Crate, workspace: &'a Workspace) -> impl Iterator<Item = String> + 'a {
    one.dependencies.iter().filter_map(move |dependency| {
        let (from, to) = (one.name.as_str(), dependency.name.as_str());
        let ours = workspace.crates.iter().any(|other| other.name == to);
        if from == to {
            None
        } else if ours {
            let allowed = if is_test_tool(to) {
                dependency.for_tests || is_for_tests(from)
            } else {
                from != "guildhall-client" && floor(from).zip(floor(to)).is_some_and(|(from, to)| to < from)
            };
            (!allowed).then(|| format!("{from} may not depend on {to}"))
        } else if from == "guildhall-model" && NOT_IN_MODEL.contains(&to) {
            Some(format!("the model does no input or output: {to}"))
        } else {
            let (_, homes) = HOMES.iter().find(|(crates, _)| crates.contains(&to))?;
            (!homes.contains(&from) && !is_for_tests(from))
                .then(|| format!("only {} may depend on {to}", homes.join(", ")))
        }
    })
}

/// Whether the code has this word, not just as a part of a longer one.
fn names(code: &str, word: &str) -> bool {
    let part_of_a_word = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        let open_end = word.ends_with(':') || !code[at + word.len()..].starts_with(part_of_a_word);
        open_end && !code[..at].ends_with(part_of_a_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn house(crates: &[(&str, &[&str])]) -> Workspace {
        let crates = crates.iter().map(|(name, dependencies)| Crate {
            name: (*name).to_owned(),
            directory: (*name).to_owned(),
            dependencies: dependencies
                .iter()
                .map(|dependency| Dependency {
                    name: dependency.trim_start_matches("dev:").to_owned(),
                    for_tests: dependency.starts_with("dev:"),
                })
                .collect(),
        });
        Workspace { crates: crates.collect(), target: "target".into() }
    }

    fn found(crates: &[(&str, &[&str])]) -> Vec<String> {
        let nothing = Repository::of([]);
        check(&house(crates), &nothing).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn down_the_house_is_fine() {
        let crates: [(&str, &[&str]); 9] = [
            ("guildhall-model", &["serde"]),
            ("guildhall-store", &["guildhall-model", "rusqlite", "dev:guildhall-faultdisk"]),
            ("guildhall-hall", &["guildhall-model", "guildhall-store"]),
            ("guildhall-client", &["tokio"]),
            ("guildhall-gate", &["guildhall-hall", "tokio-tungstenite"]),
            ("guildhall-door-mcp", &["guildhall-client", "rmcp"]),
            ("guildhall", &["guildhall-door-mcp", "guildhall-gate"]),
            ("guildhall-faultdisk", &["guildhall-faultdisk-preload", "dev:rusqlite"]),
            ("guildhall-faultdisk-preload", &["libc"]),
        ];
        assert_eq!(found(&crates), Vec::<String>::new());
    }

    #[test]
    fn up_across_and_out_are_told() {
        let crates: [(&str, &[&str]); 7] = [
            ("guildhall-model", &["tokio"]),
            ("guildhall-store", &["dev:guildhall-hall"]),
            ("guildhall-hall", &["rusqlite", "guildhall-faultdisk"]),
            ("guildhall-client", &["guildhall-model"]),
            ("guildhall-door-trpc", &["guildhall-door-mcp"]),
            ("guildhall-door-mcp", &[]),
            ("guildhall-faultdisk", &["guildhall-model"]),
        ];
        assert_eq!(
            found(&crates),
            [
                "the model does no input or output: tokio",
                "guildhall-store may not depend on guildhall-hall",
                "only guildhall-store may depend on rusqlite",
                "guildhall-hall may not depend on guildhall-faultdisk",
                "guildhall-client may not depend on guildhall-model",
                "guildhall-door-trpc may not depend on guildhall-door-mcp",
                "guildhall-faultdisk may not depend on guildhall-model",
            ]
        );
    }

    #[test]
    fn a_crate_nobody_placed_is_told() {
        let told = found(&[("guildhall-attic", &[])]);
        assert_eq!(told, ["guildhall-attic has no floor in xtask/src/tidy/dependency_direction.rs"]);
    }

    #[test]
    fn the_model_may_talk_about_files_but_not_open_them() {
        let repository = Repository::of([
            (
                "crates/model/src/time.rs",
                "//! Not std::fs, not Instant.\nstruct Instantly;\nlet f = fs::read(p);\n",
            ),
            ("crates/store/src/file.rs", "use std::fs;\n"),
        ]);
        let told = check(&house(&[]), &repository);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((told[0].path.as_str(), told[0].line), ("crates/model/src/time.rs", Some(3)));
    }
}
