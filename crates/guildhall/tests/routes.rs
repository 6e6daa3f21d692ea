//! Doors are closed by default: every way in, walked by somebody who should not get in.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use std::net::SocketAddr;
use std::time::Duration;

use gate::rate::Rate;
use gate::{Names, Policy};
use guildhall::server::{Options, Paths, Server, StoreChoice};
use model::Principal;
use model::directory::Grant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn options(home: &std::path::Path) -> Options {
    let plenty = Rate { per_second: 1e6, burst: 1e6 };
    Options {
        paths: Paths {
            data: home.join("data"),
            socket: home.join("guildhall.sock"),
            owner_token: home.join("owner.token"),
        },
        store: StoreChoice::Memory,
        listen: ([127, 0, 0, 1], 0).into(),
        compat_trpc: None,
        presence_grace: Duration::from_secs(60),
        trpc: door_trpc::Options::default(),
        calls: plenty,
        failures: plenty,
        connections: 100,
        names: Names::default(),
        drain: Duration::ZERO,
    }
}

/// The status of the reply to a request for a WebSocket, which a plain route takes for an ordinary one.
async fn status(address: SocketAddr, path: &str, headers: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_route_keeps_out_whom_its_policy_keeps_out() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(options(home.path())).await.unwrap();
    let address = server.addresses().http;
    let by = Principal::owner();
    let issued = server.hall().issue_token(&by, None, Grant::Member, vec![], None).await.unwrap();
    let member = format!("Authorization: Bearer {}\r\n", issued.secret.reveal());
    let host = format!("Host: {address}\r\n");

    assert!(server.routes().len() >= 4, "{:?}", server.routes());
    for (pattern, policy) in server.routes() {
        let path = pattern.replace("{workspace}", "default");
        let ask = async |headers: &str| status(address, &path, headers).await;
        // Whatever somebody may show, a foreign name or page does not come in with it.
        for credential in ["", &member] {
            assert_eq!(ask(credential).await, 421, "{path}: no Host");
            assert_eq!(ask(&format!("Host: evil.example\r\n{credential}")).await, 421, "{path}: rebound");
            let origin = format!("{host}Origin: http://evil.example\r\n{credential}");
            assert_eq!(ask(&origin).await, 403, "{path}: a foreign page");
            let own = format!("{host}Origin: http://{address}\r\n{credential}");
            assert_eq!(ask(&own).await, 403, "{path}: Origin and Host agree, and prove nothing");
        }
        let forged = format!("{host}Authorization: Bearer guildhall_forged\r\n");
        let (nothing, bad, good) =
            (ask(&host).await, ask(&forged).await, ask(&format!("{host}{member}")).await);
        match policy {
            Policy::Anybody => assert_eq!((nothing, bad, good), (200, 200, 200), "{path}"),
            Policy::Token => assert!((nothing, bad) == (401, 401) && good < 400, "{path}"),
            Policy::TokenOrFirstMessage => assert_eq!((nothing, bad, good), (401, 401, 101), "{path}"),
            Policy::Compatibility => panic!("{path}: the main listener has no door without a token"),
        }
    }
    assert_eq!(status(address, "/elsewhere", &host).await, 404);
    assert_eq!(status(address, "/elsewhere", "Host: evil.example\r\n").await, 421);
    server.stop(std::future::pending()).await;
}

#[tokio::test]
async fn the_owners_credential_is_for_the_owners_eyes() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(options(home.path())).await.unwrap();
    let mode = |path: &str| std::fs::metadata(home.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("owner.token"), 0o600);
    assert_eq!(mode("guildhall.sock"), 0o600);
    assert_eq!(mode("data"), 0o700);
    server.stop(std::future::pending()).await;
}

#[tokio::test]
async fn the_owners_credential_opens_nothing_but_the_local_socket() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(options(home.path())).await.unwrap();
    let owner = std::fs::read_to_string(home.path().join("owner.token")).unwrap();
    let address = server.addresses().http;
    let headers = format!("Host: {address}\r\nAuthorization: Bearer {}\r\n", owner.trim());
    assert_eq!(status(address, "/trpc", &headers).await, 401);
    server.stop(std::future::pending()).await;
}

#[tokio::test]
async fn an_address_that_shows_bad_tokens_is_soon_not_listened_to() {
    let home = tempfile::tempdir().unwrap();
    let failures = Rate { per_second: 0.0, burst: 3.0 };
    let server = Server::start(Options { failures, ..options(home.path()) }).await.unwrap();
    let address = server.addresses().http;
    let forged = format!("Host: {address}\r\nAuthorization: Bearer guildhall_forged\r\n");
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(status(address, "/trpc", &forged).await);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    server.stop(std::future::pending()).await;
}
