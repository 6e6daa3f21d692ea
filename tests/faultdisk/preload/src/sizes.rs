//! Changing the size of a file, and asking for space.

use std::ffi::{c_char, c_int};

use crate::descriptors::on_disk;
use crate::protocol::Kind;
use crate::recorder::{Paths, recorder};
use crate::system::{self, call, refuse};

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, size: i64) -> c_int {
    let on_disk = on_disk(fd);
    let turn = on_disk.map(|(recorder, file)| (recorder.turn(), file));
    // SAFETY: plain integers.
    let result = unsafe { call(libc::SYS_ftruncate, [fd as usize, size as usize, 0, 0, 0, 0]) as c_int };
    if let (0, Some((turn, file))) = (result, turn) {
        turn.record(Kind::Resize, 0, file.handle(), size as u64, Paths::NONE, &[]);
    }
    result
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(fd: c_int, size: i64) -> c_int {
    ftruncate64(fd, size)
}

/// # Safety
/// As in C: `path` must be a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn truncate(path: *const c_char, size: i64) -> c_int {
    // SAFETY: the program's own path.
    if recorder().and_then(|recorder| unsafe { recorder.inside(libc::AT_FDCWD, path) }).is_none() {
        // SAFETY: the program's own arguments, passed on unchanged.
        return unsafe { call(libc::SYS_truncate, [path as usize, size as usize, 0, 0, 0, 0]) as c_int };
    }
    // SAFETY: the program's own path. Our own `open`, so that the change has a handle in the trace.
    let fd = unsafe { libc::open(path, libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return fd;
    }
    let result = ftruncate64(fd, size);
    let errno = system::errno();
    // SAFETY: opened above, used nowhere else. Our own `close`, which forgets it.
    unsafe { libc::close(fd) };
    system::set_errno(errno);
    result
}

/// # Safety
/// As [`truncate`].
#[unsafe(no_mangle)]
unsafe extern "C" fn truncate64(path: *const c_char, size: i64) -> c_int {
    // SAFETY: the same call by its other name.
    unsafe { truncate(path, size) }
}

#[unsafe(no_mangle)]
extern "C" fn fallocate64(fd: c_int, mode: c_int, offset: i64, length: i64) -> c_int {
    let turn = match on_disk(fd) {
        Some(_) if mode & !libc::FALLOC_FL_KEEP_SIZE != 0 => return refuse(libc::EOPNOTSUPP),
        Some((recorder, file)) => {
            let turn = recorder.turn();
            // Space is asked for as a whole or not at all, and blocks already there are not counted off.
            if recorder.room_for(usize::from(length > 0)).is_none() {
                return refuse(libc::ENOSPC);
            }
            Some((turn, file))
        }
        None => None,
    };
    let arguments = [fd as usize, mode as usize, offset as usize, length as usize, 0, 0];
    // SAFETY: plain integers.
    let result = unsafe { call(libc::SYS_fallocate, arguments) as c_int };
    if let (0, Some((turn, file))) = (result, turn)
        && mode == 0
        && let Some((_, size)) = system::file_of(fd)
    {
        turn.record(Kind::Resize, 0, file.handle(), size, Paths::NONE, &[]);
    }
    result
}

#[unsafe(no_mangle)]
extern "C" fn fallocate(fd: c_int, mode: c_int, offset: i64, length: i64) -> c_int {
    fallocate64(fd, mode, offset, length)
}

/// Gives the error itself and leaves `errno` alone.
#[unsafe(no_mangle)]
extern "C" fn posix_fallocate64(fd: c_int, offset: i64, length: i64) -> c_int {
    let errno = system::errno();
    let result = if fallocate64(fd, 0, offset, length) == 0 { 0 } else { system::errno() };
    system::set_errno(errno);
    result
}

#[unsafe(no_mangle)]
extern "C" fn posix_fallocate(fd: c_int, offset: i64, length: i64) -> c_int {
    posix_fallocate64(fd, offset, length)
}
