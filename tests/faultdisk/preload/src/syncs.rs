//! Making things durable: `fsync` and `fdatasync`, of files and of directories.
//!
//! `sync_file_range`, `syncfs` and `sync` pass by unseen: the first promises no durability, the others promise it for
//! a whole machine, and no server should need that. In a replay they make nothing durable.

use std::ffi::{c_int, c_long};

use crate::descriptors::{lookup, spread_failure, takes_failure};
use crate::protocol::{Kind, SUCCEEDED};
use crate::recorder::{Paths, Recorder, recorder};
use crate::system::{self, call, errno, refuse, set_errno};

/// What of the disk a descriptor stands for: a file by its handle, or a directory by its path.
fn subject(recorder: &Recorder, fd: c_int) -> Option<(Kind, u64, Vec<u8>)> {
    if let Some(file) = lookup(fd) {
        return Some((Kind::Sync, file.handle(), Vec::new()));
    }
    let (libc::S_IFDIR, _) = system::file_of(fd)? else { return None };
    let path = recorder.relative(&system::path_of(fd)?)?;
    Some((Kind::SyncDirectory, 0, path))
}

fn sync(number: c_long, fd: c_int) -> c_int {
    // SAFETY: plain integers.
    let real = || unsafe { call(number, [fd as usize, 0, 0, 0, 0, 0]) as c_int };
    let Some(recorder) = recorder() else { return real() };
    let Some((kind, handle, path)) = subject(recorder, fd) else { return real() };
    let covers = recorder.turn().position();
    let fails = recorder.sync_fails();
    let mut result = if fails { refuse(libc::EIO) } else { real() };
    let mut failure = errno();
    {
        // In one turn: whoever syncs the same file meanwhile either was first, or is told.
        let turn = recorder.turn();
        if fails {
            spread_failure(fd);
        }
        if takes_failure(fd) && !fails {
            (result, failure) = (-1, libc::EIO);
        }
        let told = if result == 0 { SUCCEEDED } else { 0 };
        turn.record(kind, told, handle, covers, Paths(&path, &[]), &[]);
    }
    set_errno(failure);
    result
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    sync(libc::SYS_fsync, fd)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(libc::SYS_fdatasync, fd)
}
