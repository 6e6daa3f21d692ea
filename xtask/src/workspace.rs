//! The workspace's crates and their dependencies, as `cargo metadata` tells them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::child;

/// The crates of this repository.
pub(crate) struct Workspace {
    /// In the order of cargo's answer.
    pub(crate) crates: Vec<Crate>,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
}

/// One crate of the workspace.
pub(crate) struct Crate {
    /// The package's name, `guildhall-model`.
    pub(crate) name: String,
    /// Its directory from the root, `crates/model`.
    pub(crate) directory: String,
    /// What its manifest asks for.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line under `[dependencies]`, `[dev-dependencies]` or `[build-dependencies]`.
pub(crate) struct Dependency {
    /// The package's name, whatever the line calls it.
    pub(crate) name: String,
    /// Whether only tests use it.
    pub(crate) for_tests: bool,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// When cargo fails, or answers in another form than version 1 of its metadata.
    pub(crate) fn read() -> Result<Workspace> {
        let asked = ["metadata", "--no-deps", "--format-version", "1"];
        let answer: Value = serde_json::from_str(&child::output(child::cargo().args(asked))?)?;
        Workspace::told_by(&answer, &crate::repository::root()).context("`cargo metadata` has another form")
    }

    fn told_by(metadata: &Value, root: &Path) -> Option<Workspace> {
        let mut crates = Vec::new();
        for package in metadata["packages"].as_array()? {
            let directory = Path::new(package["manifest_path"].as_str()?).parent()?;
            let directory = directory.strip_prefix(root).ok()?.to_string_lossy().into_owned();
            let mut dependencies = Vec::new();
            for dependency in package["dependencies"].as_array()? {
                let name = dependency["name"].as_str()?.to_owned();
                dependencies.push(Dependency { name, for_tests: dependency["kind"] == "dev" });
            }
            crates.push(Crate { name: package["name"].as_str()?.to_owned(), directory, dependencies });
        }
        Some(Workspace { crates, target: metadata["target_directory"].as_str()?.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_dependency_is_known_by_its_package() {
        let metadata = serde_json::json!({
            "target_directory": "/somewhere/target",
            "packages": [{
                "name": "guildhall-hall",
                "manifest_path": "/somewhere/crates/hall/Cargo.toml",
                "dependencies": [
                    { "name": "guildhall-model", "rename": "model", "kind": null },
                    { "name": "tempfile", "rename": null, "kind": "dev" },
                ],
            }],
        });
        let workspace = Workspace::told_by(&metadata, Path::new("/somewhere")).unwrap();
        let hall = &workspace.crates[0];
        assert_eq!((hall.name.as_str(), hall.directory.as_str()), ("guildhall-hall", "crates/hall"));
        let told: Vec<_> = hall.dependencies.iter().map(|d| (d.name.as_str(), d.for_tests)).collect();
        assert_eq!(told, [("guildhall-model", false), ("tempfile", true)]);
    }

    #[test]
    fn this_crate_is_in_the_real_workspace() {
        let workspace = Workspace::read().unwrap();
        assert!(workspace.crates.iter().any(|one| one.name == "xtask" && one.directory == "xtask"));
    }
}
