//! Configuration: [`settings`] declares, [`layers`] finds the value that counts, and here values become types that
//! cannot be wrong. [`reference`] writes the page for people.

pub(crate) mod flags;
pub(crate) mod layers;
mod masked;
#[cfg(test)]
mod reference;
pub(crate) mod settings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use model::WorkspaceName;

pub(crate) use self::layers::{Flags, Settings, Value};
pub(crate) use self::masked::masked;
use self::settings::{self as keys, Kind};
use crate::server::StoreChoice;

/// Everything a server needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) compat_trpc: Option<u16>,
    pub(crate) store: StoreChoice,
    /// Threads; `None` for as many as there are cores.
    pub(crate) workers: Option<usize>,
    pub(crate) keep_alive: Duration,
    pub(crate) keep_alive_grace: Duration,
    pub(crate) presence_grace: Duration,
    pub(crate) drain: Duration,
    pub(crate) write_stall: Duration,
    pub(crate) rate_calls_per_second: u32,
    pub(crate) rate_burst: u32,
    pub(crate) auth_failures_burst: u32,
    pub(crate) connections: usize,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) log: String,
    pub(crate) log_as_json: bool,
}

impl Settings {
    /// All of it, checked.
    ///
    /// # Errors
    /// The first value that its setting does not take, with where it comes from.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        for value in self.all() {
            value.check()?;
        }
        let millis = |key| self.get(key).number().map(Duration::from_millis);
        let count = |key| self.get(key).number().and_then(|number| Ok(u32::try_from(number)?));
        let workers = count(keys::WORKERS)? as usize;
        Ok(Config {
            listen: self.get(keys::LISTEN).address()?,
            compat_trpc: self.get(keys::COMPAT).compat()?,
            store: self.store()?,
            workers: (workers > 0).then_some(workers),
            keep_alive: millis(keys::KEEPALIVE_MS)?,
            keep_alive_grace: millis(keys::KEEPALIVE_GRACE_MS)?,
            presence_grace: millis(keys::PRESENCE_GRACE_MS)?,
            drain: millis(keys::DRAIN_MS)?,
            write_stall: millis(keys::WRITE_STALL_MS)?,
            rate_calls_per_second: count(keys::RATE_CALLS_PER_SECOND)?,
            rate_burst: count(keys::RATE_BURST)?,
            auth_failures_burst: count(keys::AUTH_FAILURES_BURST)?,
            connections: count(keys::CONNECTIONS)? as usize,
            allowed_hosts: self.get(keys::ALLOWED_HOSTS).list(),
            allowed_origins: self.get(keys::ALLOWED_ORIGINS).list(),
            log: self.get(keys::LOG).text.clone(),
            log_as_json: self.get(keys::LOG_FORMAT).text == "json",
        })
    }

    /// The workspace to speak in.
    pub(crate) fn workspace(&self) -> anyhow::Result<WorkspaceName> {
        self.get(keys::WORKSPACE).workspace()
    }

    /// Where everything is kept.
    pub(crate) fn store(&self) -> anyhow::Result<StoreChoice> {
        self.get(keys::STORE).store()
    }
}

