//! Places at which a test can have the process killed: with the feature `failpoints` and the environment variable
//! `GUILDHALL_FAILPOINT=name:n`, the nth passage of the place called `name` ends the process by SIGKILL. Without
//! the feature there is nothing here.

/// Passes a place.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) fn pass(_name: &'static str) {}

/// Passes a place, alive if it is not the one.
#[cfg(feature = "failpoints")]
pub(crate) fn pass(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static TARGET: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let target = TARGET.get_or_init(|| {
        let set = std::env::var("GUILDHALL_FAILPOINT").ok()?;
        let (name, count) = set.split_once(':')?;
        Some((name.to_owned(), count.parse().ok()?))
    });
    if let Some((target, count)) = target
        && target == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *count
    {
        let own = std::process::id().to_string();
        _ = std::process::Command::new("kill").args(["-KILL", &own]).status();
        // Until the signal arrives nothing may go on.
        loop {
            std::thread::park();
        }
    }
}
