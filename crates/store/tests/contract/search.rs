//! The index of words: which events are found by which, newest first.

use std::sync::Arc;

use guildhall_store::verify::verify;
use guildhall_store::{Incarnation, Store, StoreError, Terms};
use model::search::{Term, document};
use model::{Position, WorkspaceName};

use crate::disk::{Disk, on_every_disk, place_of};
use crate::given::{append, id, log, name, opened, said};

fn terms(place: u64, words: &str) -> Terms {
    Terms { place: Position(place), words: words.into() }
}

async fn index(store: &dyn Store, from: u64, to: u64, documents: &[Terms]) -> bool {
    store.index(&log(), Position(from), Position(to), documents).await.unwrap()
}

/// Terms as they are written: words, and prefixes with a star.
fn wanted(written: &str) -> Vec<Term> {
    let term = |word: &str| match word.strip_suffix('*') {
        Some(prefix) => Term::Prefix(prefix.into()),
        None => Term::Word(word.into()),
    };
    written.split_whitespace().map(term).collect()
}

async fn found_in(store: &dyn Store, log: &WorkspaceName, written: &str) -> Vec<u64> {
    let places = store.search(log, &wanted(written), None, 1_000).await.unwrap();
    places.iter().map(|place| place.0).collect()
}

async fn found(store: &dyn Store, written: &str) -> Vec<u64> {
    found_in(store, &log(), written).await
}

pub(crate) async fn events_are_found_by_all_their_words_newest_first(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert_eq!(store.indexed(&log()).await.unwrap(), Position::START);
    assert_eq!(found(&*store, "port").await, [0; 0], "nothing is indexed yet");
    let documents = [
        terms(2, "use one port 8080"),
        terms(3, "ports are many"),
        terms(7, "one more port and or not near"),
    ];
    assert!(index(&*store, 0, 9, &documents).await);
    assert_eq!(store.indexed(&log()).await.unwrap(), Position(9));
    for (written, places) in [
        ("port", &[7, 2][..]),
        ("port*", &[7, 3, 2]),
        ("one port", &[7, 2]),
        ("port one use", &[2]),
        ("one* ma*", &[]),
        ("many port*", &[3]),
        ("80*", &[2]),
        ("por", &[]),
        ("nothing", &[]),
        ("and or not near", &[7]),
        ("", &[]),
    ] {
        assert_eq!(found(&*store, written).await, places, "{written}");
    }
}

pub(crate) async fn what_is_found_is_read_by_page(store: Arc<dyn Store>) {
    opened(&*store).await;
    let documents: Vec<_> =
        (1..=10).map(|place| terms(place, if place % 2 == 0 { "a b" } else { "a" })).collect();
    assert!(index(&*store, 0, 10, &documents).await);
    let page = async |written: &str, before: Option<u64>, most: usize| -> Vec<u64> {
        let places = store.search(&log(), &wanted(written), before.map(Position), most).await.unwrap();
        places.iter().map(|place| place.0).collect()
    };
    assert_eq!(page("a", None, 3).await, [10, 9, 8]);
    assert_eq!(page("a", Some(8), 3).await, [7, 6, 5]);
    assert_eq!(page("b*", Some(8), 2).await, [6, 4]);
    assert_eq!(page("a b", Some(4), 9).await, [2]);
    assert_eq!(page("a", Some(1), 9).await, [0; 0]);
    assert_eq!(page("a", Some(0), 9).await, [0; 0]);
    assert_eq!(page("a", Some(u64::MAX), 1).await, [10]);
}

