//! Doors are closed by default: every way in, walked by somebody who should not get in.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

use std::net::SocketAddr;

use gate::rate::Rate;
use gate::routes::{ANY_PATH, Table};
use gate::{Names, Policy};
use guildhall::server::{Options, Server};
use model::directory::Grant;
use model::{Principal, WorkspaceName};

mod place;

use place::{ask, options};

async fn status(address: SocketAddr, target: &str, headers: &str) -> u16 {
    ask(address, target, headers).await.0
}

/// A token for a member of these workspaces, or of all; as a header.
async fn member(server: &Server, workspaces: Vec<WorkspaceName>) -> String {
    let by = Principal::owner();
    let issued = server.hall().issue_token(&by, None, Grant::Member, workspaces, None).await.unwrap();
    format!("Authorization: Bearer {}\r\n", issued.secret.reveal())
}

#[tokio::test]
async fn every_route_keeps_out_whom_its_policy_keeps_out() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(options(home.path())).await.unwrap();
    let member = member(&server, vec![]).await;
    let main = server.addresses().http;
    let compat = server.addresses().compat_trpc.unwrap();
    let walked: Vec<_> = server.routes().iter().map(|(address, table)| (*address, table.len())).collect();
    assert!(walked.contains(&(main, 7)), "{walked:?}");
    for compat in [compat, server.addresses().compat_linker.unwrap()] {
        assert!(walked.contains(&(compat, 2)), "{walked:?}");
    }
    let any_path = |table: &Table| table.iter().any(|(path, _)| *path == ANY_PATH);
    assert!(server.routes().iter().all(|(_, table)| any_path(table)), "what no route has is walked too");

    for (address, pattern, policy) in server
        .routes()
        .iter()
        .flat_map(|(address, table)| table.iter().map(move |(path, policy)| (*address, *path, *policy)))
    {
        assert!(address.ip().is_loopback(), "{address}");
        let host = format!("Host: {address}\r\n");
        let target = pattern.replace("{workspace}", "default").replace("{*path}", "any/where");
        let ask = async |headers: &str| status(address, &target, headers).await;
        // Whatever somebody may show, a foreign name or page does not come in with it.
        for credential in ["", &member] {
            assert_eq!(ask(credential).await, 421, "{address}{target}: no Host");
            let rebound = format!("Host: evil.example\r\n{credential}");
            assert_eq!(ask(&rebound).await, 421, "{address}{target}: rebound");
            for second in ["evil.example".to_owned(), address.to_string()] {
                let both = format!("{host}Host: {second}\r\n{credential}");
                assert_eq!(ask(&both).await, 400, "{address}{target}: a second Host");
            }
            let elsewhere = async |authority: &str| {
                status(address, &format!("http://{authority}{target}"), &format!("{host}{credential}")).await
            };
            assert_eq!(elsewhere("evil.example").await, 421, "{address}{target}: a foreign address");
            assert_eq!(elsewhere("localhost:1").await, 400, "{address}{target}: not the address in Host");
            let origin = format!("{host}Origin: http://evil.example\r\n{credential}");
            assert_eq!(ask(&origin).await, 403, "{address}{target}: a foreign page");
            let own = format!("{host}Origin: http://{address}\r\n{credential}");
            assert_eq!(ask(&own).await, 403, "{address}{target}: Origin and Host agree, and prove nothing");
        }
        let forged = format!("{host}Authorization: Bearer guildhall_forged\r\n");
        let good = format!("{host}{member}");
        let told = (ask(&host).await, ask(&forged).await, ask(&good).await);
        match policy {
            Policy::Anybody => {
                assert!(matches!(told, (200, 200, 200) | (404, 404, 404)), "{target}: {told:?}")
            }
            Policy::Token => assert!(matches!(told, (401, 401, ..400)), "{target}: {told:?}"),
            Policy::TokenOrFirstMessage => assert_eq!(told, (401, 401, 101), "{target}"),
            Policy::Compatibility => {
                assert_ne!(address, main, "{target}: the main listener has no door without a token");
                assert_eq!(told, (101, 401, 101), "{address}{target}");
                let forged = format!("{target}?token=guildhall_forged");
                assert_eq!(status(address, &forged, &host).await, 401, "{address}{forged}");
            }
        }
        let whole = status(address, &format!("http://{address}{target}"), &good).await;
        assert_eq!(whole, told.2, "{target}: the whole address");
        // A token in the address is for those who have no other way; elsewhere it is as good as none.
        if policy != Policy::Compatibility {
            let secret = member.trim_start_matches("Authorization: Bearer ").trim_end();
            let shown = status(address, &format!("{target}?token={secret}"), &host).await;
            assert_eq!(shown, told.0, "{target}: a token in the address");
        }
    }
    server.stop(std::future::pending()).await;
}

