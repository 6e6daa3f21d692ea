//! Opening files, and mapping them.

use std::ffi::{c_char, c_int, c_void};

use crate::descriptors::{OpenFile, on_disk, remember};
use crate::protocol::{CREATED, Kind, TRUNCATED};
use crate::recorder::{Paths, recorder};
use crate::system::{call, errno, file_at, refuse};

/// # Safety
/// `path` must be a live C string.
unsafe fn open_raw(directory: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int {
    let arguments = [directory as usize, path as usize, flags as usize, mode as usize, 0, 0];
    // SAFETY: the caller vouches for the path; the rest are integers.
    unsafe { call(libc::SYS_openat, arguments) as c_int }
}

/// Opens and tells whether the file was created, which `O_CREAT` alone does not say.
///
/// # Safety
/// `path` must be a live C string.
unsafe fn open_or_create(directory: c_int, path: *const c_char, flags: c_int, mode: u32) -> (c_int, bool) {
    loop {
        if flags & libc::O_CREAT == 0 {
            // SAFETY: as the caller vouches.
            return (unsafe { open_raw(directory, path, flags, mode) }, false);
        }
        // SAFETY: as the caller vouches.
        let new = unsafe { open_raw(directory, path, flags | libc::O_EXCL, mode) };
        if new >= 0 || flags & libc::O_EXCL != 0 || errno() != libc::EEXIST {
            return (new, new >= 0);
        }
        // SAFETY: as the caller vouches.
        let old = unsafe { open_raw(directory, path, flags & !libc::O_CREAT, mode) };
        if old >= 0 || errno() != libc::ENOENT {
            return (old, false);
        }
    }
}

/// # Safety
/// As in C: `path` must be a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn openat(directory: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int {
    // SAFETY: the program's own path.
    let inside =
        recorder().and_then(|recorder| Some((recorder, unsafe { recorder.inside(directory, path) }?)));
    let Some((recorder, inside)) = inside.filter(|_| flags & libc::O_PATH == 0) else {
        // SAFETY: the program's own arguments, passed on unchanged.
        return unsafe { open_raw(directory, path, flags, mode) };
    };
    if flags & libc::O_TMPFILE == libc::O_TMPFILE {
        return refuse(libc::EOPNOTSUPP);
    }
    let turn = recorder.turn();
    // SAFETY: the program's own path.
    let there = unsafe { file_at(directory, path, 0) };
    if there.is_some_and(|(kind, _)| kind != libc::S_IFREG) {
        // Opening a pipe may wait for its other end.
        drop(turn);
        // SAFETY: the program's own arguments, passed on unchanged.
        return unsafe { open_raw(directory, path, flags, mode) };
    }
    // SAFETY: the program's own arguments.
    let (fd, created) = unsafe { open_or_create(directory, path, flags, mode) };
    if fd < 0 {
        return fd;
    }
    let cut = flags & libc::O_TRUNC != 0 && flags & libc::O_ACCMODE != libc::O_RDONLY;
    let handle = recorder.new_handle();
    let told = if created { CREATED } else { 0 } | if cut { TRUNCATED } else { 0 };
    turn.record(Kind::Open, told, handle, 0, Paths(&inside, &[]), &[]);
    remember(fd, OpenFile::new(handle, flags));
    fd
}

/// The other names of `openat`: with and without a directory, for large files, with a mode, and as glibc's checked calls.
macro_rules! also_opens {
    ($($name:ident($($argument:ident: $type:ty),*) => ($directory:expr, $path:expr, $flags:expr, $mode:expr);)*) => {$(
        /// # Safety
        /// As in C: `path` must be a C string.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> c_int {
            // SAFETY: the program's own arguments; only defaults are added.
            unsafe { openat($directory, $path, $flags, $mode) }
        }
    )*};
}

const HERE: c_int = libc::AT_FDCWD;
const CREAT: c_int = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;

also_opens! {
    open(path: *const c_char, flags: c_int, mode: u32) => (HERE, path, flags, mode);
    open64(path: *const c_char, flags: c_int, mode: u32) => (HERE, path, flags, mode);
    openat64(directory: c_int, path: *const c_char, flags: c_int, mode: u32) => (directory, path, flags, mode);
    creat(path: *const c_char, mode: u32) => (HERE, path, CREAT, mode);
    creat64(path: *const c_char, mode: u32) => (HERE, path, CREAT, mode);
    __open_2(path: *const c_char, flags: c_int) => (HERE, path, flags, 0);
    __open64_2(path: *const c_char, flags: c_int) => (HERE, path, flags, 0);
    __openat_2(directory: c_int, path: *const c_char, flags: c_int) => (directory, path, flags, 0);
    __openat64_2(directory: c_int, path: *const c_char, flags: c_int) => (directory, path, flags, 0);
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // MAP_SHARED_VALIDATE contains the bit of MAP_SHARED.
    let stores = flags & libc::MAP_SHARED != 0 && protection & libc::PROT_WRITE != 0;
    if stores
        && flags & libc::MAP_ANONYMOUS == 0
        && let Some((recorder, file)) = on_disk(fd)
    {
        recorder.turn().record(Kind::Mapped, 0, file.handle(), 0, Paths::NONE, &[]);
    }
    let arguments =
        [address as usize, length, protection as usize, flags as usize, fd as usize, offset as usize];
    // SAFETY: the program's own arguments, passed on unchanged.
    unsafe { call(libc::SYS_mmap, arguments) as *mut c_void }
}

/// # Safety
/// As in C.
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // SAFETY: the same call by its other name.
    unsafe { mmap(address, length, protection, flags, fd, offset) }
}
