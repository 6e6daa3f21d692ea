//! Configuration: [`settings`] declares, [`layers`] finds the value that counts, and here values become types that
//! cannot be wrong. [`reference`] writes the page for people.

pub(crate) mod flags;
pub(crate) mod layers;
mod masked;
#[cfg(test)]
mod reference;
pub(crate) mod settings;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use model::WorkspaceName;

pub(crate) use self::layers::{Flags, Settings, Value};
pub(crate) use self::masked::masked;
use self::settings::{self as keys, Kind, Setting};
use crate::server::StoreChoice;

/// Everything a server needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) compat: Compat,
    pub(crate) store: StoreChoice,
    /// Threads; `None` for as many as there are cores.
    pub(crate) workers: Option<usize>,
    pub(crate) keep_alive: Duration,
    pub(crate) keep_alive_grace: Duration,
    pub(crate) presence_grace: Duration,
    pub(crate) drain: Duration,
    pub(crate) write_stall: Duration,
    pub(crate) clock_ahead: Duration,
    pub(crate) rate_calls_per_second: u32,
    pub(crate) rate_burst: u32,
    pub(crate) auth_failures_burst: u32,
    pub(crate) connections: usize,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) log: String,
    pub(crate) log_as_json: bool,
}

/// Ports of the listeners for clients that cannot carry a token, of those that are to be open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Compat {
    pub(crate) trpc: Option<u16>,
    pub(crate) linker: Option<u16>,
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
            compat: self.get(keys::COMPAT).compat()?,
            store: self.store()?,
            workers: (workers > 0).then_some(workers),
            keep_alive: millis(keys::KEEPALIVE_MS)?,
            keep_alive_grace: millis(keys::KEEPALIVE_GRACE_MS)?,
            presence_grace: millis(keys::PRESENCE_GRACE_MS)?,
            drain: millis(keys::DRAIN_MS)?,
            write_stall: millis(keys::WRITE_STALL_MS)?,
            clock_ahead: millis(keys::CLOCK_AHEAD_MS)?,
            rate_calls_per_second: count(keys::RATE_CALLS_PER_SECOND)?,
            rate_burst: count(keys::RATE_BURST)?,
            auth_failures_burst: count(keys::AUTH_FAILURES_BURST)?,
            connections: count(keys::CONNECTIONS)? as usize,
            allowed_hosts: self.get(keys::ALLOWED_HOSTS).list()?,
            allowed_origins: self.get(keys::ALLOWED_ORIGINS).list()?,
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
    ///
    /// # Errors
    /// What it takes, what was given, and where that comes from.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match self.setting.kind {
            Kind::Address => self.address().map(drop),
            Kind::Compat => self.compat().map(drop),
            Kind::Store => self.store().map(drop),
            Kind::Count { .. } | Kind::Milliseconds { .. } => self.number().map(drop),
            Kind::Hosts | Kind::Origins => self.list().map(drop),
            Kind::Filter => {
                let parsed = tracing_subscriber::EnvFilter::builder().parse(&self.text);
                parsed.map(drop).with_context(|| self.wrong())
            }
            Kind::Word(words) if words.contains(&&*self.text) => Ok(()),
            Kind::Word(_) => bail!(self.wrong()),
            Kind::Workspace => self.workspace().map(drop),
        }
    }

    /// The value as it may be shown: without secrets.
    pub(crate) fn shown(&self) -> String {
        masked(&self.text)
    }

    fn wrong(&self) -> String {
        let Setting { key, kind, .. } = self.setting;
        format!("`{key}` takes {}, not {:?} (from {})", kind.values(), self.shown(), self.origin)
    }

    fn number(&self) -> anyhow::Result<u64> {
        let (Kind::Count { least, most } | Kind::Milliseconds { least, most }) = self.setting.kind else {
            bail!(self.wrong());
        };
        let number = self.text.trim().parse().ok();
        number.filter(|number| (least..=most).contains(number)).with_context(|| self.wrong())
    }

    fn address(&self) -> anyhow::Result<SocketAddr> {
        let wrong = || self.wrong();
        let (host, port) = self.text.rsplit_once(':').with_context(wrong)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host.parse().with_context(wrong)?,
        };
        Ok(SocketAddr::new(ip, port.parse().with_context(wrong)?))
    }

    fn compat(&self) -> anyhow::Result<Compat> {
        /// The port that the clients of that coordinator look for.
        const TRPC: u16 = 3030;
        /// The port that the clients of that linker look for.
        const LINKER: u16 = 8765;
        let mut compat = Compat::default();
        if self.text == "off" {
            return Ok(compat);
        }
        for part in self.text.split(',').map(str::trim) {
            let (protocol, port) = match part.split_once('=') {
                Some((protocol, port)) => (protocol, Some(port.parse().with_context(|| self.wrong())?)),
                None => (part, None),
            };
            let (place, usual) = match protocol {
                "trpc" => (&mut compat.trpc, TRPC),
                "linker" => (&mut compat.linker, LINKER),
                _ => bail!(self.wrong()),
            };
            if place.replace(port.unwrap_or(usual)).is_some() {
                bail!(self.wrong());
            }
        }
        Ok(compat)
    }

    fn store(&self) -> anyhow::Result<StoreChoice> {
        match &*self.text {
            "sqlite" => Ok(StoreChoice::Sqlite),
            "memory" => Ok(StoreChoice::Memory),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(StoreChoice::Postgres(url.to_owned()))
            }
            _ => bail!(self.wrong()),
        }
    }

    fn workspace(&self) -> anyhow::Result<WorkspaceName> {
        WorkspaceName::parse(&self.text).with_context(|| self.wrong())
    }

    fn list(&self) -> anyhow::Result<Vec<String>> {
        let fits = if self.setting.kind == Kind::Origins { is_origin } else { is_host };
        let items: Vec<_> = self.text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        if !items.iter().all(|item| fits(item)) {
            bail!(self.wrong());
        }
        Ok(items.into_iter().map(str::to_owned).collect())
    }
}

