//! The power goes, at any moment, on a disk that keeps what was synced and of the rest whatever it likes; and bits rot.
//!
//! A kill proves nothing here: the page cache survives it. So the server's disk is recorded, and from the recording
//! come the disks that a cut could have left.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guildhall_faultdisk::{Cut, Disk, Image, Trace, flip_bit};
use guildhall_tests::dice::Dice;
use guildhall_tests::home::Home;
use guildhall_tests::judgement::{Log, events};
use guildhall_tests::ledger::{Deed, Ledger, Outcome, Shown};
use guildhall_tests::load::{Crowd, Load};
use guildhall_tests::times;
use guildhall_tests::trpc::Client;
use hall::Hall;
use model::event::Recorded;
use model::rows::Table;
use model::{Position, WorkspaceName};
use serde_json::json;
use store::sqlite::{LOG_FILE, VIEWS_FILE};
use store::{SqliteStore, Store};

/// One life of a server under load.
struct Life {
    trace: Trace,
    deeds: Vec<Deed>,
    shown: Vec<Shown>,
}

/// What a disk turned out to be worth.
struct Verdict {
    faults: Vec<String>,
    /// How many acknowledged deeds it had to hold.
    due: usize,
}

impl Life {
    /// Lives on a home, with so many deeds acknowledged. `before` are the deeds of earlier lives.
    async fn on(home: &Home, deeds: usize, before: Vec<Deed>, seed: u64) -> Self {
        let disk = Arc::new(Disk::new(home.path()).unwrap());
        let mut server = home.start_on(&disk).await;
        let stand = disk.clone();
        let ledger = Arc::new(Ledger::with_disk(move || Some(stand.position().unwrap())));
        ledger.remember(before);
        let load = Load::begin(&server, Crowd::USUAL, ledger.clone(), seed).await;
        load.progress(deeds).await;
        let followed = load.finish().await;
        // Killed when it writes nothing: an operation it is killed in might be done and not recorded.
        quiet(&disk).await;
        server.kill().await;
        let trace = disk.trace().unwrap();
        trace.check_complete().unwrap();
        let log = Log::open(&home.data()).await.unwrap();
        assert_eq!(log.faults(&ledger), Vec::<String>::new(), "before any cut");
        for follower in followed {
            assert_eq!(follower.seen, log.feed(follower.kinds));
        }
        Self { trace, deeds: ledger.deeds(), shown: ledger.shown() }
    }

    /// A cut: every other one just when some acknowledgement had been seen, where the least time was left to sync.
    fn cut(&self, seed: u64) -> Cut {
        let acknowledged: Vec<_> = self.deeds.iter().filter_map(Deed::seen).collect();
        match seed % 2 {
            0 => Cut::random(seed, &self.trace),
            _ => {
                let which = Dice::new(seed).below(acknowledged.len() as u64);
                Cut::at(seed, acknowledged[which as usize])
            }
        }
    }

    fn due(&self, cut: Cut) -> usize {
        self.deeds.iter().filter_map(Deed::seen).filter(|seen| *seen <= cut.position()).count()
    }

    /// Opens what a cut leaves, as the server does, and looks at everything in it.
    async fn judge(&self, cut: Cut, image: &Image) -> Verdict {
        let mut faults = match Log::left_on(image).await {
            Ok(log) => log.faults_at(Some(cut.position()), &self.deeds, &self.shown),
            Err(refused) => vec![refused],
        };
        faults.iter_mut().for_each(|fault| *fault = format!("{cut}: {fault}"));
        Verdict { faults, due: self.due(cut) }
    }
}

