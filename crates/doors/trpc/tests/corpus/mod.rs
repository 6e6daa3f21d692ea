//! The frames in `corpus/`, one per file, and what the wire layer alone says to each.
//!
//! A file is a frame byte for byte, without a newline of its own. Files named `handshake-…` are first messages of a
//! connection that awaits its parameters, `ours-…` go beyond what the coordinator knows.

use std::fs;
use std::path::PathBuf;

use guildhall_door_trpc::wire::error::TrpcError;
use guildhall_door_trpc::wire::handshake::{self, Handshake};
use guildhall_door_trpc::wire::reply::{self, PONG, ReplyTo};
use guildhall_door_trpc::wire::request::{self, Incoming, Limits, Message};
use guildhall_door_trpc::wire::{procedure, request::Refusal};

/// Low enough that a short frame can pass them.
pub(crate) const LIMITS: Limits = Limits { batch: 10, id_bytes: 256 };

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

/// What is said to one frame.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// A frame goes back.
    Reply(String),
    /// Something is to be done.
    Understood(String),
}

/// What is said to a frame on an open connection.
pub(crate) fn answer(frame: &str) -> Vec<Said> {
    match request::parse(frame, &LIMITS) {
        Ok(Incoming::Ping) => vec![Said::Reply(PONG.to_owned())],
        Ok(Incoming::Pong) => vec![],
        Ok(Incoming::One(message)) => vec![serve(&message)],
        Ok(Incoming::Batch(messages)) => messages.iter().map(serve).collect(),
        Err(Refusal { to, error }) => to.iter().map(|to| refuse(to, &error)).collect(),
    }
}

/// What is said to a first frame.
pub(crate) fn answer_first(frame: &str) -> Vec<Said> {
    match handshake::parse(frame) {
        Ok(Handshake::Ping) => vec![Said::Reply(PONG.to_owned())],
        Ok(Handshake::Pong) => vec![],
        Ok(Handshake::Params(params)) => vec![Said::Understood(format!("token {:?}", params.get("token")))],
        Err(error) => vec![refuse(&ReplyTo::NOBODY, &error)],
    }
}

fn serve(message: &Message<'_>) -> Said {
    match message {
        Message::Stop(id) => Said::Understood(format!("stop {}", id.token())),
        Message::WithoutId(to) => refuse(to, &TrpcError::id_required()),
        Message::Request(request) => match procedure::parse(request) {
            Ok(call) => Said::Understood(format!("{call:?}")),
            Err(error) => refuse(&request.to, &error),
        },
    }
}

fn refuse(to: &ReplyTo<'_>, error: &TrpcError) -> Said {
    Said::Reply(String::from_utf8(reply::error(to, error)).expect("replies are text"))
}

/// This crate's directory, as cargo says when it runs this. What was told when it was compiled may be another checkout's,
/// if both share a target directory.
fn manifest_directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
