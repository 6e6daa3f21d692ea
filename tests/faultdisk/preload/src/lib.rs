//! Stands between a program under test and the C library, for the files of one directory.
//!
//! The dynamic loader puts this shared object before the C library (`LD_PRELOAD`), so the program's calls to `write`,
//! `fsync`, `rename` and the like come here first. For a file under `FAULTDISK_DIR` the call is made, and recorded in
//! the trace before it returns; or it is refused, if the control words say that the disk is full or failing. Everything
//! else passes through: one atomic load for a descriptor, one prefix comparison for a path. What the record and the
//! words look like is in [`protocol`]; what a test does with them is the business of `guildhall-faultdisk`.
//!
//! - **The real call is always a raw system call**, so nothing here can come back to itself, and nothing has to be looked
//!   up in the next library.
//! - **One operation at a time**: a mutex within the process and `flock` on the trace between processes are held over
//!   the operation *and* its record, so the trace has the order of the disk. A sync is the exception: it notes how far the
//!   trace was when it began, runs without the lock, and records that it covers only that much.
//! - **Calls that cannot be recorded are refused the way some real filesystem refuses them** (`O_TMPFILE`,
//!   `copy_file_range`, hole punching, a rename across the edge of the disk); programs have a way around each of them.
//! - **Not seen**: calls that do not go through these symbols. The C library's own streams (`FILE`) and crates that make
//!   system calls themselves are such; the test library finds out by comparing a full replay with the real directory.
//! - A recorder that cannot record ends the program: a trace with holes would prove things that are not so.
//!
//! Linux on x86-64 and ARM64 with glibc; elsewhere this crate is empty. `open` and `fcntl` are variadic in C; both of these
//! calling conventions pass a variadic integer or pointer exactly as a named one, so they are defined with named ones.

#[path = "../../src/protocol.rs"]
pub mod protocol;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod copies;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod descriptors;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod files;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod names;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod recorder;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod sizes;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod syncs;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod system;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod writes;
