//! Reading a log page by page.

use std::sync::Arc;

use guildhall_store::{PageLimit, Record, Store};
use model::Position;

use crate::given::{append, log, opened, records, said};

/// Reads to the end in pages, each of which is checked.
async fn pages(store: &dyn Store, limit: PageLimit, check: impl Fn(&[Record])) -> Vec<Record> {
    let mut all: Vec<Record> = Vec::new();
    loop {
        let after = all.last().map_or(Position::START, |record| record.position);
        let page = store.read(&log(), after, limit).await.unwrap();
        if page.is_empty() {
            return all;
        }
        check(&page);
        all.extend(page);
    }
}

/// Ten events, the sixth of which is kept apart.
async fn written(store: &dyn Store) -> Vec<Record> {
    opened(store).await;
    for n in 0..10 {
        let size = if n == 5 { 40_000 } else { 300 + n };
        append(store, &[said(&"x".repeat(size))]).await;
    }
    records(store, &log()).await
}

fn bytes(page: &[Record]) -> usize {
    page.iter().map(Record::bytes).sum()
}

pub(crate) async fn a_page_ends_after_so_many_events(store: Arc<dyn Store>) {
    let all = written(&*store).await;
    assert_eq!(all.len(), 10);
    for events in 1..12 {
        let limit = PageLimit { events, bytes: usize::MAX };
        let read = pages(&*store, limit, |page| {
            let last = page.last().unwrap().position == Position(10);
            assert!(page.len() == events || last && page.len() < events);
        });
        assert_eq!(read.await, all);
    }
}

pub(crate) async fn a_page_ends_before_so_many_bytes(store: Arc<dyn Store>) {
    let all = written(&*store).await;
    let one = all[0].bytes();
    for limit in [2 * one, 5 * one, 39_000, 41_000, bytes(&all), bytes(&all) - 1, usize::MAX] {
        let read = pages(&*store, PageLimit { events: usize::MAX, bytes: limit }, |page| {
            assert!(bytes(page) <= limit || page.len() == 1, "{} bytes of {limit}", bytes(page));
            // It is as long as it may be.
            let next = page.last().unwrap().position.0 as usize;
            assert!(all.get(next).is_none_or(|next| bytes(page) + next.bytes() > limit));
        });
        assert_eq!(read.await, all);
    }
}

pub(crate) async fn a_page_has_one_event_at_least(store: Arc<dyn Store>) {
    let all = written(&*store).await;
    for limit in [PageLimit { events: 0, bytes: 0 }, PageLimit { events: 5, bytes: 1 }] {
        assert_eq!(pages(&*store, limit, |page| assert_eq!(page.len(), 1)).await, all);
    }
}

pub(crate) async fn there_is_nothing_after_the_end(store: Arc<dyn Store>) {
    let limit = PageLimit { events: 5, bytes: 1_000 };
    opened(&*store).await;
    assert_eq!(store.read(&log(), Position::START, limit).await.unwrap(), []);
    append(&*store, &[said("one"), said("two")]).await;
    for after in [2, 3, 1 << 39, 1 << 40, 1 << 62, i64::MAX as u64, u64::MAX - 1, u64::MAX] {
        assert_eq!(store.read(&log(), Position(after), limit).await.unwrap(), [], "after {after}");
    }
}
