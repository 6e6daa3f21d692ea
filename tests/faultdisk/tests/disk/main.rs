//! The test disk, tried on programs whose durability is known.

// clippy.toml allows it in tests, but knows only functions marked as such, and these files have the programs as well.
#![expect(clippy::unwrap_used, reason = "everything in here is a test or run by one")]

mod faults;
mod flips;
mod power_cuts;
mod programs;
mod recording;
mod sqlite;
