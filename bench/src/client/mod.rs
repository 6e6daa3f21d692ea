//! The load generator: clients that speak raw frames over WebSockets, all on one thread.
//!
//! | over | load |
//! |---|---|
//! | tRPC ([`frames`]) | [`load`] keeps a number of calls under way, [`mod@fan_out`] lets one write and many listen |
//! | the linker's protocol ([`linker`]) | [`exchange`] lets instances write to one another |
//! | either that or Redis' protocol ([`resp`]) | [`one_way`] sends from one connection to another |

mod connection;
mod exchange;
mod fan_out;
pub(crate) mod frames;
pub(crate) mod linker;
mod load;
mod one_way;
mod resp;

use std::net::SocketAddr;

pub(crate) use connection::Connection;
pub(crate) use exchange::{AGAIN, Exchange};
pub(crate) use fan_out::{FanOut, fan_out};
pub(crate) use load::{Call, Load, Measured, Until};
pub(crate) use one_way::{LinkerPipe, OneWay, RedisPipe};
pub(crate) use resp::Resp;

/// Where clients go, and with what in hand.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    /// Of the WebSocket.
    pub(crate) path: &'static str,
    /// Shown as `Authorization: Bearer`.
    pub(crate) token: Option<String>,
}
