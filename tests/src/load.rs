//! Clients at work: writers, followers and a reader. They outlive the server: when it is gone they dial again until it
//! is back, and go on.
//!
//! Writers repeat nothing that they have lost the answer to. The insistent ones do: they come by the local socket and
//! repeat the same call under the same idempotency key until it is answered.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use client::protocol::{self, ErrorCode, Hello, Speaker};
use client::{CallError, Connection};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::dice::Dice;
use crate::home::Server;
use crate::ledger::{Kind, LAST, Ledger};
use crate::trpc::{Client, Failure};

/// Pause before dialling again.
const REDIAL: Duration = Duration::from_millis(10);
/// How long a server that lives may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many clients of which sort.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Writers by tRPC.
    pub writers: u64,
    /// Writers by the local socket, with idempotency keys.
    pub insistent: u64,
    /// Followers: of context, questions and decisions in turn.
    pub followers: u64,
    /// Whether the store may be out of reach for queries too, for a while.
    pub unreadable_at_times: bool,
}

impl Crowd {
    /// Sixteen writers, four of them insistent, and four followers.
    pub const USUAL: Self = Self { writers: 12, insistent: 4, followers: 4, unreadable_at_times: false };
}

/// A crowd at work.
pub struct Load {
    ledger: Arc<Ledger>,
    done: Arc<AtomicBool>,
    compat: SocketAddr,
    writers: Vec<JoinHandle<()>>,
    followers: Vec<JoinHandle<Followed>>,
    reader: JoinHandle<()>,
}

/// What one follower has seen, in order.
pub struct Followed {
    /// The kinds of event on its feed.
    pub kinds: &'static [Kind],
    /// Each event's position and text.
    pub seen: Vec<(u64, String)>,
}

/// The feeds there are.
const FEEDS: [(&str, &[Kind]); 3] = [
    ("context.onContextChangeTracked", &[Kind::Share]),
    ("questions.onQuestionTracked", &[Kind::Ask, Kind::Answer]),
    ("decisions.onDecisionTracked", &[Kind::Decide]),
];

// === impl Load ===

impl Load {
    /// Sets a crowd to work on a server.
    ///
    /// # Panics
    /// If the server does not let the first client in.
    pub async fn begin(server: &Server, crowd: Crowd, ledger: Arc<Ledger>, seed: u64) -> Self {
        let (compat, socket) = (server.compat, server.socket.clone());
        let done = Arc::new(AtomicBool::new(false));
        // Followers begin at the start of the log, so that there is no event that they could have missed rightly.
        let first = Client::connect(compat).await.expect("the server is ready");
        let input = json!({ "name": "first", "role": "source", "repoPath": "/somewhere" });
        let joined = first.mutate("session.join", input).await.expect("anybody may join");
        let life: Uuid = joined["sessionId"].as_str().and_then(|id| id.parse().ok()).expect("a session id");
        let start = format!("{}.0", life.simple());
        let writers = (0..crowd.writers)
            .map(|number| {
                let dice = Dice::new(seed.wrapping_mul(1000).wrapping_add(number));
                tokio::spawn(write(compat, number, ledger.clone(), done.clone(), dice))
            })
            .chain(
                (0..crowd.insistent)
                    .map(|number| tokio::spawn(insist(socket.clone(), number, ledger.clone(), done.clone()))),
            )
            .collect();
        let followers = (0..crowd.followers)
            .map(|number| {
                let (path, kinds) = FEEDS[number as usize % FEEDS.len()];
                tokio::spawn(follow(compat, path, kinds, start.clone(), ledger.clone()))
            })
            .collect();
        let reader = tokio::spawn(read(compat, ledger.clone(), done.clone(), crowd.unreadable_at_times));
        Self { ledger, done, compat, writers, followers, reader }
    }

