//! Child processes: how a command of ours starts cargo and friends.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// Variables cargo gives to the program it runs, us. Handed on to a second cargo, they would look like a
/// changed environment to the build scripts that watch them, and rebuild what is fresh.
const OF_THIS_CRATE: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// A command that starts in the repository's root, without the variables that describe this crate.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::repository::root());
    for (name, _) in std::env::vars_os() {
        if OF_THIS_CRATE.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command with our own stdin, stdout and stderr.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = spelled(command);
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    ensure!(status.success(), "{name}: {status}");
    Ok(())
}

/// How long what a finished command left in the pipe may take to arrive.
const AFTER_THE_END: Duration = Duration::from_secs(2);

/// Runs a command, passing each line of its stdout on at once and showing it to `each_line`.
///
/// It is over when the command ends, not when its stdout does: a server that a failed test left behind holds
/// the pipe open for ever.
///
/// # Errors
/// When it cannot be started or does not exit with 0.
pub(crate) fn run_reading(command: &mut Command, mut each_line: impl FnMut(&str)) -> Result<()> {
    let name = spelled(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {name}"))?;
    let from = BufReader::new(child.stdout.take().context("stdout was asked for")?);
    let (to, lines) = sync_channel(64);
    // Ends with the pipe, with the receiver, or with this process.
    thread::Builder::new().name("stdout of a child".to_owned()).spawn(move || send_lines(from, &to))?;
    let mut out = std::io::stdout();
    let mut ended = None;
    loop {
        match lines.recv_timeout(AFTER_THE_END) {
            Ok(line) => {
                let line = line?;
                out.write_all(&line)?;
                out.flush()?;
                each_line(String::from_utf8_lossy(&line).trim_end());
            }
            Err(RecvTimeoutError::Disconnected) => break,
            // The silence that counts is one after the end.
            Err(RecvTimeoutError::Timeout) if ended.is_some() => break,
            Err(RecvTimeoutError::Timeout) => ended = child.try_wait()?,
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{name}: {status}");
    Ok(())
}

/// Each line with its end, as soon as it is there.
fn send_lines(mut from: impl BufRead, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut line = Vec::new();
        match from.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {
                // Nobody listens any more.
                if to.send(Ok(line)).is_err() {
                    return;
                }
            }
            Err(error) => return drop(to.send(Err(error))),
        }
    }
}

/// What a command prints on stdout.
///
/// # Errors
/// When it cannot be started or does not exit with 0; its stderr is in the message.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = spelled(command);
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).with_context(|| format!("{name} did not print UTF-8"))
}

fn spelled(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn lines_come_as_they_are_to_the_last_one_without_an_end() {
        let (to, lines) = sync_channel(8);
        send_lines(b"one\r\n\xfftwo".as_slice(), &to);
        drop(to);
        let lines: Vec<_> = lines.iter().map(Result::unwrap).collect();
        assert_eq!(lines, [b"one\r\n".to_vec(), b"\xfftwo".to_vec()]);
    }

    #[test]
    fn what_a_command_leaves_behind_does_not_keep_us() {
        let started = Instant::now();
        let mut seen = Vec::new();
        let leaves = "echo seen; sleep 60 & echo $!";
        run_reading(command("sh").args(["-c", leaves]), |line| seen.push(line.to_owned())).unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!(seen[0], "seen");
        run(command("kill").arg(&seen[1])).unwrap();
    }

    #[test]
    fn a_failure_names_the_command() {
        let failed = run_reading(command("sh").args(["-c", "exit 3"]), |_| ()).unwrap_err();
        assert_eq!(failed.to_string(), "sh -c exit 3: exit status: 3");
    }
}
