//! The load generator: clients that speak raw tRPC frames over WebSockets, all on one thread.
//!
//! [`load`] keeps a number of calls under way, [`mod@fan_out`] lets one write and many listen.

mod connection;
mod fan_out;
pub(crate) mod frames;
mod load;

use std::net::SocketAddr;

pub(crate) use connection::Connection;
pub(crate) use fan_out::{FanOut, fan_out};
pub(crate) use load::{Call, Load, Measured, Until};

/// Where clients go, and with what in hand.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// Shown as `Authorization: Bearer`.
    pub(crate) token: Option<String>,
}
