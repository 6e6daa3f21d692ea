//! Logs, on stderr.

use std::io::{self, IsTerminal as _};

use anyhow::Context as _;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

/// Libraries that log, below this level, what passes through them: arguments of tools, values, credentials. No filter
/// lets that through.
const CAPPED: [(&str, LevelFilter); 5] = [
    ("rmcp", LevelFilter::INFO),
    ("tokio_postgres", LevelFilter::INFO),
    ("postgres_protocol", LevelFilter::INFO),
    ("tungstenite", LevelFilter::INFO),
    ("tokio_tungstenite", LevelFilter::INFO),
];

/// Where logs go once they have passed the filters.
type Filtered = Layered<EnvFilter, Layered<Targets, Registry>>;

/// Begins to log what passes the filter.
///
/// # Errors
/// If the filter is none, or logging has begun already.
pub(crate) fn begin(filter: &str, as_json: bool) -> anyhow::Result<()> {
    let filtered = filtered(filter)?;
    // A server whose terminal has gone has nowhere to log to, and is to end in order all the same: what cannot be
    // written is let go.
    let logs = fmt::layer().with_writer(io::stderr).log_internal_errors(false);
    let begun = if as_json {
        filtered.with(logs.json()).try_init()
    } else {
        filtered.with(logs.with_ansi(io::stderr().is_terminal())).try_init()
    };
    begun.map_err(|cause| anyhow::anyhow!("logging cannot begin: {cause}"))
}

fn filtered(filter: &str) -> anyhow::Result<Filtered> {
    let filter = EnvFilter::builder().parse(filter).context("the log filter cannot be understood")?;
    // Not below what the filter lets through, or every library's trace would be made before it is thrown away.
    let rest = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let cap =
        Targets::new().with_default(rest).with_targets(CAPPED.map(|(target, most)| (target, most.min(rest))));
    Ok(tracing_subscriber::registry().with(cap).with(filter))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_filter_lets_through_what_libraries_log_of_contents() {
        for filter in ["trace", "rmcp=trace,tokio_postgres=trace,tungstenite=trace,guildhall=trace"] {
            let written = Written::default();
            let writer = written.clone();
            let logs = fmt::layer().with_writer(move || writer.clone());
            tracing::subscriber::with_default(filtered(filter).unwrap().with(logs), || {
                tracing::debug!(target: "rmcp::service", "received request secret");
                tracing::debug!(target: "tokio_postgres::query", "executing with parameters secret");
                tracing::trace!(target: "tungstenite::protocol", "received message secret");
                tracing::warn!(target: "rmcp::service", "the host has gone");
                tracing::trace!(target: "guildhall", "ours");
            });
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert!(!text.contains("secret"), "{filter}: {text}");
            assert!(text.contains("the host has gone") && text.contains("ours"), "{filter}: {text}");
        }
    }
}
