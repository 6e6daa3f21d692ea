//! Receipts: what became of a command that came with a key.

use std::sync::Arc;

use guildhall_store::{Hash, Receipt, Store};
use model::{Position, Principal};

use crate::given::{at, batch_with, log, opened, said};

fn receipt(by: &str, key: &str, time: i64) -> Receipt {
    Receipt {
        by: Principal::parse(by).unwrap(),
        key: key.into(),
        command: Hash::of(format!("{by} {key} {time}").as_bytes()),
        first: Position(1),
        last: Position(3),
        at: at(time),
    }
}

async fn give(store: &dyn Store, receipts: Vec<Receipt>) {
    let head = store.head(&log()).await.unwrap();
    store.append(batch_with(head, &[said("done")], receipts)).await.unwrap();
}

async fn found(store: &dyn Store, by: &str, key: &str) -> Option<Receipt> {
    store.receipt(&log(), &Principal::parse(by).unwrap(), key).await.unwrap()
}

pub(crate) async fn a_receipt_is_found_by_who_gave_the_key(store: Arc<dyn Store>) {
    opened(&*store).await;
    let (ada, bob) = (receipt("ada", "once", 10), receipt("bob", "once", 20));
    give(&*store, vec![ada.clone(), bob.clone()]).await;
    assert_eq!(found(&*store, "ada", "once").await, Some(ada));
    assert_eq!(found(&*store, "bob", "once").await, Some(bob));
    assert_eq!(found(&*store, "ada", "twice").await, None);
    assert_eq!(found(&*store, "eve", "once").await, None);
}

pub(crate) async fn a_key_used_again_finds_the_newer_receipt(store: Arc<dyn Store>) {
    opened(&*store).await;
    give(&*store, vec![receipt("ada", "once", 10)]).await;
    let newer = receipt("ada", "once", 100_000_000);
    give(&*store, vec![newer.clone()]).await;
    assert_eq!(found(&*store, "ada", "once").await, Some(newer));
    let newest = receipt("ada", "once", 300_000_000);
    give(&*store, vec![receipt("ada", "once", 200_000_000), newest.clone()]).await;
    assert_eq!(found(&*store, "ada", "once").await, Some(newest));
}

pub(crate) async fn old_receipts_are_forgotten(store: Arc<dyn Store>) {
    opened(&*store).await;
    give(&*store, (0..2_500).map(|n| receipt("ada", &n.to_string(), n)).collect()).await;
    while store.expire_receipts(&log(), at(2_400)).await.unwrap() {}
    for (key, kept) in [("0", false), ("1200", false), ("2399", false), ("2400", true), ("2499", true)] {
        assert_eq!(found(&*store, "ada", key).await.is_some(), kept, "{key}");
    }
    assert!(!store.expire_receipts(&log(), at(2_400)).await.unwrap());
}

pub(crate) async fn a_key_may_be_any_text(store: Arc<dyn Store>) {
    opened(&*store).await;
    let long: String = (0..5_000).map(|n| char::from_u32(0x4e00 + n).unwrap()).collect();
    let keys = ["", "a\0b", "a\0c", "a", "A", "ä", "a\u{308}", "'; --", &long];
    give(&*store, keys.iter().map(|key| receipt("ada", key, 1)).collect()).await;
    for key in keys {
        assert_eq!(found(&*store, "ada", key).await, Some(receipt("ada", key, 1)), "{key:?}");
    }
}
