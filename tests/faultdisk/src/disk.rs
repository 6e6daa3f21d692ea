//! The disk under a program: starting the program on it, making it fail, reading what happened.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::image::Image;
use crate::protocol::{
    CONTROL, DIRECTORY, SPACE, SYNC_FUSE, SYNC_ONCE, SYNCS, SYNCS_FAILED, TRACE, WORDS, WRITES_REFUSED,
};
use crate::trace::{Position, Trace, TraceError};

/// A directory whose every change is recorded, and which can be made to fail while programs run on it.
pub struct Disk {
    directory: PathBuf,
    base: Image,
    recorder: PathBuf,
    beside: tempfile::TempDir,
    control: File,
}

/// Which syncs fail with `EIO`. Those of files and of directories are counted alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncFailure {
    /// One, after so many more have succeeded.
    Once {
        /// How many succeed first.
        after: u32,
    },
    /// All, after so many more have succeeded.
    Always {
        /// How many succeed first.
        after: u32,
    },
}

/// What the disk did to the programs on it so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Syncs asked for, of files and directories, failed ones included.
    pub syncs: u64,
    /// Syncs that failed on demand; not those by which other descriptors were told of it.
    pub failed_syncs: u64,
    /// Writes refused, or shortened, because the disk was full.
    pub refused_writes: u64,
}

impl Disk {
    /// Makes a directory, created if missing, into a disk. What is in it counts as durable.
    ///
    /// # Errors
    /// When the directory cannot be read, or the recorder was not built beside this test.
    pub fn new(directory: impl AsRef<Path>) -> io::Result<Disk> {
        fs::create_dir_all(&directory)?;
        let directory = directory.as_ref().canonicalize()?;
        let beside = tempfile::Builder::new().prefix("faultdisk").tempdir()?;
        File::create_new(beside.path().join("trace"))?;
        let control =
            File::options().read(true).write(true).create_new(true).open(beside.path().join("control"))?;
        control.set_len((WORDS * 8) as u64)?;
        let disk = Disk { base: Image::of(&directory)?, directory, recorder: recorder()?, beside, control };
        disk.heal()?;
        Ok(disk)
    }

    /// The directory, by the name that programs have to use for it.
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// A command whose files in the directory are on this disk, and those of the programs it starts.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    /// The environment that puts a program on this disk.
    pub fn environment(&self) -> [(OsString, OsString); 4] {
        let mut preload = self.recorder.clone().into_os_string();
        if let Some(others) = std::env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
            preload.push(":");
            preload.push(others);
        }
        [
            ("LD_PRELOAD".into(), preload),
            (DIRECTORY.into(), self.directory.clone().into_os_string()),
            (TRACE.into(), self.beside.path().join("trace").into_os_string()),
            (CONTROL.into(), self.beside.path().join("control").into_os_string()),
        ]
    }

    /// Makes syncs fail, from this moment on.
    ///
    /// # Errors
    /// When the control words cannot be written.
    pub fn fail_syncs(&self, failure: SyncFailure) -> io::Result<()> {
        let (once, after) = match failure {
            SyncFailure::Once { after } => (1, after),
            SyncFailure::Always { after } => (0, after),
        };
        self.set(SYNC_ONCE, once)?;
        self.set(SYNC_FUSE, i64::from(after))
    }

    /// Leaves room for so many more bytes of writes; then the disk is full and writes fail with `ENOSPC`.
    ///
    /// # Errors
    /// When the control words cannot be written.
    pub fn fill_up(&self, room: u32) -> io::Result<()> {
        self.set(SPACE, i64::from(room))
    }

    /// Makes the disk big and well again.
    ///
    /// # Errors
    /// When the control words cannot be written.
    pub fn heal(&self) -> io::Result<()> {
        self.set(SYNC_FUSE, -1)?;
        self.set(SPACE, -1)
    }

    /// What the disk did so far. A test of a failure should see that it happened.
    ///
    /// # Errors
    /// When the control words cannot be read.
    pub fn faults(&self) -> io::Result<Faults> {
        Ok(Faults {
            syncs: self.get(SYNCS)?,
            failed_syncs: self.get(SYNCS_FAILED)?,
            refused_writes: self.get(WRITES_REFUSED)?,
        })
    }

    /// Now. Take it after an acknowledgement has arrived: whatever cut comes at this position or later, what was
    /// acknowledged must survive it. Taken late it is still right, only weaker: a busy test should also cut with
    /// [`crate::Cut::at`] where an acknowledgement was seen, and see that something was due.
    ///
    /// # Errors
    /// When the trace is gone.
    pub fn position(&self) -> io::Result<Position> {
        Ok(Position(fs::metadata(self.beside.path().join("trace"))?.len()))
    }

    /// Reads what has happened so far; programs may still be running.
    ///
    /// # Errors
    /// See [`TraceError`].
    pub fn trace(&self) -> Result<Trace, TraceError> {
        Trace::read(&self.directory, &self.base, fs::read(self.beside.path().join("trace"))?)
    }

    fn set(&self, word: usize, value: i64) -> io::Result<()> {
        self.control.write_all_at(&value.to_ne_bytes(), word as u64 * 8)
    }

    fn get(&self, word: usize) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, word as u64 * 8)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

/// The shared object: cargo builds it into the directory of the test executables, as a dependency of this crate.
fn recorder() -> io::Result<PathBuf> {
    if cfg!(not(target_os = "linux")) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the test disk needs Linux"));
    }
    let name = "libguildhall_faultdisk_preload.so";
    let executable = std::env::current_exe()?;
    let places = executable.ancestors().skip(1).take(2);
    let found = places
        .flat_map(|place| [place.join(name), place.join("deps").join(name)])
        .find(|candidate| candidate.is_file());
    found.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("{name} is not near {}", executable.display()))
    })
}
