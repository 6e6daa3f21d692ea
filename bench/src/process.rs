//! What a process has used, as Linux tells it.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// CPU time of all threads, in user space and kernel, from `/proc/PID/stat`. Counted in ticks of 10 ms.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name, which may hold anything, in parentheses.
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    // `utime` and `stime` are the fields 14 and 15 of proc_pid_stat(5); what is left begins with the third.
    let ticks = |field: usize| -> Result<u64> {
        Ok(fields.get(field - 3).context("/proc/PID/stat is too short")?.parse()?)
    };
    let millis = (ticks(14)? + ticks(15)?) * 1000 / rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis(millis))
}

/// Resident memory in bytes, from `/proc/PID/status`.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_sees_what_it_has_used() {
        let pid = std::process::id();
        let before = cpu(pid).unwrap();
        let mut sum = 0u64;
        while cpu(pid).unwrap() < before + Duration::from_millis(30) {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        assert!(resident(pid).unwrap() > 100_000, "{sum}");
    }
}
