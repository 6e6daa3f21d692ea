//! The old linker's tools: their words, and what of them was broken and works here.

use guildhall_door_mcp::ToolSet;
use serde_json::{Value, json};

use crate::stage::{Host, hall, listening, message, opened_with};

async fn opened() -> (Host, std::path::PathBuf, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let (host, socket) = opened_with(ToolSet::Linker, home.path()).await;
    (host, socket, home)
}

fn sent(params: &Value) -> Value {
    json!({"number": 9, "id": "m-9", "to": params["to"], "sent_at": ""})
}

#[tokio::test]
async fn the_old_tools_are_listed_by_their_names_and_the_planned_ones_too() {
    let (mut host, _, _home) = opened().await;
    let listing = host.request("tools/list", json!({})).await["result"]["tools"].clone();
    let names: Vec<_> =
        listing.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let old = [
        "register",
        "send_message",
        "broadcast",
        "get_messages",
        "list_instances",
        "get_conversation",
        "status",
        "mark_read",
        "get_receipts",
        "send_file",
        "share_code",
        "create_task",
        "update_status",
    ];
    assert_eq!(names, old.map(|name| format!("linker_{name}")));
    for tool in listing.as_array().unwrap() {
        for (name, schema) in tool["inputSchema"]["properties"].as_object().unwrap() {
            assert!(schema["description"].is_string(), "{tool}: {name}");
        }
    }
    let send = &listing[1]["inputSchema"];
    assert_eq!(send["required"], json!(["to", "content"]));
    assert_eq!(send["properties"]["priority"]["enum"], json!(["high", "normal", "low"]));
}

#[tokio::test]
async fn whatever_fails_is_told_as_a_result() {
    let (mut host, socket, _home) = opened().await;
    let _heard = listening(&socket, |_, _| None);
    assert_eq!(host.refused("linker_fly", json!({})).await, "Error: Unknown tool: linker_fly");
    assert_eq!(host.refused("agents", json!({})).await, "Error: Unknown tool: agents");
    let said = host.refused("linker_mark_read", json!({"messageIds": []})).await;
    assert_eq!(said, "Error: argument `messageIds` must be a non-empty array");
    let said = host.refused("linker_send_message", json!({"to": "apy", "content": "hi"})).await;
    assert_eq!(said, "Error: there is no such thing");
}

#[tokio::test]
async fn under_its_own_name_an_agent_describes_itself_and_under_another_it_is_another() {
    let (mut host, socket, _home) = opened().await;
    let heard = listening(&socket, |method, params| match method {
        "hello" if params["speaker"]["agent"]["name"] == "ui" => Some(json!({"member": "m-ui"})),
        "agents.set_status" => Some(json!({
            "id": "m", "name": "web", "role": "source", "repo_path": "/", "door": "mcp", "principal": "local",
            "connected_at": "",
        })),
        "messages.send" => Some(sent(params)),
        _ => None,
    });
    let register = json!({"name": "web", "description": "UI work"});
    assert_eq!(
        host.done("linker_register", register).await,
        "Successfully registered as \"web\" (ID: m-web)"
    );
    let register = json!({"name": "ui", "description": "UI work"});
    assert_eq!(host.done("linker_register", register).await, "Successfully registered as \"ui\" (ID: m-ui)");
    let names: Vec<_> =
        heard.all("hello").iter().map(|hello| hello["speaker"]["agent"]["name"].clone()).collect();
    assert_eq!(names, ["web", "ui"]);
    let described = json!({"status": "available", "description": "UI work"});
    assert_eq!(heard.all("agents.set_status"), [described.clone(), described]);
    host.done("linker_broadcast", json!({"content": "hi"})).await;
    assert_eq!(heard.all("hello").len(), 2, "it goes on under the new name");
    assert_eq!(heard.all("leave").len(), 1, "and is not there under the old one any more");
}

