//! A restart, ordered or not, is nothing that anybody notices but for the dropped connection.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::time::Duration;

use client::protocol::{self, Call, Hello, OnTimeout, QuestionStatus, Speaker};
use guildhall_tests::home::{Home, Server};
use guildhall_tests::trpc::Client;
use hall::limits::SNAPSHOT_EVENTS;
use rusqlite::Connection;
use serde_json::{Value, json};
use store::sqlite::{LOG_FILE, VIEWS_FILE};

const SOMEBODY: &str = "00000000-0000-0000-0000-000000000000";

#[derive(Debug, Clone, Copy)]
enum End {
    Ordered,
    Killed,
}

async fn again(home: &Home, mut server: Server, end: End) -> Server {
    match end {
        End::Ordered => server.stop().await,
        End::Killed => server.kill().await,
    }
    home.start().await
}

/// Everything that a client can list.
async fn lists(client: &Client) -> Vec<Value> {
    let mut lists = Vec::new();
    for (path, input) in [
        ("session.list", json!({})),
        ("context.list", json!({})),
        ("context.history", json!({ "key": "api" })),
        ("questions.listPending", json!({})),
        ("questions.list", json!({})),
        ("decisions.list", json!({})),
    ] {
        let list = client.query(path, input).await.unwrap();
        assert!(!list.as_array().unwrap().is_empty(), "{path}");
        lists.push(list);
    }
    lists
}

#[tokio::test]
async fn ids_order_times_and_the_session_outlive_every_kind_of_end() {
    let home = Home::new();
    let mut server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    let join = |name: &str| json!({ "name": name, "role": "source", "repoPath": "/srv" });
    let joined = client.mutate("session.join", join("one")).await.unwrap();
    client.mutate("session.join", join("two")).await.unwrap();
    let member = &joined["agent"]["id"];
    for key in ["zebra", "api", "middle", "api"] {
        let share = json!({ "key": key, "value": format!("of {key}"), "tags": ["t"], "agentId": member });
        client.mutate("context.share", share).await.unwrap();
    }
    let mut questions = Vec::new();
    for text in ["first?", "second?", "third?"] {
        questions.push(
            client.mutate("questions.ask", json!({ "question": text, "agentId": member })).await.unwrap(),
        );
        client.mutate("decisions.log", json!({ "decision": text, "agentId": member })).await.unwrap();
    }
    let answer = json!({ "questionId": questions[1]["id"], "answer": "yes", "agentId": member });
    client.mutate("questions.answer", answer).await.unwrap();
    let before = lists(&client).await;
    drop(client);

    for end in [End::Ordered, End::Killed, End::Killed, End::Ordered] {
        server = again(&home, server, end).await;
        let client = Client::connect(server.compat).await.unwrap();
        assert_eq!(lists(&client).await, before, "{end:?}");
    }
    // A client's old id is as good as it was, and a newcomer is told of the same session.
    let client = Client::connect(server.compat).await.unwrap();
    let answer = json!({ "questionId": questions[0]["id"], "answer": "late", "agentId": member });
    let answered = client.mutate("questions.answer", answer).await.unwrap();
    assert_eq!(answered["createdAt"], questions[0]["createdAt"]);
    let third = client.mutate("session.join", join("three")).await.unwrap();
    assert_eq!(third["sessionId"], joined["sessionId"]);
    assert_eq!(
        client.mutate("session.leave", json!({ "agentId": member })).await.unwrap(),
        json!({ "success": true })
    );
}

async fn person(server: &Server) -> client::Connection {
    let hello =
        Hello { version: protocol::VERSION, workspace: None, speaker: Speaker::Person { credential: None } };
    client::connect(&server.socket, hello).await.unwrap()
}

