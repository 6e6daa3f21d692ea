//! A bridge between a host and a hall that the tests play: lines in, lines out, on both sides.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall_door_mcp::{Error, Options, ToolSet, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::net::UnixListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// How long anything may take that happens at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The host: it started the bridge and holds its streams.
pub(crate) struct Host {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    stdin: Option<WriteHalf<DuplexStream>>,
    bridge: JoinHandle<Result<(), Error>>,
    next_id: u64,
    _home: TempDir,
}

/// Where the hall would listen, and the bridge of the agent `web` to it.
pub(crate) fn start(wait_for_server: Duration) -> (Host, PathBuf) {
    start_with(wait_for_server, ToolSet::Default, "/src/web".into())
}

fn start_with(wait_for_server: Duration, tools: ToolSet, repo_path: String) -> (Host, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("hall.sock");
    let options = Options {
        socket: socket.clone(),
        name: "web".into(),
        role: "source".into(),
        repo_path,
        instance: Some("session-1".into()),
        workspace: None,
        wait_for_server,
        tools,
    };
    let (host, bridge) = tokio::io::duplex(1 << 20);
    let (from_host, to_host) = tokio::io::split(bridge);
    let bridge = tokio::spawn(serve(options, from_host, to_host));
    let (read, write) = tokio::io::split(host);
    let lines = BufReader::new(read).lines();
    (Host { lines, stdin: Some(write), bridge, next_id: 0, _home: home }, socket)
}

/// As [`start`], the conversation opened.
pub(crate) async fn opened(wait_for_server: Duration) -> (Host, PathBuf) {
    let (mut host, socket) = start(wait_for_server);
    host.initialize().await;
    (host, socket)
}

/// As [`opened`], with these tools, in this directory.
pub(crate) async fn opened_with(tools: ToolSet, directory: &Path) -> (Host, PathBuf) {
    let (mut host, socket) =
        start_with(Duration::from_secs(5), tools, directory.to_string_lossy().into_owned());
    host.initialize().await;
    (host, socket)
}

impl Host {
    pub(crate) async fn write(&mut self, line: &Value) {
        self.write_line(&line.to_string()).await;
    }

    pub(crate) async fn write_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).await.unwrap();
        stdin.write_all(b"\n").await.unwrap();
    }

    pub(crate) async fn read(&mut self) -> Value {
        timeout(SOON, self.read_later()).await.expect("a line in time")
    }

    /// The next line, whenever it comes.
    pub(crate) async fn read_later(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap();
        serde_json::from_str(&line.expect("a line")).unwrap()
    }

    pub(crate) async fn notify(&mut self, method: &str) {
        self.write(&json!({"jsonrpc": "2.0", "method": method})).await;
    }

    pub(crate) async fn send(&mut self, method: &str, params: Value) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        id
    }

    /// A request and its answer, whole.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params).await;
        let answer = self.read().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    pub(crate) async fn initialize(&mut self) -> Value {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}});
        let answer = self.request("initialize", params).await;
        self.notify("notifications/initialized").await;
        answer["result"].clone()
    }

    /// Calls a tool: the text of each block, and whether it failed.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> (Vec<String>, bool) {
        let answer = self.request("tools/call", json!({"name": tool, "arguments": arguments})).await;
        read_result(&answer)
    }

    /// Calls a tool that must succeed and have nothing else to tell.
    pub(crate) async fn done(&mut self, tool: &str, arguments: Value) -> String {
        let (mut blocks, failed) = self.call(tool, arguments).await;
        assert!(!failed && blocks.len() == 1, "{blocks:?}");
        blocks.remove(0)
    }

    /// Calls a tool that must fail and have nothing else to tell.
    pub(crate) async fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let (mut blocks, failed) = self.call(tool, arguments).await;
        assert!(failed && blocks.len() == 1, "{blocks:?}");
        blocks.remove(0)
    }

    /// Hangs up; what the bridge says until it ends.
    pub(crate) async fn hang_up(mut self, within: Duration) -> Vec<Value> {
        self.stdin.take().unwrap().shutdown().await.unwrap();
        let mut rest = Vec::new();
        timeout(within, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                rest.push(serde_json::from_str(&line).unwrap());
            }
            self.bridge.await.unwrap().unwrap();
        })
        .await
        .expect("the bridge ends in time");
        rest
    }
}

