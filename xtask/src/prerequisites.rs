//! What has to be on the machine, and the line that installs what is not.
//!
//! A prerequisite is a row: how to see that it is there, and one or more commands per package manager. To need
//! a browser in the tests, add its row to [`TO_TEST`].

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

use crate::{child, policy};

/// One thing that has to be there.
pub(crate) struct Prerequisite {
    /// What a person calls it.
    name: &'static str,
    /// `Err` says what is wrong.
    look: fn() -> Result<(), String>,
    /// The commands for each package manager, in the order of [`MANAGERS`]; run as root except for the last.
    install: [&'static [&'static str]; 4],
    /// Whether the commands may be run for a person who is root and has `apt-get`.
    unasked: bool,
}

/// The package managers we can spell a line for. Only the last is not run as root.
const MANAGERS: [&str; 4] = ["apt-get", "dnf", "pacman", "brew"];

const NODE: u32 = 20;

const RUST: Prerequisite = Prerequisite {
    name: concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later"),
    look: || at_least("rustc", env!("CARGO_PKG_RUST_VERSION")),
    install: [&["rustup update stable"]; 4],
    unasked: false,
};

const RUST_TOOLS: Prerequisite = Prerequisite {
    name: "rustfmt and clippy",
    look: || runs("cargo", &["fmt", "--version"]).and_then(|()| runs("cargo", &["clippy", "--version"])),
    install: [&["rustup component add rustfmt clippy"]; 4],
    unasked: false,
};

const C_COMPILER: Prerequisite = Prerequisite {
    name: "a C compiler with its headers (SQLite is built from source)",
    look: compiles_c,
    install: [
        &["apt-get install -y gcc libc6-dev"],
        &["dnf install -y gcc glibc-devel"],
        &["pacman -S --needed --noconfirm gcc"],
        &["xcode-select --install"],
    ],
    unasked: false,
};

const NODE_AND_NPM: Prerequisite = Prerequisite {
    name: "Node.js 20 or later, with npm",
    look: || at_least("node", &NODE.to_string()).and_then(|()| runs("npm", &["--version"])),
    install: [
        // A stable distribution's own Node.js is often older than we ask for.
        &["apt-get install -y npm", "npm install --global n", "n 20"],
        &["dnf install -y nodejs npm"],
        &["pacman -S --needed --noconfirm nodejs npm"],
        &["brew install node"],
    ],
    unasked: false,
};

const POSTGRESQL: Prerequisite = Prerequisite {
    name: "the PostgreSQL server's programs (initdb, postgres)",
    look: || match postgresql_programs() {
        Some(_) => Ok(()),
        None => Err("neither in PATH nor under /usr/lib/postgresql".to_owned()),
    },
    install: [
        &["apt-get install -y --no-install-recommends postgresql"],
        &["dnf install -y postgresql-server"],
        &["pacman -S --needed --noconfirm postgresql"],
        &["brew install postgresql"],
    ],
    unasked: true,
};

const REDIS: Prerequisite = Prerequisite {
    name: "the Redis server (redis-server)",
    look: || runs("redis-server", &["--version"]),
    install: [
        &["apt-get install -y --no-install-recommends redis-server"],
        &["dnf install -y redis"],
        &["pacman -S --needed --noconfirm redis"],
        &["brew install redis"],
    ],
    unasked: true,
};

/// What it takes to build the product.
pub(crate) const TO_BUILD: &[Prerequisite] = &[RUST, C_COMPILER];
/// What it takes to run every test.
pub(crate) const TO_TEST: &[Prerequisite] = &[RUST, RUST_TOOLS, C_COMPILER, NODE_AND_NPM, POSTGRESQL];

/// What benchmarks are measured beside, where it is there.
pub(crate) const TO_COMPARE: &[Prerequisite] = &[REDIS];

/// Checks each, and installs what may be installed unasked.
///
/// # Errors
/// Names everything that is missing, each with the line that installs it.
pub(crate) fn require(needed: &[Prerequisite]) -> Result<()> {
    let mut missing = String::new();
    for one in needed {
        let Err(wrong) = (one.look)() else { continue };
        if one.unasked && is_root() && in_path("apt-get").is_some() {
            install_unasked(one)?;
            continue;
        }
        let line = match MANAGERS.iter().position(|manager| in_path(manager).is_some()) {
            Some(manager) => install_line(one, manager, is_root()),
            None => format!("no package manager is known here; on Debian: {}", install_line(one, 0, true)),
        };
        missing.push_str(&format!("\n  {}: {wrong}\n    {line}", one.name));
    }
    ensure!(missing.is_empty(), "missing:{missing}");
    Ok(())
}

