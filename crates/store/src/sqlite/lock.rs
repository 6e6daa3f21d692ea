//! One server to a data directory, for as long as it lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::files;

/// The sole right to a data directory. The operating system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

/// Somebody else holds the directory, or it cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum AlreadyRunning {
    /// Another server.
    #[error("{directory} is in use by another Guildhall: {holder}")]
    By {
        /// The directory.
        directory: PathBuf,
        /// What the holder said of itself.
        holder: String,
    },
    /// The lock file cannot be used.
    #[error("{0} cannot be locked: {1}")]
    Unusable(PathBuf, std::io::Error),
}

impl DirectoryLock {
    /// Takes the directory, and writes down who holds it.
    pub fn take(directory: &Path, holder: &str) -> Result<Self, AlreadyRunning> {
        let path = directory.join("lock");
        let unusable = |cause| AlreadyRunning::Unusable(path.clone(), cause);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(files::MODE)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.take(200).read_to_string(&mut holder).map_err(unusable)?;
                return Err(AlreadyRunning::By {
                    directory: directory.to_owned(),
                    holder: holder.trim().to_owned(),
                });
            }
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{holder}")
        };
        // A full disk must not keep a server from starting: the note is a courtesy, the lock is held already.
        if let Err(cause) = write(&mut file) {
            tracing::warn!(%cause, path = %path.display(), "could not note who holds the data directory");
        }
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_about_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let first = DirectoryLock::take(directory.path(), "process 17").unwrap();
        let refused = DirectoryLock::take(directory.path(), "process 18").unwrap_err();
        assert!(refused.to_string().ends_with("in use by another Guildhall: process 17"), "{refused}");
        drop(first);
        DirectoryLock::take(directory.path(), "process 18").unwrap();
    }
}
