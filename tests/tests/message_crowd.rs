//! A thousand agents who follow a hundred topics, of whom a hundred write to all and to one another, and one reads nothing.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall_tests::home::{Home, Server};
use guildhall_tests::linker::Linker;
use guildhall_tests::trpc::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const AGENTS: usize = 1_000;
const TOPICS: usize = 100;
/// Each agent follows so many of them.
const FOLLOWED: usize = 5;
/// The first so many write.
const WRITERS: usize = 100;
/// What each of them writes to single agents, in one round, so that everybody gets something.
const DIRECTS: usize = 20;
/// What each of them writes to the slow one besides: more, in all, than sockets hold.
const LARGE: usize = 150_000;
/// So many others write to topics, for which there is no word in the linker's protocol …
const SPEAKERS: usize = 10;
/// … each as much to each of its topics, in one round.
const TO_TOPIC: usize = 3;
/// In the second round it reads nothing.
const SLOW: usize = AGENTS - 1;
/// More than all this takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many times as long the others may take when one reads nothing …
const FACTOR: u32 = 4;
/// … and what a busy machine may add to that.
const BUSY: Duration = Duration::from_secs(1);
/// What the server may come to hold: all that is written is less than a tenth of it, and would be held a thousand times over if
/// each socket had its own.
const RESIDENT_MIB: u64 = 512;

fn name(agent: usize) -> String {
    format!("agent {agent}")
}

fn topic(number: usize) -> String {
    format!("topic {number}")
}

/// The topics that an agent follows: each has fifty who do, and few pairs of agents have the same.
fn followed(agent: usize) -> impl Iterator<Item = usize> {
    (0..FOLLOWED).map(move |number| (agent * 7 + number * 13 + agent / TOPICS * number) % TOPICS)
}

/// What a writer sends in a round, to whom.
fn messages(round: usize, writer: usize) -> Vec<(String, String)> {
    let broadcast = ("broadcast".to_owned(), format!("{round}: {writer} to all"));
    let directs = (0..DIRECTS).map(|number| {
        let reader = (writer * DIRECTS + number) % AGENTS;
        (name(reader), format!("{round}: {writer} to {reader}, {number}"))
    });
    [broadcast].into_iter().chain(directs).collect()
}

/// What a writer sends to the slow one besides.
fn large(round: usize, writer: usize) -> String {
    format!("{round}: {writer} at length {}", "x".repeat(LARGE))
}

/// What is said to a topic in a round.
fn said(round: usize, topic: usize) -> impl Iterator<Item = String> {
    (0..TO_TOPIC).map(move |number| format!("{round}: of topic {topic}, {number}"))
}

/// What is for an agent of all that is written in a round.
fn expected(round: usize, agent: usize) -> BTreeSet<String> {
    let mine = |writer| {
        let mine =
            move |(to, _): &(String, String)| *to == name(agent) || (writer != agent && to == "broadcast");
        messages(round, writer).into_iter().filter(mine).map(|(_, content)| content)
    };
    let to_topics = followed(agent).flat_map(|topic| said(round, topic));
    let at_length = (0..WRITERS).filter(|_| agent == SLOW).map(|writer| large(round, writer));
    (0..WRITERS).flat_map(mine).chain(to_topics).chain(at_length).collect()
}

/// Lets each agent follow its topics by tRPC, and leave. It is the same agent that comes in by the linker's door later.
async fn follow_topics(client: &Client) {
    let joins: Vec<_> = (0..AGENTS).map(|agent| join(&name(agent))).collect();
    let ids = joined(client, &joins).await;
    let follows = ids.iter().enumerate().flat_map(|(agent, id)| {
        let follow = move |number| json!({ "agentId": id, "topic": topic(number), "follow": true });
        followed(agent).map(move |number| ("topics.follow", follow(number)))
    });
    let answers = client.mutate_all(&follows.collect::<Vec<_>>()).await.unwrap();
    assert!(answers.iter().all(|answer| answer["success"] == true), "each is a topic that it did not follow");
    let leaves: Vec<_> = ids.iter().map(|id| ("session.leave", json!({ "agentId": id }))).collect();
    client.mutate_all(&leaves).await.unwrap();
}

fn join(name: &str) -> (&'static str, Value) {
    ("session.join", json!({ "name": name, "role": "target", "repoPath": "/" }))
}