pub(crate) async fn two_logs_have_an_index_each(store: Arc<dyn Store>) {
    let other = name("other");
    opened(&*store).await;
    store.open_log(&other, Incarnation(id())).await.unwrap();
    assert!(index(&*store, 0, 5, &[terms(1, "mine shared"), terms(5, "shared")]).await);
    let theirs = [terms(1, "theirs shared"), terms(2, "theirs")];
    assert!(store.index(&other, Position(0), Position(2), &theirs).await.unwrap());
    assert_eq!(found(&*store, "shared").await, [5, 1]);
    assert_eq!(found(&*store, "theirs").await, [0; 0]);
    assert_eq!(found_in(&*store, &other, "shared").await, [1]);
    assert_eq!(found_in(&*store, &other, "mine").await, [0; 0]);

    store.clear_rows(&log()).await.unwrap();
    assert_eq!(store.indexed(&log()).await.unwrap(), Position::START);
    assert_eq!(found(&*store, "shared").await, [0; 0]);
    assert_eq!(store.indexed(&other).await.unwrap(), Position(2));
    assert_eq!(found_in(&*store, &other, "theirs*").await, [2, 1]);
    store.check(&other).await.unwrap();

    // And again, for what was taken away may be written anew.
    assert!(index(&*store, 0, 3, &[terms(1, "mine"), terms(3, "anew")]).await);
    assert_eq!(found(&*store, "mine").await, [1]);
    assert_eq!(found(&*store, "shared").await, [0; 0]);
    store.clear_rows(&other).await.unwrap();
    store.clear_rows(&log()).await.unwrap();
    assert_eq!(found(&*store, "anew").await, [0; 0]);
    store.check(&log()).await.unwrap();
}

pub(crate) async fn an_index_is_moved_on_only_from_where_it_stands(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert!(!index(&*store, 3, 4, &[terms(4, "late")]).await);
    assert!(index(&*store, 0, 4, &[terms(1, "first"), terms(2, "second")]).await);
    assert!(!index(&*store, 0, 4, &[terms(3, "again")]).await);
    assert_eq!(found(&*store, "late").await, [0; 0]);
    assert_eq!(found(&*store, "again").await, [0; 0]);
    assert!(index(&*store, 4, 9, &[]).await);
    assert_eq!(store.indexed(&log()).await.unwrap(), Position(9));
    // A document that is there already is replaced.
    assert!(index(&*store, 9, 10, &[terms(2, "other"), terms(10, "last")]).await);
    assert_eq!(found(&*store, "second").await, [0; 0]);
    assert_eq!(found(&*store, "other").await, [2]);
    assert_eq!(found(&*store, "first").await, [1]);
    store.check(&log()).await.unwrap();
}

pub(crate) async fn any_event_can_be_found_by_its_words(store: Arc<dyn Store>) {
    opened(&*store).await;
    let texts = [
        "ÄRGER Straße ΟΔΟΣ İstanbul 数据库 ٣٤ e\u{301}te\u{301} 'quoted' a:b*c (d|e) & \\ \0 NOT NEAR"
            .to_owned(),
        "𠀋".repeat(100),
        // More distinct words than are kept.
        (0..120_000).map(|n| format!("w{n} ")).collect(),
        "x".repeat(1_000_000),
    ];
    let events: Vec<_> = texts.iter().map(|text| said(text)).collect();
    let documents: Vec<_> = (1..)
        .zip(&events)
        .map(|(place, event)| terms(place, &document(&event.fact).unwrap().terms()))
        .collect();
    assert!(index(&*store, 0, 4, &documents).await);
    for (place, words) in documents.iter().map(|terms| (terms.place.0, &terms.words)) {
        for word in words.split(' ').take(200) {
            assert!(found(&*store, word).await.contains(&place), "{word}");
            assert!(found(&*store, &format!("{word}*")).await.contains(&place), "{word}*");
        }
    }
    let long = "𠀋".repeat(64);
    assert_eq!(found(&*store, &long).await, [2]);
    assert_eq!(found(&*store, &format!("{}*", "𠀋".repeat(9))).await, [2]);
    assert_eq!(found(&*store, &format!("w1 w10000 {}*", "w2")).await, [3]);
    store.check(&log()).await.unwrap();
}

