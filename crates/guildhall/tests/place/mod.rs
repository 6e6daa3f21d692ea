//! A place for a server of a test's own, and a client that asks for a WebSocket in its own words.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use gate::Names;
use gate::rate::Rate;
use guildhall::server::{Options, Paths, StoreChoice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A server that keeps nothing, on ports that the system picks, with rates that nobody meets.
pub(crate) fn options(home: &Path) -> Options {
    let plenty = Rate { per_second: 1e6, burst: 1e6 };
    Options {
        paths: Paths {
            data: home.join("data"),
            socket: home.join("guildhall.sock"),
            owner_token: home.join("owner.token"),
        },
        store: StoreChoice::Memory,
        listen: ([127, 0, 0, 1], 0).into(),
        compat_trpc: Some(0),
        compat_linker: Some(0),
        presence_grace: Duration::from_secs(60),
        clock_ahead: Duration::ZERO,
        trpc: door_trpc::Options::default(),
        linker: door_linker::Options::default(),
        calls: plenty,
        failures: plenty,
        connections: 100,
        names: Names::default(),
        drain: Duration::ZERO,
    }
}

/// Asks for a WebSocket, which a plain route takes for an ordinary request: the status of the reply, and the connection.
pub(crate) async fn ask(address: SocketAddr, target: &str, headers: &str) -> (u16, TcpStream) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    (std::str::from_utf8(&head[9..]).unwrap().parse().unwrap(), stream)
}
