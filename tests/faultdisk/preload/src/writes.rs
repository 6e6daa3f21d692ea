//! Writing, under the many names the C library has for it.

use std::ffi::{c_int, c_void};

use crate::descriptors::{OpenFile, on_disk};
use crate::protocol::{Kind, SUCCEEDED};
use crate::recorder::{Paths, Recorder, give_up};
use crate::system::{self, call, refuse};

/// Writes and records; at the descriptor's own offset if `at` is `None`.
fn write_recorded(recorder: &Recorder, file: OpenFile, fd: c_int, bytes: &[u8], at: Option<i64>) -> isize {
    let turn = recorder.turn();
    let Some(room) = recorder.room_for(bytes.len()) else { return refuse(libc::ENOSPC) as isize };
    let bytes = &bytes[..room];
    let result = match at {
        Some(offset) => system::write_at(fd, bytes, offset),
        None => system::write(fd, bytes),
    };
    let Ok(length @ 1..) = usize::try_from(result) else { return result };
    let end = match at {
        Some(_) if file.appends() => system::file_of(fd).map(|(_, size)| size),
        Some(offset) => Some(offset as u64 + length as u64),
        None => system::seek(fd, 0, libc::SEEK_CUR),
    };
    let Some(end) = end else { give_up("a file of the disk turned into something else") };
    turn.record(Kind::Write, 0, file.handle(), end - length as u64, Paths::NONE, &bytes[..length]);
    if file.syncs_each_write() {
        turn.record(Kind::Sync, SUCCEEDED, file.handle(), turn.position(), Paths::NONE, &[]);
    }
    result
}

/// # Safety
/// As in C: `bytes` must be readable over `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: usize) -> isize {
    match on_disk(fd) {
        Some((recorder, file)) if count > 0 => {
            // SAFETY: the program says that these bytes are there, as it must to write them at all.
            let bytes = unsafe { std::slice::from_raw_parts(bytes.cast(), count) };
            write_recorded(recorder, file, fd, bytes, None)
        }
        // SAFETY: the program's own arguments, passed on unchanged.
        _ => unsafe { call(libc::SYS_write, [fd as usize, bytes as usize, count, 0, 0, 0]) },
    }
}

/// # Safety
/// As [`write`].
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, count: usize, offset: i64) -> isize {
    match on_disk(fd) {
        Some((recorder, file)) if count > 0 => {
            // SAFETY: the program says that these bytes are there, as it must to write them at all.
            let bytes = unsafe { std::slice::from_raw_parts(bytes.cast(), count) };
            write_recorded(recorder, file, fd, bytes, Some(offset))
        }
        // SAFETY: the program's own arguments, passed on unchanged.
        _ => unsafe { call(libc::SYS_pwrite64, [fd as usize, bytes as usize, count, offset as usize, 0, 0]) },
    }
}

/// # Safety
/// As [`write`].
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, count: usize, offset: i64) -> isize {
    // SAFETY: the same call by its other name.
    unsafe { pwrite64(fd, bytes, count, offset) }
}

/// # Safety
/// `parts` must be an array of `count` live buffers.
unsafe fn gathered(parts: *const libc::iovec, count: c_int) -> Vec<u8> {
    let count = usize::try_from(count).unwrap_or(0);
    let mut bytes = Vec::new();
    for index in 0..count {
        // SAFETY: within the array the caller vouches for.
        let part = unsafe { parts.add(index) };
        // SAFETY: an element of that array.
        let part = unsafe { part.read() };
        if part.iov_len > 0 {
            // SAFETY: a live buffer of that length, as the caller vouches.
            bytes
                .extend_from_slice(unsafe { std::slice::from_raw_parts(part.iov_base.cast(), part.iov_len) });
        }
    }
    bytes
}

/// # Safety
/// As in C: `parts` must be an array of `count` readable buffers.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, parts: *const libc::iovec, count: c_int) -> isize {
    match on_disk(fd) {
        Some((recorder, file)) => {
            // SAFETY: the program's own buffers.
            let bytes = unsafe { gathered(parts, count) };
            write_recorded(recorder, file, fd, &bytes, None)
        }
        // SAFETY: the program's own arguments, passed on unchanged.
        None => unsafe { call(libc::SYS_writev, [fd as usize, parts as usize, count as usize, 0, 0, 0]) },
    }
}

/// # Safety
/// As [`writev`].
#[unsafe(no_mangle)]
unsafe extern "C" fn pwritev2(
    fd: c_int,
    parts: *const libc::iovec,
    count: c_int,
    offset: i64,
    flags: c_int,
) -> isize {
    match on_disk(fd) {
        // A write with flags may sync or append on its own; older kernels refuse it, so may we.
        Some(_) if flags != 0 => refuse(libc::EOPNOTSUPP) as isize,
        Some((recorder, file)) => {
            // SAFETY: the program's own buffers.
            let bytes = unsafe { gathered(parts, count) };
            write_recorded(recorder, file, fd, &bytes, (offset != -1).then_some(offset))
        }
        None => {
            // On 64 bits the offset is whole in its first register; the second, its upper half, is ignored.
            let arguments = [fd as usize, parts as usize, count as usize, offset as usize, 0, flags as usize];
            // SAFETY: the program's own arguments, passed on unchanged.
            unsafe { call(libc::SYS_pwritev2, arguments) }
        }
    }
}

/// The other names of `pwritev2`; those without flags do not take -1 for the descriptor's own offset.
macro_rules! also_writes {
    ($($name:ident($($flags:ident)?);)*) => {$(
        /// # Safety
        /// As [`writev`].
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            fd: c_int, parts: *const libc::iovec, count: c_int, offset: i64, $($flags: c_int)?
        ) -> isize {
            let flags: [c_int; _] = [$($flags)?];
            if flags.is_empty() && offset < 0 {
                return refuse(libc::EINVAL) as isize;
            }
            // SAFETY: the program's own arguments.
            unsafe { pwritev2(fd, parts, count, offset, flags.first().copied().unwrap_or(0)) }
        }
    )*};
}

also_writes! {
    pwritev();
    pwritev64();
    pwritev64v2(flags);
}
