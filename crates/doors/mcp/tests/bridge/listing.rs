//! What every prompt of every agent carries: the listing of tools.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

/// Bytes that make a token, reckoned low: English and JSON come to about four.
const BYTES_PER_TOKEN: f64 = 3.5;
/// What the twelve take today, with a little room. Three thousand were allowed them.
const TOKENS: f64 = 2_000.0;

async fn listing() -> Value {
    let (mut host, _) = crate::stage::opened(Duration::ZERO).await;
    host.request("tools/list", json!({})).await["result"].clone()
}

#[tokio::test]
async fn the_listing_is_the_one_agreed_on() {
    let listing = listing().await;
    let golden = manifest_directory().join("golden/tools.json");
    if std::env::var_os("GUILDHALL_BLESS").is_some() {
        std::fs::write(&golden, format!("{listing:#}\n")).unwrap();
    }
    let agreed: Value = serde_json::from_slice(&std::fs::read(&golden).unwrap()).unwrap();
    assert_eq!(listing, agreed, "if this is meant: GUILDHALL_BLESS=1 cargo test -p guildhall-door-mcp");
}

#[tokio::test]
async fn the_listing_is_small() {
    let bytes = listing().await.to_string().len();
    let tokens = bytes as f64 / BYTES_PER_TOKEN;
    assert!(tokens < TOKENS, "{bytes} bytes, about {tokens:.0} tokens");
    println!("{bytes} bytes, about {tokens:.0} tokens");
}

#[tokio::test]
async fn every_tool_says_what_it_is_for_and_names_what_it_needs() {
    let listing = listing().await;
    let tools = listing["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let agreed = [
        "agents",
        "ask",
        "answer",
        "context",
        "decide",
        "send",
        "inbox",
        "reserve",
        "search",
        "send_file",
        "status",
        "wait",
    ];
    assert_eq!(names, agreed);
    for tool in tools {
        assert!(tool["description"].as_str().is_some_and(|text| text.len() > 20), "{tool}");
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object");
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(schema["properties"].get(name.as_str().unwrap()).is_some(), "{tool}");
        }
    }
}

/// This crate's directory, as cargo says when it runs this. What was told when it was compiled may be another checkout's,
/// if both share a target directory.
fn manifest_directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}