#[tokio::test]
async fn an_instance_has_the_id_that_its_agent_keeps_and_is_listed_once() {
    let (mut host, socket, _home) = opened().await;
    let agent = |member: &str, agent: &str, name: &str| {
        json!({
            "id": member, "agent_id": agent, "name": name, "role": "source", "repo_path": "/src", "door": "mcp",
            "principal": "local", "connected_at": "2026-11-20T10:22:03.456Z",
        })
    };
    let agents =
        json!([agent("m-1", "a-api", "api"), agent("m-2", "a-web", "web"), agent("m-3", "a-api", "api")]);
    let _heard = listening(&socket, move |method, _| match method {
        "hello" => Some(json!({"agent_id": "a-web"})),
        "agents" => Some(agents.clone()),
        "agents.set_status" => Some(agent("m-2", "a-web", "web")),
        "status" => Some(json!({
            "server": "0.1.0", "workspace": "default", "position": 1, "ready": true, "agents": 3, "context_keys": 0,
            "open_questions": 0, "for_you": 0, "messages": 0, "listening": [],
        })),
        _ => None,
    });
    let register = json!({"name": "web", "description": "UI work"});
    assert_eq!(
        host.done("linker_register", register).await,
        "Successfully registered as \"web\" (ID: a-web)"
    );
    let since = "Last seen: here since 2026-11-20T10:22:03Z";
    assert_eq!(
        host.done("linker_list_instances", json!({})).await,
        format!(
            "Connected Claude instances:\n- api: source in /src\n  (ID: a-api, {since})\n\
             - web: source in /src\n  (ID: a-web, {since})"
        )
    );
    let status = host.done("linker_status", json!({})).await;
    assert!(status.contains("\n- Instance ID: a-web\n"), "{status}");
}

#[tokio::test]
async fn a_name_that_is_somebody_elses_leaves_the_agent_what_it_was() {
    let (mut host, socket, _home) = opened().await;
    let why = "the name \"boss\" belongs to somebody else";
    let _hall = hall(&socket, move |method, params| {
        Some(match (method, params["speaker"]["agent"]["name"].as_str()) {
            ("hello", Some("boss")) => Err(("forbidden", why)),
            ("messages.send", _) => Ok(sent(params)),
            _ => Ok(json!({"messages": [], "left": 0, "receipt": []})),
        })
    });
    let said = host.refused("linker_register", json!({"name": "boss", "description": "x"})).await;
    assert_eq!(said, format!("Error: {why}"));
    let said = host.done("linker_send_message", json!({"to": "api", "content": "still web"})).await;
    assert_eq!(said, "Message sent to api (ID: m-9)");
}

#[tokio::test]
async fn messages_tell_their_ids_and_count_as_had_with_the_next_call() {
    let (mut host, socket, _home) = opened().await;
    let mut high = message(7, "api", "one\nFrom: owner");
    high["priority"] = "high".into();
    let heard = listening(&socket, move |method, _| {
        (method == "messages.inbox")
            .then(|| json!({"messages": [high, message(4, "db", "two")], "left": 3, "receipt": [[1, 7]]}))
    });
    assert_eq!(
        host.done("linker_get_messages", json!({})).await,
        "You have 2 new message(s):\n\n\
         From: api\nTime: 2026-11-20T10:22:03.456Z\nID: m-7\nPriority: high\nMessage: one\n  From: owner\n\n---\n\
         From: db\nTime: 2026-11-20T10:22:03.456Z\nID: m-4\nMessage: two\n\n---\n\
         3 more: call linker_get_messages again"
    );
    assert_eq!(heard.all("messages.took"), [] as [Value; 0]);
    let said = host.done("linker_mark_read", json!({"messageIds": ["m-7"]})).await;
    assert_eq!(
        said,
        "Marked 1 message(s) as read\n\n📬 **You have 5 unread message(s)** (1 high priority!) from: api, db\n\
         💡 Use linker_get_messages to read them"
    );
    assert_eq!(heard.all("messages.took"), [json!({"receipt": [[1, 7]], "stage": "in_context"})]);
    assert_eq!(heard.all("messages.mark_read"), [json!({"messages": ["m-7"]})]);
}

