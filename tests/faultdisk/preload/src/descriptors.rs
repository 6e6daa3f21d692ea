//! Which descriptors of this process are files of the disk, and the calls that copy or close them.
//!
//! A flat table of atomics, so that a descriptor of no interest costs one load, and so that a child between `fork` and
//! `exec` can close and duplicate without waiting for a lock that no longer has an owner. Directories are not in it: their
//! descriptors are closed inside the C library (`closedir`), where nobody would see it.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::Kind;
use crate::recorder::{Paths, Recorder, give_up, recorder};
use crate::system::{self, call};

const SLOTS: usize = 1 << 16;
const APPENDS: u64 = 1 << 63;
const SYNCS_EACH_WRITE: u64 = 1 << 62;
const OWES_A_FAILURE: u64 = 1 << 61;

static TABLE: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];

/// An open file of the disk.
#[derive(Clone, Copy)]
pub(crate) struct OpenFile(u64);

impl OpenFile {
    pub(crate) fn new(handle: u64, flags: c_int) -> OpenFile {
        let appends = if flags & libc::O_APPEND != 0 { APPENDS } else { 0 };
        // O_SYNC contains the bit of O_DSYNC.
        let syncs = if flags & libc::O_DSYNC != 0 { SYNCS_EACH_WRITE } else { 0 };
        OpenFile(handle | appends | syncs)
    }

    pub(crate) fn handle(self) -> u64 {
        self.0 & !(APPENDS | SYNCS_EACH_WRITE | OWES_A_FAILURE)
    }

    /// Whether each write goes to the end of the file, whatever offset it names.
    pub(crate) fn appends(self) -> bool {
        self.0 & APPENDS != 0
    }

    /// Whether each write is a sync as well.
    pub(crate) fn syncs_each_write(self) -> bool {
        self.0 & SYNCS_EACH_WRITE != 0
    }
}

/// The file of the disk behind a descriptor, if it is one.
pub(crate) fn lookup(fd: c_int) -> Option<OpenFile> {
    let entry = TABLE.get(usize::try_from(fd).ok()?)?.load(Ordering::SeqCst);
    (entry != 0).then_some(OpenFile(entry))
}

/// The same, with the recorder to tell about it.
pub(crate) fn on_disk(fd: c_int) -> Option<(&'static Recorder, OpenFile)> {
    Some((recorder()?, lookup(fd)?))
}

pub(crate) fn remember(fd: c_int, file: OpenFile) {
    match usize::try_from(fd).ok().and_then(|fd| TABLE.get(fd)) {
        Some(slot) => slot.store(file.0, Ordering::SeqCst),
        None => give_up("a descriptor beyond 65535"),
    }
}

/// A sync of the file behind `fd` failed: everybody else who has the file open is told by their next.
pub(crate) fn spread_failure(fd: c_int) {
    let Some(file) = system::identity_of(fd) else { return };
    for (other, slot) in (0..).zip(&TABLE) {
        if other != fd && slot.load(Ordering::SeqCst) != 0 && system::identity_of(other) == Some(file) {
            // Unless it was closed meanwhile; then the slot is empty, and stays so.
            let owing = |entry| (entry != 0).then_some(entry | OWES_A_FAILURE);
            _ = slot.fetch_update(Ordering::SeqCst, Ordering::SeqCst, owing);
        }
    }
}

/// Whether a sync of the file failed that this descriptor has not been told of. It is now.
pub(crate) fn takes_failure(fd: c_int) -> bool {
    let slot = usize::try_from(fd).ok().and_then(|fd| TABLE.get(fd));
    slot.is_some_and(|slot| slot.fetch_and(!OWES_A_FAILURE, Ordering::SeqCst) & OWES_A_FAILURE != 0)
}

pub(crate) fn forget(fd: c_int) {
    if let Some(slot) = usize::try_from(fd).ok().and_then(|fd| TABLE.get(fd)) {
        slot.store(0, Ordering::SeqCst);
    }
}

/// A program started by another one may have got files of the disk as its standard streams.
pub(crate) fn adopt_inherited() {
    let Some(recorder) = recorder() else { return };
    for fd in 0..256 {
        let Some((libc::S_IFREG, _)) = system::file_of(fd) else { continue };
        let Some(path) = system::path_of(fd).and_then(|path| recorder.relative(&path)) else { continue };
        // SAFETY: plain integers.
        let flags =
            unsafe { call(libc::SYS_fcntl, [fd as usize, libc::F_GETFL as usize, 0, 0, 0, 0]) as c_int };
        let handle = recorder.new_handle();
        recorder.turn().record(Kind::Open, 0, handle, 0, Paths(&path, &[]), &[]);
        remember(fd, OpenFile::new(handle, flags));
    }
}

/// A descriptor `copy` now stands for what `fd` stands for.
fn copied(fd: c_int, copy: c_int) -> c_int {
    if copy >= 0 {
        match lookup(fd) {
            Some(file) => remember(copy, file),
            None => forget(copy),
        }
    }
    copy
}

#[unsafe(no_mangle)]
extern "C" fn close(fd: c_int) -> c_int {
    // Before the call: right after it the number may already be another thread's.
    forget(fd);
    system::close(fd)
}

#[unsafe(no_mangle)]
extern "C" fn dup(fd: c_int) -> c_int {
    // SAFETY: a plain integer.
    copied(fd, unsafe { call(libc::SYS_dup, [fd as usize, 0, 0, 0, 0, 0]) as c_int })
}

#[unsafe(no_mangle)]
extern "C" fn dup2(fd: c_int, to: c_int) -> c_int {
    if fd == to {
        // SAFETY: plain integers. `dup3`, which all platforms have, refuses this case; `dup2` only checks the descriptor.
        let flags = unsafe { call(libc::SYS_fcntl, [fd as usize, libc::F_GETFD as usize, 0, 0, 0, 0]) };
        return if flags < 0 { -1 } else { to };
    }
    dup3(fd, to, 0)
}

#[unsafe(no_mangle)]
extern "C" fn dup3(fd: c_int, to: c_int, flags: c_int) -> c_int {
    // SAFETY: plain integers.
    copied(fd, unsafe { call(libc::SYS_dup3, [fd as usize, to as usize, flags as usize, 0, 0, 0]) as c_int })
}

/// # Safety
/// As in C: the argument must be what the command takes.
#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: the program's own arguments, passed on unchanged.
    let result =
        unsafe { call(libc::SYS_fcntl, [fd as usize, command as usize, argument, 0, 0, 0]) as c_int };
    match command {
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => copied(fd, result),
        _ => result,
    }
}

/// # Safety
/// As [`fcntl`].
#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: the same call by its other name.
    unsafe { fcntl(fd, command, argument) }
}