impl Value {
    /// Whether the setting takes this value.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match self.setting.kind {
            Kind::Address => self.address().map(drop),
            Kind::Compat => self.compat().map(drop),
            Kind::Store => self.store().map(drop),
            Kind::Count { least } => match self.number()? {
                number if number < least => bail!(self.wrong(&format!("a whole number from {least} on"))),
                number if u32::try_from(number).is_err() => {
                    bail!(self.wrong(&format!("a whole number up to {}", u32::MAX)))
                }
                _ => Ok(()),
            },
            Kind::Milliseconds => self.number().map(drop),
            Kind::List => Ok(()),
            Kind::Filter => {
                let parsed = tracing_subscriber::EnvFilter::builder().parse(&self.text);
                parsed.map(drop).with_context(|| self.wrong("a filter for logs"))
            }
            Kind::Word(words) if words.contains(&&*self.text) => Ok(()),
            Kind::Word(words) => bail!(self.wrong(&format!("one of {}", words.join(", ")))),
            Kind::Workspace => self.workspace().map(drop),
        }
    }

    /// The value as it may be shown: without secrets.
    pub(crate) fn shown(&self) -> String {
        masked(&self.text)
    }

    fn wrong(&self, expected: &str) -> String {
        format!("`{}` is {expected}, not {:?} (from {})", self.setting.key, self.shown(), self.origin)
    }

    fn number(&self) -> anyhow::Result<u64> {
        self.text.trim().parse().with_context(|| self.wrong("a whole number"))
    }

    fn address(&self) -> anyhow::Result<SocketAddr> {
        let wrong = || self.wrong("an IP address or `localhost`, a colon and a port");
        let (host, port) = self.text.rsplit_once(':').with_context(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host.parse().with_context(wrong)?,
        };
        Ok(SocketAddr::new(ip, port.parse().with_context(wrong)?))
    }

    fn compat(&self) -> anyhow::Result<Option<u16>> {
        /// The port that the clients of that coordinator look for.
        const TRPC: u16 = 3030;
        match &*self.text {
            "off" => Ok(None),
            "trpc" => Ok(Some(TRPC)),
            text => {
                let port = text.strip_prefix("trpc=").and_then(|port| port.parse().ok());
                Ok(Some(port.with_context(|| self.wrong("`off`, `trpc` or `trpc=PORT`"))?))
            }
        }
    }

    fn store(&self) -> anyhow::Result<StoreChoice> {
        match &*self.text {
            "sqlite" => Ok(StoreChoice::Sqlite),
            "memory" => Ok(StoreChoice::Memory),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(StoreChoice::Postgres(url.to_owned()))
            }
            _ => bail!(self.wrong("`sqlite`, `memory` or a URL that begins with `postgres://`")),
        }
    }

    fn workspace(&self) -> anyhow::Result<WorkspaceName> {
        WorkspaceName::parse(&self.text).with_context(|| format!("from {}", self.origin))
    }

    fn list(&self) -> Vec<String> {
        let items = self.text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::Origin;

    fn value(key: &str, text: &str) -> Value {
        let setting = keys::setting(key).unwrap();
        Value { setting, text: text.into(), origin: Origin::Flag(setting.flag) }
    }

    #[test]
    fn every_default_is_taken() {
        for setting in keys::SETTINGS {
            value(setting.key, setting.default).check().unwrap();
        }
    }

    #[test]
    fn what_a_setting_does_not_take_is_named_with_its_origin() {
        for (key, text) in [
            ("listen", "7420"),
            ("listen", "example.org:80"),
            ("listen", "127.0.0.1:70000"),
            ("compat", "linker=1"),
            ("compat", "trpc=x"),
            ("store", "mysql://"),
            ("workers", "-1"),
            ("connections", "0"),
            ("connections", "99999999999"),
            ("drain_ms", "5s"),
            ("log", "a=b=c"),
            ("log_format", "xml"),
            ("workspace", "A"),
        ] {
            let why = format!("{:#}", value(key, text).check().unwrap_err());
            assert!(why.contains("flag --"), "{key} {text}: {why}");
        }
    }

    #[test]
    fn addresses_ports_and_lists_are_understood() {
        let address = |text| value("listen", text).address().unwrap().to_string();
        assert_eq!(address("localhost:1"), "127.0.0.1:1");
        assert_eq!(address("[::1]:2"), "[::1]:2");
        assert_eq!(value("compat", "trpc").compat().unwrap(), Some(3030));
        assert_eq!(value("compat", "trpc=0").compat().unwrap(), Some(0));
        assert_eq!(value("allowed_hosts", "a, b,").list(), ["a", "b"]);
    }
}
