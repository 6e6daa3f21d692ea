//! What a process sees that speaks to a hall: answers in any order, a hall that goes away, a hall that comes back.
//! The hall here is a socket and a few lines that answer by hand.

#![allow(
    clippy::unwrap_used,
    reason = "what a test lays out must be there; if it is not, the test has failed"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use guildhall_client::protocol::{
    Call, Decide, Empty, ErrorCode, Hello, Key, LINE_BYTES, Speaker, TokenId, VERSION, Wait, Welcome,
};
use guildhall_client::{CallError, Reconnecting, connect, wire};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// Long enough for anything that happens at once.
const SOON: Duration = Duration::from_secs(5);

fn agent() -> Hello {
    let speaker = Speaker::Agent {
        name: "web".into(),
        role: "source".into(),
        repo_path: "/home/ada/web".into(),
        instance: None,
        member: None,
    };
    Hello { version: VERSION, workspace: None, speaker }
}

/// The hall's end of one connection.
struct Peer {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Peer {
    async fn accept(listener: &UnixListener) -> Self {
        let (stream, _) = tokio::time::timeout(SOON, listener.accept()).await.unwrap().unwrap();
        Self::of(stream)
    }

    fn of(stream: UnixStream) -> Self {
        let (read, write) = stream.into_split();
        Self { read: BufReader::new(read), write }
    }

    async fn next(&mut self) -> Value {
        let mut line = Vec::new();
        let there = tokio::time::timeout(SOON, wire::read_line(&mut self.read, &mut line, LINE_BYTES)).await;
        assert!(there.unwrap().unwrap(), "the client has closed");
        serde_json::from_slice(&line).unwrap()
    }

    async fn say(&mut self, message: &Value) {
        self.write.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn answer(&mut self, call: &Value, result: impl serde::Serialize) {
        self.say(&json!({"jsonrpc": "2.0", "id": call["id"], "result": result})).await;
    }

    /// Answers a call, and says where the log stands.
    async fn answer_at(&mut self, call: &Value, position: u64, result: impl serde::Serialize) {
        let answer = json!({"jsonrpc": "2.0", "id": call["id"], "position": position, "result": result});
        self.say(&answer).await;
    }

    /// Welcomes the client as `member`, and gives what it said to introduce itself.
    async fn welcome(&mut self, member: &str) -> Value {
        self.welcome_to("life-1", member).await
    }

    /// The same, in another life of the log.
    async fn welcome_to(&mut self, incarnation: &str, member: &str) -> Value {
        let hello = self.next().await;
        let welcome = Welcome {
            version: VERSION,
            server: "0".into(),
            workspace: "default".into(),
            member: member.into(),
            agent_id: None,
            principal: "local".into(),
            incarnation: incarnation.into(),
        };
        self.answer(&hello, welcome).await;
        hello
    }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    (directory, socket)
}

fn get(key: &str) -> Call {
    Call::Get(Key { key: key.into() })
}

fn decide() -> Call {
    Call::Decide(Decide { decision: "use tabs".into(), rationale: None, supersedes: None, once: None })
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("this happens at once")
}

#[tokio::test]
async fn answers_find_their_callers_in_any_order() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let hall = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome("m").await;
        let (first, second) = (peer.next().await, peer.next().await);
        for call in [second, first] {
            peer.answer(&call, format!("value of {}", call["params"]["key"].as_str().unwrap())).await;
        }
    });
    let connection = connect(&socket, agent()).await.unwrap();
    assert_eq!(connection.welcome().member, "m");
    let (a, b) = tokio::join!(connection.call::<String>(get("a")), connection.call::<String>(get("b")));
    assert_eq!((a.unwrap(), b.unwrap()), ("value of a".to_owned(), "value of b".to_owned()));
    hall.await.unwrap();
}

#[tokio::test]
async fn a_refusal_says_why_to_people_and_programs() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let hall = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome("m").await;
        let call = peer.next().await;
        let error = json!({"code": -32000, "message": "no such key", "data": {"code": "not_found"}});
        peer.say(&json!({"jsonrpc": "2.0", "id": call["id"], "error": error})).await;
        peer
    });
    let connection = connect(&socket, agent()).await.unwrap();
    let refused = connection.call::<Value>(get("a")).await.unwrap_err();
    assert_eq!(refused.to_string(), "no such key");
    assert_eq!(refused.code(), Some(ErrorCode::NotFound));
    hall.await.unwrap();
}

