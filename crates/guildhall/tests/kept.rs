//! What is said of files that are damaged or gone, and how they are mended.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use std::fs;
use std::future::pending;
use std::path::Path;
use std::process::Command;

use guildhall::server::{Options, Server, StoreChoice};

#[allow(dead_code, reason = "nobody asks for a WebSocket here")]
mod place;

use place::options;

/// Runs `guildhall store …` on a home: whether it ended well, and all that it said.
fn store(home: &Path, command: &str) -> (bool, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_guildhall"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GUILDHALL_"))
    {
        program.env_remove(name);
    }
    let output =
        program.args(["store", command]).env("GUILDHALL_HOME", home).current_dir(home).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// A server starts here and ends; why it did not, if it did not.
async fn served(home: &Path) -> Result<(), String> {
    let options = Options { store: StoreChoice::Sqlite, ..options(home) };
    let server = Server::start(options).await.map_err(|why| format!("{why:#}"))?;
    server.stop(pending()).await;
    Ok(())
}

#[tokio::test]
async fn damaged_read_models_are_named_and_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let views = home.path().join("data/views.db");
    served(home.path()).await.unwrap();
    let damage = || fs::write(&views, "no database".repeat(1_000)).unwrap();

    damage();
    let (well, said) = store(home.path(), "verify");
    assert!(
        !well && said.contains("views.db is damaged") && said.contains("`guildhall store rebuild`"),
        "{said}"
    );
    let (well, said) = store(home.path(), "rebuild");
    assert!(well && said.contains("made anew from"), "{said}");
    let (well, said) = store(home.path(), "verify");
    assert!(well, "{said}");
    served(home.path()).await.unwrap();

    damage();
    served(home.path()).await.unwrap();
    assert!(store(home.path(), "verify").0);
    let aside = fs::read_to_string(home.path().join("data/views.db.damaged")).unwrap();
    assert!(aside.starts_with("no database"));
}

#[tokio::test]
async fn a_log_that_is_gone_is_not_passed_over() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    served(home.path()).await.unwrap();
    fs::write(data.join("log.db"), "").unwrap();
    for (well, said) in [store(home.path(), "verify"), store(home.path(), "rebuild")] {
        assert!(!well && said.contains("log.db is gone") && said.contains("events of @hall"), "{said}");
    }
    let refused = served(home.path()).await.unwrap_err();
    assert!(refused.contains("log.db is gone"), "{refused}");

    fs::remove_file(data.join("views.db")).unwrap();
    let (well, said) = store(home.path(), "verify");
    assert!(!well && said.contains("nothing is kept in"), "{said}");
    served(home.path()).await.unwrap();
}

#[test]
fn a_place_that_cannot_be_looked_into_is_not_an_empty_one() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("data"), "not a directory").unwrap();
    let (well, said) = store(home.path(), "verify");
    assert!(!well && said.contains("cannot look into"), "{said}");
}