async fn deadline_holds(end: End) {
    let home = Home::new();
    let mut server = home.start().await;
    let asker = person(&server).await;
    let mut tickets = Vec::new();
    // One falls due while nobody is there, one when the server is back, and one has no hurry.
    for (seconds, then) in [(1, OnTimeout::Default), (4, OnTimeout::Fail), (1000, OnTimeout::Fail)] {
        let ask = protocol::Ask {
            question: format!("within {seconds} s?"),
            to: vec![],
            options: vec![],
            deadline_seconds: Some(seconds),
            on_timeout: Some(then),
            default: matches!(then, OnTimeout::Default).then(|| "as usual".into()),
            once: None,
        };
        tickets.push(asker.call::<protocol::Question>(Call::Ask(ask)).await.unwrap());
    }
    drop(asker);
    match end {
        End::Ordered => server.stop().await,
        End::Killed => server.kill().await,
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let server = home.start().await;
    let asker = person(&server).await;
    let look = async |ticket: &protocol::Question, wait_seconds| {
        let ticket = protocol::Ticket { question: ticket.id.clone(), wait_seconds };
        asker.call::<protocol::Question>(Call::Question(ticket)).await.unwrap()
    };
    let first = look(&tickets[0], 10).await;
    let default = (QuestionStatus::Answered, Some("as usual"));
    assert_eq!((first.status, first.answer.as_deref()), default, "{end:?}");
    assert_eq!(first.asked_at, tickets[0].asked_at);
    let second = look(&tickets[1], 10).await;
    assert_eq!(second.status, QuestionStatus::Failed, "{end:?}");
    let third = look(&tickets[2], 0).await;
    let open = (QuestionStatus::Pending, &tickets[2].deadline);
    assert_eq!((third.status, &third.deadline), open, "{end:?}");
}

#[tokio::test]
async fn a_deadline_that_passes_while_nobody_is_there_is_kept_after_an_ordered_restart() {
    deadline_holds(End::Ordered).await;
}

#[tokio::test]
async fn a_deadline_that_passes_while_nobody_is_there_is_kept_after_a_kill() {
    deadline_holds(End::Killed).await;
}

fn snapshot_at(home: &Home) -> u64 {
    let views = Connection::open(home.data().join(VIEWS_FILE)).unwrap();
    let found = views
        .query_row("SELECT position FROM snapshot WHERE log = 'default'", [], |row| row.get::<_, i64>(0));
    found.unwrap_or(0).cast_unsigned()
}

/// Whether a start reads only what came after the snapshot is told by making the rest unreadable.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_reads_the_snapshot_and_what_came_after_it_and_not_the_whole_log() {
    let home = Home::new();
    let mut server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    let share = |key: &str, value: String| {
        ("context.share", json!({ "key": key, "value": value, "agentId": SOMEBODY }))
    };
    client.mutate("context.share", share("early", "one".into()).1).await.unwrap();
    client.mutate("questions.ask", json!({ "question": "early?", "agentId": SOMEBODY })).await.unwrap();
    for hundred in 0..SNAPSHOT_EVENTS / 500 {
        let calls: Vec<_> = (0..500).map(|one| share("busy", format!("{hundred} {one}"))).collect();
        client.mutate_all(&calls).await.unwrap();
    }
    while snapshot_at(&home) < SNAPSHOT_EVENTS {
        // It is considered after each batch.
        client.mutate("context.share", share("busy", "still".into()).1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let tail: Vec<_> = (0..100).map(|one| share("late", format!("{one}"))).collect();
    client.mutate_all(&tail).await.unwrap();
    let early = client.query("questions.listPending", json!({})).await.unwrap();
    // Something for the read models, which are moved on to here: what was projected is read no more either.
    client.mutate("decisions.log", json!({ "decision": "go", "agentId": SOMEBODY })).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    server.kill().await;
    let taken = snapshot_at(&home);
    assert!(taken >= SNAPSHOT_EVENTS, "{taken}");

    let log = Connection::open(home.data().join(LOG_FILE)).unwrap();
    let default: i64 =
        log.query_row("SELECT id FROM log WHERE name = 'default'", [], |row| row.get(0)).unwrap();
    let place = |position: u64| default << 40 | position.cast_signed();
    let damage = |from: u64, to: u64| {
        let sql = "UPDATE event SET body = x'00' WHERE id >= ? AND id <= ? AND id % 7 = 0";
        log.execute(sql, [place(from), place(to)]).unwrap()
    };
    // All but the first few, which are looked up below, and the snapshot's own.
    assert!(damage(10, taken - 2) > 1000);
    let server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    let value = async |key: &str| {
        client.query("context.get", json!({ "key": key, "withVersion": true })).await.unwrap()
    };
    assert_eq!(value("early").await["value"], "one");
    assert_eq!(value("late").await["value"], "99");
    assert_eq!(value("late").await["version"], 100);
    assert_eq!(client.query("questions.listPending", json!({})).await.unwrap(), early);
    server.stop().await;

    // Were there no snapshot, the same start would have to read what is damaged, and say so.
    let views = Connection::open(home.data().join(VIEWS_FILE)).unwrap();
    views.execute("DELETE FROM snapshot", []).unwrap();
    let refused = home.launch(home.serve()).await.err().expect("a damaged log");
    assert!(refused.contains("the log default is damaged at position"), "{refused}");
}
