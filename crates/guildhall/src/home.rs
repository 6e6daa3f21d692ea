//! Where Guildhall keeps its things.
//!
//! | what | with `GUILDHALL_HOME=H` | without |
//! |---|---|---|
//! | configuration | `H/config.toml` | `$XDG_CONFIG_HOME/guildhall/config.toml`, usually under `~/.config` |
//! | databases and the lock | `H/data/` | `$XDG_DATA_HOME/guildhall/`, usually under `~/.local/share` |
//! | the socket | `H/guildhall.sock` | in the data directory |
//! | the owner's credential | `H/owner.token` | in the data directory |
//!
//! A socket's path has a bound of its own. One that would be over it goes to the directory for temporary files, and the
//! file `socket` in the place where it should have been says where it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use uuid::Uuid;

use crate::server::Paths;
use crate::surroundings::Surroundings;

/// The longest path a socket may have on Linux: `sun_path` without its final zero, see unix(7).
const SOCKET_PATH_BYTES: usize = 107;

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The one directory of `GUILDHALL_HOME`, if it is set.
    pub(crate) root: Option<PathBuf>,
    pub(crate) config_file: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) owner_token: PathBuf,
    /// Where the socket should be.
    socket: PathBuf,
    /// Where it goes if that is too long.
    temporary: PathBuf,
}

impl Home {
    /// Finds it.
    ///
    /// # Errors
    /// If there is neither `GUILDHALL_HOME` nor `HOME`.
    pub(crate) fn find(surroundings: &Surroundings) -> anyhow::Result<Self> {
        let temporary = surroundings.path("TMPDIR").unwrap_or_else(|| "/tmp".into());
        if let Some(home) = surroundings.path("GUILDHALL_HOME") {
            return Ok(Self {
                root: Some(home.clone()),
                config_file: home.join("config.toml"),
                data: home.join("data"),
                owner_token: home.join("owner.token"),
                socket: home.join("guildhall.sock"),
                temporary,
            });
        }
        let below = |variable: &str, usually: &str| {
            let place =
                surroundings.path(variable).or_else(|| Some(surroundings.path("HOME")?.join(usually)));
            place.map(|place| place.join("guildhall"))
        };
        match (below("XDG_CONFIG_HOME", ".config"), below("XDG_DATA_HOME", ".local/share")) {
            (Some(config), Some(data)) => Ok(Self {
                root: None,
                config_file: config.join("config.toml"),
                owner_token: data.join("owner.token"),
                socket: data.join("guildhall.sock"),
                data,
                temporary,
            }),
            _ => bail!("neither GUILDHALL_HOME nor HOME is set, so there is no place for Guildhall's files"),
        }
    }

    /// Where the socket of a running server is, or will be.
    pub(crate) fn socket(&self) -> PathBuf {
        if fits(&self.socket) {
            return self.socket.clone();
        }
        match fs::read_to_string(self.note()) {
            Ok(path) if !path.trim().is_empty() => PathBuf::from(path.trim()),
            _ => self.short_socket(),
        }
    }

    /// Where a server puts its socket. If that is not where it should be, says so where it should be.
    pub(crate) fn claim_socket(&self) -> anyhow::Result<PathBuf> {
        if fits(&self.socket) {
            return Ok(self.socket.clone());
        }
        let short = self.short_socket();
        if !fits(&short) {
            bail!(
                "the directory for temporary files, {}, has too long a name for a socket",
                self.temporary.display()
            );
        }
        let note = self.note();
        let write = || -> io::Result<()> {
            if let Some(directory) = note.parent() {
                fs::create_dir_all(directory)?;
            }
            fs::write(&note, format!("{}\n", short.display()))
        };
        write().with_context(|| format!("cannot write {}", note.display()))?;
        Ok(short)
    }

    /// What a server needs to know.
    pub(crate) fn paths(&self) -> anyhow::Result<Paths> {
        Ok(Paths {
            data: self.data.clone(),
            socket: self.claim_socket()?,
            owner_token: self.owner_token.clone(),
        })
    }

    /// The owner's credential, if there is one to be read.
    pub(crate) fn credential(&self) -> anyhow::Result<Option<String>> {
        match fs::read_to_string(&self.owner_token) {
            Ok(secret) => Ok(Some(secret.trim().to_owned())),
            Err(cause)
                if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                Ok(None)
            }
            Err(cause) => Err(cause).with_context(|| format!("cannot read {}", self.owner_token.display())),
        }
    }

    fn note(&self) -> PathBuf {
        self.socket.with_file_name("socket")
    }

    fn short_socket(&self) -> PathBuf {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, self.socket.as_os_str().as_encoded_bytes());
        self.temporary.join(format!("guildhall-{}.sock", name.simple()))
    }
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= SOCKET_PATH_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> anyhow::Result<Home> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Home::find(&Surroundings { variables, directory: "/project".into() })
    }

    #[test]
    fn one_variable_puts_everything_under_one_directory() {
        let home = with(&[("GUILDHALL_HOME", "here"), ("HOME", "/home/ada")]).unwrap();
        assert_eq!(home.config_file, Path::new("/project/here/config.toml"));
        assert_eq!(home.data, Path::new("/project/here/data"));
        assert_eq!(home.socket(), Path::new("/project/here/guildhall.sock"));
    }

    #[test]
    fn without_it_the_usual_directories_are_used() {
        let home =
            with(&[("HOME", "/home/ada"), ("XDG_DATA_HOME", "/data"), ("GUILDHALL_HOME", "")]).unwrap();
        assert_eq!(home.config_file, Path::new("/home/ada/.config/guildhall/config.toml"));
        assert_eq!(home.owner_token, Path::new("/data/guildhall/owner.token"));
        assert!(with(&[]).is_err());
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_replaced_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let long = directory.path().join("x".repeat(100));
        let home = with(&[("GUILDHALL_HOME", long.to_str().unwrap())]).unwrap();
        let claimed = home.claim_socket().unwrap();
        assert!(fits(&claimed), "{claimed:?}");
        // Somebody with another directory for temporary files finds it all the same.
        let other = with(&[("GUILDHALL_HOME", long.to_str().unwrap()), ("TMPDIR", "/elsewhere")]).unwrap();
        assert_eq!(other.socket(), claimed);
    }
}