/// Whether this can be what `Host` says, less the port: anything else would be set and never match.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    }
}

/// Whether this can be what `Origin` says of a page. `null`, which pages of any site can send, is none.
fn is_origin(text: &str) -> bool {
    let Some((scheme, place)) = text.split_once("://") else { return false };
    let host = match place.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => place,
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && is_host(host)
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
            ("compat", "companion=1"),
            ("compat", "trpc=x"),
            ("compat", "trpc=1,trpc=2"),
            ("compat", "trpc,off"),
            ("compat", "linker=65536"),
            ("compat", ""),
            ("store", "mysql://"),
            ("workers", "-1"),
            ("workers", "1.5"),
            ("drain_ms", "5s"),
            ("allowed_hosts", "hall.example:7420"),
            ("allowed_hosts", "https://hall.example"),
            ("allowed_origins", "hall.example"),
            ("allowed_origins", "https://hall.example/"),
            ("allowed_origins", "https://a.example,null"),
            ("log", "a=b=c"),
            ("log_format", "xml"),
            ("workspace", "A"),
        ] {
            let why = format!("{:#}", value(key, text).check().unwrap_err());
            let setting = keys::setting(key).unwrap();
            let says = format!("`{key}` takes {}, not ", setting.kind.values());
            assert!(why.starts_with(&says), "{why}");
            assert!(why.contains(&format!("(from flag --{})", setting.flag)), "{why}");
        }
    }

    #[test]
    fn a_number_stays_within_its_range_and_the_range_is_named() {
        for setting in keys::SETTINGS {
            let (Kind::Count { least, most } | Kind::Milliseconds { least, most }) = setting.kind else {
                continue;
            };
            for number in [least, most] {
                value(setting.key, &number.to_string()).check().unwrap();
            }
            for number in [least.checked_sub(1), most.checked_add(1), Some(u64::MAX)].into_iter().flatten() {
                let why = value(setting.key, &number.to_string()).check().unwrap_err().to_string();
                assert!(why.contains(&format!("from {least} to {most}, not \"{number}\"")), "{why}");
            }
            if matches!(setting.kind, Kind::Count { .. }) {
                assert!(u32::try_from(most).is_ok(), "{}", setting.key);
            }
        }
        // What would drop every client at once, or never notice one.
        for key in ["keepalive_ms", "keepalive_grace_ms", "write_stall_ms", "connections", "rate_burst"] {
            assert!(value(key, "0").check().is_err(), "{key}");
        }
    }

    #[test]
    fn addresses_ports_and_lists_are_understood() {
        let address = |text| value("listen", text).address().unwrap().to_string();
        assert_eq!(address("localhost:1"), "127.0.0.1:1");
        assert_eq!(address("[::1]:2"), "[::1]:2");
        let compat = |text| value("compat", text).compat().unwrap();
        assert_eq!(compat("off"), Compat { trpc: None, linker: None });
        assert_eq!(compat("trpc,linker"), Compat { trpc: Some(3030), linker: Some(8765) });
        assert_eq!(compat("linker=9, trpc=0"), Compat { trpc: Some(0), linker: Some(9) });
        assert_eq!(compat("linker"), Compat { trpc: None, linker: Some(8765) });
        assert_eq!(value("allowed_hosts", "a, b,").list().unwrap(), ["a", "b"]);
        assert_eq!(value("allowed_hosts", "Hall.example,[::1]").list().unwrap().len(), 2);
        assert_eq!(
            value("allowed_origins", "https://a.b, http://[::1]:80,app+x://c").list().unwrap().len(),
            3
        );
    }
}
