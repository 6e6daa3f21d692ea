//! The recorder of this process: where the disk is, the trace and its lock, the control words.

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::descriptors;
use crate::protocol::{self, Header, Kind, WORDS};
use crate::system;

static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// The loader runs this after the C library is ready and before the program's own code. Calls made earlier pass through.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    let Some(recorder) = Recorder::from_environment() else { return };
    if RECORDER.set(recorder).is_ok() {
        descriptors::adopt_inherited();
    }
}

/// The recorder, if this process has a disk to record.
pub(crate) fn recorder() -> Option<&'static Recorder> {
    RECORDER.get()
}

/// Ends the program, because going on would leave a hole in the trace.
pub(crate) fn give_up(why: &str) -> ! {
    system::write(2, b"faultdisk: ");
    system::write(2, why.as_bytes());
    system::write(2, b"\n");
    std::process::abort()
}

pub(crate) struct Recorder {
    directory: &'static [u8],
    trace: c_int,
    words: &'static [AtomicI64; WORDS],
    in_process: Mutex<()>,
    handles: AtomicU32,
}

impl Recorder {
    fn from_environment() -> Option<Recorder> {
        let directory = variable(protocol::DIRECTORY)?.to_bytes();
        let Some(trace) = variable(protocol::TRACE) else { give_up("FAULTDISK_TRACE is not set") };
        let Some(control) = variable(protocol::CONTROL) else { give_up("FAULTDISK_CONTROL is not set") };
        let trace = out_of_the_way(system::open(trace, libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC));
        if trace < 0 {
            give_up("the trace cannot be opened");
        }
        let recorder = Recorder {
            directory,
            trace,
            words: map(control),
            in_process: Mutex::new(()),
            handles: AtomicU32::new(0),
        };
        recorder.turn().record(Kind::Started, 0, 0, u64::from(system::getpid()), Paths::NONE, &[]);
        Some(recorder)
    }

    /// Takes the turn: until it is dropped nobody else changes the disk or writes to the trace.
    pub(crate) fn turn(&self) -> Turn<'_> {
        let in_process = self.in_process.lock().unwrap_or_else(PoisonError::into_inner);
        system::flock(self.trace, libc::LOCK_EX);
        Turn { recorder: self, _in_process: in_process }
    }

    /// A number for a newly opened file, unique over the living processes of a trace; at most 54 bits.
    pub(crate) fn new_handle(&self) -> u64 {
        let number = self.handles.fetch_add(1, Ordering::Relaxed) + 1;
        u64::from(system::getpid()) << 32 | u64::from(number)
    }

    /// The path relative to the disk, if it names something on it; `None` for everything else.
    ///
    /// Purely by text: a link from outside that leads onto the disk is not followed.
    ///
    /// # Safety
    /// `path` must be null or a live C string.
    pub(crate) unsafe fn inside(&self, directory: c_int, path: *const c_char) -> Option<Vec<u8>> {
        if path.is_null() {
            return None;
        }
        // SAFETY: not null, and the caller vouches for the rest.
        let path = unsafe { CStr::from_ptr(path) }.to_bytes();
        match path {
            [] => None,
            [b'/', ..] if !path.starts_with(self.directory) => None,
            [b'/', ..] => self.relative(&normal(path)),
            _ => {
                let mut whole = system::path_of(directory)?;
                whole.push(b'/');
                whole.extend_from_slice(path);
                self.relative(&normal(&whole))
            }
        }
    }

    /// An absolute, normal path relative to the disk, if it is on it; empty for the disk's own directory.
    pub(crate) fn relative(&self, path: &[u8]) -> Option<Vec<u8>> {
        match path.strip_prefix(self.directory)? {
            [] => Some(Vec::new()),
            [b'/', rest @ ..] => Some(rest.to_vec()),
            _ => None,
        }
    }

    /// How many of `wanted` bytes still fit on the disk; `None` if it is full.
    pub(crate) fn room_for(&self, wanted: usize) -> Option<usize> {
        let space = &self.words[protocol::SPACE];
        let mut left = space.load(Ordering::SeqCst);
        loop {
            let Ok(available) = usize::try_from(left) else { return Some(wanted) };
            let granted = wanted.min(available);
            match space.compare_exchange(left, left - granted as i64, Ordering::SeqCst, Ordering::SeqCst) {
                Err(now) => left = now,
                Ok(_) => {
                    if granted < wanted {
                        self.words[protocol::WRITES_REFUSED].fetch_add(1, Ordering::SeqCst);
                    }
                    return (granted > 0 || wanted == 0).then_some(granted);
                }
            }
        }
    }

    /// Counts a sync, and says whether it is one that has to fail.
    pub(crate) fn sync_fails(&self) -> bool {
        self.words[protocol::SYNCS].fetch_add(1, Ordering::SeqCst);
        let fuse = &self.words[protocol::SYNC_FUSE];
        let once = self.words[protocol::SYNC_ONCE].load(Ordering::SeqCst) == 1;
        let burn = |left: i64| match left {
            0 if once => Some(-1),
            1.. => Some(left - 1),
            _ => None,
        };
        let left = fuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, burn).unwrap_or_else(|left| left);
        if left == 0 {
            self.words[protocol::SYNCS_FAILED].fetch_add(1, Ordering::SeqCst);
        }
        left == 0
    }
}

