//! The agents' processes on disk, for the hall that is started next.
//!
//! A hall that forgot them would take an agent's shell for a person's until the agent's bridge has dialled again, or
//! for ever if it has none any more. So they are written down before the agent is welcomed: a file beside the
//! databases that only this user may read, whose first line says which start of the machine the process ids belong
//! to, followed by one line for each process. It is written beside and moved into place, so it is never half a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::ancestry::{Agent, Process};
use crate::limits;

/// Where Linux says which start of the machine this is, see random(4).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file, and what it says.
pub(crate) struct Register {
    path: PathBuf,
    boot: String,
    /// What is in the file. Held while it is written, so that an older list never replaces a newer one.
    written: Mutex<Vec<Agent>>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    boot: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    pid: u32,
    started: u64,
    name: Arc<str>,
}

impl Register {
    /// Opens the register at `path`, which need not exist. Processes of an earlier start of the machine are left out.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let boot = match fs::read_to_string(BOOT_ID) {
            Ok(boot) => boot.trim().to_owned(),
            Err(cause) => {
                tracing::debug!(%cause, "which start of the machine this is cannot be told");
                String::new()
            }
        };
        let written = match File::open(path) {
            Ok(file) => read(file, &boot)?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(cause) => return Err(cause),
        };
        Ok(Self { path: path.to_owned(), boot, written: Mutex::new(written) })
    }

    /// Whom the file names.
    pub(crate) fn agents(&self) -> Vec<Agent> {
        self.written.lock().expect("nothing panics while it is held").clone()
    }

    /// Makes the file say what `agents` gives, durably. Blocks on the disk if that is something new.
    pub(crate) fn write(&self, agents: impl FnOnce() -> Vec<Agent>) -> io::Result<()> {
        let mut written = self.written.lock().expect("nothing panics while it is held");
        let agents = agents();
        if *written == agents {
            return Ok(());
        }
        let mut text = serde_json::to_vec(&Head { boot: self.boot.clone() })?;
        for Agent { process: Process { pid, started }, name } in &agents {
            text.push(b'\n');
            serde_json::to_writer(&mut text, &Line { pid: *pid, started: *started, name: name.clone() })?;
        }
        text.push(b'\n');
        let fresh = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(directory) = self.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
        *written = agents;
        Ok(())
    }
}

fn read(file: File, boot: &str) -> io::Result<Vec<Agent>> {
    let mut text = String::new();
    file.take(limits::REGISTER_BYTES).read_to_string(&mut text)?;
    let mut lines = text.lines();
    let head: Head = serde_json::from_str(lines.next().unwrap_or_default())?;
    if head.boot != boot {
        return Ok(Vec::new());
    }
    let agent = |line| {
        let Line { pid, started, name } = serde_json::from_str(line)?;
        Ok(Agent { process: Process { pid, started }, name })
    };
    lines.map(agent).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn web() -> Vec<Agent> {
        vec![Agent { process: Process { pid: 7, started: 70 }, name: "web\n".into() }]
    }

    #[test]
    fn what_was_written_is_read_by_the_next_hall_and_by_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agents");
        let register = Register::open(&path).unwrap();
        assert_eq!(register.agents(), []);
        register.write(web).unwrap();
        assert_eq!(Register::open(&path).unwrap().agents(), web());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        register.write(Vec::new).unwrap();
        assert_eq!(Register::open(&path).unwrap().agents(), []);
    }

    #[test]
    fn processes_of_an_earlier_start_of_the_machine_are_nobodys() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agents");
        fs::write(&path, "{\"boot\":\"another\"}\n{\"pid\":7,\"started\":70,\"name\":\"web\"}\n").unwrap();
        assert_eq!(Register::open(&path).unwrap().agents(), []);
    }

    #[test]
    fn a_register_that_cannot_be_understood_is_not_taken_for_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agents");
        let boot = fs::read_to_string(BOOT_ID).unwrap();
        for text in ["".to_owned(), "?".into(), format!("{{\"boot\":\"{}\"}}\n{{\"pid\":", boot.trim())] {
            fs::write(&path, text).unwrap();
            assert!(Register::open(&path).is_err());
        }
    }
}
