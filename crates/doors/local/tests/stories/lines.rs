//! What a client hears that does not speak the protocol well.

use std::sync::Arc;
use std::time::Duration;

use client::protocol::LINE_BYTES;
use client::wire;
use gate::Rates;
use gate::rate::Rate;
use guildhall_door_local::ancestry::Proc;
use guildhall_door_local::limits::{INTRODUCTION_BYTES, STRANGERS};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::place::{Place, SOON};

struct Line {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Line {
    async fn to(place: &Place) -> Self {
        let (read, write) = UnixStream::connect(&place.socket).await.unwrap().into_split();
        Self { read: BufReader::new(read), write }
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.write.write_all(bytes).await.unwrap();
    }

    /// The next answer; `None` once the hall has closed.
    async fn hear(&mut self) -> Option<Value> {
        let mut line = Vec::new();
        let there = tokio::time::timeout(SOON, wire::read_line(&mut self.read, &mut line, LINE_BYTES)).await;
        there.expect("the hall says something").unwrap().then(|| serde_json::from_slice(&line).unwrap())
    }

    async fn error(&mut self, line: &str) -> (Value, i64, String, String) {
        self.say(format!("{line}\n").as_bytes()).await;
        let answer = self.hear().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let error = &answer["error"];
        let number = error["code"].as_i64().unwrap();
        (answer["id"].clone(), number, text(&error["data"]["code"]), text(&error["message"]))
    }

    async fn introduce(&mut self) {
        let person = json!({"version": 1, "speaker": {"person": {}}});
        self.say(
            format!("{}\n", json!({"jsonrpc": "2.0", "id": 0, "method": "hello", "params": person}))
                .as_bytes(),
        )
        .await;
        assert_eq!(self.hear().await.unwrap()["result"]["principal"], "local");
    }
}

#[tokio::test]
async fn a_mistake_is_explained_and_the_connection_goes_on() {
    let place = Place::of_strangers().await;
    let mut line = Line::to(&place).await;
    let (id, _, code, message) = line.error(r#"{"jsonrpc":"2.0","id":"a","method":"status"}"#).await;
    assert_eq!((id, code.as_str()), (json!("a"), "not_introduced"), "{message}");
    line.introduce().await;
    let (id, number, code, _) = line.error("{broken").await;
    assert_eq!((id, number, code.as_str()), (Value::Null, -32700, "bad_request"));
    let (id, number, _, message) = line.error(r#"{"jsonrpc":"2.0","id":7,"method":"fly"}"#).await;
    assert_eq!((id, number), (json!(7), -32601), "{message}");
    let (_, number, _, message) =
        line.error(r#"{"jsonrpc":"2.0","id":8,"method":"context.get","params":{}}"#).await;
    assert_eq!(number, -32602);
    assert!(message.contains("key"), "{message}");
    let hello = r#"{"jsonrpc":"2.0","id":9,"method":"hello","params":{"version":1,"speaker":{"person":{}}}}"#;
    assert_eq!(line.error(hello).await.2, "bad_request");
    line.say(b"{\"jsonrpc\":\"2.0\",\"id\":10,\"method\":\"agents\"}\n").await;
    let answer = json!({"jsonrpc": "2.0", "id": 10, "position": 0, "result": []});
    assert_eq!(line.hear().await.unwrap(), answer);
}

#[tokio::test]
async fn a_line_without_end_is_refused_and_the_connection_closed() {
    let place = Place::of_strangers().await;
    let mut line = Line::to(&place).await;
    line.introduce().await;
    line.say(&vec![b' '; LINE_BYTES]).await;
    let answer = line.hear().await.unwrap();
    assert_eq!(answer["error"]["data"]["code"], "too_large");
    assert_eq!(line.hear().await, None);
}

#[tokio::test]
async fn strangers_may_say_little_and_few_of_them_at_once() {
    let place = Place::of_strangers().await;
    let mut line = Line::to(&place).await;
    line.say(&[b' '; INTRODUCTION_BYTES]).await;
    let answer = line.hear().await.unwrap();
    assert_eq!(answer["error"]["data"]["code"], "too_large");
    assert_eq!(line.hear().await, None);

    let mut silent = Vec::new();
    for _ in 0..STRANGERS {
        let mut line = Line::to(&place).await;
        line.error("{broken").await;
        silent.push(line);
    }
    let mut next = Line::to(&place).await;
    next.say(b"{broken\n").await;
    let early = tokio::time::timeout(Duration::from_millis(200), next.read.fill_buf()).await;
    assert!(early.is_err(), "it has to wait");
    silent[0].introduce().await;
    assert_eq!(next.hear().await.unwrap()["error"]["code"], -32700);
}

#[tokio::test]
async fn whoever_has_seen_more_than_there_is_hears_so_in_time() {
    let patience = Duration::from_millis(200);
    let options = hall::Options { patience, ..hall::Options::default() };
    let place = Place::with(Arc::new(Proc), options).await;
    let mut line = Line::to(&place).await;
    line.introduce().await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"agents","min_pos":900}"#;
    let (id, _, code, message) = line.error(call).await;
    assert_eq!((id, code.as_str()), (json!(1), "unavailable"));
    assert!(message.contains("900"), "{message}");
    // A command is decided on what there is.
    let share = json!({"key": "port", "value": "1"});
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "context.share", "params": share, "min_pos": 900});
    line.say(format!("{call}\n").as_bytes()).await;
    assert_eq!(line.hear().await.unwrap()["position"], 1);
    line.say(b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"context.list\",\"min_pos\":1}\n").await;
    assert_eq!(line.hear().await.unwrap()["result"]["items"][0]["key"], "port");
}

#[tokio::test]
async fn who_stops_writing_still_hears_the_answers() {
    let place = Place::of_strangers().await;
    let mut line = Line::to(&place).await;
    line.introduce().await;
    for (id, method, params) in
        [(1, "agents", json!({})), (2, "wait", json!({"seconds": 30})), (3, "decisions.list", json!({}))]
    {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        line.say(format!("{call}\n").as_bytes()).await;
    }
    line.write.shutdown().await.unwrap();
    let mut answered = Vec::new();
    while let Some(answer) = tokio::time::timeout(Duration::from_secs(5), line.hear()).await.unwrap() {
        assert!(answer.get("result").is_some(), "{answer}");
        answered.push(answer["id"].as_i64().unwrap());
    }
    answered.sort_unstable();
    assert_eq!(answered, [1, 2, 3]);
}

#[tokio::test]
async fn lines_that_are_no_calls_count_as_calls() {
    let mut place = Place::of_strangers().await;
    let (few, many) = (Rate { per_second: 0.001, burst: 3.0 }, Rate { per_second: 1.0, burst: 60.0 });
    place.restart_with(Rates::new(few, many)).await;
    let mut line = Line::to(&place).await;
    for expected in ["bad_request", "bad_request", "not_introduced", "too_many"] {
        let wrong = if expected == "not_introduced" {
            r#"{"jsonrpc":"2.0","id":1,"method":"status"}"#
        } else {
            "{broken"
        };
        assert_eq!(line.error(wrong).await.2, expected);
    }
    let hello = r#"{"jsonrpc":"2.0","id":9,"method":"hello","params":{"version":1,"speaker":{"person":{}}}}"#;
    assert_eq!(line.error(hello).await.2, "too_many");
}