/// Waits until nothing more is written.
async fn quiet(disk: &Disk) {
    let mut last = None;
    while last != Some(disk.position().unwrap()) {
        last = Some(disk.position().unwrap());
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

async fn survives(life: &Life, cuts: std::ops::Range<u64>) {
    let (mut faults, mut due) = (Vec::<String>::new(), Vec::new());
    for seed in cuts {
        let cut = life.cut(seed);
        let verdict = life.judge(cut, &cut.image(&life.trace)).await;
        faults.extend(verdict.faults);
        due.push(verdict.due);
    }
    assert_eq!(faults, Vec::<String>::new());
    let all = life.deeds.iter().filter_map(Deed::seen).count();
    let some = due.iter().filter(|due| (1..all).contains(*due)).count();
    assert!(some > due.len() / 2, "most cuts come in the middle of the work: {due:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_everything_acknowledged_is_there_and_everything_shown() {
    let home = Home::new();
    let life = Life::on(&home, 2000, vec![], 11).await;
    let end = life.trace.image_without_loss(life.trace.end());
    assert!(
        end.file("data/log.db").is_some_and(|log| log.len() > 1_000_000),
        "the log was copied into place meanwhile"
    );
    survives(&life, 0..u64::from(times(120, 1200))).await;

    // And a second life, on a disk that such a cut has left, with a cut of its own.
    let acknowledged: Vec<_> = life.deeds.iter().filter_map(Deed::seen).collect();
    let cut = Cut::at(4711, acknowledged[acknowledged.len() / 2]);
    let before = life.deeds.iter().cloned().map(|deed| match deed.seen() {
        Some(seen) if seen > cut.position() => Deed { outcome: Outcome::Unknown, ..deed },
        _ => deed,
    });
    let home = Home::of(&cut.image(&life.trace));
    // What the first life acknowledged is due in all of the second.
    let before = before.map(always_due).collect();
    let second = Life::on(&home, 400, before, 12).await;
    survives(&second, 0..u64::from(times(80, 800))).await;
}

fn always_due(deed: Deed) -> Deed {
    let outcome = match deed.outcome {
        Outcome::Acknowledged { id, .. } => Outcome::Acknowledged { id, seen: None },
        other => other,
    };
    Deed { outcome, ..deed }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_itself_starts_on_what_a_power_cut_leaves_and_goes_on() {
    let home = Home::new();
    let life = Life::on(&home, 300, vec![], 13).await;
    for seed in 0..u64::from(times(10, 100)) {
        let cut = life.cut(seed);
        let home = Home::of(&cut.image(&life.trace));
        let server = home.start().await;
        let client = Client::connect(server.compat).await.unwrap();
        let author = uuid::Uuid::nil().to_string();
        let said = json!({ "key": "after", "value": "the cut", "agentId": author });
        client.mutate("context.share", said).await.unwrap();
        let mut faults = Vec::new();
        server.stop().await;
        match Log::open(&home.data()).await {
            Ok(log) => faults.extend(log.faults_at(Some(cut.position()), &life.deeds, &life.shown)),
            Err(refused) => faults.push(refused.to_string()),
        }
        faults.retain(|fault| fault != "nobody asked for the cut");
        assert_eq!(faults, Vec::<String>::new(), "{cut}");
    }
}

/// The same check, on the same kind of run, with a disk whose syncs did nothing: it has to see that.
#[tokio::test(flavor = "multi_thread")]
async fn if_its_syncs_did_nothing_the_server_would_be_caught_losing_what_it_acknowledged() {
    let home = Home::new();
    let mut life = Life::on(&home, 300, vec![], 14).await;
    life.trace = life.trace.without_file_syncs();
    let (mut caught, mut lost, cuts) = (0, 0, 50);
    for seed in 0..cuts {
        let cut = life.cut(seed);
        let verdict = life.judge(cut, &cut.image(&life.trace)).await;
        caught += u64::from(!verdict.faults.is_empty());
        lost += u64::from(verdict.faults.iter().any(|fault| fault.contains("acknowledged and lost")));
    }
    assert!(caught > cuts / 2, "{caught} of {cuts} disks were found wanting");
    assert!(lost > 0, "none of them because an acknowledged event was missing");
}

// --- rot ---

/// Everything that can be read from a home.
#[derive(PartialEq)]
struct Content {
    logs: Vec<(WorkspaceName, Vec<Recorded>)>,
    states: Vec<String>,
    rows: Vec<String>,
}

/// Reads everything, as a server would; the first refusal is the error.
async fn content(data: &Path) -> Result<Content, String> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(data).map_err(|cause| cause.to_string())?);
    let hall =
        Hall::open(store.clone(), hall::Options::default()).await.map_err(|cause| cause.to_string())?;
    let (mut logs, mut states, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let read = async {
        logs.push((WorkspaceName::directory(), events(&*store, &WorkspaceName::directory()).await?));
        for name in hall.workspaces() {
            logs.push((name.clone(), events(&*store, &name).await?));
            let workspace = hall.workspace(&name).expect("it is listed");
            let state = serde_json::to_value(&*workspace.state()).expect("states serialise");
            states.push(state.to_string());
            for table in Table::ALL {
                let listed: Vec<(Position, serde_json::Value)> = workspace
                    .rows(table, Position::START, 100_000)
                    .await
                    .map_err(|cause| store::StoreError::DamagedRow(cause.to_string()))?;
                rows.extend(listed.iter().map(|(place, row)| format!("{table:?} {place} {row}")));
            }
        }
        Ok::<_, store::StoreError>(())
    };
    let outcome = read.await;
    hall.close().await;
    outcome.map_err(|cause| cause.to_string())?;
    Ok(Content { logs, states, rows })
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    Image::of(from).unwrap().write_to(&to.path().join("data")).unwrap();
    to
}

/// What became of flipped bits.
#[derive(Debug, Default)]
struct Tally {
    harmless: u32,
    refused: u32,
    /// The end of the log is missing, which it was last written to and nothing shows any more.
    without_the_last_commit: u32,
    wrong: Vec<String>,
}

/// Damage to the last commit in the write-ahead log cannot be told from a commit that the power cut short.
fn is_one_commit_short(content: &Content, original: &Content) -> bool {
    let of_one_crowd = 20;
    content.logs.iter().zip(&original.logs).all(|((name, now), (also, then))| {
        name == also && then.starts_with(now) && then.len() - now.len() <= of_one_crowd
    })
}

async fn rot(data: &Path, seeds: std::ops::Range<u64>) -> Tally {
    let original = content(copy(data).path().join("data").as_path()).await.unwrap();
    let mut tally = Tally::default();
    for seed in seeds {
        let copy = copy(data);
        let flip = flip_bit(seed, &copy.path().join("data")).unwrap();
        match content(&copy.path().join("data")).await {
            Err(refused) => {
                assert!(refused.len() > 10, "{flip}: no reason is given: {refused}");
                tally.refused += 1;
            }
            Ok(content) if content == original => tally.harmless += 1,
            Ok(content) if flip.file.ends_with("log.db-wal") && is_one_commit_short(&content, &original) => {
                tally.without_the_last_commit += 1;
            }
            Ok(_) => tally.wrong.push(flip.to_string()),
        }
    }
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_refused_or_harmless_and_never_becomes_another_event() {
    let home = Home::new();
    let mut server = home.start().await;
    let ledger = Arc::new(Ledger::new());
    let load = Load::begin(&server, Crowd::USUAL, ledger, 15).await;
    load.progress(600).await;
    load.abandon();
    server.kill().await;
    let killed = rot(&home.data(), 0..u64::from(times(100, 1000))).await;
    for database in [LOG_FILE, VIEWS_FILE] {
        // All of it into the database: what is damaged in the write-ahead log is another story.
        let database = rusqlite::Connection::open(home.data().join(database)).unwrap();
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }
    let stopped = rot(&home.data(), 0..u64::from(times(100, 1000))).await;
    eprintln!("in the write-ahead log: {killed:?}\nin the database: {stopped:?}");
    for tally in [killed, stopped] {
        assert_eq!(tally.wrong, Vec::<String>::new());
        // Most of a home is events, and none of those may change unseen.
        assert!(tally.refused > tally.harmless + tally.without_the_last_commit, "{tally:?}");
    }
}
