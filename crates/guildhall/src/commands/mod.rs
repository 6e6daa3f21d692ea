//! The commands, one file for each; [`files`], [`limit`] and [`ticket`] are parts that some of them share.

pub(crate) mod agents;
pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod decide;
pub(crate) mod doctor;
pub(crate) mod inbox;
mod limit;
pub(crate) mod mcp;
pub(crate) mod reserve;
pub(crate) mod search;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod store;
mod ticket;
pub(crate) mod token;
pub(crate) mod topics;
pub(crate) mod workspace;
