//! Logs, on stderr.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Begins to log what passes the filter.
///
/// # Errors
/// If the filter is none, or logging has begun already.
pub(crate) fn begin(filter: &str, as_json: bool) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(filter).context("the log filter cannot be understood")?;
    // A server whose terminal has gone has nowhere to log to, and is to end in order all the same: what cannot be
    // written is let go.
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).log_internal_errors(false);
    let begun =
        if as_json { logs.json().try_init() } else { logs.with_ansi(io::stderr().is_terminal()).try_init() };
    begun.map_err(|cause| anyhow::anyhow!("logging cannot begin: {cause}"))
}
