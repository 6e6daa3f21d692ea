//! Frames nobody would send: the corpus, bent at random and fed to the wire layer.
//!
//! How they are bent and how many are tried: see [`mutator`].

use guildhall_door_linker::limits;
use guildhall_door_linker::wire::preview::{UNITS, preview};
use guildhall_door_linker::wire::request::Request;
use mutator::fuzz;
use serde_json::Value;
use serde_json::value::RawValue;

mod corpus;

use corpus::{answer, frames};

/// Pieces that mean something in a frame.
const PIECES: &[&str] = &[
    "\"type\":",
    "\"type\":\"register\"",
    "\"type\":\"send_message\"",
    "\"type\":\"mark_read\"",
    "\"payload\":",
    "\"payload\":null",
    "\"payload\":{",
    "\"name\":\"web\"",
    "\"to\":\"broadcast\"",
    "\"content\":",
    "\"priority\":\"high\"",
    "\"ttl\":",
    "\"ttl\":-1",
    "\"limit\":",
    "\"with\":",
    "\"messageIds\":[",
    "\"metadata\":{\"cwd\":",
    "\\udd16",
];

/// What must hold for any text whatever.
fn check(frame: &str) {
    let is_json = serde_json::from_str::<&RawValue>(frame).is_ok();
    match answer(frame) {
        Err(error) => {
            let error: Value = serde_json::from_str(&error).expect("an error is JSON");
            assert_eq!(error["type"], "error");
            let text = error["error"].as_str().expect("an error is a text");
            assert!(!text.contains("Unknown sender"), "{text}");
            assert!(text.chars().count() <= limits::ECHO_CHARACTERS + 100, "{text}");
            if !is_json {
                assert_eq!(text, "Invalid message format");
            }
        }
        Ok(request) => {
            assert!(is_json);
            match request {
                Request::Register(register) => {
                    assert!(!register.name.is_empty() && register.name != "broadcast");
                }
                Request::SendMessage(send) => {
                    let text = send.content.decode();
                    let (start, more) = preview(&text);
                    assert!(text.starts_with(start) && start.encode_utf16().count() <= UNITS);
                    assert_eq!(more, text.encode_utf16().count() > UNITS);
                }
                Request::MarkRead(mark) => assert!(mark.ids.len() <= limits::MARKED),
                _ => {}
            }
            // An ordinary parser sees the same type.
            if let Ok(value) = serde_json::from_str::<Value>(frame) {
                assert!(value["type"].is_string());
            }
        }
    }
}

#[test]
fn no_frame_confuses_the_wire() {
    let frames: Vec<_> = frames().into_iter().map(|(_, frame)| frame.into_bytes()).collect();
    assert!(frames.len() > 50, "the corpus is missing");
    fuzz(&frames, &[mutator::JSON, PIECES].concat(), |frame| check(&String::from_utf8_lossy(frame)));
}
