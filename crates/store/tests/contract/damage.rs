//! What a failing disk or a careless hand does to a log or to its read models is noticed, and where it begins is said.

use std::sync::Arc;

use guildhall_store::limits::INLINE_BODY_BYTES;
use guildhall_store::verify::verify;
use guildhall_store::{AppendError, Incarnation, Span, Store, StoreError};
use model::Position;
use model::lists::List;
use model::rows::Table;

use crate::disk::{Disk, on_every_disk, place_of};
use crate::given::{agent, append, asked, batch, id, joined, log, opened, said};
use crate::lists::{message, project};
use crate::rows::{dump, project_log};
use crate::snapshots::snapshot;

/// Seven events; the fifth has a body that is kept apart.
async fn written(store: &dyn Store) {
    opened(store).await;
    append(store, &[joined("web"), said("one"), said("two"), asked(id(), 5_000)]).await;
    append(store, &[said(&"x".repeat(2 * INLINE_BODY_BYTES)), said("three"), said("four")]).await;
}

async fn damaged_at(store: &dyn Store, position: u64, what: &str) {
    match verify(store, &log()).await {
        Err(StoreError::Damaged { position: found, .. }) => assert_eq!(found, Position(position), "{what}"),
        other => panic!("{what}: {other:?}"),
    }
}

/// The event at this position, as a condition.
fn event(disk: &Disk, position: u64) -> String {
    match disk {
        Disk::Sqlite(_) => format!("id = {}", (1u64 << 40) | position),
        Disk::Postgres(_) => format!("position = {position}"),
    }
}

async fn a_flipped_bit_is_found(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    let fourth = event(&disk, 4);
    let keys: &[&str] = if matches!(disk, Disk::Sqlite(_)) { &["id"] } else { &["log", "position"] };
    for &column in keys.iter().chain(&["header", "body", "digest", "hash"]) {
        // A whole row of one log has the same number, so that one is put back by the other half of the key.
        if column == "log" {
            disk.execute("event", "UPDATE event SET log = 17 WHERE position = 4").await;
            damaged_at(&*store, 4, "event.log").await;
            disk.execute("event", "UPDATE event SET log = 1 WHERE position = 4").await;
            continue;
        }
        let seen = async |what: &str| damaged_at(&*store, 4, what).await;
        disk.damage(place_of("event", column, &fourth), seen).await;
    }
    for column in ["log", "digest", "body"] {
        let seen = async |what: &str| damaged_at(&*store, 5, what).await;
        disk.damage(place_of("blob", column, "1 = 1"), seen).await;
    }
    let fifth = event(&disk, 5);
    for column in ["header", "digest", "hash"] {
        let seen = async |what: &str| damaged_at(&*store, 5, what).await;
        disk.damage(place_of("event", column, &fifth), seen).await;
    }
    // All is well again, or the above would have found nothing but the first.
    assert_eq!(verify(&*store, &log()).await.unwrap().position, Position(7));
}

async fn a_damaged_head_is_found(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    let refused = async |what: &str| {
        let error = store.head(&log()).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
        let error = store.open_log(&log(), Incarnation(id())).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
    };
    // Each flip makes the position larger, and the event after the last is the first that is missing.
    let seen = async |what: &str| {
        refused(what).await;
        damaged_at(&*store, 8, what).await;
    };
    disk.damage(place_of("log", "position", "1 = 1"), seen).await;
    let seen = async |what: &str| {
        refused(what).await;
        damaged_at(&*store, 7, what).await;
    };
    disk.damage(place_of("log", "hash", "1 = 1"), seen).await;
    for column in ["incarnation", "digest"] {
        let seen = async |what: &str| {
            refused(what).await;
            damaged_at(&*store, 0, what).await;
        };
        disk.damage(place_of("log", column, "1 = 1"), seen).await;
    }
    if disk.is_sqlite() {
        // PostgreSQL lets nobody change it. Under another number the log has no events.
        let seen = async |what: &str| {
            refused(what).await;
            let verified = verify(&*store, &log()).await;
            let at_the_start = matches!(verified, Err(StoreError::Damaged { position: Position(0 | 1), .. }));
            assert!(at_the_start, "{what}: {verified:?}");
        };
        disk.damage(place_of("log", "id", "1 = 1"), seen).await;
    }
    disk.execute("log", "UPDATE log SET position = 5").await;
    damaged_at(&*store, 5, "a head that is behind").await;
    disk.execute("log", "UPDATE log SET position = 7").await;
    assert_eq!(verify(&*store, &log()).await.unwrap().position, Position(7));
}

