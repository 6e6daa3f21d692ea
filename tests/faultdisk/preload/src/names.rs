//! Changing directories: renaming, linking, unlinking, making and removing.
//!
//! Only names of regular files and of directories are recorded; a socket or a pipe is no part of a disk image.

use std::ffi::{c_char, c_int};

use crate::protocol::Kind;
use crate::recorder::{Paths, Recorder, recorder};
use crate::system::{call, file_at, refuse};

const HERE: c_int = libc::AT_FDCWD;

/// # Safety
/// `path` must be null or a live C string.
unsafe fn on_disk(directory: c_int, path: *const c_char) -> Option<(&'static Recorder, Vec<u8>)> {
    let recorder = recorder()?;
    // SAFETY: as the caller vouches.
    Some((recorder, unsafe { recorder.inside(directory, path) }?))
}

/// Whether what is there now belongs into a disk image.
///
/// # Safety
/// `path` must be a live C string.
unsafe fn recordable(directory: c_int, path: *const c_char) -> bool {
    // SAFETY: as the caller vouches.
    let there = unsafe { file_at(directory, path, libc::AT_SYMLINK_NOFOLLOW) };
    matches!(there, Some((libc::S_IFREG | libc::S_IFDIR, _)))
}

/// A call that gives one existing file another name, perhaps instead of its own.
///
/// # Safety
/// Both paths must be C strings, and `arguments` those of the call.
unsafe fn rename_or_link(
    kind: Kind,
    (old_directory, old): (c_int, *const c_char),
    (new_directory, new): (c_int, *const c_char),
    number: i64,
    arguments: [usize; 6],
) -> c_int {
    // SAFETY: as the caller vouches.
    let from = unsafe { on_disk(old_directory, old) };
    // SAFETY: as the caller vouches.
    let to = unsafe { on_disk(new_directory, new) };
    let (recorder, from, to) = match (from, to) {
        (Some((recorder, from)), Some((_, to))) => (recorder, from, to),
        // SAFETY: the program's own arguments, passed on unchanged.
        (None, None) => return unsafe { call(number, arguments) as c_int },
        _ => return refuse(libc::EXDEV),
    };
    let turn = recorder.turn();
    // SAFETY: the program's own path.
    let recordable = unsafe { recordable(old_directory, old) };
    // SAFETY: the program's own arguments, passed on unchanged.
    let result = unsafe { call(number, arguments) as c_int };
    if result == 0 && recordable {
        turn.record(kind, 0, 0, 0, Paths(&from, &to), &[]);
    }
    result
}

/// # Safety
/// As in C: both paths must be C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn renameat2(
    old_directory: c_int,
    old: *const c_char,
    new_directory: c_int,
    new: *const c_char,
    flags: u32,
) -> c_int {
    // SAFETY: the program's own path.
    if flags & !libc::RENAME_NOREPLACE != 0 && unsafe { on_disk(old_directory, old) }.is_some() {
        return refuse(libc::EINVAL);
    }
    let arguments =
        [old_directory as usize, old as usize, new_directory as usize, new as usize, flags as usize, 0];
    let (from, to) = ((old_directory, old), (new_directory, new));
    // SAFETY: the program's own arguments.
    unsafe { rename_or_link(Kind::Rename, from, to, libc::SYS_renameat2, arguments) }
}

/// # Safety
/// As [`renameat2`].
#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(
    old_directory: c_int,
    old: *const c_char,
    new_directory: c_int,
    new: *const c_char,
) -> c_int {
    // SAFETY: the program's own arguments.
    unsafe { renameat2(old_directory, old, new_directory, new, 0) }
}

/// # Safety
/// As [`renameat2`].
#[unsafe(no_mangle)]
unsafe extern "C" fn rename(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the program's own arguments.
    unsafe { renameat2(HERE, old, HERE, new, 0) }
}

/// # Safety
/// As in C: both paths must be C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    old_directory: c_int,
    old: *const c_char,
    new_directory: c_int,
    new: *const c_char,
    flags: c_int,
) -> c_int {
    let arguments =
        [old_directory as usize, old as usize, new_directory as usize, new as usize, flags as usize, 0];
    let (from, to) = ((old_directory, old), (new_directory, new));
    // SAFETY: the program's own arguments.
    unsafe { rename_or_link(Kind::Link, from, to, libc::SYS_linkat, arguments) }
}

/// # Safety
/// As [`linkat`].
#[unsafe(no_mangle)]
unsafe extern "C" fn link(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the program's own arguments.
    unsafe { linkat(HERE, old, HERE, new, 0) }
}

/// # Safety
/// As in C: `path` must be a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the program's own path.
    let turn = unsafe { on_disk(directory, path) }.map(|(recorder, inside)| (recorder.turn(), inside));
    // SAFETY: the program's own path.
    let turn = turn.filter(|_| unsafe { recordable(directory, path) });
    // SAFETY: the program's own arguments, passed on unchanged.
    let result = unsafe {
        call(libc::SYS_unlinkat, [directory as usize, path as usize, flags as usize, 0, 0, 0]) as c_int
    };
    if let (0, Some((turn, inside))) = (result, turn) {
        let kind = if flags & libc::AT_REMOVEDIR != 0 { Kind::RemoveDirectory } else { Kind::Unlink };
        turn.record(kind, 0, 0, 0, Paths(&inside, &[]), &[]);
    }
    result
}

/// # Safety
/// As [`unlinkat`].
#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the program's own path.
    unsafe { unlinkat(HERE, path, 0) }
}

/// # Safety
/// As [`unlinkat`].
#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: the program's own path.
    unsafe { unlinkat(HERE, path, libc::AT_REMOVEDIR) }
}

/// # Safety
/// As in C: `path` must be a C string.
#[unsafe(no_mangle)]
unsafe extern "C" fn mkdirat(directory: c_int, path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the program's own path.
    let turn = unsafe { on_disk(directory, path) }.map(|(recorder, inside)| (recorder.turn(), inside));
    // SAFETY: the program's own arguments, passed on unchanged.
    let result = unsafe {
        call(libc::SYS_mkdirat, [directory as usize, path as usize, mode as usize, 0, 0, 0]) as c_int
    };
    if let (0, Some((turn, inside))) = (result, turn) {
        turn.record(Kind::MakeDirectory, 0, 0, 0, Paths(&inside, &[]), &[]);
    }
    result
}

/// # Safety
/// As [`mkdirat`].
#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: u32) -> c_int {
    // SAFETY: the program's own path.
    unsafe { mkdirat(HERE, path, mode) }
}
