//! Sending, reserving and searching: what the hall is asked and how its answers read.

use std::time::Duration;

use serde_json::json;

use crate::stage::{hall, listening, opened};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_message_is_sent_once_and_its_number_told() {
    let (mut host, socket) = opened(PATIENCE).await;
    let heard = listening(&socket, |method, _| {
        (method == "messages.send").then(|| json!({"number": 123, "id": "m", "to": "api", "sent_at": ""}))
    });
    let send = json!({"to": "api", "content": "port?", "priority": "high", "ttl": 60});
    assert_eq!(host.done("send", send).await, "sent message #123 to api");
    assert_eq!(
        host.done("send", json!({"content": "7420", "reply_to": 4})).await,
        "sent message #123 to api"
    );
    let sent = heard.all("messages.send");
    assert!(sent[0]["once"].is_string(), "so that sending again after a lost answer sends once");
    assert_eq!((&sent[0]["priority"], &sent[0]["ttl_ms"]), (&json!("high"), &json!(60_000)));
    assert_eq!((sent[1].get("to"), &sent[1]["reply_to"]), (None, &json!(4)));
}

#[tokio::test]
async fn an_unknown_recipient_is_told_to_the_model() {
    let (mut host, socket) = opened(PATIENCE).await;
    let why = "nobody is known as \"apy\"; here are: api. The message is kept as dead letter 9";
    let _hall = hall(&socket, move |method, _| {
        Some(if method == "messages.send" { Err(("not_found", why)) } else { Ok(json!({"position": 1})) })
    });
    assert_eq!(host.refused("send", json!({"to": "apy", "content": "hi"})).await, why);
}

#[tokio::test]
async fn files_are_reserved_listed_and_released() {
    let (mut host, socket) = opened(PATIENCE).await;
    let claim = |holder: &str, mine: bool| {
        json!({
            "id": "r", "holder": holder, "mine": mine, "files": ["src/**", "a.rs"], "shared": !mine,
            "why": "a\nmove", "fence": 7, "since": "", "until": "2026-11-20T10:52:03.000Z",
        })
    };
    let heard = listening(&socket, move |method, _| match method {
        "reservations.make" => Some(claim("web", true)),
        "reservations.list" => Some(json!([claim("web", true), claim("api", false)])),
        "reservations.release" => Some(json!({"count": 1})),
        _ => None,
    });
    let made = host.done("reserve", json!({"files": ["src/**", "a.rs"], "why": "a move"})).await;
    assert_eq!(made, "reserved src/**, a.rs until 2026-11-20T10:52:03Z, fence 7");
    let asked = &heard.all("reservations.make")[0];
    assert_eq!(asked["ttl_seconds"], 30 * 60);
    assert!(asked.get("shared").is_none() && asked["once"].is_string(), "{asked}");
    assert_eq!(
        host.done("reserve", json!({})).await,
        "2 reservations\n\
         - src/**, a.rs by you until 2026-11-20T10:52:03Z, fence 7: a move\n\
         - src/**, a.rs by api (shared) until 2026-11-20T10:52:03Z, fence 7: a move"
    );
    assert_eq!(host.done("reserve", json!({"release": true})).await, "released 1 reservation");
}

#[tokio::test]
async fn a_search_says_how_to_go_on_and_how_far_it_looked() {
    let (mut host, socket) = opened(PATIENCE).await;
    let heard = listening(&socket, |method, params| {
        let hit = |kind: &str, id: &str, text: &str| {
            json!({
                "kind": kind, "number": 12, "id": id, "by": "web", "at": "2026-11-20T10:22:03.456Z",
                "text": text, "excerpt": kind == "context",
            })
        };
        let mut message = hit("message", "m", "the port\n- decision d by owner");
        message["to"] = "api".into();
        let hits = json!([message, hit("context", "port", "7420")]);
        (method == "search").then(|| match params["before"].as_u64() {
            None => json!({"hits": hits, "next": 12, "as_of": 40, "complete": false}),
            Some(_) => json!({"hits": [], "as_of": 50, "complete": true}),
        })
    });
    assert_eq!(
        host.done("search", json!({"query": "port", "kind": "message"})).await,
        "- message #12 by web to api, 2026-11-20T10:22:03Z\n  the port\n  - decision d by owner\n\
         - context \"port\" by web, 2026-11-20T10:22:03Z\n  7420…\n\
         there may be older ones: `before` 12\n\
         looked through up to place 40 of the log: what came later is not searched yet, try again"
    );
    assert_eq!(host.done("search", json!({"query": "port", "before": 12})).await, "nothing found");
    let asked = heard.all("search");
    assert_eq!((&asked[0]["kinds"], &asked[0]["limit"]), (&json!(["message"]), &json!(20)));
}

#[tokio::test]
async fn the_roster_shows_what_agents_say_they_are_at() {
    let (mut host, socket) = opened(PATIENCE).await;
    let _heard = listening(&socket, |method, _| {
        let saying =
            json!({"status": "reviewing", "description": "the\nmove", "since": "2026-11-20T10:22:03Z"});
        (method == "agents").then(|| {
            json!([{
                "id": "m-2", "name": "api", "role": "source", "repo_path": "/src", "door": "mcp",
                "principal": "local", "connected_at": "2026-11-20T10:00:00Z", "saying": saying,
            }])
        })
    });
    let told = host.done("agents", json!({})).await;
    assert!(told.ends_with(", id m-2, says \"reviewing\": the move since 2026-11-20T10:22:03Z"), "{told}");
}
