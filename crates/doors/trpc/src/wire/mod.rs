//! What tRPC clients and this server say to one another, as text, and nothing else: no sockets, no clock, no state.
//!
//! A text frame goes in through [`request::parse`] (or [`handshake::parse`] while connection parameters are
//! awaited) and comes out as messages that borrow from the frame. [`procedure::parse`] turns a request into a
//! [`procedure::Call`] whose inputs are already valid. Answers leave through [`reply`], their data written by
//! [`shape`]; every refusal is a [`error::TrpcError`].
//!
//! What a person wrote is never decoded where it only passes through: it stays the JSON string token the client
//! sent ([`text::JsonText`]) and is spliced as it is into stored bodies and replies. That is quick, and it keeps what
//! Unicode text cannot hold, such as half of a surrogate pair.
//!
//! Nothing here recurses: nested values are skipped by an iterative scanner and only one level of an object or
//! array is ever opened at a time, so depth costs neither stack nor refusal. Memory is bounded by the frame, whose size
//! the socket limits, and by [`request::Limits`].
//!
//! The behaviour is that of `@trpc/server` 11.25 with zod 4 schemas, which today's clients were written against.

pub mod error;
mod field;
pub mod handshake;
pub mod input;
mod issue;
pub mod mail;
mod object;
pub mod page;
pub mod procedure;
pub mod reply;
pub mod request;
pub mod shape;
pub mod text;
mod timestamp;
pub mod uuid_text;

pub use uuid_text::UuidText;
