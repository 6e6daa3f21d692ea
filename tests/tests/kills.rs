//! SIGKILL at the worst moments and at any other, under sixteen writers and four followers that go on afterwards.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::Duration;

use guildhall_tests::dice::Dice;
use guildhall_tests::home::{Home, Server};
use guildhall_tests::judgement::Log;
use guildhall_tests::ledger::{Deed, Ledger, Outcome};
use guildhall_tests::load::{Crowd, Load};
use guildhall_tests::times;

const SIGKILL: i32 = 9;
/// Long enough to pass any place a few hundred times.
const REACHED_WITHIN: Duration = Duration::from_secs(10);

/// A house whose server is about to have a bad time.
struct Story {
    home: Home,
    ledger: Arc<Ledger>,
    load: Load,
    dice: Dice,
    seed: u64,
}

impl Story {
    async fn begin(seed: u64) -> (Self, Server) {
        let home = Home::new();
        let server = home.start().await;
        let ledger = Arc::new(Ledger::new());
        let load = Load::begin(&server, Crowd::USUAL, ledger.clone(), seed).await;
        load.progress(50).await;
        (Self { home, ledger, load, dice: Dice::new(seed), seed }, server)
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

    /// Starts the last server, ends the load on it, and compares what is kept with what was promised and shown.
    async fn end(self) {
        let server = self.home.start().await;
        self.load.progress(50).await;
        let followed = self.load.finish().await;
        server.stop().await;

        let unanswered = |deed: &&Deed| matches!(deed.outcome, Outcome::Unknown);
        let unanswered = self.ledger.deeds().iter().filter(unanswered).count();
        assert!(unanswered > 0, "nobody was interrupted, so nothing was shown by this");

        let verified = self.home.run(&["store", "verify"]);
        assert!(verified.status.success(), "{verified:?}");
        let log = Log::open(&self.home.data()).await.expect("the chain is whole");
        assert_eq!(log.faults(&self.ledger), Vec::<String>::new(), "seed {}", self.seed);
        for (number, follower) in followed.into_iter().enumerate() {
            assert_eq!(follower.seen, log.feed(follower.kinds), "follower {number}, seed {}", self.seed);
        }
    }
}

async fn kill_at(place: &str, most: u64, seed: u64) {
    let (mut story, mut server) = Story::begin(seed).await;
    server.kill().await;
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
async fn killed_before_an_append_it_forgets_only_what_it_had_not_acknowledged() {
    kill_at("append", 150, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_commit_it_keeps_what_nobody_had_heard_of_yet() {
    kill_at("commit", 150, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_followers_are_shown_an_event_it_has_the_event() {
    kill_at("publish", 150, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_a_reply_it_keeps_what_it_replied() {
    kill_at("reply", 800, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_also_while_it_starts_it_loses_nothing_and_doubles_nothing() {
    let (mut story, mut server) = Story::begin(5).await;
    server.kill().await;
    for round in 0..times(20, 500) {
        let after = Duration::from_millis(story.dice.below(400));
        // Its own process, not through a shell: this is the one that is killed.
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
