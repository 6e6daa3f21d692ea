//! `guildhall doctor`: looks for what is wrong with this installation, and says what it did not look at.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use client::CallError;
use client::protocol::{Call, Empty, Hello, Speaker, Status, VERSION};
use serde::Serialize;
use store::sqlite::{AlreadyRunning, DirectoryLock};

use crate::config::Flags;
use crate::here::Here;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Grade {
    Ok,
    /// It works, and may not be what was meant.
    Note,
    Bad,
}

/// What was looked at, and what was seen.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    grade: Grade,
    seen: String,
}

fn finding(what: &'static str, grade: Grade, seen: impl Into<String>) -> Finding {
    Finding { what, grade, seen: seen.into() }
}

pub(crate) async fn run(here: &Here) -> anyhow::Result<ExitCode> {
    let home = &here.home;
    let mut findings = vec![
        configuration(here),
        data_directory(&home.data),
        private("owner's token", &home.owner_token, 0o600),
        lock(&home.data),
    ];
    findings.extend(home.root.as_deref().map(root));
    let status = server(here, &mut findings).await;
    findings.push(clock(status.as_ref()));
    findings.extend(claude(here));
    here.output.show(&findings[..], |findings| {
        let line = |Finding { what, grade, seen }: &Finding| {
            let mark = match grade {
                Grade::Ok => "ok  ",
                Grade::Note => "note",
                Grade::Bad => "BAD ",
            };
            format!("{mark}  {what}: {seen}\n")
        };
        findings.iter().map(line).collect()
    })?;
    let bad = findings.iter().any(|finding| finding.grade == Grade::Bad);
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn configuration(here: &Here) -> Finding {
    const WHAT: &str = "configuration";
    match here.settings(Flags::new()).and_then(|settings| settings.config()) {
        Ok(_) if here.home.config_file.exists() => {
            finding(WHAT, Grade::Ok, here.home.config_file.display().to_string())
        }
        Ok(_) => finding(
            WHAT,
            Grade::Ok,
            format!("there is no {}, which is fine", here.home.config_file.display()),
        ),
        Err(why) => finding(WHAT, Grade::Bad, format!("{why:#}")),
    }
}

/// Whether only the user may use a file or directory.
fn private(what: &'static str, path: &Path, mode: u32) -> Finding {
    let shown = path.display();
    match fs::metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            finding(what, Grade::Note, format!("{shown} is not there; `guildhall serve` makes it"))
        }
        Err(cause) => finding(what, Grade::Bad, format!("{shown}: {cause}")),
        Ok(found) if found.permissions().mode() & 0o777 & !mode != 0 => {
            let now = found.permissions().mode() & 0o777;
            finding(
                what,
                Grade::Bad,
                format!("{shown} is open to others (mode {now:03o}); chmod {mode:03o} it"),
            )
        }
        Ok(_) => finding(what, Grade::Ok, shown.to_string()),
    }
}

/// Whether only the user may use the data directory, and the user may look into it.
fn data_directory(data: &Path) -> Finding {
    const WHAT: &str = "data directory";
    match fs::read_dir(data) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            finding(WHAT, Grade::Bad, format!("{} cannot be looked into: {cause}", data.display()))
        }
        _ => private(WHAT, data, 0o700),
    }
}

/// Whether nobody else can put other files in the place of ours.
fn root(root: &Path) -> Finding {
    const WHAT: &str = "home";
    let shown = root.display();
    match fs::metadata(root) {
        Ok(found) if found.permissions().mode() & 0o022 != 0 => {
            let mode = found.permissions().mode() & 0o777;
            let seen = format!("others may write in {shown} (mode {mode:03o}); chmod go-w it");
            finding(WHAT, Grade::Bad, seen)
        }
        Ok(_) => finding(WHAT, Grade::Ok, shown.to_string()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            finding(WHAT, Grade::Note, format!("{shown} is not there; `guildhall serve` makes it"))
        }
        Err(cause) => finding(WHAT, Grade::Bad, format!("{shown}: {cause}")),
    }
}

fn lock(data: &Path) -> Finding {
    const WHAT: &str = "data directory's lock";
    match data.join("lock").try_exists() {
        Ok(true) => {}
        Ok(false) => return finding(WHAT, Grade::Ok, "free: no server has run here yet"),
        Err(cause) => return finding(WHAT, Grade::Bad, format!("it cannot be looked at: {cause}")),
    }
    match DirectoryLock::take(data, &format!("process {}, `doctor`", std::process::id())) {
        Ok(_) => finding(WHAT, Grade::Ok, "free: no server runs here"),
        Err(AlreadyRunning::By { holder, .. }) => finding(WHAT, Grade::Ok, format!("held by {holder}")),
        Err(cause) => finding(WHAT, Grade::Bad, cause.to_string()),
    }
}

