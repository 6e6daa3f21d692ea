//! Every setting, with its default: the one place where keys and environment variables are declared. The page
//! `docs/configuration.md` is written from here.

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An IP address, or `localhost`, and a port.
    Address,
    /// `off`, or any of `trpc`, `trpc=PORT`, `linker` and `linker=PORT`.
    Compat,
    /// `sqlite`, `memory`, or a PostgreSQL URL.
    Store,
    /// A whole number.
    Count {
        /// The smallest that makes sense.
        least: u64,
        /// The largest that does; it fits an `u32`.
        most: u64,
    },
    /// A time in milliseconds.
    Milliseconds {
        /// The shortest that makes sense.
        least: u64,
        /// The longest that does.
        most: u64,
    },
    /// Names of hosts. Lists are separated by commas where there is but one text to write them in.
    Hosts,
    /// Origins of web pages, a list too.
    Origins,
    /// A filter for logs.
    Filter,
    /// One of these.
    Word(&'static [&'static str]),
    /// A workspace's name.
    Workspace,
}

impl Kind {
    /// What values it takes, to go on after "takes".
    pub(crate) fn values(self) -> String {
        match self {
            Self::Address => "an IP address or `localhost`, a colon and a port".to_owned(),
            Self::Compat => "`off`, or `trpc=PORT` and `linker=PORT`, either or both, separated by a comma".to_owned(),
            Self::Store => "`sqlite`, `memory` or a URL that begins with `postgres://`".to_owned(),
            Self::Count { least, most } => format!("a whole number from {least} to {most}"),
            Self::Milliseconds { least, most } => format!("milliseconds, from {least} to {most}"),
            Self::Hosts => "names of hosts without a port: a list in a file, separated by commas elsewhere".to_owned(),
            Self::Origins => {
                "origins, each a scheme, `://`, a host and perhaps a port: a list in a file, separated by commas elsewhere"
                    .to_owned()
            }
            Self::Filter => "a filter for logs".to_owned(),
            Self::Word(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            Self::Workspace => "a workspace's name".to_owned(),
        }
    }
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its key in `config.toml` and `guildhall.toml`.
    pub(crate) key: &'static str,
    /// Its environment variable.
    pub(crate) variable: &'static str,
    /// Its flag, without the dashes.
    pub(crate) flag: &'static str,
    /// What it is if nobody says otherwise.
    pub(crate) default: &'static str,
    /// What values it takes.
    pub(crate) kind: Kind,
    /// What it is for.
    pub(crate) description: &'static str,
}

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 366 * DAY;

macro_rules! settings {
    ($($name:ident: $key:literal, $variable:literal, $flag:literal, $default:literal, $kind:expr, $description:literal;)+) => {
        $(
            #[doc = $description]
            pub(crate) const $name: &str = $key;
        )+

        /// All settings, in the order in which they are shown.
        pub(crate) const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            variable: $variable,
            flag: $flag,
            default: $default,
            kind: $kind,
            description: $description,
        }),+];
    };
}

