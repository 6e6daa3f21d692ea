//! SIGKILL at the worst moments and at any other, under clients that write to one another and read what they are sent.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::Duration;

use guildhall_faultdisk::Position as Moment;
use guildhall_tests::correspondence::Correspondence;
use guildhall_tests::dice::Dice;
use guildhall_tests::home::Home;
use guildhall_tests::letters::Letters;
use guildhall_tests::mail::Mail;
use guildhall_tests::times;

const SIGKILL: i32 = 9;
/// Long enough to pass any place a few hundred times.
const REACHED_WITHIN: Duration = Duration::from_secs(5);

/// A house whose server is about to have a bad time.
struct Story {
    home: Home,
    letters: Arc<Letters>,
    correspondence: Correspondence,
    dice: Dice,
}

impl Story {
    /// Sets eight to work, and kills their server.
    async fn begin(seed: u64) -> Self {
        let home = Home::new();
        let mut server = home.start().await;
        let names = (1..=8).map(|number| format!("agent {number}")).collect();
        let letters = Arc::new(Letters::among(names));
        let correspondence = Correspondence::begin(&server, letters.clone(), seed).await;
        correspondence.progress(100).await;
        server.kill().await;
        Self { home, letters, correspondence, dice: Dice::new(seed) }
    }

    /// Starts a server that is killed the nth time it passes a place, and waits for that. Whether it came so far.
    async fn killed_at(&self, place: &str, passage: u64) -> bool {
        let mut command = self.home.serve();
        command.env("GUILDHALL_FAILPOINT", format!("{place}:{passage}"));
        match self.home.launch(command).await {
            Ok(mut server) => match server.ended(REACHED_WITHIN).await {
                Some(status) => {
                    assert_eq!(status.signal(), Some(SIGKILL), "{place}:{passage}: {}", server.said());
                    true
                }
                None => {
                    server.kill().await;
                    false
                }
            },
            Err(ended) => {
                assert!(ended.contains("signal: 9"), "{place}:{passage}: {ended}");
                true
            }
        }
    }

    /// Starts the last server. Everybody asks how far its letters have come, and takes what waits; then nothing does.
    async fn end(self) {
        let server = self.home.start().await;
        self.correspondence.progress(50).await;
        self.correspondence.clear().await;
        server.stop().await;
        assert_eq!(self.letters.faults(), Vec::<String>::new());

        let letters = self.letters.letters();
        assert!(
            letters.iter().any(|letter| letter.durable.is_none()),
            "nobody was interrupted, so this shows nothing"
        );
        let verified = self.home.run(&["store", "verify"]);
        assert!(verified.status.success(), "{verified:?}");
        let mail = Mail::open(&self.home.data(), self.letters.names()).await.unwrap();
        assert_eq!(mail.faults(&letters, Moment::default()), Vec::<String>::new());
    }
}

async fn kill_at(place: &str, most: u64, seed: u64) {
    let mut story = Story::begin(seed).await;
    let mut kills = 0;
    let mut bound = most;
    while kills < times(5, 20) {
        let passage = 1 + story.dice.below(bound);
        if story.killed_at(place, passage).await {
            kills += 1;
        } else {
            bound /= 2;
            assert!(
                bound > 0,
                "`{place}` is never passed: this program has no failpoints; build it with `cargo build --workspace`"
            );
        }
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_an_append_it_loses_no_message_and_marks_none() {
    kill_at("append", 150, 21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_commit_it_offers_what_nobody_had_heard_of_yet() {
    kill_at("commit", 150, 22).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_readers_are_told_of_a_message_it_has_the_message() {
    kill_at("publish", 150, 23).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_reply_it_keeps_what_it_replied_and_what_was_marked() {
    kill_at("reply", 800, 24).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_offers_each_message_until_there_is_evidence() {
    let mut story = Story::begin(25).await;
    for round in 0..times(20, 500) {
        let after = Duration::from_millis(story.dice.below(600));
        let mut child = story
            .home
            .serve()
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(after).await;
        assert_eq!(child.try_wait().unwrap(), None, "round {round}: it ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    story.end().await;
}
