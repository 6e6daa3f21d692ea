//! A throw-away PostgreSQL for the tests, and a wire to it that can be cut.
//!
//! A test binary starts one [`Cluster`] when its first test asks for it, and each test makes a [`Database`] of its own
//! in it. The server listens on a unix socket only, keeps `fsync` on, and ends with the test process however that ends.
//! Where a test must lose a connection at a chosen moment it connects through a [`Wire`].
//!
//! Everything here panics when it fails: there is nothing a test could do about it.

mod cluster;
mod database;
mod wire;

pub use cluster::Cluster;
pub use database::Database;
pub use wire::{Cut, Wire};
