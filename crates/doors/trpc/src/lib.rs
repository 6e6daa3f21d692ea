//! The door for tRPC clients over WebSocket.

pub mod wire;
