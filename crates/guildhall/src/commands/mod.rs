//! The commands, one file for each.

pub(crate) mod agents;
pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod decide;
pub(crate) mod doctor;
pub(crate) mod mcp;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod token;
pub(crate) mod workspace;
