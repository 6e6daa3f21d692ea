//! Keeps a package installation from starting its service.
//!
//! Debian starts a server as soon as its package is there, unless `policy-rc.d` says no. The tests start
//! PostgreSQL themselves, on a directory and a port of their own, and want nothing listening beside it.

use std::fs::{OpenOptions, remove_file};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where Debian's `invoke-rc.d` asks.
pub(crate) const POLICY: &str = "/usr/sbin/policy-rc.d";

/// While this lives, no package starts a service. A policy that was there before is left as it is.
pub(crate) struct NoServices {
    ours: Option<PathBuf>,
}

impl NoServices {
    /// Puts the policy in place.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn at(path: &Path) -> Result<NoServices> {
        // 101 is "action forbidden by policy".
        match OpenOptions::new().write(true).create_new(true).mode(0o755).open(path) {
            Ok(mut file) => {
                let ours = NoServices { ours: Some(path.to_owned()) };
                file.write_all(b"#!/bin/sh\nexit 101\n")?;
                Ok(ours)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(NoServices { ours: None }),
            Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = &self.ours
            && let Err(error) = remove_file(path)
        {
            eprintln!(
                "warning: cannot remove {}: {error}; services will not start while it is there",
                path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_goes_when_it_is_ours_and_stays_when_it_was_there() {
        let path = std::env::temp_dir().join(format!("guildhall-policy-{}", std::process::id()));
        let ours = NoServices::at(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 101\n");
        drop(NoServices::at(&path).unwrap());
        assert!(path.exists(), "the second one found it there");
        drop(ours);
        assert!(!path.exists());
    }
}