fn install_unasked(one: &Prerequisite) -> Result<()> {
    println!("installing {}", one.name);
    let _no_services = policy::NoServices::at(Path::new(policy::POLICY))?;
    child::run(child::command("apt-get").args(["update", "-qq"]))?;
    for line in one.install[0] {
        child::run(child::command("sh").args(["-c", line]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    match (one.look)() {
        Ok(()) => Ok(()),
        Err(wrong) => bail!("installed, and still no {}: {wrong}", one.name),
    }
}

fn install_line(one: &Prerequisite, manager: usize, root: bool) -> String {
    let as_root = |line: &&str| !root && manager != MANAGERS.len() - 1 && !line.starts_with("rustup");
    let spelled = |line: &&str| if as_root(line) { format!("sudo {line}") } else { line.to_string() };
    one.install[manager].iter().map(spelled).collect::<Vec<_>>().join(" && ")
}

/// The directory of `initdb` and `postgres`: one of PATH, else the newest under Debian's own place.
fn postgresql_programs() -> Option<PathBuf> {
    let both = |directory: &PathBuf| ["initdb", "postgres"].iter().all(|name| directory.join(name).is_file());
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).find(both) {
        return Some(found);
    }
    // A lone initdb in PATH is a link into the directory that holds both.
    if let Some(found) =
        in_path("initdb").and_then(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()))
        && both(&found)
    {
        return Some(found);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions.flatten().map(|version| version.path().join("bin")).find(both)
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

fn is_root() -> bool {
    child::output(child::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn runs(program: &str, arguments: &[&str]) -> Result<(), String> {
    child::output(child::command(program).args(arguments)).map(drop).map_err(|error| error.to_string())
}

fn at_least(program: &str, wanted: &str) -> Result<(), String> {
    let told = child::output(child::command(program).arg("--version")).map_err(|error| error.to_string())?;
    match version(&told) {
        Some(found) if Some(found) >= version(wanted) => Ok(()),
        _ => Err(format!("found {}", told.trim())),
    }
}

/// Major and minor of `rustc 1.95.0 (…)`, `v20.20.2` or `20`.
fn version(told: &str) -> Option<(u32, u32)> {
    let from = told.find(|character: char| character.is_ascii_digit())?;
    let mut parts = told[from..].split(|character: char| !character.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

fn compiles_c() -> Result<(), String> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    // CC may carry words of its own, as in `ccache gcc`.
    let mut words = compiler.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("cc"));
    command.args(words).args(["-fsyntax-only", "-x", "c", "-include", "stdio.h", "/dev/null"]);
    match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("{compiler} does not find stdio.h")),
        Err(error) => Err(format!("cannot start {compiler}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_whatever_stands_around_them() {
        assert_eq!(version("rustc 1.95.0 (59807616e 2026-04-14)\n"), Some((1, 95)));
        assert_eq!(version("v20.20.2"), Some((20, 20)));
        assert!(version("v9.11.0") < version("20"));
        assert_eq!(version("none"), None);
    }

    #[test]
    fn a_person_who_is_not_root_gets_a_line_that_works_for_them() {
        assert_eq!(
            install_line(&NODE_AND_NPM, 0, false),
            "sudo apt-get install -y npm && sudo npm install --global n && sudo n 20"
        );
        assert_eq!(install_line(&C_COMPILER, 0, true), "apt-get install -y gcc libc6-dev");
        assert_eq!(install_line(&C_COMPILER, 3, false), "xcode-select --install");
        assert_eq!(install_line(&RUST, 0, false), "rustup update stable");
    }

    #[test]
    fn everything_missing_is_told_at_once() {
        const NEVER: Prerequisite = Prerequisite {
            name: "a thing",
            look: || Err("not there".to_owned()),
            install: [&["get a thing"]; 4],
            unasked: false,
        };
        let told = require(&[NEVER, NEVER]).unwrap_err().to_string();
        assert_eq!(told.matches("a thing: not there").count(), 2, "{told}");
        assert!(told.contains("get a thing"), "{told}");
    }
}