settings! {
    WORKSPACE: "workspace", "GUILDHALL_WORKSPACE", "workspace", "default", Kind::Workspace,
        "The workspace that commands and MCP bridges speak in.";
    LISTEN: "listen", "GUILDHALL_LISTEN", "listen", "127.0.0.1:7420", Kind::Address,
        "Address and port of the main listener; port 0 lets the system pick. The variables HOST and PORT set its parts.";
    COMPAT: "compat", "GUILDHALL_COMPAT", "compat", "off", Kind::Compat,
        "Listeners for unmodified clients that cannot carry a token, on loopback only: `trpc=PORT,linker=PORT`, either or both; without a port 3030 and 8765. A port that is taken, on either loopback address, is named and skipped. Pages in browsers are refused here, whatever origins are allowed elsewhere.";
    STORE: "store", "GUILDHALL_STORE", "store", "sqlite", Kind::Store,
        "Where everything is kept: `sqlite` in the data directory, `memory` for nothing, or `postgres://USER:PASSWORD@HOST/DATABASE`. A password is better given by the variable or a file: flags are seen by everybody on the machine.";
    WORKERS: "workers", "GUILDHALL_WORKERS", "workers", "0", Kind::Count { least: 0, most: 1_024 },
        "Threads that serve; 0 for one less than there are cores, since the store has its own.";
    KEEPALIVE_MS: "keepalive_ms", "GUILDHALL_KEEPALIVE_MS", "keepalive-ms", "30000", Kind::Milliseconds { least: 100, most: DAY },
        "A client that has sent nothing for so long is sent a ping.";
    KEEPALIVE_GRACE_MS: "keepalive_grace_ms", "GUILDHALL_KEEPALIVE_GRACE_MS", "keepalive-grace-ms", "5000", Kind::Milliseconds { least: 100, most: HOUR },
        "How long it may take to answer the ping before it is dropped.";
    PRESENCE_GRACE_MS: "presence_grace_ms", "GUILDHALL_PRESENCE_GRACE_MS", "presence-grace-ms", "60000", Kind::Milliseconds { least: 100, most: DAY },
        "How long an agent counts as present after its last connection has gone.";
    DRAIN_MS: "drain_ms", "GUILDHALL_DRAIN_MS", "drain-ms", "5000", Kind::Milliseconds { least: 0, most: HOUR },
        "How long a server that ends goes on serving clients that are moving.";
    WRITE_STALL_MS: "write_stall_ms", "GUILDHALL_WRITE_STALL_MS", "write-stall-ms", "10000", Kind::Milliseconds { least: 100, most: HOUR },
        "A client that takes nothing off its socket for so long is dropped.";
    CLOCK_AHEAD_MS: "clock_ahead_ms", "GUILDHALL_CLOCK_AHEAD_MS", "clock-ahead-ms", "0", Kind::Milliseconds { least: 0, most: YEAR },
        "For tests: the server's clock runs ahead by so many milliseconds.";
    RATE_CALLS_PER_SECOND: "rate_calls_per_second", "GUILDHALL_RATE_CALLS_PER_SECOND", "rate-calls-per-second", "250000", Kind::Count { least: 1, most: 1_000_000_000 },
        "How often one principal, and one address, may call, per second.";
    RATE_BURST: "rate_burst", "GUILDHALL_RATE_BURST", "rate-burst", "500000", Kind::Count { least: 1, most: 1_000_000_000 },
        "How many calls they may make at once after a time of making none.";
    AUTH_FAILURES_BURST: "auth_failures_burst", "GUILDHALL_AUTH_FAILURES_BURST", "auth-failures-burst", "60", Kind::Count { least: 1, most: 1_000_000 },
        "How many bad tokens one address may show at once; as many again each minute.";
    CONNECTIONS: "connections", "GUILDHALL_CONNECTIONS", "connections", "20000", Kind::Count { least: 1, most: 1_000_000 },
        "Connections open at once.";
    ALLOWED_HOSTS: "allowed_hosts", "GUILDHALL_ALLOWED_HOSTS", "allowed-hosts", "", Kind::Hosts,
        "Names this server goes by besides this machine's own, as they stand in `Host`, without a port.";
    ALLOWED_ORIGINS: "allowed_origins", "GUILDHALL_ALLOWED_ORIGINS", "allowed-origins", "", Kind::Origins,
        "Origins of web pages that may speak to it, such as `https://hall.example`.";
    LOG: "log", "GUILDHALL_LOG", "log", "info", Kind::Filter,
        "What is logged: a level, or directives such as `info,guildhall_hall=debug`.";
    LOG_FORMAT: "log_format", "GUILDHALL_LOG_FORMAT", "log-format", "pretty", Kind::Word(&["pretty", "json"]),
        "How logs look.";
}

/// An environment variable that is no setting.
#[derive(Debug)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) description: &'static str,
}

/// Environment variables that are no settings.
pub(crate) const VARIABLES: &[Variable] = &[
    Variable {
        name: "GUILDHALL_HOME",
        description: "Puts configuration, data, socket and the owner's credential under one directory.",
    },
    Variable {
        name: "XDG_CONFIG_HOME",
        description: "Without GUILDHALL_HOME: `guildhall/config.toml` is looked for here; `~/.config` if unset.",
    },
    Variable {
        name: "XDG_DATA_HOME",
        description: "Without GUILDHALL_HOME: data, socket and credential are in `guildhall/` here; `~/.local/share` if unset.",
    },
    Variable { name: "HOST", description: "The address of `listen`, if GUILDHALL_LISTEN is not set." },
    Variable { name: "PORT", description: "The port of `listen`, if GUILDHALL_LISTEN is not set." },
    Variable {
        name: "TMPDIR",
        description: "Where the socket goes if its path would be too long for one; `/tmp` if unset.",
    },
    Variable {
        name: "CLAUDE_CODE_SESSION_ID",
        description: "Tells agents of the same name apart: `guildhall mcp` says it in the hall. Claude Code sets it.",
    },
];

/// The setting of this key.
pub(crate) fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The key that was probably meant.
pub(crate) fn nearest(key: &str) -> &'static str {
    let nearest = SETTINGS.iter().min_by_key(|setting| distance(key, setting.key));
    nearest.expect("there are settings").key
}

/// How many characters must be put in, taken out or changed to make one text of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            let best = changed.min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_variable_and_flag_are_the_same_words() {
        for setting in SETTINGS {
            assert_eq!(setting.variable, format!("GUILDHALL_{}", setting.key.to_uppercase()));
            assert_eq!(setting.flag, setting.key.replace('_', "-"));
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(nearest("lisen"), "listen");
        assert_eq!(nearest("keepalive"), "keepalive_ms");
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
