//! The signals that tell a server to end.

use std::fs;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens to them, in place of what the system would do.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal has gone. Not listened to if the server was started so as to outlive it.
    hangup: Option<Signal>,
}

impl Signals {
    /// Listens from here on.
    ///
    /// # Errors
    /// If the system does not let it.
    pub(crate) fn listen() -> io::Result<Self> {
        let hangup = SignalKind::hangup();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_ignored(hangup) { None } else { Some(signal(hangup)?) },
        })
    }

    /// Resolves when the server is told to end.
    pub(crate) async fn end(&mut self) {
        let Self { terminate, interrupt, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hung_up => {}
        }
    }

    /// Resolves when a server that is ending is told to hurry. A terminal that goes is no hurry: of one that is closed,
    /// both the system and the shell send word.
    pub(crate) async fn hurry(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Whether this program was started with a signal ignored, as `nohup` does. Where the system does not say, the signal is
/// taken for ignored and left as it is.
fn is_ignored(kind: SignalKind) -> bool {
    match fs::read_to_string("/proc/self/status") {
        Ok(status) => ignored(&status).is_none_or(|mask| mask >> (kind.as_raw_value() - 1) & 1 == 1),
        Err(_) => true,
    }
}

/// The ignored signals in `/proc/PID/status`, see `proc_pid_status(5)`: the lowest bit is signal 1.
fn ignored(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_list_of_ignored_signals_is_understood() {
        assert_eq!(ignored("Name:\tguildhall\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), Some(0x1001));
        assert_eq!(ignored("Name:\tguildhall\n"), None);
    }
}
