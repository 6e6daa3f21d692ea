//! Somebody is away while a hundred thousand messages come.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::ops::Range;

use guildhall_tests::home::Home;
use guildhall_tests::linker::Linker;
use serde_json::{Value, json};

const WAITING: usize = 100_000;
/// Sent before anything is asked.
const CHUNK: usize = 5_000;
/// From the first to be read to the last.
const PRIORITIES: [&str; 3] = ["high", "normal", "low"];

/// As people use them: few messages are more urgent than the others, or less.
fn usual(number: usize) -> &'static str {
    match number % 50 {
        7 => PRIORITIES[0],
        33 => PRIORITIES[2],
        _ => PRIORITIES[1],
    }
}

/// Each unlike the one before it, so that nothing taken by priority lies next to anything else that is.
fn alternating(number: usize) -> &'static str {
    PRIORITIES[number % PRIORITIES.len()]
}

/// The numbers of these messages in the order in which they are to be read.
fn in_turn(count: usize, priority: fn(usize) -> &'static str) -> Vec<usize> {
    let class = |class: &'static str| (0..count).filter(move |number| priority(*number) == class);
    PRIORITIES.into_iter().flat_map(class).collect()
}

/// Sends messages of these numbers, and waits until they are kept.
async fn send(web: &mut Linker, numbers: Range<usize>, priority: fn(usize) -> &'static str) {
    let numbers: Vec<_> = numbers.collect();
    for chunk in numbers.chunks(CHUNK) {
        let message = |number: &usize| json!({ "to": "api", "content": number.to_string(), "priority": priority(*number) });
        let payloads: Vec<_> = chunk.iter().map(message).collect();
        web.send("send_message", &payloads).await.unwrap();
        web.ask("heartbeat", json!({})).await.unwrap();
    }
}

async fn fetch(api: &mut Linker) -> Vec<Value> {
    let mut reply = api.ask("get_messages", json!({})).await.unwrap();
    serde_json::from_value(reply["messages"].take()).unwrap()
}

fn number(message: &Value) -> usize {
    message["content"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_messages_wait_through_restarts_and_come_in_order_once_each() {
    let home = Home::new();
    let mut server = home.start().await;
    drop(Linker::meet_as(server.linker, "api").await.unwrap());
    send(&mut Linker::meet_as(server.linker, "web").await.unwrap(), 0..WAITING / 2, usual).await;
    server.kill().await;
    let mut server = home.start().await;
    send(&mut Linker::meet_as(server.linker, "web").await.unwrap(), WAITING / 2..WAITING, usual).await;

    let mut api = Linker::meet_as(server.linker, "api").await.unwrap();
    let count = api.ask("get_message_count", json!({})).await.unwrap();
    assert_eq!(count["count"], WAITING);
    assert_eq!(count["highPriority"], WAITING / 50);

    let mut had: Vec<Value> = Vec::new();
    let (mut is_restarted, mut pages) = (false, 0);
    loop {
        let page = fetch(&mut api).await;
        if !is_restarted && had.len() >= WAITING / 2 {
            // Killed with a page in the reader's hand, of which the server has heard nothing: it is offered again.
            is_restarted = true;
            server.kill().await;
            server = home.start().await;
            api = Linker::meet_as(server.linker, "api").await.unwrap();
            assert!(
                fetch(&mut api).await == page,
                "the page that was not proved to arrive is not offered again"
            );
        }
        if page.is_empty() {
            break;
        }
        // Every other page is marked as soon as it is shown: with nearly all that waits behind it, or nearly none.
        if pages % 2 == 0 {
            let ids: Vec<_> = page.iter().map(|message| &message["id"]).collect();
            let marked = api.ask("mark_read", json!({ "messageIds": ids })).await.unwrap();
            assert_eq!(marked["count"], page.len(), "page {pages}");
        }
        pages += 1;
        had.extend(page);
        assert!(had.len() <= WAITING, "what was had is offered again and again");
    }
    let numbers: Vec<_> = had.iter().map(number).collect();
    assert!(
        numbers == in_turn(WAITING, usual),
        "each once, high priority first, and in the order they were sent"
    );

    assert_eq!(api.ask("get_message_count", json!({})).await.unwrap()["count"], 0);
    server.stop().await;
    let server = home.start().await;
    let mut api = Linker::meet_as(server.linker, "api").await.unwrap();
    assert_eq!(fetch(&mut api).await, Vec::<Value>::new(), "nothing waits any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_priorities_alternate_all_that_waits_is_had_in_the_end() {
    const COUNT: usize = 20_000;
    let home = Home::new();
    let server = home.start().await;
    drop(Linker::meet_as(server.linker, "api").await.unwrap());
    send(&mut Linker::meet_as(server.linker, "web").await.unwrap(), 0..COUNT, alternating).await;
    let mut api = Linker::meet_as(server.linker, "api").await.unwrap();
    let mut had = Vec::new();
    loop {
        let page: Vec<_> = fetch(&mut api).await.iter().map(number).collect();
        if page.is_empty() {
            break;
        }
        assert!(!had.contains(&page[0]), "what was had is offered again and again, and the rest never");
        had.extend(page);
    }
    // How far priority reaches beyond one page is for the server to bound; that each comes once and keeps its turn among
    // its like is not.
    for class in PRIORITIES {
        let of = |numbers: &[usize]| -> Vec<usize> {
            numbers.iter().copied().filter(|number| alternating(*number) == class).collect()
        };
        assert!(of(&had) == of(&in_turn(COUNT, alternating)), "{class}");
    }
}
