//! The system calls made on our own behalf, with safe signatures, and the one door for those passed on.

use std::ffi::{CStr, c_char, c_int, c_long};

/// Makes a system call; on failure sets `errno` and gives -1, as the C library does.
///
/// # Safety
/// The arguments must be what the kernel expects of this call: live pointers where it takes pointers.
pub(crate) unsafe fn call(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the caller vouches for the arguments; the kernel ignores those beyond the call's own.
    unsafe { libc::syscall(number, a, b, c, d, e, f) as isize }
}

pub(crate) fn errno() -> c_int {
    // SAFETY: takes no arguments and cannot fail.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: a valid pointer to this thread's errno.
    unsafe { *place }
}

pub(crate) fn set_errno(value: c_int) {
    // SAFETY: takes no arguments and cannot fail.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: a valid pointer to this thread's errno, and only this thread writes there.
    unsafe { *place = value }
}

/// Fails the way a system call does.
pub(crate) fn refuse(error: c_int) -> c_int {
    set_errno(error);
    -1
}

pub(crate) fn getpid() -> u32 {
    // SAFETY: takes no arguments and cannot fail.
    unsafe { call(libc::SYS_getpid, [0; 6]) as u32 }
}

pub(crate) fn flock(fd: c_int, operation: c_int) {
    loop {
        // SAFETY: plain integers.
        let done = unsafe { call(libc::SYS_flock, [fd as usize, operation as usize, 0, 0, 0, 0]) };
        if done == 0 || errno() != libc::EINTR {
            return;
        }
    }
}

pub(crate) fn seek(fd: c_int, offset: i64, whence: c_int) -> Option<u64> {
    // SAFETY: plain integers.
    let at = unsafe { call(libc::SYS_lseek, [fd as usize, offset as usize, whence as usize, 0, 0, 0]) };
    u64::try_from(at).ok()
}

pub(crate) fn close(fd: c_int) -> c_int {
    // SAFETY: a plain integer; every caller owns the descriptor or was asked to close it by its owner.
    unsafe { call(libc::SYS_close, [fd as usize, 0, 0, 0, 0, 0]) as c_int }
}

pub(crate) fn write(fd: c_int, bytes: &[u8]) -> isize {
    let arguments = [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0];
    // SAFETY: pointer and length are those of a live slice, which the kernel only reads.
    unsafe { call(libc::SYS_write, arguments) }
}

pub(crate) fn write_at(fd: c_int, bytes: &[u8], offset: i64) -> isize {
    let arguments = [fd as usize, bytes.as_ptr() as usize, bytes.len(), offset as usize, 0, 0];
    // SAFETY: pointer and length are those of a live slice, which the kernel only reads.
    unsafe { call(libc::SYS_pwrite64, arguments) }
}

pub(crate) fn open(path: &CStr, flags: c_int) -> c_int {
    let arguments = [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags as usize, 0, 0, 0];
    // SAFETY: the path is a live C string.
    unsafe { call(libc::SYS_openat, arguments) as c_int }
}

/// The canonical path behind a descriptor, or behind the working directory.
pub(crate) fn path_of(fd: c_int) -> Option<Vec<u8>> {
    let link = match fd {
        libc::AT_FDCWD => String::from("/proc/self/cwd\0"),
        fd => format!("/proc/self/fd/{fd}\0"),
    };
    let mut target = vec![0u8; libc::PATH_MAX as usize];
    let (from, to) = (link.as_ptr() as usize, target.as_mut_ptr() as usize);
    let arguments = [libc::AT_FDCWD as usize, from, to, target.len(), 0, 0];
    // SAFETY: `link` ends in a zero byte, and `target` is writable over the length that is passed.
    let length = unsafe { call(libc::SYS_readlinkat, arguments) };
    target.truncate(usize::try_from(length).ok()?);
    Some(target)
}

/// What kind of file (`S_IFREG`, `S_IFDIR`, …) stands behind a descriptor; its size in bytes.
pub(crate) fn file_of(fd: c_int) -> Option<(u32, u64)> {
    // SAFETY: an empty path with AT_EMPTY_PATH means the descriptor itself.
    unsafe { file_at(fd, c"".as_ptr(), libc::AT_EMPTY_PATH) }
}

/// Which file stands behind a descriptor: its device and number there.
pub(crate) fn identity_of(fd: c_int) -> Option<(u64, u64)> {
    // SAFETY: an empty path with AT_EMPTY_PATH means the descriptor itself.
    let status = unsafe { status_at(fd, c"".as_ptr(), libc::AT_EMPTY_PATH) }?;
    Some((status.st_dev, status.st_ino))
}

/// What kind of file (`S_IFREG`, `S_IFDIR`, …) a path names, and its size in bytes; `None` if there is none.
///
/// # Safety
/// `path` must be a live C string.
pub(crate) unsafe fn file_at(directory: c_int, path: *const c_char, flags: c_int) -> Option<(u32, u64)> {
    // SAFETY: as the caller vouches.
    let status = unsafe { status_at(directory, path, flags) }?;
    Some((status.st_mode & libc::S_IFMT, status.st_size as u64))
}

/// # Safety
/// As [`file_at`].
unsafe fn status_at(directory: c_int, path: *const c_char, flags: c_int) -> Option<libc::stat> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::zeroed();
    let to = status.as_mut_ptr() as usize;
    let arguments = [directory as usize, path as usize, to, flags as usize, 0, 0];
    // SAFETY: the caller vouches for the path; `status` is writable and of the size the kernel fills.
    let done = unsafe { call(libc::SYS_newfstatat, arguments) };
    // SAFETY: all zeros is a valid `stat`, so it is initialised whether or not the kernel filled it.
    let status = unsafe { status.assume_init() };
    (done == 0).then_some(status)
}
