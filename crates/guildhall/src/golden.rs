//! Texts that are agreed on: a test compares, `GUILDHALL_BLESS=1` writes them anew.

use std::path::Path;

/// Compares a text with the file at `path`, from this crate's directory on.
#[track_caller]
pub(crate) fn compare(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("GUILDHALL_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, agreed, "if this is meant: GUILDHALL_BLESS=1 cargo test -p guildhall");
}
