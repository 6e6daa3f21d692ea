//! A server that ends: whoever is connected, and however they behave, nothing of it is left running.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use std::future::pending;
use std::path::Path;
use std::time::Duration;

use guildhall::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Handle;

mod place;

use place::{ask, options};

/// A text frame as a client sends it, under a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

#[tokio::test]
async fn nothing_is_left_running_whoever_is_connected() {
    let home = tempfile::tempdir().unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    let server = Server::start(options(home.path())).await.unwrap();
    let (main, compat) = (server.addresses().http, server.addresses().compat_trpc.unwrap());
    let host = format!("Host: {main}\r\n");

    let silent = TcpStream::connect(main).await.unwrap();
    let mut halfway = TcpStream::connect(main).await.unwrap();
    halfway.write_all(b"GET /healthz HTT").await.unwrap();
    let mut kept_alive = TcpStream::connect(main).await.unwrap();
    kept_alive.write_all(format!("GET /healthz HTTP/1.1\r\n{host}\r\n").as_bytes()).await.unwrap();
    assert!(kept_alive.read(&mut [0; 1024]).await.unwrap() > 0);
    let (status, stranger) = ask(main, "/trpc?connectionParams=1", &host).await;
    assert_eq!(status, 101);
    let (status, mut follower) = ask(compat, "/", &format!("Host: {compat}\r\n")).await;
    assert_eq!(status, 101);
    let follow = r#"{"id":1,"method":"subscription","params":{"path":"session.onAgentChange"}}"#;
    follower.write_all(&frame(follow)).await.unwrap();
    assert!(follower.read(&mut [0; 1024]).await.unwrap() > 0);
    let linker = server.addresses().compat_linker.unwrap();
    let (status, mut instance) = ask(linker, "/", &format!("Host: {linker}\r\n")).await;
    assert_eq!(status, 101);
    instance.write_all(&frame(r#"{"type":"register","payload":{"name":"web"}}"#)).await.unwrap();
    assert!(instance.read(&mut [0; 1024]).await.unwrap() > 0);

    let ended = tokio::time::timeout(2 * gate::limits::FINISH, server.stop(pending())).await;
    assert!(ended.is_ok(), "the server did not end");
    gone(before).await;
    drop((silent, halfway, kept_alive, stranger, follower, instance));
}

/// A server that waits for nobody's socket by itself, with a client that asks and takes nothing off its own.
async fn stuck(home: &Path, drain: Duration) -> (Server, TcpStream) {
    let mut options = options(home);
    options.trpc.write_stall = Duration::from_secs(3600);
    options.drain = drain;
    let server = Server::start(options).await.unwrap();
    let compat = server.addresses().compat_trpc.unwrap();
    let (status, mut stuck) = ask(compat, "/", &format!("Host: {compat}\r\n")).await;
    assert_eq!(status, 101);
    // Asks until what it does not take fills all buffers on the way, and nobody reads what it asks any more.
    let calls = frame("[").repeat(64 * 1024);
    let full = async {
        loop {
            stuck.write_all(&calls).await.unwrap();
        }
    };
    let full: Result<(), _> = tokio::time::timeout(Duration::from_secs(2), full).await;
    assert!(full.is_err(), "it is still read");
    (server, stuck)
}

#[tokio::test]
async fn a_client_that_takes_nothing_does_not_hold_up_the_end() {
    const DRAIN: Duration = Duration::from_secs(2);
    let home = tempfile::tempdir().unwrap();
    let (server, stuck) = stuck(home.path(), DRAIN).await;
    // It is not waited for any longer than those are that are moving: cutting it off would take more than twice as long.
    assert!(2 * DRAIN < DRAIN + gate::limits::FINISH);
    let ended = tokio::time::timeout(2 * DRAIN, server.stop(pending())).await;
    assert!(ended.is_ok(), "the server waits for a client that takes nothing");
    drop(stuck);
}

#[tokio::test]
async fn a_server_that_is_to_hurry_waits_for_nobody() {
    let home = tempfile::tempdir().unwrap();
    let before = Handle::current().metrics().num_alive_tasks();
    let (server, stuck) = stuck(home.path(), Duration::from_secs(3600)).await;
    let asked_again = tokio::time::sleep(Duration::from_millis(100));
    // Less than it takes to cut off a connection that does not end when it is merely told to.
    let ended = tokio::time::timeout(gate::limits::FINISH / 2, server.stop(asked_again)).await;
    assert!(ended.is_ok(), "the server waits for a client that takes nothing");
    gone(before).await;
    drop(stuck);
}

/// Waits until there are no more tasks than there were. What has ended is counted down after whoever waited for it has
/// been woken.
async fn gone(before: usize) {
    let gone = async {
        while Handle::current().metrics().num_alive_tasks() > before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let left = tokio::time::timeout(Duration::from_secs(2), gone).await;
    assert!(left.is_ok(), "{} tasks are left", Handle::current().metrics().num_alive_tasks() - before);
}
