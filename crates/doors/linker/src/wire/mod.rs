//! What the linker's clients and this server say to one another, as text, and nothing else: no sockets, no clock, no
//! state.
//!
//! A frame goes in through [`request::parse`] and comes out as a [`request::Request`] whose parts are already valid.
//! Answers and pushes leave as [`frame::Frame`]s; every refusal of a frame is a [`refusal::Refusal`].
//!
//! What a person wrote is never decoded where it only passes through: it stays the JSON string token the client sent
//! ([`model::Text`]). Only one level of an object is ever opened at a time, so depth costs neither stack nor refusal.
//!
//! The behaviour is that of the old broker 1.3, whose clients compare nothing but `type` and a few fields; where it
//! fell out of JavaScript rather than design, the module that restates it says so.

pub mod frame;
mod loose;
mod object;
pub mod preview;
pub mod refusal;
pub mod request;
