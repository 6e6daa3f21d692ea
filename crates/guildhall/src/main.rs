//! The program. See the library of the same name.

use std::process::ExitCode;

/// A command is some twenty short-lived allocations on one thread, many of which another thread frees.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    guildhall::main()
}