#[tokio::test]
async fn what_no_route_has_is_nothing_here_and_default_there() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(options(home.path())).await.unwrap();
    let (main, compat) = (server.addresses().http, server.addresses().compat_trpc.unwrap());
    for path in ["/", "/elsewhere", "/w", "/w/default", "/w/default/trpc/more", "/healthz/"] {
        assert_eq!(status(main, path, &format!("Host: {main}\r\n")).await, 404, "{path}");
        assert_eq!(status(compat, path, &format!("Host: {compat}\r\n")).await, 101, "{path}");
        for address in [main, compat] {
            assert_eq!(status(address, path, "Host: evil.example\r\n").await, 421, "{address}{path}");
        }
    }
    server.stop(std::future::pending()).await;
}

#[tokio::test]
async fn names_of_the_main_listener_are_not_names_of_the_compatibility_listener() {
    let home = tempfile::tempdir().unwrap();
    let names = Names { hosts: vec!["hall.example".into()], origins: vec!["https://hall.example".into()] };
    let server = Server::start(Options { names, ..options(home.path()) }).await.unwrap();
    let (main, compat) = (server.addresses().http, server.addresses().compat_trpc.unwrap());
    let member = member(&server, vec![]).await;
    assert_eq!(status(main, "/trpc", &format!("Host: hall.example\r\n{member}")).await, 101);
    assert_eq!(status(compat, "/", "Host: hall.example\r\n").await, 421);
    let page = |address| format!("Host: {address}\r\nOrigin: https://hall.example\r\n{member}");
    assert_eq!(status(main, "/trpc", &page(main)).await, 101);
    assert_eq!(status(compat, "/", &page(compat)).await, 403);
    server.stop(std::future::pending()).await;
}

#[tokio::test]
async fn whether_there_is_a_workspace_is_told_to_those_only_who_may_enter_it() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(options(home.path())).await.unwrap();
    let hall = server.hall();
    let research = WorkspaceName::parse("research").unwrap();
    hall.open_workspace(&Principal::owner(), research.clone()).await.unwrap();
    let of_default = member(&server, vec![WorkspaceName::default_workspace()]).await;
    let of_research = member(&server, vec![research]).await;
    let address = server.addresses().http;
    let host = format!("Host: {address}\r\n");
    for (query, headers, told) in [
        ("", host.clone(), 401),
        // Who is to say so in the first message is asked for it, whatever the workspace.
        ("?connectionParams=1", host.clone(), 101),
        ("?connectionParams=%31", host.clone(), 101),
        ("?connectionParams=0&connectionParams=1", host.clone(), 401),
        ("", format!("{host}{of_default}"), 404),
    ] {
        for workspace in ["research", "nowhere"] {
            let target = format!("/w/{workspace}/trpc{query}");
            assert_eq!(status(address, &target, &headers).await, told, "{target}");
        }
    }
    assert_eq!(status(address, "/w/research/trpc", &format!("{host}{of_research}")).await, 101);
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

#[tokio::test]
async fn a_compatibility_port_that_is_taken_on_one_address_is_skipped_and_the_other_protocol_is_served() {
    let home = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let server = Server::start(Options { compat_linker: Some(port), ..options(home.path()) }).await.unwrap();
    let (trpc, linker) = (server.addresses().compat_trpc, server.addresses().compat_linker);
    assert_eq!(linker, None);
    // A machine may have no second loopback address; where it has one, nobody listens there.
    assert!(std::net::TcpStream::connect(("::1", port)).is_err());
    let trpc = trpc.unwrap();
    assert_eq!(status(trpc, "/", &format!("Host: {trpc}\r\n")).await, 101);
    server.stop(std::future::pending()).await;
    drop(taken);
}