pub(crate) fn read_result(answer: &Value) -> (Vec<String>, bool) {
    let result = &answer["result"];
    assert_eq!(result.get("structuredContent"), None, "{answer}");
    let blocks = result["content"].as_array().unwrap_or_else(|| panic!("no result: {answer}"));
    let texts = blocks.iter().map(|block| {
        assert_eq!(block["type"], "text");
        block["text"].as_str().unwrap().to_owned()
    });
    (texts.collect(), result["isError"].as_bool().unwrap_or(false))
}

/// A hall that answers each call as `script` says: `Err` is a code and a message; `None` is silence.
/// Introductions it answers itself; what `script` says to them is added to the welcome, and `forbidden` refuses them.
pub(crate) fn hall(
    socket: &PathBuf,
    script: impl FnMut(&str, &Value) -> Option<Answer> + Send + 'static,
) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    let script = Arc::new(Mutex::new(script));
    tokio::spawn(async move {
        // Ends with this task, and all connections with it.
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let script = Arc::clone(&script);
            connections.spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let call: Value = serde_json::from_str(&line).unwrap();
                    let scripted = script.lock().unwrap()(call["method"].as_str().unwrap(), &call["params"]);
                    let Some(answer) = answer(&call, scripted) else { continue };
                    write.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
                }
            });
        }
    })
}

/// What a hall says to a call.
pub(crate) type Answer = Result<Value, (&'static str, &'static str)>;

fn answer(call: &Value, scripted: Option<Answer>) -> Option<Value> {
    let id = &call["id"];
    let scripted = match scripted {
        scripted if call["method"] != "hello" => scripted?,
        Some(Err(refusal @ ("forbidden", _))) => Err(refusal),
        extra => {
            let mut welcome = json!({
                "version": 1, "server": "0.1.0", "workspace": "default", "member": "m-web",
                "principal": "local", "incarnation": "life-1",
            });
            if let Some(Ok(Value::Object(extra))) = extra {
                welcome.as_object_mut().unwrap().extend(extra);
            }
            Ok(welcome)
        }
    };
    Some(match scripted {
        Ok(result) => json!({"id": id, "result": result}),
        Err((code, message)) => {
            json!({"id": id, "error": {"code": -32000, "message": message, "data": {"code": code}}})
        }
    })
}

/// The calls that a hall was made, in order, but for those that only ask for news.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<(String, Value)>>>);

impl Heard {
    fn note(&self, method: &str, params: &Value) {
        if method != "wait" {
            self.0.lock().unwrap().push((method.to_owned(), params.clone()));
        }
    }

    /// The parameters of all calls of this method so far.
    pub(crate) fn all(&self, method: &str) -> Vec<Value> {
        let heard = self.0.lock().unwrap();
        heard.iter().filter(|(heard, _)| heard == method).map(|(_, params)| params.clone()).collect()
    }

    /// The methods called since this was asked last.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.0.lock().unwrap().drain(..).map(|(method, _)| method).collect()
    }
}

/// A hall without news, which says `Ok` to the rest as `script` does, and notes what it hears.
pub(crate) fn listening(
    socket: &PathBuf,
    mut script: impl FnMut(&str, &Value) -> Option<Value> + Send + 'static,
) -> Heard {
    let heard = Heard::default();
    let noted = heard.clone();
    hall(socket, move |method, params| {
        noted.note(method, params);
        let scripted = script(method, params).or_else(|| match method {
            "wait" => Some(json!({"position": 1})),
            "agents" => Some(json!([])),
            "messages.took" | "messages.mark_read" => Some(json!({"count": 1})),
            "messages.inbox" => Some(json!({"messages": [], "left": 0, "receipt": []})),
            _ => None,
        });
        Some(scripted.ok_or(("not_found", "there is no such thing")))
    });
    heard
}

/// A message as the hall tells it.
pub(crate) fn message(number: u64, from: &str, content: &str) -> Value {
    json!({
        "number": number, "id": format!("m-{number}"), "from": from, "from_id": "a-1", "to": "web",
        "content": content, "sent_at": "2026-11-20T10:22:03.456Z",
    })
}
