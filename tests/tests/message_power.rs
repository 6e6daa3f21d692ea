//! The power goes under clients that write to one another and read what they are sent: what was kept is offered, what was
//! had is marked, and nothing further than its evidence.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::sync::Arc;
use std::time::Duration;

use guildhall_faultdisk::{Cut, Disk, Position as Moment, Trace};
use guildhall_tests::correspondence::Correspondence;
use guildhall_tests::dice::Dice;
use guildhall_tests::home::Home;
use guildhall_tests::letters::{Letter, Letters};
use guildhall_tests::linker::Linker;
use guildhall_tests::mail::Mail;
use guildhall_tests::times;
use serde_json::json;

/// One life of a server and of those who write by it.
struct Life {
    trace: Trace,
    names: Vec<String>,
    letters: Vec<Letter>,
}

impl Life {
    /// Lives until so many letters are kept.
    async fn on(home: &Home, kept: usize, seed: u64) -> Self {
        let disk = Arc::new(Disk::new(home.path()).unwrap());
        let mut server = home.start_on(&disk).await;
        let stand = disk.clone();
        let names: Vec<_> = (1..=6).map(|number| format!("agent {number}")).collect();
        let letters = Arc::new(Letters::with_disk(names.clone(), move || stand.position().unwrap()));
        let correspondence = Correspondence::begin(&server, letters.clone(), seed).await;
        correspondence.progress(kept).await;
        correspondence.finish().await;
        // Killed when it writes nothing: an operation it is killed in might be done and not recorded.
        quiet(&disk).await;
        server.kill().await;
        let trace = disk.trace().unwrap();
        trace.check_complete().unwrap();
        assert_eq!(letters.faults(), Vec::<String>::new(), "before any cut");
        let life = Self { trace, names, letters: letters.letters() };
        let mail = Mail::open(&home.data(), &life.names).await.unwrap();
        assert_eq!(mail.faults(&life.letters, life.trace.end()), Vec::<String>::new(), "before any cut");
        life
    }

    /// Moments when somebody had just learned that something is kept or marked.
    fn promises(&self) -> Vec<Moment> {
        let readings = self.letters.iter().flat_map(|letter| letter.readers.values());
        let marks = readings.flat_map(|reading| {
            [reading.delivered.certain, reading.in_context.certain, reading.read.certain, reading.had]
        });
        self.letters.iter().map(|letter| letter.durable).chain(marks).flatten().collect()
    }

    /// A cut: every other one just when somebody had been promised something, where the least time was left to sync.
    fn cut(&self, seed: u64) -> Cut {
        let promises = self.promises();
        match seed % 2 {
            0 => Cut::random(seed, &self.trace),
            _ => Cut::at(seed, promises[Dice::new(seed).below(promises.len() as u64) as usize]),
        }
    }

    /// What is wrong with what a cut leaves.
    async fn judge(&self, cut: Cut) -> Vec<String> {
        let found = Mail::left_on(&cut.image(&self.trace), &self.names).await;
        let faults = match found {
            Ok(mail) => mail.faults(&self.letters, cut.position()),
            Err(refused) => vec![refused],
        };
        faults.into_iter().map(|fault| format!("{cut}: {fault}")).collect()
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

#[tokio::test(flavor = "multi_thread")]
async fn after_a_power_cut_each_message_waits_or_was_had_by_the_evidence_there_was() {
    let home = Home::new();
    let life = Life::on(&home, 1200, 31).await;
    let promises = life.promises();
    let (mut faults, mut amid, cuts) = (Vec::new(), 0, u64::from(times(80, 1200)));
    for seed in 0..cuts {
        let cut = life.cut(seed);
        faults.extend(life.judge(cut).await);
        let due = promises.iter().filter(|promise| **promise <= cut.position()).count();
        amid += u64::from((1..promises.len()).contains(&due));
    }
    assert_eq!(faults, Vec::<String>::new());
    assert!(amid > cuts / 2, "most cuts come in the middle of the work: {amid} of {cuts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_itself_offers_what_waits_on_a_disk_that_a_power_cut_left() {
    let home = Home::new();
    let life = Life::on(&home, 300, 32).await;
    for seed in 0..u64::from(times(6, 60)) {
        let cut = life.cut(seed);
        let home = Home::of(&cut.image(&life.trace));
        let server = home.start().await;
        for name in &life.names {
            let mut client = Linker::meet_as(server.linker, name).await.unwrap();
            let reply = client.ask("get_messages", json!({})).await.unwrap();
            let offered: Vec<_> = reply["messages"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|message| message["content"].as_str())
                .collect();
            for letter in &life.letters {
                let Some(reading) = letter.readers.get(name) else { continue };
                let is_offered = offered.contains(&&*letter.text);
                let (by, which) = (cut.position(), &letter.text[..20.min(letter.text.len())]);
                let must = letter.durable.is_some_and(|since| since <= by) && !reading.may_be_had(by);
                assert!(is_offered || !must, "{cut}: {name} is not offered {which}");
                assert!(!is_offered || !reading.must_be_had(by), "{cut}: {name} is offered {which} again");
            }
        }
        server.stop().await;
    }
}

/// The same check, on the same kind of run, with a disk whose syncs did nothing: it has to see that.
#[tokio::test(flavor = "multi_thread")]
async fn if_its_syncs_did_nothing_the_server_would_be_caught_losing_messages_and_marks() {
    let home = Home::new();
    let mut life = Life::on(&home, 300, 33).await;
    life.trace = life.trace.without_file_syncs();
    let (mut caught, mut lost, mut unmarked, cuts) = (0, 0, 0, 50);
    for seed in 0..cuts {
        let faults = life.judge(life.cut(seed)).await;
        caught += u64::from(!faults.is_empty());
        lost += u64::from(faults.iter().any(|fault| fault.contains("kept once, and lost")));
        unmarked += u64::from(faults.iter().any(|fault| fault.contains("again after its evidence")));
    }
    assert!(caught > cuts / 2, "{caught} of {cuts} disks were found wanting");
    assert!(lost > 0, "none of them because a message was missing");
    assert!(unmarked > 0, "none of them because a mark was missing");
}
