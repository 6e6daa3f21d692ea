//! Frames nobody would send: the corpus, bent at random and fed to the wire layer.
//!
//! How they are bent and how many are tried: see [`mutator`].

use mutator::fuzz;
use serde_json::Value;
use serde_json::value::RawValue;

mod corpus;

use corpus::{Said, answer, answer_first, frames};

/// Pieces that mean something in a frame.
const PIECES: &[&str] = &[
    "\\udd16",
    "\"id\":",
    "\"id\":null",
    "\"jsonrpc\":\"2.0\"",
    "\"jsonrpc\":",
    "\"method\":\"query\"",
    "\"method\":\"subscription.stop\"",
    "\"params\":",
    "\"path\":",
    "\"input\":",
    "\"lastEventId\":\"1\"",
    "\"length\":0",
    "\"tags\":[1]",
    "\"limit\":",
    "\"receipt\":[[1,2]]",
    "\"ids\":[1,\"a\"]",
    "\"thread\":1",
    "\"__proto__\":",
];

/// What must hold for any text whatever.
fn check(frame: &str) {
    let said = answer(frame);
    for reply in &said {
        let Said::Reply(reply) = reply else { continue };
        assert!(reply == "PONG" || serde_json::from_str::<&RawValue>(reply).is_ok(), "no JSON: {reply}");
    }
    let is_json = serde_json::from_str::<&RawValue>(frame).is_ok();
    let keepalive = frame == "PING" || frame == "PONG";
    let refused_as_json =
        said.iter().any(|said| matches!(said, Said::Reply(reply) if reply.contains("Invalid JSON")));
    assert_eq!(refused_as_json, !is_json && !keepalive, "JSON or not");

    // Where both can read it, an ordinary parser sees the same id and the same number of calls.
    if let Ok(value) = serde_json::from_str::<Value>(frame) {
        match &value {
            Value::Array(messages) if messages.is_empty() => {
                assert!(said.is_empty(), "an empty batch is silent")
            }
            Value::Array(_) => {}
            other => {
                assert_eq!(said.len(), 1, "one message, one answer");
                if let (Said::Reply(reply), Value::String(id)) = (&said[0], &other["id"]) {
                    let reply: Result<Value, _> = serde_json::from_str(reply);
                    assert!(reply.is_ok_and(|reply| reply["id"] == *id || reply["id"].is_null()));
                }
            }
        }
        // A message alone in a batch is the message, except that batches do not nest.
        if !value.is_array() {
            assert_eq!(answer(&format!("[{frame}]")), said, "alone in a batch");
        }
    }
    for said in answer_first(frame) {
        let Said::Reply(reply) = said else { continue };
        assert!(reply == "PONG" || serde_json::from_str::<Value>(&reply).is_ok(), "no JSON: {reply}");
    }
}

#[test]
fn no_frame_confuses_the_wire() {
    let frames: Vec<_> = frames().into_iter().map(|(_, frame)| frame.into_bytes()).collect();
    assert!(frames.len() > 100, "the corpus is missing");
    fuzz(&frames, &[mutator::JSON, PIECES].concat(), |frame| check(&String::from_utf8_lossy(frame)));
}
