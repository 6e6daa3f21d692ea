//! The machine that figures belong to, and its disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// How often the disk is asked.
const SYNCS: usize = 500;
/// What is appended each time.
const APPEND_BYTES: usize = 512;

/// What figures are to be read with.
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    file_system: String,
    fdatasync: Duration,
}

impl Machine {
    /// Looks at this machine, and at the disk under `directory`.
    pub(crate) fn look_at(directory: &Path) -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let model = cpuinfo.lines().find(|line| line.starts_with("model name"));
        let cpu = model.and_then(|line| line.split_once(':')).map_or("CPU unknown", |(_, name)| name.trim());
        Ok(Self {
            cpu: cpu.to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            file_system: file_system(directory)?,
            fdatasync: fdatasync(directory)?,
        })
    }

    /// One line about it.
    pub(crate) fn line(&self) -> String {
        let Self { cpu, cores, kernel, file_system, fdatasync } = self;
        let micros = fdatasync.as_micros();
        format!("{cpu}, {cores} cores, Linux {kernel}, data on {file_system}, fdatasync {micros} µs")
    }
}

/// The type of the file system that holds a directory.
fn file_system(directory: &Path) -> Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let holding = mounts.filter(|(place, _)| directory.starts_with(place));
    // Of two at one place the later one lies on top.
    let (_, kind) = holding.max_by_key(|(place, _)| place.len()).context("no mount holds the directory")?;
    Ok(kind.to_owned())
}

/// The median time of an `fdatasync` after a small append to a file in `directory`.
pub(crate) fn fdatasync(directory: &Path) -> Result<Duration> {
    let path = directory.join("fdatasync");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[b'x'; APPEND_BYTES])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[SYNCS / 2])
}