async fn a_log_that_lost_its_name_is_not_taken_for_a_new_one(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    let seen = async |what: &str| {
        let error = verify(&*store, &log()).await.unwrap_err();
        assert!(matches!(error, StoreError::NoSuchLog(_)), "{what}: {error}");
        for refusal in
            [store.logs().await.map(drop), store.open_log(&log(), Incarnation(id())).await.map(drop)]
        {
            assert!(matches!(refusal, Err(StoreError::Damaged { .. })), "{what}: {refusal:?}");
        }
    };
    disk.damage(place_of("log", "name", "1 = 1"), seen).await;
    assert_eq!(verify(&*store, &log()).await.unwrap().position, Position(7));
}

async fn nothing_is_appended_behind_a_damaged_head(store: Arc<dyn Store>, disk: Disk) {
    // A log that this store has not appended to, so that it knows its end from the database alone.
    let head = opened(&*store).await;
    disk.execute("log", "UPDATE log SET position = 3").await;
    let outcome = store.append(batch(head, &[said("one")])).await;
    let damaged = matches!(outcome, Err(AppendError::Refused(StoreError::Damaged { .. })));
    assert!(damaged, "{outcome:?}");
    assert!(matches!(store.lock(&log()).await.err(), Some(StoreError::Damaged { .. })));
    disk.execute("log", "UPDATE log SET position = 0").await;
    append(&*store, &[said("one")]).await;
}

async fn what_was_removed_is_missed(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    let (second, last) = (event(&disk, 2), event(&disk, 7));
    disk.execute("event", &format!("DELETE FROM event WHERE {last}")).await;
    damaged_at(&*store, 7, "the last event is gone").await;
    disk.execute("blob", "DELETE FROM blob").await;
    damaged_at(&*store, 5, "a body is gone").await;
    disk.execute("event", &format!("UPDATE event SET body = NULL WHERE {second}")).await;
    damaged_at(&*store, 2, "another body is gone").await;
    disk.execute("event", &format!("DELETE FROM event WHERE {}", event(&disk, 1))).await;
    damaged_at(&*store, 1, "the first event is gone").await;
}

async fn a_damaged_row_is_never_shown(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    project_log(&*store, 10).await;
    let all = dump(&*store).await;
    let (table, columns): (_, &[&str]) = if disk.is_sqlite() {
        ("row", &["log", "name", "place", "key", "body", "digest", "place_digest"])
    } else {
        ("view_row", &["log", "name", "place", "key_digest", "key", "body", "digest", "place_digest"])
    };
    for &column in columns {
        let seen = async |what: &str| {
            let listed = store.rows(&log(), Table::Agents, Position::START, 10).await;
            match (column, &listed) {
                // It belongs somewhere else now, or is found under another key.
                ("log" | "name", Ok(rows)) => assert_eq!(rows, &[], "{what}"),
                ("key_digest", Ok(rows)) => assert_eq!(rows.len(), 1, "{what}"),
                _ => assert!(matches!(listed, Err(StoreError::DamagedRow(_))), "{what}: {listed:?}"),
            }
            let found = store.row(&log(), Table::Agents, agent("web").as_str()).await;
            assert!(matches!(found, Err(StoreError::DamagedRow(_)) | Ok(None)), "{what}: {found:?}");
            let verified = verify(&*store, &log()).await;
            assert!(matches!(verified, Err(StoreError::DamagedRow(_))), "{what}: {verified:?}");
        };
        disk.damage(place_of(table, column, "name = 'agents'"), seen).await;
    }
    let belongs_to_none = match disk {
        Disk::Sqlite(_) => "UPDATE row SET log = 'nowhere' WHERE name = 'agents'",
        Disk::Postgres(_) => "UPDATE view_row SET log = 17 WHERE name = 'agents'",
    };
    disk.execute(table, belongs_to_none).await;
    store.clear_rows(&log()).await.unwrap();
    project_log(&*store, 10).await;
    assert_eq!(dump(&*store).await, all);
    verify(&*store, &log()).await.unwrap();
}

