//! What a failing disk does to what hangs on a log: damaged jobs are not performed, damaged receipts not believed, and
//! neither is passed over in silence.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use guildhall_store::mend::mend;
use guildhall_store::verify::verify;
use guildhall_store::{ClaimedJob, Hash, Incarnation, Receipt, Result, Store, StoreError, limits};
use model::{Position, Principal};

use crate::disk::{Disk, on_every_disk, place_of};
use crate::given::{append, asked, at, batch_with, id, log, opened, said};

/// Claims all that is due, for a moment only; each time a little later.
async fn claimed(store: &dyn Store, clock: &Cell<i64>) -> Vec<ClaimedJob> {
    let now = clock.replace(clock.get() + 100);
    let jobs = store.claim_jobs(at(now), Duration::from_millis(1), 100).await.unwrap();
    tokio::time::sleep(Duration::from_millis(3)).await;
    jobs
}

fn due(jobs: &[ClaimedJob]) -> Vec<i64> {
    jobs.iter().map(|job| job.due.as_millis()).collect()
}

async fn a_damaged_job_is_reported_and_the_others_run(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    append(&*store, &[asked(id(), 5_000), asked(id(), 6_000)]).await;
    let clock = Cell::new(10_000);
    for column in ["log", "key", "due", "job", "digest"] {
        let seen = async |what: &str| {
            assert_eq!(due(&claimed(&*store, &clock).await), [6_000], "{what}");
            for refusal in [
                verify(&*store, &log()).await.map(drop),
                store.open_log(&log(), Incarnation(id())).await.map(drop),
            ] {
                assert!(matches!(refusal, Err(StoreError::DamagedJob { .. })), "{what}: {refusal:?}");
            }
        };
        disk.damage(place_of("job", column, "due = 5000"), seen).await;
    }
    assert_eq!(due(&claimed(&*store, &clock).await), [5_000, 6_000]);
    verify(&*store, &log()).await.unwrap();
}

async fn a_job_is_not_lost_for_being_held_too_long(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    append(&*store, &[asked(id(), 5_000), asked(id(), 6_000)]).await;
    let clock = Cell::new(10_000);
    for held_until in [1 << 60, i64::MAX, -1] {
        let damage = format!("UPDATE job SET held_until = {held_until} WHERE due = 5000");
        disk.execute("job", &damage).await;
        assert_eq!(due(&claimed(&*store, &clock).await), [5_000, 6_000], "held until {held_until}");
        verify(&*store, &log()).await.unwrap();
    }
    // The longest lease is one that is kept.
    let now = clock.get();
    assert_eq!(store.claim_jobs(at(now), limits::LEASE * 5, 100).await.unwrap().len(), 2);
    assert_eq!(store.claim_jobs(at(now + 1), limits::LEASE, 100).await.unwrap(), []);
}

fn receipt(by: &str) -> Receipt {
    Receipt {
        by: Principal::parse(by).unwrap(),
        key: "once".into(),
        command: Hash::of(by.as_bytes()),
        first: Position(1),
        last: Position(1),
        at: at(7_000),
    }
}

async fn found(store: &dyn Store, by: &str) -> Result<Option<Receipt>> {
    store.receipt(&log(), &Principal::parse(by).unwrap(), "once").await
}

/// One event, and two receipts.
async fn given(store: &dyn Store) {
    let head = opened(store).await;
    store.append(batch_with(head, &[said("done")], vec![receipt("ada"), receipt("bob")])).await.unwrap();
}

async fn a_damaged_receipt_is_not_believed(store: Arc<dyn Store>, disk: Disk) {
    given(&*store).await;
    let keys: &[&str] =
        if disk.is_sqlite() { &["log", "principal", "key"] } else { &["log", "principal", "key_digest"] };
    let rest: &[&str] = &["key", "command", "first", "last", "at", "digest"];
    for &column in keys.iter().chain(rest).filter(|column| !disk.is_sqlite() || **column != "key") {
        let seen = async |what: &str| {
            let found_for_ada = found(&*store, "ada").await;
            // Under another key there is none to be found.
            let hidden = keys.contains(&column) && matches!(found_for_ada, Ok(None));
            let refused = matches!(found_for_ada, Err(StoreError::DamagedReceipt { .. }));
            assert!(hidden || refused, "{what}: {found_for_ada:?}");
            assert_eq!(found(&*store, "bob").await.unwrap(), Some(receipt("bob")), "{what}");
            let verified = verify(&*store, &log()).await;
            assert!(matches!(verified, Err(StoreError::DamagedReceipt { .. })), "{what}: {verified:?}");
        };
        disk.damage(place_of("receipt", column, "principal = 'ada'"), seen).await;
    }
    assert_eq!(found(&*store, "ada").await.unwrap(), Some(receipt("ada")));
}

async fn a_receipt_that_only_looks_old_is_not_forgotten(store: Arc<dyn Store>, disk: Disk) {
    given(&*store).await;
    disk.execute("receipt", "UPDATE receipt SET at = 3 WHERE principal = 'ada'").await;
    assert!(!store.expire_receipts(&log(), at(5_000)).await.unwrap());
    assert!(matches!(found(&*store, "ada").await, Err(StoreError::DamagedReceipt { .. })));
    assert_eq!(found(&*store, "bob").await.unwrap(), Some(receipt("bob")));
}

async fn what_is_damaged_can_be_mended(store: Arc<dyn Store>, disk: Disk) {
    given(&*store).await;
    append(&*store, &[asked(id(), 5_000), asked(id(), 6_000), asked(id(), 7_000)]).await;
    disk.execute("job", "UPDATE job SET due = 4711 WHERE due = 5000").await;
    disk.execute("job", "UPDATE job SET log = 17 WHERE due = 6000").await;
    disk.execute("receipt", "UPDATE receipt SET last = 9 WHERE principal = 'ada'").await;
    mend(&*store, &log()).await.unwrap();
    verify(&*store, &log()).await.unwrap();
    assert_eq!(due(&claimed(&*store, &Cell::new(10_000)).await), [5_000, 6_000, 7_000]);
    assert_eq!(found(&*store, "ada").await.unwrap(), None);
    assert_eq!(found(&*store, "bob").await.unwrap(), Some(receipt("bob")));
}

on_every_disk! {
    a_damaged_job_is_reported_and_the_others_run
    a_job_is_not_lost_for_being_held_too_long
    a_damaged_receipt_is_not_believed
    a_receipt_that_only_looks_old_is_not_forgotten
    what_is_damaged_can_be_mended
}