async fn server(here: &Here, findings: &mut Vec<Finding>) -> Option<Status> {
    const WHAT: &str = "server";
    let socket = here.home.socket();
    let hello = Hello { version: VERSION, workspace: None, speaker: Speaker::Person { credential: None } };
    let told = async { client::connect(&socket, hello).await?.call::<Status>(Call::Status(Empty {})).await };
    let status = match told.await {
        Ok(status) => status,
        Err(cause @ CallError::NotRunning { .. }) => {
            findings.push(finding(WHAT, Grade::Note, cause.to_string()));
            return None;
        }
        Err(cause) => {
            findings.push(finding(WHAT, Grade::Bad, cause.to_string()));
            return None;
        }
    };
    findings.push(match (&status.reason, status.server == env!("CARGO_PKG_VERSION")) {
        (Some(reason), _) => finding(WHAT, Grade::Bad, format!("not ready: {reason}")),
        (None, false) => {
            let own = env!("CARGO_PKG_VERSION");
            finding(WHAT, Grade::Note, format!("version {} runs, and this program is {own}", status.server))
        }
        (None, true) => {
            let listening = status.listening.join(", ");
            finding(
                WHAT,
                Grade::Ok,
                format!("version {} at {}, {listening}", status.server, socket.display()),
            )
        }
    });
    // With the credential the same way must be open to the owner.
    if here.home.owner_token.exists() {
        let accepted = here.hall().await.and_then(|hall| Ok((here.not_the_owner(&hall)?, hall)));
        findings.push(match accepted {
            Ok((Some(why), _)) => {
                finding("owner's credential", Grade::Note, format!("not accepted from here: {why}"))
            }
            Ok((None, hall)) => {
                finding("owner's credential", Grade::Ok, format!("accepted as {}", hall.welcome().principal))
            }
            Err(why) => finding("owner's credential", Grade::Bad, format!("{why:#}")),
        });
    }
    Some(status)
}

fn clock(status: Option<&Status>) -> Finding {
    /// 2025-01-01, which this program is younger than, in milliseconds since 1970.
    const YOUNGER: i64 = 1_735_689_600_000;
    let now = hall::Clock::system().now();
    if now.as_millis() < YOUNGER {
        return finding("clock", Grade::Bad, format!("it says {now}, which is over"));
    }
    // Both are ISO 8601 in UTC with three decimals, so they compare as texts.
    match status.and_then(|status| status.as_of.as_ref()) {
        Some(as_of) if *as_of > now.to_string() => finding(
            "clock",
            Grade::Bad,
            format!("it says {now}, and the newest event is of {as_of}; was it set back?"),
        ),
        _ => finding("clock", Grade::Ok, now.to_string()),
    }
}

/// Whether Claude Code is here and knows of the bridge. Only the usual configuration files are read: a plugin or a
/// setting of an organisation may say more.
fn claude(here: &Here) -> Vec<Finding> {
    const WHAT: &str = "claude";
    let path = here.surroundings.variable("PATH").cloned().unwrap_or_default();
    let Some(program) = std::env::split_paths(&path).map(|place| place.join("claude")).find(|p| p.is_file())
    else {
        return vec![finding(WHAT, Grade::Note, "not on PATH")];
    };
    let directory = here.surroundings.directory.display().to_string();
    let user = here.surroundings.path("HOME").map(|home| home.join(".claude.json"));
    let project = here.surroundings.directory.join(".mcp.json");
    let files: Vec<PathBuf> = user.into_iter().chain([project]).collect();
    let known = files.iter().find(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let config: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let servers = [&config["mcpServers"], &config["projects"][&directory]["mcpServers"]];
        servers.into_iter().filter_map(|servers| servers.as_object()).any(|servers| {
            servers.iter().any(|(name, server)| {
                let command = server["command"].as_str().unwrap_or_default();
                name == "guildhall" || Path::new(command).file_name().is_some_and(|file| file == "guildhall")
            })
        })
    });
    let registered = match known {
        Some(file) => {
            finding("claude's MCP server", Grade::Ok, format!("guildhall is named in {}", file.display()))
        }
        None => finding(
            "claude's MCP server",
            Grade::Note,
            "guildhall is in neither ~/.claude.json nor ./.mcp.json (plugins were not looked at); \
             `claude mcp add guildhall -- guildhall mcp` adds it",
        ),
    };
    vec![finding(WHAT, Grade::Ok, program.display().to_string()), registered]
}
