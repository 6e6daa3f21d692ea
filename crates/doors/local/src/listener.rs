//! The socket: takes its place in the file system, accepts, and leaves no file behind.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate::Rates;
use hall::Hall;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ancestry::{Ancestry, Proc, Processes};
use crate::limits;
use crate::register::Register;
use crate::session;

/// What can be set about this door.
#[derive(Clone)]
pub struct Options {
    /// Where the socket is, in at most 107 bytes: the operating system's bound.
    pub path: PathBuf,
    /// Where it is kept which processes are agents', through restarts.
    pub agents: PathBuf,
    /// The addresses the hall listens on, to be told in `status`.
    pub listening: Vec<String>,
    /// How often a principal may call, through this door and any other.
    pub rates: Arc<Rates>,
}

/// Why the socket could not take its place.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another hall answers there.
    #[error("another Guildhall listens at {}", .0.display())]
    InUse(PathBuf),
    /// There is a file of another kind.
    #[error("{} is there already and is no socket", .0.display())]
    NotASocket(PathBuf),
    /// It cannot be told which processes are agents'.
    #[error(
        "{} does not say which processes are agents' ({cause}); if no agent runs on this machine, remove it",
        .path.display()
    )]
    Agents {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The operating system said no.
    #[error("the socket {} cannot be made: {cause}", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// The door, listening.
pub struct LocalDoor {
    listener: UnixListener,
    options: Options,
    register: Register,
    processes: Arc<dyn Processes>,
    /// Device and number of the socket's file, to know it again.
    file: (u64, u64),
}

/// What all connections share.
pub(crate) struct Door {
    pub(crate) hall: Hall,
    pub(crate) ancestry: Ancestry,
    pub(crate) listening: Vec<String>,
    pub(crate) rates: Arc<Rates>,
    /// Places of those who have not said who speaks yet.
    pub(crate) strangers: Arc<Semaphore>,
    pub(crate) closing: CancellationToken,
}

impl LocalDoor {
    /// Makes the socket, which only this user may open. The file of a hall that has died is replaced.
    ///
    /// # Errors
    /// If another hall answers there, something else is in the place, the file of agents' processes is damaged, or the
    /// operating system refuses.
    pub fn bind(options: Options) -> Result<Self, BindError> {
        let register = Register::open(&options.agents)
            .map_err(|cause| BindError::Agents { path: options.agents.clone(), cause })?;
        let path = &options.path;
        let failed = |cause| BindError::Io { path: path.clone(), cause };
        match fs::symlink_metadata(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(failed(cause)),
            Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(path.clone())),
            Ok(_) => match BlockingStream::connect(path) {
                Ok(_) => return Err(BindError::InUse(path.clone())),
                Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failed)?;
                }
                Err(cause) => return Err(failed(cause)),
            },
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Whoever slips in before this is refused by its user id. Setting the mask instead would be felt by every
        // thread that makes a file in that moment.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        let file = identity(path).map_err(failed)?;
        Ok(Self { listener, options, register, processes: Arc::new(Proc), file })
    }

    /// Asks another table than the machine's own who descends from whom.
    #[must_use]
    pub fn with_processes(self, processes: Arc<dyn Processes>) -> Self {
        Self { processes, ..self }
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.options.path
    }

    /// Lets processes in until `closing` or until the hall closes. Then calls under way are finished, waiting ones are
    /// answered with what there is, and the socket's file is removed.
    pub async fn run(self, hall: Hall, closing: CancellationToken) {
        let Self { listener, options, register, processes, file } = self;
        let ended = hall.closing();
        let door = Arc::new(Door {
            hall,
            ancestry: Ancestry::new(processes, register),
            listening: options.listening,
            rates: options.rates,
            strangers: Arc::new(Semaphore::new(limits::STRANGERS)),
            closing: closing.child_token(),
        });
        let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
        // One task a connection; each ends with its socket, or soon after `closing`.
        let mut sessions = JoinSet::new();
        loop {
            let next = async {
                let place = room.clone().acquire_owned().await.expect("the semaphore is never closed");
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                next = next => next,
                Some(ended) = sessions.join_next() => {
                    if let Err(cause) = ended {
                        tracing::error!(%cause, "a connection was cut short");
                    }
                    continue;
                }
                () = closing.cancelled() => break,
                () = ended.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let door = door.clone();
                    sessions.spawn(async move {
                        session::serve(stream, door).await;
                        drop(place);
                    });
                }
                Err(cause) => {
                    tracing::warn!(%cause, "could not accept a local connection; trying again");
                    tokio::time::sleep(limits::ACCEPT_AGAIN).await;
                }
            }
        }
        door.closing.cancel();
        drop(listener);
        if identity(&options.path).is_ok_and(|there| there == file)
            && let Err(cause) = fs::remove_file(&options.path)
        {
            tracing::warn!(%cause, socket = %options.path.display(), "could not remove the socket");
        }
        let finish = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(limits::FINISH, finish).await.is_err() {
            tracing::warn!(connections = sessions.len(), "local calls did not finish in time");
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let there = fs::symlink_metadata(path)?;
    Ok((there.dev(), there.ino()))
}
