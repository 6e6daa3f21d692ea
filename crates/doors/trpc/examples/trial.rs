//! trial
use gate::{rate::Rate, *};
use std::{sync::Arc, time::Duration};
fn ms(name: &str, d: u64) -> Duration {
    Duration::from_millis(std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(d))
}
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let home = std::path::PathBuf::from(std::env::var("GUILDHALL_HOME").unwrap());
    let data = home.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let args: Vec<String> = std::env::args().collect();
    let arg = |n: &str| args.iter().position(|a| a == n).map(|i| args[i + 1].clone());
    let store: Arc<dyn store::Store> = if std::env::var("TRIAL_MEMORY").is_ok() {
        Arc::new(store::MemoryStore::default())
    } else {
        Arc::new(store::SqliteStore::open(&data).unwrap())
    };
    let hall = hall::Hall::open(
        store,
        hall::Options { presence_grace: ms("GUILDHALL_PRESENCE_GRACE_MS", 60000), ..Default::default() },
    )
    .await
    .unwrap();
    let door = guildhall_door_trpc::Door::new(
        hall.clone(),
        guildhall_door_trpc::Options {
            keep_alive: ms("GUILDHALL_KEEPALIVE_MS", 30000),
            keep_alive_grace: ms("GUILDHALL_KEEPALIVE_GRACE_MS", 5000),
            write_stall: ms("GUILDHALL_WRITE_STALL_MS", 10000),
        },
    );
    let r = Rate {
        per_second: ms("GUILDHALL_RATE_CALLS_PER_SECOND", 250000).as_millis() as f64,
        burst: ms("GUILDHALL_RATE_BURST", 500000).as_millis() as f64,
    };
    let rates = Arc::new(Rates::new(r, r));
    let conns = Arc::new(tokio::sync::Semaphore::new(20000));
    let closing = tokio_util::sync::CancellationToken::new();
    let l = Listener::bind(
        arg("--listen").unwrap_or("127.0.0.1:0".into()).parse().unwrap(),
        Gate::new(&hall, rates.clone(), Names::default(), door.routes()),
        conns.clone(),
    )
    .await
    .unwrap();
    let (n, a) = door.compatibility_routes();
    let port: u16 =
        arg("--compat").and_then(|c| c.strip_prefix("trpc=").map(|p| p.parse().unwrap())).unwrap_or(0);
    let c = Listener::bind(
        ([127, 0, 0, 1], port).into(),
        Gate::compatibility(&hall, rates, Names::default(), n, a),
        conns,
    )
    .await
    .unwrap();
    println!(
        "{{\"event\":\"ready\",\"http\":\"http://{}\",\"compat\":{{\"trpc\":\"ws://{}\"}},\"socket\":\"\",\"pid\":{}}}",
        l.address().unwrap(),
        c.address().unwrap(),
        std::process::id()
    );
    let t = tokio_util::task::TaskTracker::new();
    t.spawn(l.run(closing.clone()));
    t.spawn(c.run(closing.clone()));
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    tokio::select! { _ = term.recv() => {}, _ = tokio::signal::ctrl_c() => {} }
    door.drain();
    let dl = tokio::time::Instant::now() + ms("GUILDHALL_DRAIN_MS", 5000);
    while door.connections() > 0 && tokio::time::Instant::now() < dl {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    closing.cancel();
    door.close().await;
    hall.close().await;
}
