//! A disk that is full, and one that does not confirm what it was given: refused with a reason, never half done.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall_faultdisk::{Cut, Disk, Image, SyncFailure};
use guildhall_tests::dice::Dice;
use guildhall_tests::home::{Home, Server};
use guildhall_tests::judgement::Log;
use guildhall_tests::ledger::{Deed, Kind, Ledger};
use guildhall_tests::load::{Crowd, Load};
use guildhall_tests::times;
use guildhall_tests::trpc::{Client, Failure};
use serde_json::{Value, json};

const SOMEBODY: &str = "00000000-0000-0000-0000-000000000000";

async fn share(client: &Client, value: &str) -> Result<Value, Failure> {
    client.mutate("context.share", json!({ "key": "note", "value": value, "agentId": SOMEBODY })).await
}

async fn note(client: &Client) -> Value {
    client.query("context.get", json!({ "key": "note" })).await.unwrap()["value"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_full_writing_is_refused_and_reading_goes_on_and_then_all_is_well() {
    let home = Home::new();
    let disk = Disk::new(home.path()).unwrap();
    let server = home.start_on(&disk).await;
    let client = Client::connect(server.compat).await.unwrap();
    share(&client, "before").await.unwrap();
    let mut follower = client.subscribe("context.onContextChangeTracked", None).await.unwrap();

    disk.fill_up(0).unwrap();
    let writes = [
        ("context.share", json!({ "key": "note", "value": "meanwhile", "agentId": SOMEBODY })),
        ("questions.ask", json!({ "question": "room?", "agentId": SOMEBODY })),
        ("decisions.log", json!({ "decision": "tidy up", "agentId": SOMEBODY })),
        ("session.join", json!({ "name": "late", "role": "target", "repoPath": "/r" })),
    ];
    for (path, input) in writes {
        let refused = client.mutate(path, input).await.unwrap_err();
        let Failure::Refused { code, message } = refused else { panic!("{path}: {refused:?}") };
        assert_eq!(
            (&*code, &*message),
            ("SERVICE_UNAVAILABLE", "nothing was written: the disk is full"),
            "{path}"
        );
    }
    assert!(disk.faults().unwrap().refused_writes > 0);
    assert_eq!(note(&client).await, "before");
    for list in ["session.list", "questions.listPending", "decisions.list"] {
        assert_eq!(client.query(list, json!({})).await.unwrap(), json!([]), "{list}");
    }
    assert_eq!(server.get("/healthz").await.status, 200);

    disk.heal().unwrap();
    let mut told = share(&client, "after").await;
    // The very first write may find the write-ahead log as the full disk left it.
    if told.is_err() {
        told = share(&client, "after").await;
    }
    told.unwrap();
    assert_eq!(note(&client).await, "after");
    let event = follower.next().await.unwrap();
    assert_eq!(event["data"]["value"], "after", "the first thing the follower is shown");
    let history = client.query("context.history", json!({ "key": "note" })).await.unwrap();
    let values: Vec<_> = history.as_array().unwrap().iter().map(|version| version["value"].clone()).collect();
    assert_eq!(values, ["after", "before"]);
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop().await;

    let server = home.start().await;
    let client = Client::connect(server.compat).await.unwrap();
    assert_eq!(note(&client).await, "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_work_on_a_disk_that_fills_up_again_and_again_is_told_the_truth() {
    let home = Home::new();
    let disk = Disk::new(home.path()).unwrap();
    let server = home.start_on(&disk).await;
    let ledger = Arc::new(Ledger::new());
    let load = Load::begin(&server, Crowd::USUAL, ledger.clone(), 21).await;
    for round in 0..times(6, 60) {
        load.progress(60).await;
        let before = disk.faults().unwrap().refused_writes;
        // Somewhere within a transaction.
        disk.fill_up(10_000 + 1_700 * round).unwrap();
        while disk.faults().unwrap().refused_writes < before + 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        disk.heal().unwrap();
    }
    load.progress(60).await;
    let followed = load.finish().await;
    server.stop().await;
    let log = Log::open(&home.data()).await.unwrap();
    assert_eq!(log.faults(&ledger), Vec::<String>::new());
    for follower in followed {
        assert_eq!(follower.seen, log.feed(follower.kinds));
    }
}

/// Waits until the server says that it cannot work any more; what it says.
async fn not_ready(server: &Server) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = server.get("/readyz").await;
        if answer.status == 503 {
            return answer.body;
        }
        assert!(Instant::now() < end, "still ready: {answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_sync_that_failed_nothing_more_is_written_until_a_restart_and_everybody_is_told_why() {
    let home = Home::new();
    let disk = Arc::new(Disk::new(home.path()).unwrap());
    let mut server = home.start_on(&disk).await;
    let client = Client::connect(server.compat).await.unwrap();
    share(&client, "before").await.unwrap();
    let stand = disk.clone();
    let ledger = Arc::new(Ledger::with_disk(move || Some(stand.position().unwrap())));
    let load = Load::begin(&server, Crowd::USUAL, ledger.clone(), 22).await;
    load.progress(100).await;

    // One sync fails and those after it succeed: the kernel tells such a loss only once.
    disk.fail_syncs(SyncFailure::Once { after: 3 }).unwrap();
    let reason = not_ready(&server).await;
    assert_eq!(
        reason,
        "not ready: the disk failed to confirm a write, so nothing more is written until a restart: disk I/O error\n"
    );
    assert_eq!(disk.faults().unwrap().failed_syncs, 1);
    // What was acknowledged before is still on its way to those who wait for it.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let acknowledged = ledger.acknowledged();
    for value in ["one", "two", "three"] {
        let refused = share(&client, value).await.unwrap_err();
        let Failure::Refused { code, message } = refused else { panic!("{refused:?}") };
        assert_eq!(code, "SERVICE_UNAVAILABLE");
        let why = "nothing was written: the disk failed to confirm a write, so nothing more is written until a restart";
        assert_eq!(message, format!("{why}: disk I/O error"));
    }
    assert_eq!(note(&client).await, "before", "reading goes on");
    assert_eq!(server.get("/healthz").await.status, 200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ledger.acknowledged(), acknowledged, "nobody else was told otherwise");
    assert_eq!(server.get("/readyz").await.status, 503, "it does not recover by itself");

    // The power goes before anybody restarts it: what the failed sync lost was never acknowledged.
    let (trace, deeds, shown) = (disk.trace().unwrap(), ledger.deeds(), ledger.shown());
    let ended = trace.end();
    for seed in 0..u64::from(times(30, 300)) {
        let cut = Cut::at(seed, ended);
        let log = Log::left_on(&cut.image(&trace)).await.unwrap_or_else(|refused| panic!("{cut}: {refused}"));
        let mut faults = log.faults_at(Some(cut.position()), &deeds, &shown);
        faults.retain(|fault| fault != "nobody asked for before");
        assert_eq!(faults, Vec::<String>::new(), "{cut}");
    }

    // Or somebody restarts it, and the crowd goes on, and then the power goes: what the system still showed at the
    // restart, and had not brought to disk, must not be what later acknowledgements stand on.
    server.kill().await;
    disk.heal().unwrap();
    let server = home.start_on(&disk).await;
    load.progress(150).await;
    // The trace last: the crowd goes on, and what it is told from now on is not to be looked for in it.
    let (deeds, shown, trace) = (ledger.deeds(), ledger.shown(), disk.trace().unwrap());
    let acknowledged: Vec<_> = deeds.iter().filter_map(Deed::seen).filter(|seen| *seen > ended).collect();
    for seed in 0..u64::from(times(30, 300)) {
        let moment = acknowledged[Dice::new(seed).below(acknowledged.len() as u64) as usize];
        let cut = Cut::at(seed, moment);
        let log = Log::left_on(&cut.image(&trace)).await.unwrap_or_else(|refused| panic!("{cut}: {refused}"));
        let mut faults = log.faults_at(Some(cut.position()), &deeds, &shown);
        faults.retain(|fault| fault != "nobody asked for before");
        assert_eq!(faults, Vec::<String>::new(), "after the restart: {cut}");
    }
    let client = Client::connect(server.compat).await.unwrap();
    assert_eq!(note(&client).await, "before");
    share(&client, "after").await.unwrap();
    assert_eq!(server.get("/readyz").await.status, 200);
    let followed = load.finish().await;
    server.stop().await;
    let log = Log::open(&home.data()).await.unwrap();
    let mut faults = log.faults(&ledger);
    faults.retain(|fault| !["nobody asked for before", "nobody asked for after"].contains(&&**fault));
    assert_eq!(faults, Vec::<String>::new());
    for mut follower in followed {
        let mut feed = log.feed(follower.kinds);
        for list in [&mut feed, &mut follower.seen] {
            list.retain(|(_, text)| !["before", "after"].contains(&&**text));
        }
        assert_eq!(follower.seen, feed);
    }
}

/// An image may have a hundred megabytes, so the read models of the first stand for those of the others, too.
async fn what_is_left(seed: u64, image: &Image) -> Result<Log, String> {
    if seed == 0 { Log::left_on(image).await } else { Log::kept_on(image).await }
}

/// Large values, so that commits are followed by checkpoints, which sync the write-ahead log and the database.
///
/// SQLite does not look at what becomes of one sync: that of the directory, which a connection makes with its first
/// of the write-ahead log. There the name has long been durable. Any other failure has to be noticed.
#[tokio::test(flavor = "multi_thread")]
async fn whichever_sync_it_is_that_fails_nothing_is_acknowledged_on_the_strength_of_it() {
    let (mut noticed, rounds) = (0, times(8, 40));
    for after in 0..rounds {
        let home = Home::new();
        let disk = Disk::new(home.path()).unwrap();
        let mut server = home.start_on(&disk).await;
        let client = Client::connect(server.compat).await.unwrap();
        let large = |number: u32| format!("{number} {}", "large ".repeat(600_000 - 100 * number as usize));
        let mut kept = Vec::new();
        disk.fail_syncs(SyncFailure::Once { after }).unwrap();
        for number in 0..after + 6 {
            if share(&client, &large(number)).await.is_err() {
                let reason = not_ready(&server).await;
                assert!(reason.contains("the disk failed to confirm a write"), "after {after}: {reason}");
                noticed += 1;
                break;
            }
            kept.push((number, disk.position().unwrap()));
        }
        assert_eq!(disk.faults().unwrap().failed_syncs, 1, "after {after}");
        let trace = disk.trace().unwrap();
        for seed in 0..4 {
            let cut = Cut::at(seed, trace.end());
            let log = what_is_left(seed, &cut.image(&trace)).await;
            let log = log.unwrap_or_else(|refused| panic!("{cut}: {refused}"));
            let values: Vec<_> = log.feed(&[Kind::Share]).into_iter().map(|(_, value)| value).collect();
            for (number, seen) in &kept {
                let due = *seen <= cut.position();
                assert!(!due || values.contains(&large(*number)), "after {after}, {cut}: {number} is lost");
            }
        }

        // Somebody starts it again, and the power goes when it has acknowledged one thing more.
        server.kill().await;
        disk.heal().unwrap();
        let server = home.start_on(&disk).await;
        let client = Client::connect(server.compat).await.unwrap();
        share(&client, "one more").await.unwrap();
        let (moment, trace) = (disk.position().unwrap(), disk.trace().unwrap());
        for seed in 0..8 {
            let cut = Cut::at(seed, moment);
            let log = what_is_left(seed, &cut.image(&trace)).await;
            let log = log.unwrap_or_else(|refused| panic!("{cut}: {refused}"));
            let values: Vec<_> = log.feed(&[Kind::Share]).into_iter().map(|(_, value)| value).collect();
            let lost: Vec<_> = kept.iter().filter(|(number, _)| !values.contains(&large(*number))).collect();
            assert!(lost.is_empty(), "after {after} and a restart, {cut}: {lost:?} are lost");
            assert!(values.contains(&"one more".to_owned()), "after {after} and a restart, {cut}");
        }
    }
    assert!(noticed + 1 >= rounds, "{noticed} of {rounds} were noticed");
}
