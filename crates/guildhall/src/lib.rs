//! The program: configuration, wiring, command line.
//!
//! `cli` reads what was typed and hands it to the file of `commands` that bears the command's name. What a command needs
//! to know stands in `here`: where things are (`home`), what is set (`config`), how to print (`output`); `failure` says
//! how failing is told. [`server`] is what `guildhall serve` runs.

mod cli;
mod commands;
mod config;
mod failure;
#[cfg(test)]
mod golden;
mod here;
mod home;
mod limits;
mod logs;
mod output;
mod owner;
pub mod server;
mod signals;
mod surroundings;

pub use cli::main;