pub(crate) async fn every_store_finds_the_same(store: Arc<dyn Store>) {
    opened(&*store).await;
    // Every set of these words, and of each query's.
    let words = ["a", "ab", "abc", "b", "ß", "ßa"];
    let sets: Vec<String> = (1u64..64)
        .map(|set| {
            let chosen = words.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, word)| *word);
            chosen.collect::<Vec<_>>().join(" ")
        })
        .collect();
    let documents: Vec<_> = (1..).zip(&sets).map(|(place, set)| terms(place, set)).collect();
    let (first, second) = documents.split_at(20);
    assert!(index(&*store, 0, 20, first).await && index(&*store, 20, 63, second).await);
    for query in words.iter().flat_map(|one| ["a", "a*", "ab*", "b", "ß*"].map(|two| format!("{one} {two}")))
    {
        let terms = wanted(&query);
        let holds = |set: &str| {
            terms.iter().all(|term| {
                set.split(' ').any(|word| match term {
                    Term::Word(wanted) => word == wanted,
                    Term::Prefix(wanted) => word.starts_with(&**wanted),
                })
            })
        };
        let naively = documents.iter().rev().filter(|terms| holds(&terms.words)).map(|terms| terms.place.0);
        assert_eq!(found(&*store, &query).await, naively.collect::<Vec<_>>(), "{query}");
    }
}

async fn an_index_that_may_have_come_elsewhere_is_not_moved_on(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    append(&*store, &[said("one"), said("two")]).await;
    assert!(index(&*store, 0, 2, &[terms(1, "one"), terms(2, "two")]).await);
    let columns: &[&str] =
        if disk.is_sqlite() { &["id", "log", "position", "digest"] } else { &["log", "position", "digest"] };
    for &column in columns {
        let seen = async |what: &str| {
            let indexed = store.indexed(&log()).await;
            let moved = store.index(&log(), Position(2), Position(3), &[]).await;
            assert!(matches!(moved, Err(StoreError::DamagedRow(_)) | Ok(false)), "{what}: {moved:?}");
            if column == "log" {
                // As if it had never been: all is indexed again, which does no harm.
                assert_eq!(indexed.unwrap(), Position::START, "{what}");
            } else {
                assert!(matches!(indexed, Err(StoreError::DamagedRow(_))), "{what}: {indexed:?}");
            }
            let verified = verify(&*store, &log()).await;
            assert!(matches!(verified, Err(StoreError::DamagedRow(_))), "{what}: {verified:?}");
        };
        disk.damage(place_of("indexed", column, "1 = 1"), seen).await;
    }
    disk.execute("indexed", "UPDATE indexed SET position = 1").await;
    store.clear_rows(&log()).await.unwrap();
    assert!(index(&*store, 0, 2, &[terms(1, "one"), terms(2, "two")]).await);
    assert_eq!(found(&*store, "two").await, [2]);
    verify(&*store, &log()).await.unwrap();
}

async fn an_index_in_pieces_is_found_and_made_anew(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    append(&*store, &[said("one"), said("two")]).await;
    assert!(index(&*store, 0, 2, &[terms(1, "one"), terms(2, "two")]).await);
    if disk.is_sqlite() {
        // The only leaf of words; the two rows before it are FTS5's own.
        disk.execute("document_data", "DELETE FROM document_data WHERE id > 10").await;
    } else {
        disk.execute("document", "UPDATE document SET log = 17 WHERE place = 1").await;
    }
    let verified = verify(&*store, &log()).await;
    let damaged = matches!(verified, Err(StoreError::DamagedRow(_) | StoreError::DamagedViews { .. }));
    assert!(damaged, "{verified:?}");
    store.clear_rows(&log()).await.unwrap();
    assert!(index(&*store, 0, 2, &[terms(1, "one"), terms(2, "two")]).await);
    assert_eq!(found(&*store, "one").await, [1]);
    verify(&*store, &log()).await.unwrap();
}

on_every_disk! {
    an_index_that_may_have_come_elsewhere_is_not_moved_on
    an_index_in_pieces_is_found_and_made_anew
}
