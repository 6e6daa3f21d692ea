//! Bends bytes at random, repeatably, for fuzzing on stable Rust.
//!
//! A fuzz target is an ordinary test: it takes inputs from its corpus, bends them, and checks what must hold for any
//! input whatever. The same number of iterations gives the same inputs on every machine, so a failure is repeated by
//! running the test again; an input that failed belongs into the corpus.

use std::env;
use std::panic::{RefUnwindSafe, catch_unwind};

/// Pieces that mean something in any JSON.
pub const JSON: &[&str] = &[
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "[]",
    "{}",
    "[[",
    "]]",
    "[\"",
    "\"]",
    "{\"",
    "\"}",
    ",",
    ":",
    "\\",
    "\"",
    "\\u0000",
    "\\ud83e",
    "\u{feff}",
    "é",
    "\n",
    " ",
];

/// Calls `check` with every member of `corpus`, and then with bent ones: as many as the environment variable
/// `GUILDHALL_FUZZ_ITERATIONS` says, else 20,000. `pieces` are texts that mean something somewhere in an input, to be
/// strewn in.
///
/// # Panics
/// If the corpus is empty, if the variable is no number, and whenever `check` panics, with the input that made it.
pub fn fuzz(corpus: &[Vec<u8>], pieces: &[&str], check: impl Fn(&[u8]) + RefUnwindSafe) {
    let iterations: u64 = env::var("GUILDHALL_FUZZ_ITERATIONS")
        .map_or(20_000, |number| number.parse().expect("GUILDHALL_FUZZ_ITERATIONS is a number"));
    let try_out = |name: &str, input: &[u8]| {
        let caught = catch_unwind(|| check(input));
        assert!(caught.is_ok(), "{name} failed on this input:\n{}", String::from_utf8_lossy(input));
    };
    for input in corpus {
        try_out("the corpus", input);
    }
    for iteration in 0..iterations {
        let mut dice = Dice(iteration.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let mut input = corpus[dice.below(corpus.len())].clone();
        for _ in 0..=dice.below(5) {
            let other = &corpus[dice.below(corpus.len())];
            bend(&mut input, other, pieces, &mut dice);
        }
        try_out(&format!("iteration {iteration}"), &input);
    }
}

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

fn bend(input: &mut Vec<u8>, other: &[u8], pieces: &[&str], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    match dice.below(8) {
        0 => drop(input.drain(dice.range(input.len()))),
        1 => {
            let again = input[dice.range(input.len())].to_vec();
            input.splice(at..at, again);
        }
        2 => drop(input.splice(at..at, other[dice.range(other.len())].iter().copied())),
        3 if at < input.len() => input[at] ^= 1 << dice.below(8),
        4 => input.truncate(at),
        5 => {
            input.insert(0, b'[');
            input.push(b']');
        }
        6 => {
            let range = dice.range(input.len());
            input.splice(range, pieces[dice.below(pieces.len())].bytes());
        }
        _ => drop(input.splice(at..at, pieces[dice.below(pieces.len())].bytes())),
    }
}