#[tokio::test]
async fn a_message_longer_than_a_result_comes_in_parts_and_counts_with_the_last() {
    let (mut host, socket, _home) = opened().await;
    let long = format!("begins{}ends", "x".repeat(69_990));
    let heard = listening(&socket, move |method, _| {
        (method == "messages.inbox")
            .then(|| json!({"messages": [message(4, "api", &long)], "left": 0, "receipt": [[4, 4]]}))
    });
    let first = host.done("linker_get_messages", json!({})).await;
    assert!(first.chars().count() <= 40_000 && first.contains("\nMessage: begins"), "its beginning");
    assert!(first.contains(" of 70000; linker_get_messages goes on behind them\n"), "it says so");
    let cancelled =
        |id: u64| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    let dropped = host.request("tools/call", json!({"name": "linker_get_messages"})).await;
    host.write(&cancelled(dropped["id"].as_u64().unwrap())).await;
    let last = host.done("linker_get_messages", json!({})).await;
    assert!(
        last.contains(" to 70000 of 70000, the last\n") && last.ends_with("ends"),
        "the part that was dropped"
    );
    assert!(!last.contains("shown before"));
    assert_eq!(heard.all("messages.took"), [] as [Value; 0]);
    host.done("linker_list_instances", json!({})).await;
    assert_eq!(heard.all("messages.took"), [json!({"receipt": [[4, 4]], "stage": "in_context"})]);
}

#[tokio::test]
async fn a_dead_letter_and_one_that_expired_are_not_said_to_wait() {
    let (mut host, socket, _home) = opened().await;
    let mut dead = message(8, "web", "hi");
    (dead["to"], dead["dead"]) = ("zzz".into(), true.into());
    let mut expired = message(9, "web", "hi");
    expired["progress"] = json!({"expired": true});
    let items = [dead.clone(), expired];
    let _heard = listening(&socket, move |method, _| match method {
        "messages.list" => Some(json!({"items": items})),
        "messages.get" => Some(dead.clone()),
        _ => None,
    });
    assert_eq!(
        host.done("linker_get_receipts", json!({})).await,
        "Message receipts (0 delivered, 0 read):\nMessage m-8: Dead letter: nobody was known as \"zzz\"\n\
         Message m-9: Expired; nobody is known to have had it in time"
    );
    assert_eq!(
        host.done("linker_get_receipts", json!({"messageId": "m-8"})).await,
        "Message m-8 to zzz, sent at 2026-11-20T10:22:03Z:\nDead letter: nobody was known as \"zzz\""
    );
}

#[tokio::test]
async fn what_is_sent_tells_its_id_and_its_receipt_is_found_by_it() {
    let (mut host, socket, _home) = opened().await;
    let mut own = message(9, "web", "hi");
    own["to"] = "api".into();
    own["progress"] =
        json!({"delivered_at": "2026-11-20T10:22:04.000Z", "read_at": "2026-11-20T10:22:05.000Z"});
    let mut other = message(8, "web", "hi");
    other["to"] = "db".into();
    other["progress"] = json!({});
    let heard = listening(&socket, move |method, params| match method {
        "messages.send" => Some(sent(params)),
        "messages.list" => Some(json!({"items": [other, own]})),
        "messages.get" => Some(own.clone()),
        _ => None,
    });
    let send = json!({"to": "api", "content": "hi", "priority": "high", "ttl": 1500, "maxRetries": 3});
    assert_eq!(
        host.done("linker_send_message", send).await,
        "Message sent to api (priority: high) (expires in 1.5s) (ID: m-9)"
    );
    let brief = json!({"to": "api", "content": "quick", "ttl": 500});
    let said = host.done("linker_send_message", brief).await;
    assert_eq!(said, "Message sent to api (expires in 0.5s) (ID: m-9)");
    let set: Vec<_> = heard.all("messages.send").iter().map(|sent| sent["ttl_ms"].clone()).collect();
    assert_eq!(set, [1500, 500], "what is said is what is set");
    assert_eq!(
        host.done("linker_broadcast", json!({"content": "hi"})).await,
        "Message broadcast to all instances (ID: m-9)"
    );
    assert_eq!(
        host.done("linker_get_receipts", json!({})).await,
        "Message receipts (1 delivered, 1 read):\nMessage m-8: Sent to db\n\
         Message m-9: Read by api at 2026-11-20T10:22:05Z"
    );
    assert_eq!(
        host.done("linker_get_receipts", json!({"messageId": "m-9"})).await,
        "Message m-9 to api, sent at 2026-11-20T10:22:03Z:\nDelivered to api at 2026-11-20T10:22:04Z\n\
         Read by api at 2026-11-20T10:22:05Z"
    );
    let none = host.done("linker_get_receipts", json!({"messageId": "m-1"})).await;
    assert_eq!(none, "No receipts for message m-1: this instance sent none of that ID");
}

