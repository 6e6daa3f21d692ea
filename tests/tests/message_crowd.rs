//! A thousand agents, of whom a hundred write to all and to one another, and one reads nothing.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use guildhall_tests::home::{Home, Server};
use guildhall_tests::linker::Linker;
use serde_json::{Value, json};

const AGENTS: usize = 1_000;
/// The first so many write.
const WRITERS: usize = 100;
/// What each of them writes to all …
const BROADCASTS: usize = 2;
/// … and to single agents, so that everybody gets something.
const DIRECTS: usize = 20;
/// What each of them writes to the slow one besides: more, in all, than sockets hold.
const LARGE: usize = 300_000;
/// It reads nothing.
const SLOW: usize = AGENTS - 1;
/// What is followed. The linker's protocol knows this one topic; those that agents follow by name come by the local
/// protocol, and have their place here: each broadcast below goes to one of these in turn.
const TOPICS: [&str; 1] = ["broadcast"];
/// More than all this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the server may come to hold: all that is written is a tenth of it, and would be held a thousand times over if
/// each socket had its own.
const RESIDENT_MIB: u64 = 512;

fn name(agent: usize) -> String {
    format!("agent {agent}")
}

/// What a writer sends, to whom.
fn messages(writer: usize) -> Vec<(String, String)> {
    let broadcasts = (0..BROADCASTS).map(|number| {
        let topic = TOPICS[(writer * BROADCASTS + number) % TOPICS.len()];
        (topic.to_owned(), format!("{writer} to all, {number}"))
    });
    let directs = (0..DIRECTS).map(|number| {
        let reader = (writer * DIRECTS + number) % AGENTS;
        (name(reader), format!("{writer} to {reader}, {number}"))
    });
    let large = (name(SLOW), format!("{writer} at length {}", "x".repeat(LARGE)));
    broadcasts.chain(directs).chain([large]).collect()
}

/// What is for an agent of all that is written.
fn expected(agent: usize) -> BTreeSet<String> {
    let mine = |writer| {
        let mine = move |(to, _): &(String, String)| {
            *to == name(agent) || (writer != agent && TOPICS.contains(&&**to))
        };
        messages(writer).into_iter().filter(mine).map(|(_, content)| content)
    };
    (0..WRITERS).flat_map(mine).collect()
}

/// Writes if it is one of the writers, and reads until it was pushed all that is for it.
async fn take_part(mut client: Linker, agent: usize) -> Linker {
    let expected = expected(agent);
    let mut pushed = BTreeSet::new();
    let mut take = |frame: &Value| {
        if frame["type"] == "new_message" {
            let content = frame["message"]["content"].as_str().unwrap().to_owned();
            assert!(pushed.insert(content), "{agent} was pushed something twice: {frame}");
        }
        pushed.len()
    };
    if agent < WRITERS {
        let payloads: Vec<_> = messages(agent)
            .into_iter()
            .map(|(to, content)| json!({ "to": to, "content": content }))
            .collect();
        client.send("send_message", &payloads).await.unwrap();
        client.ask("heartbeat", json!({})).await.unwrap();
    }
    let mut count = client.aside().iter().map(&mut take).last().unwrap_or_default();
    while count < expected.len() {
        count = take(&client.next().await.unwrap());
    }
    assert_eq!(pushed, expected, "{agent}");
    client
}

/// The most that the server ever held, in MiB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_agents_get_everything_while_one_reads_nothing_and_that_one_finds_it_later() {
    let home = Home::new().set("GUILDHALL_WRITE_STALL_MS", "1000");
    let server = home.start().await;
    let mut clients = Vec::new();
    for agent in 0..AGENTS {
        clients.push(Linker::meet_as(server.linker, &name(agent)).await.unwrap());
    }
    let slow = clients.pop().unwrap();
    let others =
        clients.into_iter().enumerate().map(|(agent, client)| tokio::spawn(take_part(client, agent)));
    let others: Vec<_> = others.collect();
    let all = async {
        let mut clients = Vec::new();
        for other in others {
            clients.push(other.await.unwrap());
        }
        clients
    };
    let mut clients =
        tokio::time::timeout(PATIENCE, all).await.expect("everybody but the slow one gets everything");

    let let_go = async {
        loop {
            let reply = clients[0].ask("list_instances", json!({})).await.unwrap();
            let listed = reply["instances"].as_array().unwrap();
            if listed.iter().all(|instance| instance["name"] != name(SLOW)) {
                return listed.len();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let left =
        tokio::time::timeout(PATIENCE, let_go).await.expect("who takes nothing off its socket is let go");
    assert_eq!(left, AGENTS - 1, "nobody else is");
    let peak = peak(&server);
    assert!(peak < RESIDENT_MIB, "the server held {peak} MiB");
    drop(slow);

    let mut back = Linker::meet_as(server.linker, &name(SLOW)).await.unwrap();
    let mut found = BTreeSet::new();
    loop {
        let reply = back.ask("get_messages", json!({})).await.unwrap();
        let page = reply["messages"].as_array().unwrap();
        if page.is_empty() {
            break;
        }
        for message in page {
            let content = message["content"].as_str().unwrap().to_owned();
            assert!(found.insert(content), "offered again after its evidence");
        }
    }
    assert!(
        found == expected(SLOW),
        "it finds all of its {} messages, and {}",
        expected(SLOW).len(),
        found.len()
    );
    server.stop().await;
}
