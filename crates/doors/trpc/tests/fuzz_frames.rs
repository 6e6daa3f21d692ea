//! Frames nobody would send: the corpus, bent at random and fed to the wire layer.
//!
//! The same iterations give the same frames on every machine, so a failure is repeated by running the test again; a frame that
//! fails belongs into the corpus. `GUILDHALL_FUZZ_ITERATIONS` sets how many are tried, 20,000 if unset.

use std::env;

use serde_json::Value;
use serde_json::value::RawValue;

mod corpus;

use corpus::{Said, answer, answer_first, frames};

/// Pieces that mean something somewhere in a frame.
const PIECES: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    "1.5",
    "\"\"",
    "[]",
    "{}",
    "[[",
    "]]",
    "{\"",
    "\"}",
    ",",
    ":",
    "\\",
    "\"",
    "\\u0000",
    "\\ud83e",
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
    "\"__proto__\":",
    "\u{feff}",
    "é",
    "\n",
    " ",
];

/// xorshift64*: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize) % bound
    }

    /// A part of something `len` long, possibly empty.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        start..start + self.below((len - start).min(24) + 1)
    }
}

fn bend(frame: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.below(frame.len() + 1);
    match dice.below(8) {
        0 => drop(frame.drain(dice.range(frame.len()))),
        1 => {
            let again = frame[dice.range(frame.len())].to_vec();
            frame.splice(at..at, again);
        }
        2 => drop(frame.splice(at..at, other[dice.range(other.len())].iter().copied())),
        3 if at < frame.len() => frame[at] ^= 1 << dice.below(8),
        4 => frame.truncate(at),
        5 => {
            frame.insert(0, b'[');
            frame.push(b']');
        }
        6 => {
            let range = dice.range(frame.len());
            frame.splice(range, PIECES[dice.below(PIECES.len())].bytes());
        }
        _ => drop(frame.splice(at..at, PIECES[dice.below(PIECES.len())].bytes())),
    }
}

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
    let iterations: u64 = env::var("GUILDHALL_FUZZ_ITERATIONS")
        .ok()
        .map_or(20_000, |number| number.parse().expect("GUILDHALL_FUZZ_ITERATIONS is a number"));
    let frames = frames();
    assert!(frames.len() > 100, "the corpus is missing");
    for (_, frame) in &frames {
        check(frame);
    }
    for iteration in 0..iterations {
        let mut dice = Dice(iteration.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut frame = frames[dice.below(frames.len())].1.clone().into_bytes();
        for _ in 0..=dice.below(5) {
            let other = frames[dice.below(frames.len())].1.as_bytes();
            bend(&mut frame, other, &mut dice);
        }
        let frame = String::from_utf8_lossy(&frame);
        let caught = std::panic::catch_unwind(|| check(&frame));
        assert!(caught.is_ok(), "iteration {iteration} failed on this frame:\n{frame}");
    }
}
