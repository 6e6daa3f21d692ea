//! The socket's file, and the end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use client::protocol::{Call, Empty, News, Status, Wait};
use guildhall_door_local::{BindError, LocalDoor, Options};

use crate::place::{Place, SOON, ok};

fn at(path: PathBuf) -> Options {
    let agents = path.with_extension("agents");
    Options { path, agents, listening: vec![], rates: Arc::default() }
}

#[tokio::test]
async fn only_its_user_may_open_the_socket_and_a_second_hall_is_refused() {
    let place = Place::of_strangers().await;
    let mode = std::fs::metadata(&place.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = LocalDoor::bind(at(place.socket.clone())).err().unwrap();
    assert!(matches!(second, BindError::InUse(_)), "{second}");
    let _: Status = ok(&place.somebody().await, Call::Status(Empty {})).await;
}

#[tokio::test]
async fn what_a_dead_hall_left_is_replaced_and_what_is_no_socket_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let door = LocalDoor::bind(at(socket.clone())).unwrap();
    assert_eq!(door.path(), socket);

    let file = directory.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let refused = LocalDoor::bind(at(file.clone())).err().unwrap();
    assert!(matches!(refused, BindError::NotASocket(_)), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    let too_long = directory.path().join("x".repeat(120));
    assert!(matches!(LocalDoor::bind(at(too_long)).err().unwrap(), BindError::Io { .. }));
}

#[tokio::test]
async fn a_closing_hall_answers_who_waits_and_leaves_no_file() {
    let place = Place::of_strangers().await;
    let web = place.agent("web").await;
    let waiting = tokio::spawn({
        let web = web.clone();
        async move { web.call::<News>(Call::Wait(Wait { wait_seconds: 40, after: None })).await }
    });
    let _: Status = ok(&web, Call::Status(Empty {})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    place.closing.cancel();
    let news = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap().unwrap();
    assert!(news.position > 0);
    tokio::time::timeout(SOON, place.running).await.unwrap().unwrap();
    assert!(!place.socket.exists());
    tokio::time::timeout(SOON, web.closed()).await.unwrap();
    place.hall.close().await;
}