#[tokio::test]
async fn when_the_hall_goes_everybody_who_waits_is_told() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let hall = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome("m").await;
        for _ in 0..3 {
            peer.next().await;
        }
    });
    let connection = connect(&socket, agent()).await.unwrap();
    let (a, b, c) = within(async {
        tokio::join!(
            connection.call::<Value>(get("a")),
            connection.call::<Value>(get("b")),
            connection.call::<Value>(decide())
        )
    })
    .await;
    assert_eq!([a, b, c].map(Result::unwrap_err), [CallError::Lost, CallError::Lost, CallError::Lost]);
    assert!(connection.is_closed());
    assert_eq!(connection.call::<Value>(get("a")).await.unwrap_err(), CallError::Closed);
    hall.await.unwrap();
}

#[tokio::test]
async fn without_a_hall_the_error_says_how_to_start_one() {
    let (_directory, socket) = place();
    let expected =
        format!("Guildhall is not running at {}; start it with `guildhall serve`", socket.display());
    assert_eq!(connect(&socket, agent()).await.unwrap_err().to_string(), expected);
    // A socket file that a killed hall left behind.
    drop(UnixListener::bind(&socket).unwrap());
    assert_eq!(connect(&socket, agent()).await.unwrap_err().to_string(), expected);
    let bridge = Reconnecting::new(socket.clone(), agent(), Duration::from_millis(50));
    assert_eq!(within(bridge.call::<Value>(get("a"))).await.unwrap_err().to_string(), expected);
}

fn restart(socket: &Path) -> UnixListener {
    std::fs::remove_file(socket).unwrap();
    UnixListener::bind(socket).unwrap()
}

#[tokio::test]
async fn a_bridge_goes_on_as_the_same_member_after_a_restart() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let bridge = Reconnecting::new(socket.clone(), agent(), SOON);
    let mut peer = Peer::accept(&listener).await;
    let hello = peer.welcome("member-1").await;
    assert_eq!(hello["params"]["speaker"]["agent"]["member"], Value::Null);
    assert_eq!(within(bridge.introduced()).await.unwrap().member, "member-1");

    drop((peer, listener));
    // Made while there is no hall: it waits for the next.
    let waiting = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.call::<String>(get("a")).await }
    });
    let listener = restart(&socket);
    let mut peer = Peer::accept(&listener).await;
    let hello = peer.welcome("member-1").await;
    assert_eq!(hello["params"]["speaker"]["agent"]["member"], "member-1");
    let call = peer.next().await;
    peer.answer(&call, "kept").await;
    assert_eq!(within(waiting).await.unwrap().unwrap(), "kept");
}

#[tokio::test]
async fn what_was_seen_is_asked_for_and_goes_along_to_the_next_connection() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let bridge = Reconnecting::new(socket.clone(), agent(), SOON);
    let make = |call: Call| {
        let bridge = bridge.clone();
        tokio::spawn(async move { bridge.call::<String>(call).await })
    };
    let mut peer = Peer::accept(&listener).await;
    peer.welcome("m").await;
    let deciding = make(decide());
    let call = peer.next().await;
    assert_eq!(call.get("min_pos"), None, "a command wants to see nothing");
    peer.answer_at(&call, 7, "written").await;
    assert_eq!(within(deciding).await.unwrap().unwrap(), "written");

    drop((peer, listener));
    let listener = restart(&socket);
    let mut peer = Peer::accept(&listener).await;
    peer.welcome("m").await;
    let looking = make(get("a"));
    let call = peer.next().await;
    assert_eq!(call["min_pos"], 7);
    let error = json!({"code": -32000, "message": "the log ends at 5", "data": {"code": "unavailable"}});
    peer.say(&json!({"jsonrpc": "2.0", "id": call["id"], "position": 5, "error": error})).await;
    let refused = within(looking).await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Unavailable));
    let looking = make(get("a"));
    let call = peer.next().await;
    assert_eq!(call["min_pos"], 5, "told once, it goes on with what there is");
    peer.answer_at(&call, 6, "a").await;
    within(looking).await.unwrap().unwrap();

    drop((peer, listener));
    let listener = restart(&socket);
    let mut peer = Peer::accept(&listener).await;
    peer.welcome_to("life-2", "m").await;
    let looking = make(get("a"));
    let call = peer.next().await;
    assert_eq!(call.get("min_pos"), None, "positions of another life mean nothing");
    peer.answer(&call, "a").await;
    within(looking).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_sent_again_under_the_same_key() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let bridge = Reconnecting::new(socket.clone(), agent(), SOON);
    let deciding = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.call::<String>(decide()).await }
    });
    let mut peer = Peer::accept(&listener).await;
    peer.welcome("m").await;
    let first = peer.next().await;
    drop((peer, listener));
    let listener = restart(&socket);
    let mut peer = Peer::accept(&listener).await;
    peer.welcome("m").await;
    let second = peer.next().await;
    assert_eq!(first["method"], "decisions.log");
    assert_eq!(first["params"], second["params"]);
    assert!(first["params"]["once"].is_string(), "{first}");
    peer.answer(&second, "written").await;
    assert_eq!(within(deciding).await.unwrap().unwrap(), "written");
}