/// The paths of a record.
#[derive(Clone, Copy)]
pub(crate) struct Paths<'a>(pub(crate) &'a [u8], pub(crate) &'a [u8]);

impl Paths<'_> {
    pub(crate) const NONE: Paths<'static> = Paths(&[], &[]);
}

/// The right to change the disk and to say so. Keeps `errno` as it was when it is given back.
pub(crate) struct Turn<'a> {
    recorder: &'a Recorder,
    _in_process: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Length of the trace in bytes.
    pub(crate) fn position(&self) -> u64 {
        system::seek(self.recorder.trace, 0, libc::SEEK_END)
            .unwrap_or_else(|| give_up("the trace was closed by the program"))
    }

    pub(crate) fn record(
        &self,
        kind: Kind,
        flags: u8,
        handle: u64,
        number: u64,
        paths: Paths<'_>,
        data: &[u8],
    ) {
        let (Ok(path_len), Ok(other_len), Ok(data_len)) =
            (paths.0.len().try_into(), paths.1.len().try_into(), data.len().try_into())
        else {
            give_up("a path or a write is too long for a record")
        };
        let header = Header { kind, flags, path_len, other_len, data_len, handle, number }.encode();
        let record = [&header[..], paths.0, paths.1, data].concat();
        let mut rest = &record[..];
        while !rest.is_empty() {
            match usize::try_from(system::write(self.recorder.trace, rest)) {
                Ok(written) => rest = &rest[written..],
                Err(_) if system::errno() == libc::EINTR => {}
                Err(_) => give_up("the trace cannot be written"),
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let errno = system::errno();
        system::flock(self.recorder.trace, libc::LOCK_UN);
        system::set_errno(errno);
    }
}

fn variable(name: &str) -> Option<&'static CStr> {
    let name = format!("{name}\0");
    // SAFETY: the name ends in a zero byte, and this runs before the program's own code, so nobody changes the environment.
    let value = unsafe { libc::getenv(name.as_ptr().cast()) };
    // SAFETY: `getenv` gave a live C string; it is copied at once and the copy is never freed.
    (!value.is_null()).then(|| &*Box::leak(unsafe { CStr::from_ptr(value) }.to_owned().into_boxed_c_str()))
}

/// Moves a descriptor to a high number, where the program neither expects nor closes it.
fn out_of_the_way(fd: c_int) -> c_int {
    let arguments = [fd as usize, libc::F_DUPFD_CLOEXEC as usize, 900, 0, 0, 0];
    // SAFETY: plain integers.
    let moved = unsafe { system::call(libc::SYS_fcntl, arguments) as c_int };
    if moved < 0 {
        return fd;
    }
    system::close(fd);
    moved
}

fn map(control: &CStr) -> &'static [AtomicI64; WORDS] {
    let fd = system::open(control, libc::O_RDWR | libc::O_CLOEXEC);
    let size = size_of::<[AtomicI64; WORDS]>();
    if system::file_of(fd).is_none_or(|(_, length)| length < size as u64) {
        give_up("the control words cannot be opened");
    }
    let arguments =
        [0, size, (libc::PROT_READ | libc::PROT_WRITE) as usize, libc::MAP_SHARED as usize, fd as usize, 0];
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory in use.
    let address = unsafe { system::call(libc::SYS_mmap, arguments) };
    system::close(fd);
    if address == -1 {
        give_up("the control words cannot be mapped");
    }
    // SAFETY: page-aligned, checked to be as long as the array, never unmapped; other processes change it, hence atomics.
    unsafe { &*(address as *const [AtomicI64; WORDS]) }
}

/// Takes `.`, `..` and doubled slashes out of an absolute path.
fn normal(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().flat_map(|part| [&b"/"[..], part]).collect::<Vec<_>>().concat()
}