async fn a_damaged_run_is_never_shown(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    let list = List::To(agent("web"));
    let all: Vec<_> = (1..=9).map(|place| message(place, "api")).collect();
    for part in all.chunks(3) {
        let (from, to) = (part[0].place.0 - 1, part[2].place.0);
        project(&*store, from, to, &[(&list, part)]).await;
    }
    let span = |after, newest_first| Span { after: Position(after), before: None, most: 10, newest_first };
    for column in ["log", "list", "place", "body", "digest"] {
        let seen = async |what: &str| {
            for newest_first in [false, true] {
                let found = store.items(&log(), &list, span(0, newest_first)).await;
                match column {
                    // It belongs somewhere else now.
                    "log" | "list" => assert_eq!(found.unwrap().len(), 6, "{what}"),
                    _ => assert!(matches!(found, Err(StoreError::DamagedRow(_))), "{what}: {found:?}"),
                }
            }
            if column != "place" {
                let behind = store.items(&log(), &list, span(6, false)).await.unwrap();
                assert_eq!(behind, all[6..], "what is whole is shown: {what}");
            }
            let verified = verify(&*store, &log()).await;
            assert!(matches!(verified, Err(StoreError::DamagedRow(_))), "{what}: {verified:?}");
        };
        disk.damage(place_of("run", column, "place = 6"), seen).await;
    }
    assert_eq!(store.items(&log(), &list, span(0, false)).await.unwrap(), all);
}

async fn lists_whose_position_was_lost_are_projected_anew(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    let (list, all) = (List::Messages, (1..=9).map(|place| message(place, "web")).collect::<Vec<_>>());
    project(&*store, 0, 6, &[(&list, &all[..6])]).await;
    disk.execute("projected", "DELETE FROM projected").await;
    if !disk.is_sqlite() {
        // A server refuses to start then, and `store rebuild` begins so.
        store.clear_rows(&log()).await.unwrap();
    }
    // What comes first is divided in another way.
    project(&*store, 0, 9, &[(&list, &all)]).await;
    let span = Span { after: Position::START, before: None, most: 100, newest_first: false };
    assert_eq!(store.items(&log(), &list, span).await.unwrap(), all);
}

async fn read_models_that_may_have_come_elsewhere_are_not_moved_on(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    project_log(&*store, 10).await;
    for column in ["position", "digest", "log"] {
        let seen = async |what: &str| {
            let projected = store.projected(&log()).await;
            if column == "log" && disk.is_sqlite() {
                // As if the file had been deleted: all rows are written again, which does no harm.
                assert_eq!(projected.unwrap(), Position::START, "{what}");
                return;
            }
            assert!(matches!(projected, Err(StoreError::DamagedRow(_))), "{what}: {projected:?}");
            let moved = store.project(&log(), Position(7), Position(8), Arc::default()).await;
            assert!(matches!(moved, Err(StoreError::DamagedRow(_)) | Ok(false)), "{what}: {moved:?}");
            let verified = verify(&*store, &log()).await;
            assert!(matches!(verified, Err(StoreError::DamagedRow(_))), "{what}: {verified:?}");
        };
        disk.damage(place_of("projected", column, "1 = 1"), seen).await;
    }
    disk.execute("projected", "UPDATE projected SET position = 6").await;
    store.clear_rows(&log()).await.unwrap();
    project_log(&*store, 10).await;
    verify(&*store, &log()).await.unwrap();
}

async fn a_damaged_snapshot_is_none(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    let kept = snapshot(7, b"a state of some length, in the caller's encoding");
    store.save_snapshot(&log(), kept.clone()).await.unwrap();
    for column in ["position", "hash", "state", "digest"] {
        let seen = async |what: &str| assert_eq!(store.snapshot(&log()).await.unwrap(), None, "{what}");
        disk.damage(place_of("snapshot", column, "1 = 1"), seen).await;
    }
    assert_eq!(store.snapshot(&log()).await.unwrap(), Some(kept));
}

on_every_disk! {
    a_flipped_bit_is_found
    a_damaged_head_is_found
    a_log_that_lost_its_name_is_not_taken_for_a_new_one
    nothing_is_appended_behind_a_damaged_head
    what_was_removed_is_missed
    a_damaged_row_is_never_shown
    a_damaged_run_is_never_shown
    lists_whose_position_was_lost_are_projected_anew
    read_models_that_may_have_come_elsewhere_are_not_moved_on
    a_damaged_snapshot_is_none
}
