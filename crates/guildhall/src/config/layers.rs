//! Which value counts: flag before environment before project file before user file before default.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::settings::{self, Kind, SETTINGS, Setting, setting};
use crate::home::Home;
use crate::surroundings::Surroundings;

/// The project's own file, in the working directory.
pub(crate) const PROJECT_FILE: &str = "guildhall.toml";

/// What a project may decide: nothing that opens a door or moves data.
const PROJECT_KEYS: &[&str] = &[settings::WORKSPACE];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of this command, without the dashes.
    Flag(&'static str),
    /// An environment variable, or several that set parts of it.
    Environment(String),
    /// A file.
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Environment(variables) => write!(f, "environment {variables}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting with its value, as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) setting: &'static Setting,
    /// The value; lists separated by commas.
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// The values of all settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings(Vec<Value>);

/// Values given as flags, by key.
pub(crate) type Flags = HashMap<&'static str, String>;

impl Settings {
    /// Reads all layers.
    ///
    /// # Errors
    /// If a file cannot be read, or has a key or a type of value that does not exist.
    pub(crate) fn read(surroundings: &Surroundings, home: &Home, flags: &Flags) -> anyhow::Result<Self> {
        let user = read_file(&home.config_file)?;
        let project_path = surroundings.directory.join(PROJECT_FILE);
        let project = read_file(&project_path)?;
        if let Some(key) = project.keys().find(|key| !PROJECT_KEYS.contains(key)) {
            bail!(
                "{} sets `{key}`; a project may set {} only, since its file comes with whatever was cloned. \
                 Your own file is {}",
                project_path.display(),
                PROJECT_KEYS.join(", "),
                home.config_file.display()
            );
        }
        let resolve = |setting: &'static Setting| {
            let from_file = |file: &HashMap<&str, String>, path: &Path| {
                file.get(setting.key).map(|text| (text.clone(), Origin::File(path.to_owned())))
            };
            let below = from_file(&project, &project_path)
                .or_else(|| from_file(&user, &home.config_file))
                .unwrap_or_else(|| (setting.default.to_owned(), Origin::Default));
            let (text, origin) = match flags.get(setting.key) {
                Some(text) => (text.clone(), Origin::Flag(setting.flag)),
                None => from_environment(surroundings, setting, below)?,
            };
            Ok(Value { setting, text, origin })
        };
        SETTINGS.iter().map(resolve).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The value of one setting.
    pub(crate) fn get(&self, key: &str) -> &Value {
        self.0.iter().find(|value| value.setting.key == key).expect("every key is in the table")
    }

    /// All of them, in the table's order.
    pub(crate) fn all(&self) -> &[Value] {
        &self.0
    }
}

fn from_environment(
    surroundings: &Surroundings,
    setting: &'static Setting,
    below: (String, Origin),
) -> anyhow::Result<(String, Origin)> {
    let variable = |name: &str| -> anyhow::Result<Option<String>> {
        let Some(value) = surroundings.variable(name) else { return Ok(None) };
        let text = value.to_str().with_context(|| format!("the variable {name} is no text"))?;
        Ok(Some(text.to_owned()))
    };
    if let Some(text) = variable(setting.variable)? {
        return Ok((text, Origin::Environment(setting.variable.into())));
    }
    if setting.key != settings::LISTEN {
        return Ok(below);
    }
    let (host, port) = (variable("HOST")?, variable("PORT")?);
    let origin = match (&host, &port) {
        (None, None) => return Ok(below),
        (Some(_), None) => "HOST",
        (None, Some(_)) => "PORT",
        (Some(_), Some(_)) => "HOST, PORT",
    };
    let (lower_host, lower_port) = below.0.rsplit_once(':').unwrap_or((&below.0, ""));
    let host = host.as_deref().unwrap_or(lower_host);
    let port = port.as_deref().unwrap_or(lower_port);
    let bracketed =
        if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.into() };
    Ok((format!("{bracketed}:{port}"), Origin::Environment(origin.into())))
}

fn read_file(path: &Path) -> anyhow::Result<HashMap<&'static str, String>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(cause) => return Err(cause).with_context(|| format!("cannot read {}", path.display())),
    };
    parse_file(&text).with_context(|| format!("in {}", path.display()))
}

