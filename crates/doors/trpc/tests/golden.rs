//! What is said to every frame of the corpus, against `golden/frames.txt`: `>` a frame, `<` a frame back, `=` what was understood.
//!
//! `GUILDHALL_BLESS=1 cargo test -p guildhall-door-trpc --test golden` writes the file anew; its difference is then for review.

use std::fmt::Write;
use std::{env, fs};

mod corpus;

use corpus::{Said, answer, answer_first, frames, place};

#[test]
fn every_frame_is_answered_as_recorded() {
    let mut said = String::new();
    for (name, frame) in frames() {
        let shown = frame.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
        writeln!(said, "# {name}\n> {shown}").unwrap();
        let answers = if name.starts_with("handshake-") { answer_first(&frame) } else { answer(&frame) };
        for answer in answers {
            match answer {
                Said::Reply(frame) => writeln!(said, "< {frame}").unwrap(),
                Said::Understood(what) => writeln!(said, "= {what}").unwrap(),
            }
        }
        said.push('\n');
    }
    let golden = place("golden/frames.txt");
    if env::var_os("GUILDHALL_BLESS").is_some() {
        fs::write(&golden, &said).unwrap();
        return;
    }
    let recorded = fs::read_to_string(&golden).unwrap();
    let changed: Vec<_> = said.split("\n\n").filter(|frame| !recorded.contains(*frame)).collect();
    assert!(recorded == said, "not as recorded in {}:\n{}", golden.display(), changed.join("\n\n"));
}
