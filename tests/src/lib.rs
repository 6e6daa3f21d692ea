//! End to end: the real program, killed, on disks that fail, over restarts.
//!
//! The stories are in `tests/`, one file per area; here is what they are told with.
//!
//! | module | holds |
//! |---|---|
//! | [`home`] | a temporary home, and the program started on it |
//! | [`trpc`] | a bare client of the tRPC door |
//! | [`ledger`] | what clients were promised and shown |
//! | [`load`] | sixteen writers, four followers and a reader, that outlive the server |
//! | [`judgement`] | the log that is left, held against the ledger |
//! | [`linker`] | a bare client of the linker's door |
//! | [`letters`] | what the writers and readers of messages were promised and shown |
//! | [`reading`] | how far one of them has come with a reader, as is known outside |
//! | [`correspondence`] | clients of both doors that write to one another, and outlive the server |
//! | [`mail`] | the mailboxes that are left, held against the letters |
//! | [`dice`] | chance from a seed |
//!
//! The program is `target/debug/guildhall`, or what `GUILDHALL_BIN` names; `cargo xtask test` builds it first. With
//! `GUILDHALL_LONG=1` stories that repeat something do so much more often.

pub mod correspondence;
pub mod dice;
pub mod home;
pub mod judgement;
pub mod ledger;
pub mod letters;
pub mod linker;
mod linker_desk;
pub mod load;
pub mod mail;
pub mod reading;
pub mod trpc;
mod trpc_desk;

/// How often to repeat something: `few` times, or `many` when there is time (`GUILDHALL_LONG=1`).
pub fn times(few: u32, many: u32) -> u32 {
    if std::env::var_os("GUILDHALL_LONG").is_some_and(|set| set == "1") { many } else { few }
}
