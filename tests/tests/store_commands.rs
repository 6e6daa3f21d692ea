//! `guildhall store` on homes that were damaged, and what `serve` says where it must not start.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use guildhall_tests::home::Home;
use guildhall_tests::trpc::Client;
use model::WorkspaceName;
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;
use store::SqliteStore;
use store::sqlite::{LOG_FILE, VIEWS_FILE};

const SOMEBODY: &str = "00000000-0000-0000-0000-000000000000";

/// A home in which some things have happened; nothing runs there any more.
async fn lived_in() -> Home {
    let home = Home::new();
    let server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    let join = json!({ "name": "web", "role": "source", "repoPath": "/srv/web" });
    client.mutate("session.join", join).await.unwrap();
    for number in 0..3 {
        let share = json!({ "key": "api", "value": format!("version {number}"), "agentId": SOMEBODY });
        client.mutate("context.share", share).await.unwrap();
        let ask = json!({ "question": format!("question {number}"), "agentId": SOMEBODY });
        let asked = client.mutate("questions.ask", ask).await.unwrap();
        let answer = json!({ "questionId": asked["id"], "answer": "yes", "agentId": SOMEBODY });
        client.mutate("questions.answer", answer).await.unwrap();
        let log = json!({ "decision": format!("decision {number}"), "rationale": "so", "agentId": SOMEBODY });
        client.mutate("decisions.log", log).await.unwrap();
    }
    server.stop().await;
    home
}

fn database(home: &Home, file: &str) -> Connection {
    let connection = Connection::open(home.data().join(file)).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    connection
}

#[tokio::test]
async fn verify_names_the_first_bad_position_whatever_is_damaged_of_an_event() {
    let home = lived_in().await;
    let whole = home.run(&["store", "verify"]);
    assert!(whole.status.success(), "{whole:?}");
    assert!(String::from_utf8_lossy(&whole.stdout).contains("default"), "{whole:?}");

    let log: i64 = database(&home, LOG_FILE)
        .query_row("SELECT id FROM log WHERE name = 'default'", [], |row| row.get(0))
        .unwrap();
    for column in ["id", "header", "body", "digest", "hash"] {
        // By the number of the row, which is the event's place, and is looked for at its new one where that is changed.
        let mut place = log << 40 | 4;
        let connection = database(&home, LOG_FILE);
        let read = format!("SELECT {column} FROM event WHERE id = ?");
        let old: Value = connection.query_row(&read, [place], |row| row.get(0)).unwrap();
        let flipped = match &old {
            Value::Integer(number) => Value::Integer(number ^ 1 << 20),
            Value::Blob(bytes) => {
                let mut bytes = bytes.clone();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                Value::Blob(bytes)
            }
            other => panic!("{column} is {other:?}"),
        };
        let write = format!("UPDATE event SET {column} = ? WHERE id = ?");
        assert_eq!(connection.execute(&write, (&flipped, place)).unwrap(), 1);
        let verified = home.run(&["store", "verify"]);
        assert_eq!(verified.status.code(), Some(1), "{column}: {verified:?}");
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(said.contains("the log default is damaged at position 4"), "{column}: {said}");
        let verified = home.run(&["store", "verify", "--json"]);
        let said = String::from_utf8_lossy(&verified.stdout).into_owned();
        assert!(said.contains("\"position\":4") || said.contains("\"position\": 4"), "{column}: {said}");
        if let Value::Integer(number) = flipped {
            place = number;
        }
        assert_eq!(connection.execute(&write, (&old, place)).unwrap(), 1);
    }
    assert!(home.run(&["store", "verify"]).status.success(), "all is put right again");
}

async fn dumped(home: &Home) -> String {
    let store = SqliteStore::open(&home.data()).unwrap();
    hall::dump(&store, &WorkspaceName::default_workspace()).await.unwrap()
}

fn delete_views(home: &Home) {
    for end in ["", "-wal", "-shm"] {
        // The latter two are there only if somebody was killed.
        _ = std::fs::remove_file(home.data().join(format!("{VIEWS_FILE}{end}")));
    }
}

#[tokio::test]
async fn rebuild_makes_the_read_models_anew_whatever_became_of_them() {
    let home = lived_in().await;
    let before = dumped(&home).await;
    assert!(before.contains("question 2") && before.contains("decision 2"), "{before}");

    let rows = |sql: &str| database(&home, VIEWS_FILE).execute_batch(sql).unwrap();
    for what in ["deleted", "emptied", "emptied, and believing that it is not", "damaged"] {
        match what {
            "deleted" => delete_views(&home),
            "emptied" => rows("DELETE FROM row; DELETE FROM projected; DELETE FROM snapshot"),
            "damaged" => rows("UPDATE row SET body = x'7b7d'"),
            _ => rows("DELETE FROM row"),
        }
        let rebuilt = home.run(&["store", "rebuild"]);
        assert!(rebuilt.status.success(), "{what}: {rebuilt:?}");
        assert_eq!(dumped(&home).await, before, "{what}");
    }

    // A server makes what is not there by itself.
    delete_views(&home);
    let server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    let decisions = client.query("decisions.list", json!({})).await.unwrap();
    assert_eq!(decisions.as_array().unwrap().len(), 3);
    server.stop().await;
    assert_eq!(dumped(&home).await, before);
}

#[tokio::test]
async fn a_second_server_on_a_home_names_the_first_and_ends() {
    let home = Home::new();
    let server = home.start().await;
    let refused = home.launch(home.serve()).await.err().expect("one server to a home");
    assert!(refused.starts_with("exit status: 1"), "{refused}");
    assert!(refused.contains("in use by another Guildhall"), "{refused}");
    assert!(refused.contains(&format!("process {}", server.id())), "{refused}");

    for command in ["verify", "rebuild"] {
        let refused = home.run(&["store", command]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(&format!("process {}", server.id())), "{said}");
    }
    // The first one is none the worse for it.
    let client = Client::connect(server.compat).await.unwrap();
    assert_eq!(client.query("session.list", json!({})).await.unwrap(), json!([]));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let home = lived_in().await;
    let before = dumped(&home).await;
    for file in [LOG_FILE, VIEWS_FILE] {
        database(&home, file).execute("INSERT INTO migration VALUES (99, x'00')", []).unwrap();
        let refused = home.launch(home.serve()).await.err().expect("it must not be opened");
        assert!(refused.starts_with("exit status: 1"), "{file}: {refused}");
        assert!(
            refused.contains("written by a newer Guildhall (schema 99, this one knows "),
            "{file}: {refused}"
        );
        let verified = home.run(&["store", "verify"]);
        assert_eq!(verified.status.code(), Some(1), "{file}: {verified:?}");
        database(&home, file).execute("DELETE FROM migration WHERE number = 99", []).unwrap();
    }
    assert_eq!(dumped(&home).await, before);
    home.start().await.stop().await;
}
