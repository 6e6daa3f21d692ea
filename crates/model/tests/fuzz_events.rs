//! Stored events nobody has written: the golden log, bent at random and read back.

use guildhall_model::codec::{decode, encode};
use mutator::fuzz;
use serde_json::value::RawValue;

/// Pieces that mean something here, besides those of any JSON.
const PIECES: &[&str] =
    &["\"v\":2", "\"kind\":\"context.shared\"", "\"at\":9223372036854775807", "\"by\":\"@\""];

#[derive(serde::Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    header: &'a RawValue,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// What can be read can be written, and reads back as the same.
fn check(line: &[u8]) {
    let Ok(Stored { header, body }) = serde_json::from_slice(line) else { return };
    if let Ok(event) = decode(header.get().as_bytes(), body.get().as_bytes()) {
        let again = encode(&event);
        assert_eq!(decode(again.header(), again.body()).expect("what was written can be read"), event);
    }
}

#[test]
fn no_stored_event_confuses_the_codec() {
    let log = concat!(include_str!("../golden/log-v1.jsonl"), include_str!("../golden/log-v2.jsonl"));
    let corpus: Vec<_> = log.lines().map(|line| line.as_bytes().to_vec()).collect();
    fuzz(&corpus, &[mutator::JSON, PIECES].concat(), check);
}
