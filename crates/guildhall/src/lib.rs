//! The program: configuration, wiring, command line.

pub mod server;
