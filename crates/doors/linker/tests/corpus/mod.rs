//! The frames in `corpus/`, one per file, and what the wire layer alone says to each.
//!
//! A file is a frame byte for byte, without a newline of its own. Files named `bad-…` are refused.

use std::fs;
use std::path::PathBuf;

use guildhall_door_linker::wire::request::{self, Request};

/// A place in this crate's folder.
pub(crate) fn place(name: &str) -> PathBuf {
    manifest_directory().join(name)
}

/// Every frame with its name, in the order of names.
pub(crate) fn frames() -> Vec<(String, String)> {
    let mut frames: Vec<_> = fs::read_dir(place("corpus"))
        .expect("the corpus is there")
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("names are text").to_owned();
            (name, fs::read_to_string(&path).expect("frames are text"))
        })
        .collect();
    frames.sort();
    frames
}

/// What is understood of a frame, or said to it.
pub(crate) fn answer(frame: &str) -> Result<Request, String> {
    request::parse(frame).map_err(|refusal| {
        let error = guildhall_door_linker::wire::frame::Frame::error(refusal);
        String::from_utf8(error.encode().to_vec()).expect("replies are text")
    })
}

/// This crate's directory, as cargo says when it runs this. What was told when it was compiled may be another checkout's,
/// if both share a target directory.
fn manifest_directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