    /// Waits until so many more deeds were acknowledged.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn progress(&self, more: usize) {
        let goal = self.ledger.acknowledged() + more;
        let reached = async {
            while self.ledger.acknowledged() < goal {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(2 * PATIENCE, reached).await.expect("the server acknowledges");
    }

    /// Ends the writing, on a server that runs: what is under way is waited for, and followers read to the end.
    ///
    /// # Panics
    /// If a client met something that must not happen, or does not end.
    pub async fn finish(self) -> Vec<Followed> {
        self.done.store(true, Ordering::SeqCst);
        for writer in self.writers {
            within("a writer", writer).await;
        }
        within("the reader", self.reader).await;
        let last = Client::connect(self.compat).await.expect("the server runs");
        let author = Uuid::nil().to_string();
        let calls = [
            ("context.share", json!({ "key": "last", "value": LAST, "agentId": author })),
            ("questions.ask", json!({ "question": LAST, "agentId": author })),
            ("decisions.log", json!({ "decision": LAST, "agentId": author })),
        ];
        last.mutate_all(&calls).await.expect("the server acknowledges");
        let mut followed = Vec::new();
        for follower in self.followers {
            followed.push(within("a follower", follower).await);
        }
        followed
    }

    /// Ends all clients at once, where the server does not run any more or is not to be trusted to.
    pub fn abandon(self) {
        self.done.store(true, Ordering::SeqCst);
        self.writers.iter().for_each(JoinHandle::abort);
        self.followers.iter().for_each(JoinHandle::abort);
        self.reader.abort();
    }
}

async fn within<T>(who: &str, task: JoinHandle<T>) -> T {
    let ended = tokio::time::timeout(2 * PATIENCE, task).await;
    ended.unwrap_or_else(|_| panic!("{who} does not end")).unwrap_or_else(|died| panic!("{who}: {died}"))
}

/// Dials until somebody answers. `None` if the work is done meanwhile.
async fn dial(compat: SocketAddr, done: &AtomicBool) -> Option<Client> {
    while !done.load(Ordering::SeqCst) {
        if let Ok(client) = Client::connect(compat).await {
            return Some(client);
        }
        tokio::time::sleep(REDIAL).await;
    }
    None
}

/// Mostly short, sometimes long enough to be kept apart from its event.
fn length(dice: &mut Dice) -> usize {
    match dice.below(20) {
        0 => 20_000,
        1..3 => 3_000,
        _ => 20 + dice.below(400) as usize,
    }
}

async fn write(compat: SocketAddr, number: u64, ledger: Arc<Ledger>, done: Arc<AtomicBool>, mut dice: Dice) {
    // The coordinator's clients may name any UUID as author.
    let author = Uuid::from_u128(0x4000_8000_0000_0000_0000 | u128::from(number)).to_string();
    let mut question = None;
    while let Some(client) = dial(compat, &done).await {
        while !done.load(Ordering::SeqCst) {
            let kind = match (dice.below(10), &question) {
                (0..5, _) => Kind::Share,
                (5..7, None) => Kind::Ask,
                (5..7, Some(_)) => Kind::Answer,
                _ => Kind::Decide,
            };
            let (deed, text) = ledger.intend(kind, length(&mut dice));
            let (path, input) = match kind {
                Kind::Share => {
                    let key = format!("key {}", dice.below(8));
                    ("context.share", json!({ "key": key, "value": text, "agentId": author }))
                }
                Kind::Ask => ("questions.ask", json!({ "question": text, "agentId": author })),
                Kind::Answer => {
                    let input = json!({ "questionId": question.take(), "answer": text, "agentId": author });
                    ("questions.answer", input)
                }
                Kind::Decide => ("decisions.log", json!({ "decision": text, "agentId": author })),
            };
            let answered = tokio::time::timeout(PATIENCE, client.mutate(path, input)).await;
            match answered.expect("a server that lives answers, and one that died closes its sockets") {
                Ok(reply) => {
                    ledger.acknowledge(deed, &reply);
                    if kind == Kind::Ask {
                        question = reply["id"].as_str().map(str::to_owned);
                    }
                }
                Err(Failure::Lost) => break,
                Err(Failure::Refused { code, message }) => {
                    if message.starts_with("nothing was written") {
                        assert_eq!(code, "SERVICE_UNAVAILABLE", "{message}");
                        ledger.refuse(deed);
                    } else {
                        assert!(
                            message.starts_with("whether this was written is unknown"),
                            "{code}: {message}"
                        );
                    }
                    tokio::time::sleep(REDIAL).await;
                }
            }
        }
    }
}

/// Shares by the local socket, each value under a key of idempotency until it is answered.
async fn insist(socket: PathBuf, number: u64, ledger: Arc<Ledger>, done: Arc<AtomicBool>) {
    let mut connection: Option<Connection> = None;
    while !done.load(Ordering::SeqCst) {
        let (deed, text) = ledger.intend(Kind::Share, 60);
        let share = protocol::Share {
            key: format!("insistent {number}"),
            value: text.clone(),
            tags: vec![],
            if_version: None,
            once: Some(text),
        };
        let answered = async {
            loop {
                match share_once(&socket, &mut connection, share.clone()).await {
                    Ok(entry) => return entry,
                    Err(CallError::Refused { code: ErrorCode::Unavailable | ErrorCode::TooMany, .. }) => {}
                    Err(CallError::Refused { code: ErrorCode::Unknown, .. }) => {}
                    Err(refused @ CallError::Refused { .. }) => panic!("{refused}"),
                    Err(_) => connection = None,
                }
                tokio::time::sleep(REDIAL).await;
            }
        };
        let entry = tokio::time::timeout(2 * PATIENCE, answered).await.expect("it is answered in the end");
        ledger.acknowledge(deed, &json!({ "value": entry.value }));
    }
}

async fn share_once(
    socket: &std::path::Path,
    connection: &mut Option<Connection>,
    share: protocol::Share,
) -> Result<protocol::Entry, CallError> {
    let connected = match connection {
        Some(connected) => connected,
        None => {
            let speaker = Speaker::Person { credential: None };
            let hello = Hello { version: protocol::VERSION, workspace: None, speaker };
            connection.insert(client::connect(socket, hello).await?)
        }
    };
    connected.call(protocol::Call::Share(share)).await
}

async fn follow(
    compat: SocketAddr,
    path: &'static str,
    kinds: &'static [Kind],
    start: String,
    ledger: Arc<Ledger>,
) -> Followed {
    let (mut last, mut seen) = (start, Vec::new());
    loop {
        let subscribed = match Client::connect(compat).await {
            Ok(client) => client.subscribe(path, Some(&last)).await,
            Err(failure) => Err(failure),
        };
        let mut feed = match subscribed {
            Ok(feed) => feed,
            Err(Failure::Lost) => {
                tokio::time::sleep(REDIAL).await;
                continue;
            }
            // Among others: an event that was shown, and that the log has lost.
            Err(refused) => panic!("a follower at {last} is refused: {refused:?}"),
        };
        while let Ok(event) = feed.next().await {
            last = event["id"].as_str().expect("a tracked event has an id").to_owned();
            let position = last.split_once('.').and_then(|(_, position)| position.parse().ok());
            let text = told(&event["data"]);
            if text == LAST {
                return Followed { kinds, seen };
            }
            let position: u64 = position.expect("an event id ends in a position");
            ledger.show(text.clone(), Some(position));
            seen.push((position, text));
        }
    }
}

/// The text that an event's data tells: an answer, if it is the event of answering.
fn told(data: &Value) -> String {
    let text = ["answer", "question", "value", "decision"].iter().find_map(|name| data[*name].as_str());
    text.unwrap_or_else(|| panic!("an event about nothing: {data}")).to_owned()
}

async fn read(compat: SocketAddr, ledger: Arc<Ledger>, done: Arc<AtomicBool>, may_fail: bool) {
    let mut number = 0;
    while let Some(client) = dial(compat, &done).await {
        while !done.load(Ordering::SeqCst) {
            number += 1;
            let (path, input) = match number % 3 {
                0 => ("decisions.list", json!({ "limit": 20 })),
                _ => ("context.get", json!({ "key": format!("key {}", number % 8) })),
            };
            match client.query(path, input).await {
                Ok(Value::Array(list)) => list.iter().for_each(|item| ledger.show(told(item), None)),
                Ok(Value::Null) => {}
                Ok(item) => ledger.show(told(&item), None),
                Err(Failure::Lost) => break,
                Err(Failure::Refused { message, .. }) if may_fail => {
                    assert!(message.starts_with("what is stored could not be read"), "{path}: {message}");
                }
                Err(refused) => panic!("{path}: {refused:?}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