fn parse_file(text: &str) -> anyhow::Result<HashMap<&'static str, String>> {
    let table: toml::Table = text.parse()?;
    let mut values = HashMap::new();
    for (key, value) in table {
        let Some(setting) = setting(&key) else {
            bail!("there is no key `{key}`; the nearest is `{}`", settings::nearest(&key));
        };
        let text = match (setting.kind, value) {
            (Kind::Hosts | Kind::Origins, toml::Value::Array(items)) => {
                let texts = items.iter().map(|item| {
                    item.as_str().filter(|text| !text.contains(',')).with_context(|| {
                        format!("`{key}` is a list of texts without commas, and {item} is none")
                    })
                });
                texts.collect::<anyhow::Result<Vec<_>>>()?.join(",")
            }
            (Kind::Count { .. } | Kind::Milliseconds { .. }, toml::Value::Integer(number)) => {
                number.to_string()
            }
            (Kind::Count { .. } | Kind::Milliseconds { .. }, other) => {
                bail!("`{key}` is a whole number, and {other} is none")
            }
            (Kind::Hosts | Kind::Origins, other) => bail!("`{key}` is a list of texts, and {other} is none"),
            (_, toml::Value::String(text)) => text,
            (_, other) => bail!("`{key}` is a text, and {other} is none"),
        };
        values.insert(setting.key, text);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        _directory: tempfile::TempDir,
        surroundings: Surroundings,
        home: Home,
    }

    fn machine(variables: &[(&str, &str)], project: &str, user: &str) -> Machine {
        let directory = tempfile::tempdir().unwrap();
        let mut surroundings = Surroundings {
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            directory: directory.path().to_owned(),
        };
        surroundings.variables.insert("GUILDHALL_HOME".into(), directory.path().join("home").into());
        let home = Home::find(&surroundings).unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        fs::write(directory.path().join(PROJECT_FILE), project).unwrap();
        fs::write(&home.config_file, user).unwrap();
        Machine { _directory: directory, surroundings, home }
    }

    impl Machine {
        fn settings(&self, flags: &Flags) -> anyhow::Result<Settings> {
            Settings::read(&self.surroundings, &self.home, flags)
        }
    }

    fn get(settings: &Settings, key: &str) -> (String, String) {
        let value = settings.get(key);
        (value.text.clone(), value.origin.to_string())
    }

    #[test]
    fn each_layer_counts_before_those_below() {
        let (project, user) =
            ("workspace = \"three\"", "workspace = \"four\"\ndrain_ms = 4\nkeepalive_ms = 4\nworkers = 4");
        let machine = machine(&[("GUILDHALL_DRAIN_MS", "2"), ("GUILDHALL_KEEPALIVE_MS", "2")], project, user);
        let settings = machine.settings(&Flags::from([("drain_ms", "1".into())])).unwrap();
        assert_eq!(get(&settings, "drain_ms"), ("1".into(), "flag --drain-ms".into()));
        let environment = "environment GUILDHALL_KEEPALIVE_MS".to_owned();
        assert_eq!(get(&settings, "keepalive_ms"), ("2".into(), environment));
        let (workspace, origin) = get(&settings, "workspace");
        assert_eq!(workspace, "three");
        assert!(origin.ends_with("guildhall.toml"), "{origin}");
        let (workers, origin) = get(&settings, "workers");
        assert_eq!(workers, "4");
        assert!(origin.ends_with("config.toml"), "{origin}");
        assert_eq!(get(&settings, "connections"), ("20000".into(), "default".into()));
    }

    #[test]
    fn a_project_decides_nothing_that_opens_a_door() {
        for line in
            ["listen = \"0.0.0.0:80\"", "store = \"memory\"", "allowed_origins = [\"http://evil.example\"]"]
        {
            let why = format!("{:#}", machine(&[], line, "").settings(&Flags::new()).unwrap_err());
            assert!(why.contains("a project may set workspace only"), "{why}");
        }
    }

    #[test]
    fn host_and_port_set_the_parts_of_the_main_listener() {
        let listen = |variables: &[(&str, &str)]| {
            get(
                &machine(variables, "", "listen = \"127.0.0.1:9000\"").settings(&Flags::new()).unwrap(),
                "listen",
            )
        };
        assert_eq!(listen(&[("PORT", "1")]), ("127.0.0.1:1".into(), "environment PORT".into()));
        assert_eq!(listen(&[("HOST", "::1")]), ("[::1]:9000".into(), "environment HOST".into()));
        let both = listen(&[("HOST", "0.0.0.0"), ("PORT", "2")]);
        assert_eq!(both, ("0.0.0.0:2".into(), "environment HOST, PORT".into()));
        let own = listen(&[("GUILDHALL_LISTEN", "127.0.0.1:3"), ("PORT", "2")]);
        assert_eq!(own, ("127.0.0.1:3".into(), "environment GUILDHALL_LISTEN".into()));
    }

    #[track_caller]
    fn check_refused(user: &str, says: &str) {
        let why = format!("{:#}", machine(&[], "", user).settings(&Flags::new()).unwrap_err());
        assert!(why.contains(says), "{why}");
        assert!(why.contains("config.toml"), "it says where: {why}");
    }

    #[test]
    fn what_a_file_may_not_say_is_an_error_that_helps() {
        check_refused("lissten = \"x\"", "there is no key `lissten`; the nearest is `listen`");
        check_refused("workers = \"four\"", "`workers` is a whole number");
        check_refused("listen = 7420", "`listen` is a text");
        check_refused("allowed_hosts = \"a\"", "is a list of texts");
        check_refused("allowed_hosts = [\"a,b\"]", "without commas");
        check_refused("listen", "in ");
    }

    #[test]
    fn a_list_reads_the_same_from_a_file_and_a_variable() {
        let from_file = machine(&[], "", "allowed_hosts = [\"a\", \"b\"]").settings(&Flags::new()).unwrap();
        let from_variable = machine(&[("GUILDHALL_ALLOWED_HOSTS", "a,b")], "", "").settings(&Flags::new());
        assert_eq!(from_file.get("allowed_hosts").text, from_variable.unwrap().get("allowed_hosts").text);
    }
}
