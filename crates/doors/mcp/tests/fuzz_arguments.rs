//! Arguments no model should give: those of every tool, bent at random and sent to a bridge as a host sends them.

#![allow(
    clippy::unwrap_used,
    reason = "what a test lays out must be there; if it is not, the test has failed"
)]

use std::sync::Mutex;
use std::time::Duration;

use guildhall_door_mcp::{Options, ToolSet, serve};
use mutator::fuzz;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::runtime::Runtime;

/// A host, its bridge, and no hall: whatever passes the door fails behind it, at once.
struct Host {
    runtime: Runtime,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    stdin: WriteHalf<DuplexStream>,
}

impl Host {
    fn open() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (host, bridge) = tokio::io::duplex(1 << 20);
        let (from_host, to_host) = tokio::io::split(bridge);
        let options = Options {
            socket: "/nonexistent/hall.sock".into(),
            name: "web".into(),
            role: "source".into(),
            repo_path: "/nonexistent/web".into(),
            instance: None,
            workspace: None,
            wait_for_server: Duration::ZERO,
            tools: ToolSet::Default,
        };
        runtime.spawn(serve(options, from_host, to_host));
        let (read, stdin) = tokio::io::split(host);
        let mut host = Self { runtime, lines: BufReader::new(read).lines(), stdin };
        let client = json!({"name": "host", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        assert!(host.request("initialize", &params.to_string())["result"].is_object());
        host
    }

    fn request(&mut self, method: &str, params: &str) -> Value {
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}\n");
        self.runtime.block_on(async {
            self.stdin.write_all(line.as_bytes()).await.unwrap();
            let answer = tokio::time::timeout(Duration::from_secs(10), self.lines.next_line()).await;
            serde_json::from_str(&answer.unwrap().unwrap().expect("the bridge lives")).unwrap()
        })
    }
}

/// Calls of every tool that pass, but for there being no hall, and some that do not.
fn corpus() -> Vec<Vec<u8>> {
    [
        json!({"name": "agents", "arguments": {}}),
        json!({"name": "status", "arguments": null}),
        json!({"name": "ask", "arguments": {"question": "port?", "to": ["api", "person:ada"], "options": "yes",
            "wait": 0, "deadline": 60.0, "on_timeout": "default", "default": "7420"}}),
        json!({"name": "answer", "arguments": {"question": "q1", "answer": "a\u{0}ü"}}),
        json!({"name": "context", "arguments": {"action": "share", "key": "k", "value": "", "tags": ["a"],
            "if_version": 3}}),
        json!({"name": "context", "arguments": {"action": "list", "tags": "a", "limit": 5, "after": "k"}}),
        json!({"name": "decide", "arguments": {"decision": "d", "rationale": "r", "supersedes": "s"}}),
        json!({"name": "decide", "arguments": {"limit": 1e3}}),
        json!({"name": "send", "arguments": {"to": "api", "content": "hi", "reply_to": 3, "priority": "low", "ttl": 60}}),
        json!({"name": "inbox", "arguments": {"message": 3, "save": "mail"}}),
        json!({"name": "inbox", "arguments": {"thread": 3.0, "limit": 5}}),
        json!({"name": "inbox", "arguments": {"sent": true}}),
        json!({"name": "reserve", "arguments": {"files": ["src/**"], "shared": true, "minutes": 5, "why": "w"}}),
        json!({"name": "reserve", "arguments": {"release": true}}),
        json!({"name": "search", "arguments": {"query": "p*", "kind": "answer", "before": 9, "limit": 1}}),
        json!({"name": "send_file", "arguments": {"to": "api", "path": "a/../b", "content": "c"}}),
        json!({"name": "wait", "arguments": {"ticket": "q1", "seconds": 0}}),
        json!({"name": "wait", "arguments": {"seconds": -1}}),
        json!({"name": "ask", "arguments": {"question": {}, "to": [[]], "wait": 1e300}}),
    ]
    .map(|call| call.to_string().into_bytes())
    .into()
}

/// Pieces that mean something here, besides those of any JSON.
const PIECES: &[&str] = &["0.5", "\"wait\":45", "\"seconds\":46", "\"action\":\"get\"", "\"question\":"];

/// Whatever the arguments, the call is answered: by a text for the model, or by the protocol's error for a call of
/// nothing.
fn check(host: &mut Host, input: &[u8]) {
    let Ok(params) = std::str::from_utf8(input) else { return };
    if serde_json::from_str::<Value>(params).is_err() {
        return;
    }
    let answer = host.request("tools/call", &params.replace(['\n', '\r'], " "));
    match answer["result"]["content"][0]["text"].as_str() {
        Some(text) => {
            assert_eq!(answer["result"]["isError"], true, "there is no hall: {answer}");
            let refused = text.starts_with("argument `") || text.starts_with("Guildhall is not running");
            // A file is looked for before the hall is, in a directory that is not there either.
            assert!(refused || text.starts_with("\"/nonexistent/web\" cannot be used"), "{text}");
        }
        None => assert_eq!(answer["error"]["code"], -32602, "{answer}"),
    }
}

#[test]
fn no_arguments_confuse_the_bridge() {
    let host = Mutex::new(Host::open());
    fuzz(&corpus(), &[mutator::JSON, PIECES].concat(), |input| check(&mut host.lock().unwrap(), input));
}
