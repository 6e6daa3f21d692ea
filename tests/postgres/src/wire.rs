//! A wire between client and server that is cut at a chosen moment.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// When the wire is cut, counted from the moment it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// What the client sends next never arrives.
    BeforeArrival,
    /// What the client sends next arrives only after [`Wire::deliver`]; the client sees its connection close at once.
    Delayed,
    /// What the client sends next arrives and is carried out, but the answer is lost.
    BeforeAnswer,
    /// Likewise, and no connection is accepted any more until [`Wire::mend`].
    BeforeAnswerForGood,
}

/// A listener on the loopback interface that carries every connection to a server's unix socket.
pub struct Wire {
    port: u16,
    plan: Arc<Mutex<Option<Cut>>>,
    down: watch::Sender<bool>,
    delivery: watch::Sender<bool>,
}

impl Wire {
    pub(crate) async fn to(socket: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("the loopback interface has ports");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let wire = Self {
            port,
            plan: Arc::default(),
            down: watch::Sender::new(false),
            delivery: watch::Sender::new(false),
        };
        let (plan, down, delivery) = (wire.plan.clone(), wire.down.clone(), wire.delivery.subscribe());
        // Ends with the test's runtime, as do the carriers.
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *down.borrow() {
                    continue;
                }
                let server = UnixStream::connect(&socket).await.expect("the server listens");
                tokio::spawn(carry(client, server, plan.clone(), down.clone(), delivery.clone()));
            }
        });
        wire
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the connection that is used next, once.
    pub fn cut(&self, when: Cut) {
        *self.plan.lock().expect("nothing panics while it holds this") = Some(when);
    }

    /// Accepts connections again.
    pub fn mend(&self) {
        self.down.send_replace(false);
    }

    /// Whether the cut that was asked for has happened.
    pub fn was_cut(&self) -> bool {
        self.plan.lock().expect("nothing panics while it holds this").is_none()
    }

    /// Lets arrive what was [`Cut::Delayed`].
    pub fn deliver(&self) {
        self.delivery.send_replace(true);
    }
}

async fn carry(
    client: TcpStream,
    mut server: UnixStream,
    plan: Arc<Mutex<Option<Cut>>>,
    down: watch::Sender<bool>,
    mut delivery: watch::Receiver<bool>,
) {
    let mut switch = down.subscribe();
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let (mut from_client, mut to_client) = client.into_split();
    // A failure of either side ends the connection, as it would without the wire between.
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let cut = plan.lock().expect("nothing panics while it holds this").take();
                match cut {
                    Some(Cut::BeforeArrival) => return,
                    Some(Cut::Delayed) => {
                        drop((from_client, to_client));
                        let delivered = delivery.wait_for(|now| *now).await.is_ok();
                        if delivered {
                            _ = server.write_all(&asked[..length]).await;
                            // Until the server has carried it out and answered.
                            _ = server.read(&mut answered).await;
                        }
                        return;
                    }
                    Some(cut @ (Cut::BeforeAnswer | Cut::BeforeAnswerForGood)) => {
                        if cut == Cut::BeforeAnswerForGood {
                            down.send_replace(true);
                        }
                        if server.write_all(&asked[..length]).await.is_ok() {
                            _ = server.read(&mut answered).await;
                        }
                        return;
                    }
                    None => {
                        if server.write_all(&asked[..length]).await.is_err() { return }
                    }
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if to_client.write_all(&answered[..length]).await.is_err() { return }
            }
            () = told(&mut switch) => return,
        }
    }
}

/// Waits until the switch is on.
async fn told(switch: &mut watch::Receiver<bool>) {
    _ = switch.wait_for(|on| *on).await;
}
