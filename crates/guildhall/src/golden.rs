//! Texts that are agreed on: a test compares, `GUILDHALL_BLESS=1` writes them anew.

use std::path::PathBuf;

/// Compares a text with the file at `path`, from this crate's directory on.
#[track_caller]
pub(crate) fn compare(path: &str, text: &str) {
    let path = manifest_directory().join(path);
    if std::env::var_os("GUILDHALL_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    let (is, was) = (text.lines().map(Some).chain([None]), agreed.lines().map(Some).chain([None]));
    for (number, (is, was)) in (1..).zip(is.zip(was)) {
        let path = path.display();
        assert_eq!(
            is, was,
            "{path}, line {number}; if this is meant: GUILDHALL_BLESS=1 cargo test -p guildhall"
        );
    }
}

/// This crate's directory, as cargo says when it runs this. What was told when it was compiled may be another checkout's,
/// if both share a target directory.
fn manifest_directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
