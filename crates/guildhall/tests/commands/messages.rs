//! Messages, topics, reservations and search, as a person at a terminal meets them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use crate::terminal::Place;

/// A server, and beside its owner somebody of the same machine who cannot read the owner's credential.
struct Scene {
    place: Place,
}

/// An agent that is here as long as its host keeps stdin open.
struct Agent(Child);

impl Scene {
    fn open() -> Self {
        let mut place = Place::empty();
        let ready = place.serve();
        let elsewhere = place.directory.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        symlink(ready["socket"].as_str().unwrap(), elsewhere.join("guildhall.sock")).unwrap();
        Self { place }
    }

    /// Runs a command as the one without the credential.
    fn stranger(&self, arguments: &[&str]) -> Output {
        let elsewhere = self.place.directory.path().join("elsewhere");
        self.place.command(arguments).env("GUILDHALL_HOME", elsewhere).output().unwrap()
    }

    /// The same, where it must go well: what it prints.
    fn strangers_text(&self, arguments: &[&str]) -> String {
        let output = self.stranger(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// An agent comes in.
    fn agent(&self, name: &str) -> Agent {
        let mut mcp = self.place.hosted(&["mcp", "--name", name]);
        let mcp = mcp.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let agent = Agent(mcp);
        while !self.place.text(&["agents"]).lines().any(|line| line.starts_with(name)) {}
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // If it has ended by itself, so much the better.
        _ = self.0.wait();
    }
}

/// How many paragraphs there are.
fn headings(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).count()
}

#[test]
fn a_message_goes_to_an_agent_and_says_how_far_it_has_come() {
    let scene = Scene::open();
    let place = &scene.place;
    let _web = scene.agent("web");
    let number = place.text(&["send", "web", "The build\nis green", "--priority", "high", "--ttl", "3600"]);
    let number = number.trim();
    number.parse::<u64>().unwrap();
    let sent = place.text(&["inbox", "--sent"]);
    let heading = sent.lines().next().unwrap();
    assert!(heading.starts_with(&format!("{number}  from person:owner to web, ")), "{sent}");
    assert!(heading.ends_with(", high priority"), "{sent}");
    for line in ["    The build\n    is green\n", "    until: ", "    not delivered yet\n"] {
        assert!(sent.contains(line), "{sent}");
    }
    assert!(place.text(&["inbox", "--with", "web"]).contains("The build"));
    let whole = place.json(&["inbox", "--message", number]);
    assert_eq!((&whole["to"], &whole["priority"]), (&"web".into(), &"high".into()), "{whole}");
    assert_eq!(place.json(&["inbox", "--peek"])["messages"], Value::Array(vec![]), "it is not the sender's");
}

#[test]
fn a_long_text_comes_from_stdin_and_is_shown_whole_where_it_waits() {
    let scene = Scene::open();
    let place = &scene.place;
    let long = "so ".repeat(400);
    scene.strangers_text(&["send", "person:owner", "Here I am."]);
    let mut send = place.command(&["send", "shell:local", "-"]);
    let mut send = send.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    send.stdin.take().unwrap().write_all(long.as_bytes()).unwrap();
    assert!(send.wait().unwrap().success());
    let sent = place.text(&["inbox", "--sent"]);
    assert!(!sent.contains(&long) && sent.contains("… (the beginning; all of it: "), "{sent}");
    assert!(scene.strangers_text(&["inbox", "--peek"]).contains(&long));
}

#[test]
fn what_finds_nobody_is_kept_and_sent_again() {
    let scene = Scene::open();
    let place = &scene.place;
    let why = place.failure(&["send", "wbe", "May I merge?"]);
    let dead = place.json(&["inbox", "--dead"]);
    let number = dead[0]["number"].to_string();
    assert!(why.contains("wbe") && why.contains(&number), "{why}");
    assert_eq!((&dead[0]["to"], &dead[0]["content"]), (&"wbe".into(), &"May I merge?".into()));
    let shown = place.text(&["inbox", "--dead"]);
    assert!(
        shown.contains("    dead letter: nobody was known as \"wbe\"\n") && !shown.contains("not delivered")
    );
    assert_eq!(place.error(&["send", "wbe", "May I?"]), (Some(1), "not_found".into()));

    let _web = scene.agent("web");
    place.text(&["send", "--resend", &number, "web"]);
    let sent = place.json(&["inbox", "--with", "web"]);
    assert_eq!(sent[0]["content"], "May I merge?", "{sent}");
}

#[test]
fn what_waits_is_looked_at_or_taken_once() {
    let scene = Scene::open();
    let place = &scene.place;
    assert_eq!(place.said(&["inbox"]), "Nothing waits for you.\n");
    let first = scene.strangers_text(&["send", "person:owner", "one"]);
    scene.strangers_text(&["send", "--all", "two"]);
    let status = place.text(&["status"]);
    assert!(status.contains("\nmessages   2 for you\n"), "{status}");
    let peeked = place.text(&["inbox", "--peek"]);
    assert_eq!(headings(&peeked), 2, "{peeked}");
    assert!(peeked.starts_with(&format!("{}  from shell:local to person:owner, ", first.trim())), "{peeked}");
    assert_eq!(place.text(&["inbox", "--peek"]), peeked);

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let unread = place.command(&["inbox"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    let unread = unread.wait_with_output().unwrap();
    let said = String::from_utf8(unread.stderr).unwrap();
    assert_eq!(unread.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing was taken as read"), "{said}");

    assert_eq!(place.text(&["inbox", "--limit", "1"]), peeked[..peeked.find("\n    one\n").unwrap() + 9]);
    assert!(place.text(&["inbox"]).contains("    two\n"));
    assert_eq!(place.said(&["inbox"]), "Nothing waits for you.\n");
    assert_eq!(headings(&place.text(&["inbox", "--all"])), 2, "what was read is not gone");
    let newest = place.json(&["inbox", "--all", "--limit", "1"]);
    assert_eq!(newest[0]["content"], "two", "{newest}");
    let before = newest[0]["number"].to_string();
    assert_eq!(place.json(&["inbox", "--all", "--before", &before])[0]["content"], "one");

    let sent = scene.strangers_text(&["inbox", "--sent"]);
    assert!(sent.contains("read 2"), "the sender sees that it was read, and when: {sent}");
}

#[test]
fn who_is_not_the_owner_has_a_mailbox_too_and_answers() {
    let scene = Scene::open();
    let place = &scene.place;
    scene.strangers_text(&["send", "person:owner", "I begin."]);
    assert!(place.text(&["inbox"]).contains("I begin."));
    let number = place.text(&["send", "shell:local", "Done?"]);
    let taken = scene.stranger(&["inbox"]);
    assert!(String::from_utf8(taken.stdout).unwrap().contains("    Done?\n"));
    let said = String::from_utf8(taken.stderr).unwrap();
    assert!(said.contains("What is sent to the owner is not shown here: there is no owner's"), "{said}");
    let reply = scene.strangers_text(&["send", "--reply-to", number.trim(), "Yes."]);
    let answer = place.text(&["inbox"]);
    assert!(
        answer.contains(&format!("    thread: guildhall inbox --thread {}\n", number.trim())),
        "{answer}"
    );
    let thread = place.json(&["inbox", "--thread", reply.trim()]);
    let contents: Vec<_> = thread.as_array().unwrap().iter().map(|message| &message["content"]).collect();
    assert_eq!(contents, ["Done?", "Yes."]);
}

#[test]
fn a_topic_is_followed_and_left() {
    let scene = Scene::open();
    let place = &scene.place;
    assert_eq!(place.text(&["topics", "follow", "builds"]), "You follow builds now.\n");
    assert_eq!(place.json(&["topics", "follow", "builds"])["success"], false);
    scene.strangers_text(&["send", "--topic", "builds", "red"]);
    scene.strangers_text(&["send", "--topic", "lunch", "soup"]);
    let mine = place.text(&["inbox"]);
    assert!(mine.contains(" to topic:builds, ") && !mine.contains("soup"), "{mine}");
    let topics = place.json(&["topics"]);
    let builds = topics.as_array().unwrap().iter().find(|topic| topic["name"] == "builds").unwrap();
    assert_eq!((&builds["followed"], &builds["followers"]), (&true.into(), &1.into()), "{topics}");
    assert!(builds["last_at"].is_string());
    assert_eq!(place.text(&["topics", "leave", "builds"]), "You follow builds no longer.\n");
    scene.strangers_text(&["send", "--topic", "builds", "green"]);
    assert_eq!(place.said(&["inbox"]), "Nothing waits for you.\n");
    assert_eq!(headings(&place.text(&["inbox", "--topic", "builds"])), 2);
}

#[test]
fn files_that_are_reserved_are_told_with_their_holder() {
    let scene = Scene::open();
    let place = &scene.place;
    let made = place.json(&["reserve", "src/**", "--for", "3600", "--why", "moving things"]);
    let until = made["until"].as_str().unwrap();
    let late = scene.stranger(&["reserve", "src/main.rs", "--for", "60"]);
    assert_eq!((late.status.code(), &*late.stdout), (Some(1), &b""[..]));
    let why = String::from_utf8(late.stderr).unwrap();
    assert!(why.contains("person:owner") && why.contains(until), "{why}");
    let late = scene.stranger(&["--json", "reserve", "src/main.rs", "--for", "60"]);
    assert!(String::from_utf8(late.stderr).unwrap().contains(r#""code":"conflict""#));

    let list = scene.strangers_text(&["reserve"]);
    let columns: Vec<_> = list.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(columns[1..], ["person:owner", "no", until, "no", "src/**", "moving", "things"], "{list}");
    assert_eq!(
        place.text(&["reserve", "--release", made["id"].as_str().unwrap()]),
        "Released 1 reservation.\n"
    );
    scene.strangers_text(&["reserve", "src/main.rs", "--for", "60", "--shared"]);
    place.text(&["reserve", "src/*", "docs/*", "--for", "60", "--shared"]);
    assert_eq!(place.json(&["reserve", "--release"])["count"], 1, "the other one is not ours");
}

#[test]
fn what_was_said_is_found_again() {
    let scene = Scene::open();
    let place = &scene.place;
    let _web = scene.agent("web");
    place.text(&["send", "web", "The gateway answers again"]);
    place.text(&["context", "share", "gateway", "the gateway is at 8080"]);
    place.text(&["decide", "One gateway is enough"]);
    // What has just been written may take a moment to be found.
    let found = loop {
        let found = place.json(&["search", "GATE*"]);
        if found["complete"] == true {
            break found;
        }
    };
    let kinds: Vec<_> = found["hits"].as_array().unwrap().iter().map(|hit| &hit["kind"]).collect();
    assert_eq!(kinds, ["decision", "context", "message"], "newest first");
    let text = place.text(&["search", "gateway", "answers"]);
    assert!(text.contains("  message from person:owner to web, "), "{text}");
    assert!(text.contains("    The gateway answers again\n"), "{text}");
    assert_eq!(headings(&place.text(&["search", "gateway", "--kind", "context", "--kind", "decision"])), 2);
    assert_eq!(place.said(&["search", "\"answers gateway\""]), "Nothing was found.\n");

    let page = place.run(&["search", "gateway", "--limit", "2"]);
    assert_eq!(headings(std::str::from_utf8(&page.stdout).unwrap()), 2);
    let said = String::from_utf8(page.stderr).unwrap();
    let (_, before) = said.trim_end().trim_end_matches('.').split_once("--before ").unwrap();
    let rest = place.text(&["search", "gateway", "--before", before]);
    assert!(headings(&rest) == 1 && rest.contains("message from"), "{rest}");
}

#[test]
fn files_go_with_a_message_and_are_written_down_beside_others() {
    let scene = Scene::open();
    let place = &scene.place;
    let directory = place.directory.path();
    let picture = [0, 255, 10, 13];
    fs::write(directory.join("plan.md"), "# Plan").unwrap();
    fs::write(directory.join("shot.png"), picture).unwrap();
    let with_files = ["send", "person:owner", "See these.", "--file", "plan.md", "--file", "shot.png"];
    let number = scene.strangers_text(&with_files);
    let number = number.trim();
    let text = place.text(&["inbox"]);
    assert!(text.contains("    file: plan.md (text/markdown, 6 bytes)\n"), "{text}");
    assert!(text.contains("    file: shot.png (image/png, 4 bytes)\n"), "{text}");

    let whole = place.text(&["inbox", "--message", number, "--save", "."]);
    assert!(whole.contains("    saved: ./plan-1.md\n    saved: ./shot-1.png\n"), "{whole}");
    assert_eq!(fs::read(directory.join("shot-1.png")).unwrap(), picture);
    let whole = place.json(&["inbox", "--message", number, "--save", "new/place"]);
    assert_eq!(whole["saved"][0], "new/place/plan.md", "{whole}");
    assert_eq!(fs::read_to_string(directory.join("new/place/plan.md")).unwrap(), "# Plan");

    let why = place.failure(&["send", "shell:local", "And this.", "--file", "none.txt"]);
    assert!(why.contains("cannot read none.txt"), "{why}");
    assert_eq!(place.said(&["inbox", "--sent"]), "There are no messages.\n");
}

#[test]
fn a_message_is_not_offered_for_longer_than_it_was_to_be() {
    let mut scene = Scene::open();
    scene.strangers_text(&["send", "person:owner", "Lunch?", "--ttl", "3600"]);
    scene.strangers_text(&["send", "person:owner", "Read this."]);
    scene.place.end();
    let mut serve = scene.place.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
    serve.env("GUILDHALL_CLOCK_AHEAD_MS", "7200000").stdout(Stdio::piped()).stderr(Stdio::null());
    scene.place.started(serve);
    let waiting = scene.place.text(&["inbox"]);
    assert!(waiting.contains("Read this.") && !waiting.contains("Lunch?"), "{waiting}");
    assert_eq!(headings(&scene.place.text(&["inbox", "--all"])), 2);
}
