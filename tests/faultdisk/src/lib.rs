//! A disk that tears, fills up and lies on demand, under a real, unmodified program on real files.
//!
//! `kill -9` is no power cut: the page cache survives it, and a program that never syncs passes every such test. So a
//! shared object (`guildhall-faultdisk-preload`) notes every write, sync and change of a name in the order in which they
//! happened, and a test builds from that [`Trace`] the disks that a power cut at any moment could have left behind.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let open_and_verify = |_: &std::path::Path, _: &[&str]| {};
//! use guildhall_faultdisk::{Cut, Disk};
//!
//! let home = tempfile::tempdir()?;
//! let disk = Disk::new(home.path())?;
//! let mut server = disk.command("target/debug/guildhall").arg("serve").env("GUILDHALL_HOME", disk.path()).spawn()?;
//! let mut acknowledged = Vec::new();
//! // … each time the outside world has seen an acknowledgement:
//! acknowledged.push(("hello", disk.position()?));
//! server.kill()?;
//! server.wait()?;
//!
//! let trace = disk.trace()?;
//! trace.check_complete()?; // the recorder missed nothing
//! for seed in 0..200 {
//!     let cut = Cut::random(seed, &trace);
//!     let crashed = tempfile::tempdir()?;
//!     cut.image(&trace).write_to(crashed.path())?;
//!     let must: Vec<_> = acknowledged.iter().filter(|(_, at)| *at <= cut.position()).map(|(what, _)| *what).collect();
//!     open_and_verify(crashed.path(), &must);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The model
//!
//! What was there when [`Disk::new`] was called is on the platter. From then on, what a cut at some position leaves:
//!
//! **Contents.** A sync (`fsync`, `fdatasync`) that has returned success by then makes durable what had been written to
//! that file before it *began*. Every other write may be there, be gone, or be there in part. The unit is the sector of 512
//! bytes: each sector of a file holds what it held after *some* prefix of the writes to it, not earlier than the last
//! durable one. (A later write to the same sector brings the earlier ones along: the cache has only one copy.) Writes are
//! lost whole, cut short, or in a random choice of sectors or of pages of 4 KiB.
//!
//! **Sizes.** The changes of a file's size (writes beyond its end, `ftruncate`, `fallocate`, `O_TRUNC`) reach the disk in
//! order, no further back than the last sync; a growing write may stop at any page. A range that is within the size but
//! whose data was lost reads as zeros: with ordered data and unwritten extents (ext4's defaults) a crash never shows what
//! another file left in a block. The ext4 heuristics for replacing a file by rename or truncation are not counted on.
//!
//! **Names.** Creation, rename, link, unlink, `mkdir` and `rmdir` go through one journal, so a cut keeps a prefix of them over
//! the whole disk, and a rename is never half done. `fsync` of a directory makes durable every change up to the last one in
//! that directory. In one thing this is harsher than ext4, which commits a new file's name when the file is synced: here, as
//! `fsync(2)` warns, that takes a sync of the directory.
//!
//! **A failed sync** makes nothing durable, and what it should have covered is *abandoned*: the kernel marks such pages
//! clean, so a later sync that succeeds does not bring them to disk. They count as durable only once written again. As since
//! Linux 4.13, each other descriptor that has the file open is told by its own next sync, which fails too.
//!
//! **Shared memory.** Files named `*-shm` (SQLite's index of its log) are mapped and stored to past any system call, and
//! SQLite rebuilds them after a crash; no image has them. A writable shared mapping of any other file makes the trace an error.
//!
//! **A full disk** refuses each write, also one within the file, as a disk does that copies on write; the write at the edge
//! is shortened. Reads, truncation and names still work.
//!
//! # Limits
//!
//! Linux with glibc. Only calls through the C library's symbols are seen: not `FILE` streams, and not crates that make system
//! calls themselves (rustix with its default backend, hence tempfile's `persist`). [`Trace::check_complete`] notices.
//! Names are matched by text: a program must name the disk by [`Disk::path`]. Permissions are not recorded: images have 0600
//! and 0700. One `Disk` stands for one life of a program: a process that dies by `kill -9` may have done one operation that
//! it did not record, so begin a new `Disk` on the same directory before starting another.

mod chance;
mod cut;
mod disk;
mod flip;
mod history;
mod image;
pub mod protocol;
mod trace;
mod tree;

pub use cut::Cut;
pub use disk::{Disk, Faults, SyncFailure};
pub use flip::{Flip, flip_bit};
pub use image::Image;
pub use trace::{Position, Trace, TraceError};
