//! Lines nobody would send: calls of every kind, bent at random and read as the hall reads them.

use std::collections::BTreeSet;

use guildhall_client::protocol::{Call, METHODS};
use guildhall_client::wire::{BAD_PARAMS, Incoming, NO_JSON, NO_METHOD, NO_REQUEST, call_line, error_line};
use mutator::fuzz;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Every method with parameters that fit, each of them given.
fn calls() -> Vec<(&'static str, Value)> {
    let person = json!({"version": 1, "speaker": {"person": {"credential": "guildhall_x"}}});
    let agent = json!({"version": 1, "workspace": "default", "speaker": {"agent":
        {"name": "web", "role": "source", "repo_path": "/r", "instance": "i",
            "member": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"}}});
    vec![
        ("hello", person),
        ("hello", agent),
        ("status", json!({})),
        ("agents", json!({})),
        ("agents.set_status", json!({"status": "reviewing", "description": "d"})),
        (
            "messages.send",
            json!({"to": "api", "content": "c\u{0}ü", "reply_to": 3, "priority": "high", "ttl_ms": 500, "once": "o",
                "files": [{"name": "a.md", "content_type": "text/markdown", "base64": "YQ=="}]}),
        ),
        ("messages.inbox", json!({"limit": 10})),
        ("messages.took", json!({"receipt": [[1, 4], [7, 7]], "stage": "in_context"})),
        ("messages.mark_read", json!({"messages": ["7", "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"]})),
        (
            "messages.list",
            json!({"with": "api", "topic": "t", "thread": 3, "sent": true, "dead": false, "before": 9, "limit": 1}),
        ),
        ("messages.get", json!({"message": 7})),
        ("messages.file", json!({"message": 7, "name": "a.md"})),
        ("messages.resend", json!({"message": 7, "to": "api", "once": "o"})),
        ("topics.list", json!({})),
        ("topics.follow", json!({"topic": "t", "follow": true})),
        (
            "reservations.make",
            json!({"files": ["src/**"], "shared": true, "why": "w", "ttl_seconds": 60, "once": "o"}),
        ),
        ("reservations.release", json!({"id": "i"})),
        ("reservations.list", json!({})),
        ("search", json!({"query": "q*", "kinds": ["message", "decision"], "before": 9, "limit": 5})),
        (
            "context.share",
            json!({"key": "k", "value": "v\u{0}ü", "tags": ["t"], "if_version": 3, "once": "o"}),
        ),
        ("context.get", json!({"key": "k"})),
        ("context.list", json!({"tags": [], "limit": 10, "after": "k", "values": true})),
        ("context.history", json!({"key": "k", "limit": 1, "from": 7, "values": false})),
        ("context.delete", json!({"key": "k", "if_version": 1})),
        (
            "questions.ask",
            json!({"question": "q", "to": ["role:target"], "options": ["a"], "deadline_seconds": 5,
            "on_timeout": "default", "default": "d"}),
        ),
        ("questions.answer", json!({"question": "q", "answer": "a"})),
        ("questions.get", json!({"question": "q", "wait_seconds": 45})),
        ("questions.list", json!({"for_me": true, "all": false, "beginning": "0a"})),
        ("wait", json!({"seconds": 1, "after": 7})),
        ("leave", json!({})),
        ("cancel", json!({"id": 7})),
        ("decisions.log", json!({"decision": "d", "rationale": "r", "supersedes": "s"})),
        ("decisions.list", json!({"limit": 3})),
        ("workspaces.list", json!({})),
        ("workspaces.create", json!({"name": "n"})),
        ("tokens.create", json!({"role": "member", "name": "n", "workspaces": ["w"], "life_seconds": 9})),
        ("tokens.list", json!({})),
        ("tokens.revoke", json!({"id": "i"})),
    ]
}

fn request(method: &str, params: &Value) -> Vec<u8> {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string().into_bytes()
}

/// Those, and some lines that do not fit.
fn corpus() -> Vec<Vec<u8>> {
    let fit = calls().into_iter().map(|(method, params)| request(method, &params));
    let unfit = [
        "",
        "null",
        "[]",
        "{}",
        "\u{feff}{}",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"status\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"status\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"status\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"}",
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}]",
    ];
    fit.chain(unfit.iter().map(|line| line.as_bytes().to_vec())).collect()
}

/// Pieces that mean something here, besides those of any JSON.
const PIECES: &[&str] =
    &["\"id\":", "\"jsonrpc\":\"2.0\"", "\"method\":\"status\"", "\"params\":[]", "\"speaker\":{}"];

/// An answer. An id is given back as it was spelt, and may be a number that fits into no type.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    error: Value,
}

/// Whatever comes is either a call that reads back as itself, or is turned down in the protocol's own form under an
/// id that can be sent.
fn check(line: &[u8]) {
    let Incoming { id, call, .. } = Incoming::read(line);
    match call {
        Ok(call) => {
            let again =
                Incoming::read(&call_line(1, None, &call)).call.expect("what was read can be written");
            let written = |call: &Call| serde_json::to_value(call).expect("calls serialise");
            assert_eq!(written(&again), written(&call));
        }
        Err(unfit) => {
            assert!([NO_JSON, NO_REQUEST, NO_METHOD, BAD_PARAMS].contains(&unfit.number), "{unfit:?}");
            let code = guildhall_client::protocol::ErrorCode::BadRequest;
            let answer = error_line(&id, None, unfit.number, code, &unfit.message);
            let answer: Answer<'_> = serde_json::from_slice(&answer).expect("the answer is JSON");
            assert_eq!((answer.id.get(), &answer.error["code"]), (id.get(), &unfit.number.into()));
        }
    }
}

#[test]
fn the_hall_reads_every_call_as_it_was_written() {
    for (method, params) in calls() {
        let Incoming { id, call, .. } = Incoming::read(&request(method, &params));
        let call = call.unwrap_or_else(|unfit| panic!("{method}: {unfit:?}"));
        assert_eq!((id.get(), call.method().name), ("7", method));
        let written: Value = serde_json::from_slice(&call_line(7, Some(3), &call)).expect("calls are JSON");
        assert_eq!((&written["method"], &written["params"]), (&method.into(), &params));
    }
    let known: BTreeSet<_> = METHODS.iter().map(|method| method.name).collect();
    let tried: BTreeSet<_> = calls().into_iter().map(|(method, _)| method).collect();
    assert_eq!(tried, known, "every method of the table is tried here");
}

#[test]
fn no_line_confuses_the_hall() {
    fuzz(&corpus(), &[mutator::JSON, PIECES].concat(), check);
}
