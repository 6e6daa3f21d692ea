//! The program as a person meets it: commands typed, what they print, how they end.

#![allow(
    clippy::unwrap_used,
    reason = "what a test lays out must be there; if it is not, the test has failed"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

#[path = "commands/messages.rs"]
mod messages;
#[path = "commands/terminal.rs"]
mod terminal;

use terminal::Place;

#[test]
fn a_person_starts_a_server_and_finds_a_way_about() {
    let mut place = Place::empty();
    let why = place.failure(&["status"]);
    assert!(why.contains("Guildhall is not running at") && why.contains("`guildhall serve`"), "{why}");
    let ready = place.serve();
    assert_eq!(ready["event"], "ready");
    assert!(Path::new(ready["socket"].as_str().unwrap()).exists());

    let status = place.json(&["status"]);
    assert_eq!((&status["ready"], &status["workspace"]), (&true.into(), &"default".into()));
    assert_eq!(status.get("as_of"), None, "nothing has happened yet");
    assert_eq!(status["listening"][0], ready["http"]);
    assert_eq!(place.said(&["agents"]), "Nobody is here.\n");
    assert_eq!(place.json(&["agents"]), Value::Array(vec![]));

    let token = place.json(&["token", "create", "--role", "member", "--name", "ada"]);
    assert!(token["token"].as_str().unwrap().starts_with("guildhall_"));
    assert_eq!(place.json(&["token", "list"]).as_array().unwrap().len(), 2);
    place.text(&["token", "revoke", token["id"].as_str().unwrap()]);
    let own = place.json(&["token", "list"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(place.error(&["token", "revoke", &own]), (Some(1), "conflict".into()));
    assert_eq!(place.json(&["token", "list"]).as_array().unwrap().len(), 1);

    assert_eq!(place.json(&["workspace", "create", "team"])["name"], "team");
    assert_eq!(place.text(&["workspace", "list"]), "default\nteam\n");
    place.text(&["context", "share", "port", "8080", "--tag", "net", "-w", "team"]);
    assert_eq!(place.text(&["context", "get", "port", "-w", "team"]), "8080\n");
    let why = place.failure(&["context", "get", "port"]);
    assert!(why.contains("has no value"), "workspaces are apart: {why}");

    place.text(&["decide", "tabs", "--why", "they are shorter"]);
    let decided = place.text(&["decide", "list"]);
    assert!(
        decided.contains("  by person:owner, ") && decided.contains("because: they are shorter"),
        "{decided}"
    );
    let history = place.text(&["context", "history", "port", "-w", "team"]);
    let columns: Vec<_> = history.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((columns[2], columns[3]), ("person:owner", "8080"), "{history}");
    let version = &place.json(&["context", "history", "port", "-w", "team"])[0];
    assert_eq!((&version["by_name"], version["by"].as_str().unwrap().len()), (&"person:owner".into(), 36));
    place.end();
}

#[test]
fn a_question_is_asked_in_one_terminal_and_answered_in_another() {
    let mut place = Place::empty();
    place.serve();
    let mut ask = place.command(&["ask", "May I?", "--to", "person", "--option", "yes", "--wait", "30"]);
    let asking = ask.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let ticket = loop {
        let waiting = place.json(&["answer"]);
        if let Some(question) = waiting.get(0) {
            assert_eq!(question["question"], "May I?");
            break question["id"].as_str().unwrap().to_owned();
        }
    };
    place.text(&["answer", &ticket[..8], "yes"]);
    let asked = asking.wait_with_output().unwrap();
    assert_eq!((asked.status.code(), &*asked.stdout), (Some(0), &b"yes\n"[..]));
    assert_eq!(place.said(&["answer"]), "Nothing waits for your answer.\n");
    let why = place.failure(&["answer", "0000", "yes"]);
    assert!(why.contains("no open question's id begins with"), "{why}");
    let late = place.run(&["ask", "Anybody?", "--wait", "1"]);
    assert_eq!(late.status.code(), Some(1), "no answer is a failure");
}

#[test]
fn who_did_not_wait_for_an_answer_finds_it_later() {
    let mut place = Place::empty();
    place.serve();
    assert_eq!(place.said(&["answer", "--all"]), "Nothing was asked yet.\n");
    let ticket = place.text(&["ask", "May I?", "--to", "person"]).trim().to_owned();
    let early = place.run(&["ask", "--ticket", &ticket]);
    assert_eq!((early.status.code(), &*early.stdout), (Some(1), &b""[..]));
    assert_eq!(String::from_utf8(early.stderr).unwrap(), "There is no answer yet.\n");
    let early = place.run(&["ask", "--ticket", &ticket, "--json"]);
    assert_eq!((early.status.code(), &*early.stderr), (Some(1), &b""[..]), "the data says it");
    assert_eq!(serde_json::from_slice::<Value>(&early.stdout).unwrap()["status"], "pending");

    let waiting =
        place.command(&["ask", "--ticket", &ticket[..8], "--wait", "30"]).stdout(Stdio::piped()).spawn();
    place.text(&["answer", &ticket[..8], "yes"]);
    assert_eq!(waiting.unwrap().wait_with_output().unwrap().stdout, b"yes\n");
    assert_eq!(place.text(&["ask", "--ticket", &ticket[..8]]), "yes\n");
    assert_eq!(place.json(&["ask", "--ticket", &ticket])["answered_by"], "person:owner");

    let lapsed = place.text(&["ask", "Anybody?", "--deadline", "1"]).trim().to_owned();
    assert_eq!(place.run(&["ask", "--ticket", &lapsed, "--wait", "30"]).status.code(), Some(1));
    assert_eq!(place.said(&["answer"]), "Nothing waits for your answer.\n");
    let all = place.text(&["answer", "--all"]);
    assert!(all.contains("    answered by person:owner: yes\n") && all.contains("    given up: "), "{all}");
    let all = place.json(&["answer", "--all", "--limit", "1"]);
    assert_eq!((all.as_array().unwrap().len(), &all[0]["status"]), (1, &"failed".into()), "{all}");
    assert!(place.failure(&["ask", "--ticket", "0000"]).contains("no question's id begins with"));
}

#[test]
fn what_goes_wrong_is_told_to_programs_in_their_way() {
    let mut place = Place::empty();
    assert_eq!(place.error(&["status"]), (Some(1), "not_running".into()));
    assert_eq!(place.error(&["fly"]), (Some(2), "usage".into()));
    assert_eq!(place.error(&["store", "verify"]), (Some(1), "failed".into()));
    place.serve();
    assert_eq!(place.error(&["context", "get", "port"]), (Some(1), "not_found".into()));
    assert_eq!(place.error(&["answer", "0000", "yes"]), (Some(1), "not_found".into()));
    assert_eq!(place.error(&["ask", "What?", "--to", "nobody"]), (Some(1), "not_found".into()));
    assert_eq!(place.error(&["token", "create", "--role", "king"]), (Some(1), "bad_request".into()));
    assert_eq!(place.error(&["agents", "-w", "elsewhere"]), (Some(1), "not_found".into()));
    place.text(&["context", "share", "port", "1"]);
    let late = ["context", "share", "port", "2", "--if-version", "0"];
    assert_eq!(place.error(&late), (Some(1), "conflict".into()));
    let token = place.directory.path().join("home/owner.token");
    std::fs::write(token, "guildhall_another").unwrap();
    assert_eq!(place.error(&["status"]), (Some(1), "forbidden".into()));
}

#[test]
fn lists_of_nothing_leave_stdout_empty_and_are_lists_for_programs() {
    let mut place = Place::empty();
    place.serve();
    for (list, nothing) in [
        (&["agents"][..], "Nobody is here.\n"),
        (&["answer"], "Nothing waits for your answer.\n"),
        (&["answer", "--all"], "Nothing was asked yet.\n"),
        (&["context", "list"], "No keys.\n"),
        (&["context", "history", "port"], "The key \"port\" never had a value.\n"),
        (&["decide", "list"], "Nothing was decided yet.\n"),
        (&["inbox", "--all"], "There are no messages.\n"),
        (&["inbox", "--sent"], "There are no messages.\n"),
        (&["inbox", "--dead"], "There are no dead letters.\n"),
        (&["reserve"], "Nothing is reserved.\n"),
    ] {
        assert_eq!(place.said(list), nothing);
        assert_eq!(place.json(list), Value::Array(vec![]));
    }
    assert!(place.json(&["completions", "bash"])["script"].as_str().unwrap().contains("guildhall"));
    assert!(place.text(&["completions", "bash"]).starts_with("_guildhall"));
}

#[test]
fn two_agents_of_one_name_are_told_apart_by_the_sessions_of_their_hosts() {
    let mut place = Place::empty();
    place.serve();
    let mut bridges: Vec<Child> = ["session-1", "session-2"]
        .iter()
        .map(|session| {
            let mut mcp = place.command(&["mcp", "--name", "web"]);
            let mcp = mcp.env("CLAUDE_CODE_SESSION_ID", session).stderr(Stdio::null());
            mcp.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    let here = loop {
        let here = place.json(&["agents"]);
        if here.as_array().unwrap().len() == 2 {
            break here;
        }
    };
    let mut told: Vec<_> =
        here.as_array().unwrap().iter().map(|agent| agent["instance"].as_str().unwrap()).collect();
    told.sort_unstable();
    assert_eq!(told, ["session-1", "session-2"]);
    for bridge in &mut bridges {
        drop(bridge.stdin.take());
        bridge.wait().unwrap();
    }
}

#[test]
fn what_is_kept_is_checked_and_mended_while_no_server_runs() {
    let mut place = Place::empty();
    let why = place.failure(&["store", "verify"]);
    assert!(why.contains("nothing is kept in"), "{why}");
    let ready = place.serve();
    place.text(&["context", "share", "port", "8080"]);
    let why = place.failure(&["store", "verify"]);
    assert!(why.contains(&format!("process {}", ready["pid"])), "it names who holds it: {why}");
    place.end();
    assert_eq!(place.text(&["store", "verify"]), "@hall: ok, 2 events\ndefault: ok, 1 events\n");
    place.text(&["store", "rebuild"]);
    assert_eq!(place.json(&["store", "verify"])[1]["events"], 1);
    assert!(place.failure(&["store", "verify", "--store", "memory"]).contains("keeps nothing"));
    let data = place.directory.path().join("home/data");
    for file in std::fs::read_dir(&data).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    std::fs::write(data.join("log.db"), "").unwrap();
    place.failure(&["store", "verify"]);
}

#[test]
fn what_is_set_is_shown_with_its_origin_and_without_passwords() {
    let place = Place::empty();
    std::fs::write(place.directory.path().join("guildhall.toml"), "workspace = \"seven\"").unwrap();
    let shown = place
        .command(&["config", "show", "--origin", "--json"])
        .env("GUILDHALL_STORE", "postgres://ada:secret@db/hall")
        .output()
        .unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let shown: Vec<Value> = serde_json::from_str(&text).unwrap();
    let find = |key: &str| shown.iter().find(|shown| shown["key"] == key).unwrap();
    assert_eq!(find("store")["origin"], "environment GUILDHALL_STORE");
    assert_eq!(find("workspace")["value"], "seven");
    assert!(find("workspace")["origin"].as_str().unwrap().ends_with("guildhall.toml"));

    std::fs::write(place.directory.path().join("guildhall.toml"), "drain = 7").unwrap();
    let why = place.failure(&["config", "show"]);
    assert!(why.contains("there is no key `drain`; the nearest is `drain_ms`"), "{why}");
    assert_eq!(place.run(&["serve", "--fly"]).status.code(), Some(2));
}

#[test]
fn the_doctor_sees_what_is_open_to_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut place = Place::empty();
    place.serve();
    let well = place.json(&["doctor"]);
    let server = well.as_array().unwrap().iter().find(|finding| finding["what"] == "server").unwrap();
    assert_eq!(server["grade"], "ok");
    let token = place.directory.path().join("home/owner.token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ill = place.run(&["doctor"]);
    assert_eq!(ill.status.code(), Some(1));
    let text = String::from_utf8(ill.stdout).unwrap();
    assert!(text.contains("BAD   owner's token") && text.contains("chmod 600"), "{text}");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let home = place.directory.path().join("home");
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o777)).unwrap();
    let text = String::from_utf8(place.run(&["doctor"]).stdout).unwrap();
    assert!(text.contains("BAD   home: others may write in") && text.contains("chmod go-w"), "{text}");
}

/// What agents may call themselves, to be taken for somebody else or to command a terminal.
const NAME: &str = "owner\nDEADBEEF  from owner\u{1b}[2J\u{9b}";
const NAME_SHOWN: &str = "owner\\nDEADBEEF  from owner\\u{1b}[2J\\u{9b}";
/// What they may say, which also turns the direction of writing around.
const EVIL: &str = "owner\nDEADBEEF  from owner\u{1b}[2J\u{9b}\u{202e}";
const SHOWN: &str = "owner\\nDEADBEEF  from owner\\u{1b}[2J\\u{9b}\\u{202e}";

#[test]
fn what_agents_call_themselves_and_say_is_taken_for_nothing_else() {
    let mut place = Place::empty();
    place.serve();
    let mut mcp = place.command(&["mcp", "--name", NAME]);
    let mut bridge = mcp.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = bridge.stdin.take().unwrap();
    let mut lines = BufReader::new(bridge.stdout.take().unwrap()).lines();
    let mut request = |method: &str, params: Value| {
        let line = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        writeln!(stdin, "{line}").unwrap();
        serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap()
    };
    let host = json!({"name": "host", "version": "1"});
    request("initialize", json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": host}));
    let question = "port?\nFEEDFACE  from owner";
    for arguments in [json!({"question": question, "options": [EVIL]}), json!({"question": EVIL})] {
        let answer = request("tools/call", json!({"name": "ask", "arguments": arguments}));
        assert_eq!(answer["result"]["isError"], false, "{answer}");
    }
    let decide = json!({"decision": EVIL, "rationale": EVIL});
    request("tools/call", json!({"name": "decide", "arguments": decide}));
    let share = json!({"action": "share", "key": EVIL, "value": EVIL, "tags": [EVIL]});
    request("tools/call", json!({"name": "context", "arguments": share}));

    for list in [
        &["agents"][..],
        &["answer", "--all"],
        &["decide", "list"],
        &["context", "list"],
        &["context", "history", EVIL],
    ] {
        let text = place.text(list);
        assert!(
            !text.lines().any(|line| line.starts_with("DEADBEEF") || line.starts_with("FEEDFACE")),
            "{text}"
        );
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{text}");
        assert!(text.contains("\\u{9b}"), "{text}");
        let output = place.run(&[list, &["--json"]].concat());
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(!printed.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{printed}");
        assert!(printed.contains("\\u009b") && serde_json::from_str::<Value>(&printed).is_ok(), "{printed}");
    }
    let asked = place.text(&["answer", "--all"]);
    assert!(asked.contains(&format!("  from {NAME_SHOWN}, ")), "{asked}");
    assert!(asked.contains(&format!("    choices: {SHOWN}\n")), "{asked}");
    assert_eq!(place.text(&["context", "get", EVIL]), format!("{EVIL}\n"), "a value is for programs");
    drop(stdin);
    bridge.wait().unwrap();
}

#[test]
fn whoever_is_not_the_owner_hears_that_they_see_nothing() {
    let mut place = Place::empty();
    place.serve();
    place.text(&["ask", "May I?", "--to", "person", "--option", "yes"]);
    std::fs::rename(
        place.directory.path().join("home/owner.token"),
        place.directory.path().join("owner.token"),
    )
    .unwrap();
    let said = place.said(&["answer"]);
    assert!(said.contains("is not shown here: there is no owner's credential"), "{said}");
    std::fs::rename(
        place.directory.path().join("owner.token"),
        place.directory.path().join("home/owner.token"),
    )
    .unwrap();
    let id = place.json(&["answer"])[0]["id"].as_str().unwrap().to_owned();
    let answered = place.run(&["answer", &id, "perhaps"]);
    assert!(answered.status.success());
    assert_eq!(String::from_utf8(answered.stderr).unwrap(), "This is none of the choices.\n");
}

#[test]
fn a_long_question_is_read_from_stdin_and_waited_for_through_a_restart() {
    let mut place = Place::empty();
    place.serve();
    let mut ask = place.command(&["ask", "-", "--to", "person", "--wait", "60"]);
    let mut asking = ask.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    asking.stdin.take().unwrap().write_all(b"May\nI?").unwrap();
    let id = loop {
        if let Some(question) = place.json(&["answer"]).get(0) {
            assert_eq!(question["question"], "May\nI?");
            break question["id"].as_str().unwrap().to_owned();
        }
    };
    place.end();
    place.serve();
    place.text(&["answer", &id, "yes"]);
    let asked = asking.wait_with_output().unwrap();
    assert_eq!((asked.status.code(), &*asked.stdout), (Some(0), &b"yes\n"[..]));
}

#[test]
fn the_line_for_claude_leads_here_from_anywhere() {
    let mut place = Place::empty();
    let mut serve = place.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    serve.env("GUILDHALL_HOME", "./home").stdout(Stdio::piped()).stderr(Stdio::null());
    let ready = place.started(serve);
    let register = ready["register"].as_str().unwrap();
    let (_, home) = register.split_once("GUILDHALL_HOME=").unwrap();
    assert!(home.starts_with('/'), "{register}");
}

#[test]
fn one_damaged_value_leaves_the_others_to_be_listed() {
    let mut place = Place::empty();
    place.serve();
    place.text(&["context", "share", "bad", "DAMAGED-SOON"]);
    place.text(&["context", "share", "good", "1"]);
    place.end();
    let log = place.directory.path().join("home/data/log.db");
    let mut bytes = std::fs::read(&log).unwrap();
    let at = bytes.windows(12).position(|bytes| bytes == b"DAMAGED-SOON").unwrap();
    bytes[at] = b'd';
    std::fs::write(&log, bytes).unwrap();
    place.serve();
    let listed = place.json(&["context", "list"]);
    assert!(listed[0]["unreadable"].as_str().unwrap().contains("damaged"), "{listed}");
    assert_eq!((&listed[0]["key"], &listed[1]["value"]), (&"bad".into(), &"1".into()), "{listed}");
    let text = place.text(&["context", "list"]);
    assert!(text.contains("bad   1        (damaged)"), "{text}");
    assert!(place.text(&["context", "history", "bad"]).contains("(damaged: "));
}