/// The ids under which they have joined.
async fn joined(client: &Client, joins: &[(&'static str, Value)]) -> Vec<Value> {
    let joined = client.mutate_all(joins).await.unwrap();
    joined.into_iter().map(|mut joined| joined["agent"]["id"].take()).collect()
}

/// Says what is to be said to topics in a round.
async fn speak(client: Arc<Client>, round: usize, speaker: usize, id: Value) {
    let topics = (speaker..TOPICS).step_by(SPEAKERS);
    let sends = topics.flat_map(|number| said(round, number).map(move |content| (number, content)));
    let sends = sends.map(|(number, content)| {
        let to = format!("topic:{}", topic(number));
        ("messages.send", json!({ "agentId": id, "to": to, "content": content }))
    });
    client.mutate_all(&sends.collect::<Vec<_>>()).await.unwrap();
}

/// Writes if it is one of the writers, and reads until it was pushed all that is for it in this round.
async fn take_part(
    round: usize,
    agent: usize,
    mut client: Linker,
    expected: BTreeSet<String>,
) -> (usize, Linker) {
    let mut pushed = BTreeSet::new();
    let mut take = |frame: &Value| {
        if frame["type"] == "new_message" {
            let content = frame["message"]["content"].as_str().unwrap().to_owned();
            assert!(pushed.insert(content), "{agent} was pushed something twice: {frame}");
        }
        pushed.len()
    };
    let mut count = client.aside().iter().map(&mut take).last().unwrap_or_default();
    if agent < WRITERS {
        let large = (name(SLOW), large(round, agent));
        let written = messages(round, agent).into_iter().chain([large]);
        let payloads: Vec<_> = written.map(|(to, content)| json!({ "to": to, "content": content })).collect();
        client.send("send_message", &payloads).await.unwrap();
        client.ask("heartbeat", json!({})).await.unwrap();
        count = client.aside().iter().map(&mut take).last().unwrap_or(count);
    }
    while count < expected.len() {
        count = take(&client.next().await.unwrap());
    }
    assert_eq!(pushed, expected, "{agent}");
    (agent, client)
}

/// One round: these clients of agents write and read, and others speak to topics. How long it took until everybody but the
/// slow one had all that is for it.
async fn hold(
    round: usize,
    clients: Vec<Linker>,
    trpc: &Arc<Client>,
    speakers: &[Value],
) -> (Vec<Linker>, Duration) {
    let expected: Vec<_> = (0..clients.len()).map(|agent| expected(round, agent)).collect();
    let began = Instant::now();
    let mut spoken = JoinSet::new();
    for (speaker, id) in speakers.iter().enumerate() {
        spoken.spawn(speak(trpc.clone(), round, speaker, id.clone()));
    }
    let mut taken_part = JoinSet::new();
    for ((agent, client), expected) in clients.into_iter().enumerate().zip(expected) {
        taken_part.spawn(take_part(round, agent, client, expected));
    }
    let all = async {
        let (mut clients, mut took) = (Vec::new(), Duration::ZERO);
        while let Some(client) = taken_part.join_next().await {
            clients.push(client.unwrap());
            if clients.last().is_some_and(|(agent, _)| *agent != SLOW) {
                took = began.elapsed();
            }
        }
        spoken.join_all().await;
        clients.sort_by_key(|(agent, _)| *agent);
        (clients.into_iter().map(|(_, client)| client).collect(), took)
    };
    tokio::time::timeout(PATIENCE, all).await.expect("everybody but the slow one gets everything")
}

/// The most that the server ever held, in MiB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_agents_get_everything_as_soon_while_one_reads_nothing_and_that_one_finds_it_later() {
    // Longer than a reader of so many may be kept from reading on a machine that is busy with other things.
    let home = Home::new().set("GUILDHALL_WRITE_STALL_MS", "4000");
    let server = home.start().await;
    let trpc = Arc::new(Client::connect(server.compat).await.unwrap());
    follow_topics(&trpc).await;
    let speakers: Vec<_> = (0..SPEAKERS).map(|speaker| join(&format!("speaker {speaker}"))).collect();
    let speakers = joined(&trpc, &speakers).await;
    let mut clients = Vec::new();
    for agent in 0..AGENTS {
        clients.push(Linker::meet_as(server.linker, &name(agent)).await.unwrap());
    }

    let (mut clients, when_all_read) = hold(1, clients, &trpc, &speakers).await;
    // On a new connection: the kernel lets the one that was read from hold more and more.
    drop(clients.pop());
    let slow = Linker::meet_as(server.linker, &name(SLOW)).await.unwrap();
    let (mut clients, when_one_does_not) = hold(2, clients, &trpc, &speakers).await;
    println!(
        "the others' round took {when_all_read:?}, and {when_one_does_not:?} with one who reads nothing"
    );
    assert!(
        when_one_does_not <= when_all_read * FACTOR + BUSY,
        "it took {when_all_read:?} when all read, and {when_one_does_not:?} when one does not"
    );

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
    assert_eq!(left, AGENTS - 1 + SPEAKERS, "nobody else is");
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
    // What it was pushed in the first round it has not asked for: that was no evidence.
    let expected = &expected(1, SLOW) | &expected(2, SLOW);
    assert!(found == expected, "it finds all of its {} messages, and {}", expected.len(), found.len());
    server.stop().await;
}
