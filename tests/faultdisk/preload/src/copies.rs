//! Copies inside the kernel, whose bytes nobody sees: refused for files of the disk, as some filesystems refuse them, so
//! that the program reads and writes instead.

use std::ffi::c_int;

use crate::descriptors::on_disk;
use crate::system::{call, refuse};

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_offset: *mut i64,
    to: c_int,
    to_offset: *mut i64,
    length: usize,
    flags: u32,
) -> isize {
    if on_disk(to).is_some() {
        return refuse(libc::EXDEV) as isize;
    }
    let arguments =
        [from as usize, from_offset as usize, to as usize, to_offset as usize, length, flags as usize];
    // SAFETY: the program's own arguments, passed on unchanged.
    unsafe { call(libc::SYS_copy_file_range, arguments) }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn splice(
    from: c_int,
    from_offset: *mut i64,
    to: c_int,
    to_offset: *mut i64,
    length: usize,
    flags: u32,
) -> isize {
    if on_disk(to).is_some() {
        return refuse(libc::EINVAL) as isize;
    }
    let arguments =
        [from as usize, from_offset as usize, to as usize, to_offset as usize, length, flags as usize];
    // SAFETY: the program's own arguments, passed on unchanged.
    unsafe { call(libc::SYS_splice, arguments) }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile64(to: c_int, from: c_int, offset: *mut i64, count: usize) -> isize {
    if on_disk(to).is_some() {
        return refuse(libc::EINVAL) as isize;
    }
    // SAFETY: the program's own arguments, passed on unchanged.
    unsafe { call(libc::SYS_sendfile, [to as usize, from as usize, offset as usize, count, 0, 0]) }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile(to: c_int, from: c_int, offset: *mut i64, count: usize) -> isize {
    // SAFETY: the same call by its other name.
    unsafe { sendfile64(to, from, offset, count) }
}