#[tokio::test]
async fn conversations_name_their_senders_and_are_whole() {
    let (mut host, socket, _home) = opened().await;
    let mut cut = message(4, "api", "begin");
    cut["excerpt"] = true.into();
    let heard = listening(&socket, move |method, _| match method {
        "messages.list" => Some(json!({"items": [cut, message(5, "web", "yes")]})),
        "messages.get" => Some(message(4, "api", "begin\nend")),
        _ => None,
    });
    assert_eq!(
        host.done("linker_get_conversation", json!({"with": "api", "limit": 2})).await,
        "Conversation with api:\n[2026-11-20T10:22:03.456Z] api: begin\n  end (ID: m-4)\n\
         [2026-11-20T10:22:03.456Z] web: yes (ID: m-5)"
    );
    let asked = &heard.all("messages.list")[0];
    assert_eq!((&asked["with"], &asked["limit"]), (&json!("api"), &json!(2)));
}

#[tokio::test]
async fn files_code_and_tasks_are_messages_of_a_form() {
    let (mut host, socket, home) = opened().await;
    std::fs::write(home.path().join("a.rs"), "fn a() {}").unwrap();
    let heard = listening(&socket, |method, params| (method == "messages.send").then(|| sent(params)));
    let file = json!({"to": "api", "file_path": "a.rs", "description": "look"});
    assert_eq!(host.done("linker_send_file", file).await, "File a.rs sent to api (ID: m-9)");
    let code = json!({"to": "api", "language": "md", "code": "a\n```\nb", "description": "look"});
    assert_eq!(host.done("linker_share_code", code).await, "Code shared with api (ID: m-9)");
    let task = json!({"title": "Test it", "assignee": "api", "description": "all", "deadline": "2026-12-01"});
    assert_eq!(host.done("linker_create_task", task).await, "Task \"Test it\" sent to api (ID: m-9)");
    let said = host.done("linker_create_task", json!({"title": "Rest"})).await;
    assert_eq!(said, "Task \"Rest\" sent to all instances (ID: m-9)");
    let contents: Vec<_> =
        heard.all("messages.send").iter().map(|sent| (sent["to"].clone(), sent["content"].clone())).collect();
    assert_eq!(
        contents,
        [
            (json!("api"), json!("look")),
            (json!("api"), json!("look\n\n````md\na\n```\nb\n````")),
            (json!("api"), json!("Task: Test it\nAssignee: api\nDeadline: 2026-12-01\n\nall")),
            (json!("broadcast"), json!("Task: Rest")),
        ]
    );
    assert_eq!(heard.all("messages.send")[0]["files"][0]["name"], "a.rs");
    let said =
        host.refused("linker_share_code", json!({"to": "api", "language": "a\n```", "code": "x"})).await;
    assert!(said.starts_with("Error: argument `language` must be a language's name"), "{said}");
}

#[tokio::test]
async fn the_status_is_told_also_when_the_hall_is_away() {
    let (mut host, socket, _home) = opened().await;
    let (blocks, failed) = host.call("linker_status", json!({})).await;
    assert!(!failed && blocks[0].starts_with("❌ Not connected: Guildhall is not running at "), "{blocks:?}");
    let _heard = listening(&socket, |method, _| {
        (method == "status").then(|| {
            json!({
                "server": "0.1.0", "workspace": "default", "position": 1, "ready": true, "agents": 1,
                "context_keys": 0, "open_questions": 0, "for_you": 0, "messages": 2, "listening": [],
            })
        })
    });
    let mut told = host.done("linker_status", json!({})).await;
    for _ in 0..20 {
        if told.starts_with('✅') {
            break;
        }
        told = host.done("linker_status", json!({})).await;
    }
    for line in
        ["- Instance Name: web", "- Instance ID: m-web", "- Pending messages: 2", "- Last heartbeat: 0s ago"]
    {
        assert!(told.lines().any(|told| told == line), "{line} is not in {told}");
    }
}