#[tokio::test]
async fn what_was_sent_and_could_not_be_sent_again_in_time_is_reported_as_unknown() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let bridge = Reconnecting::new(socket.clone(), agent(), Duration::from_millis(300));
    let [deciding, looking] = [decide(), get("a")].map(|call| {
        let bridge = bridge.clone();
        tokio::spawn(async move { bridge.call::<Value>(call).await })
    });
    let mut peer = Peer::accept(&listener).await;
    peer.welcome("m").await;
    peer.next().await;
    peer.next().await;
    drop((peer, listener));
    assert_eq!(
        within(deciding).await.unwrap().unwrap_err(),
        CallError::Lost,
        "it may have been written down"
    );
    let looking = within(looking).await.unwrap().unwrap_err();
    assert!(matches!(looking, CallError::NotRunning { .. }), "looking has done nothing: {looking}");
}

#[tokio::test]
async fn a_wait_that_is_abandoned_is_ended_in_the_hall_too() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let hall = tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        peer.welcome("m").await;
        let (wait, write) = (peer.next().await, peer.next().await);
        let cancel = peer.next().await;
        assert_eq!((&cancel["method"], &cancel["params"]["id"]), (&json!("cancel"), &wait["id"]));
        assert_ne!(cancel["id"], wait["id"]);
        for call in [wait, write, cancel] {
            peer.answer(&call, json!({"success": true})).await;
        }
        let call = peer.next().await;
        peer.answer(&call, "still here").await;
        peer
    });
    let connection = connect(&socket, agent()).await.unwrap();
    let wait = Call::Wait(Wait { wait_seconds: 45, after: None });
    let short = Duration::from_millis(100);
    let waiting = tokio::time::timeout(short, connection.call::<Value>(wait));
    let deciding = tokio::time::timeout(short, connection.call::<Value>(decide()));
    let (waiting, deciding) = tokio::join!(waiting, deciding);
    assert!(waiting.is_err() && deciding.is_err());
    assert_eq!(within(connection.call::<String>(get("a"))).await.unwrap(), "still here");
    hall.await.unwrap();
}

#[tokio::test]
async fn a_way_that_is_barred_is_named_and_not_taken_for_a_hall_that_is_off() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("s");
    let bridge = Reconnecting::new(below, agent(), Duration::from_millis(100));
    let why = within(bridge.call::<Value>(get("a"))).await.unwrap_err();
    assert!(matches!(why, CallError::Unreachable { .. }), "{why}");
}

#[tokio::test]
async fn what_cannot_be_repeated_is_reported_as_unknown() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let bridge = Reconnecting::new(socket.clone(), agent(), SOON);
    let revoking = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.call::<Value>(Call::RevokeToken(TokenId { id: "t".into() })).await }
    });
    let mut peer = Peer::accept(&listener).await;
    peer.welcome("m").await;
    assert_eq!(peer.next().await["method"], "tokens.revoke");
    drop((peer, listener));
    assert_eq!(within(revoking).await.unwrap().unwrap_err(), CallError::Lost);
}

#[tokio::test]
async fn who_is_not_let_in_hears_why_instead_of_waiting() {
    let (_directory, socket) = place();
    let listener = UnixListener::bind(&socket).unwrap();
    let bridge = Reconnecting::new(socket.clone(), agent(), Duration::from_secs(60));
    let mut peer = Peer::accept(&listener).await;
    let hello = peer.next().await;
    let error = json!({"code": -32000, "message": "the name is taken", "data": {"code": "conflict"}});
    peer.say(&json!({"jsonrpc": "2.0", "id": hello["id"], "error": error})).await;
    let refused = within(bridge.call::<Value>(Call::Status(Empty {}))).await.unwrap_err();
    assert_eq!(refused.to_string(), "the name is taken");
}
