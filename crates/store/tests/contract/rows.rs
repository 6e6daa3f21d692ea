//! Read models: rows that follow the log.

use std::sync::Arc;

use guildhall_store::{PlacedRow, Projection, Store};
use model::Position;
use model::rows::{Row, Table};

use crate::given::{append, asked, given_up, id, joined, log, opened, records, said};

fn row(place: u64, key: &str, body: &str) -> PlacedRow {
    let row = Row { table: Table::Agents, key: key.into(), body: body.into() };
    PlacedRow { place: Position(place), row }
}

async fn project(store: &dyn Store, from: u64, to: u64, rows: &[PlacedRow]) -> bool {
    let mut projection = Projection::default();
    projection.rows.extend_from_slice(rows);
    store.project(&log(), Position(from), Position(to), projection.into()).await.unwrap()
}

/// Every row of every table, in order.
pub(crate) async fn dump(store: &dyn Store) -> Vec<PlacedRow> {
    let mut all = Vec::new();
    for table in Table::ALL {
        let mut after = Position::START;
        loop {
            let page = store.rows(&log(), table, after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.place;
            all.extend(page);
        }
    }
    all
}

/// Brings the read models up to the end of the log, a few events at a time.
pub(crate) async fn project_log(store: &dyn Store, step: usize) {
    for page in records(store, &log()).await.chunks(step) {
        let mut projection = Projection::default();
        for record in page {
            projection.add(&record.decode(&log()).unwrap().unwrap());
        }
        let (from, to) = (store.projected(&log()).await.unwrap(), page.last().unwrap().position);
        assert!(store.project(&log(), from, to, projection.into()).await.unwrap());
    }
}

pub(crate) async fn rows_are_found_by_key_and_listed_in_order(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert_eq!(store.projected(&log()).await.unwrap(), Position::START);
    let all = [row(2, "zebra", "{}"), row(5, "ant", "[]"), row(9, "bee", "1")];
    assert!(project(&*store, 0, 9, &all).await);
    assert_eq!(store.projected(&log()).await.unwrap(), Position(9));
    assert_eq!(store.row(&log(), Table::Agents, "ant").await.unwrap(), Some(all[1].clone()));
    assert_eq!(store.row(&log(), Table::Agents, "cow").await.unwrap(), None);
    assert_eq!(store.row(&log(), Table::Members, "ant").await.unwrap(), None);
    assert_eq!(store.rows(&log(), Table::Agents, Position(0), 2).await.unwrap(), all[..2]);
    assert_eq!(store.rows(&log(), Table::Agents, Position(2), 9).await.unwrap(), all[1..]);
    assert_eq!(store.rows(&log(), Table::Agents, Position(9), 9).await.unwrap(), []);
}

pub(crate) async fn a_row_written_again_keeps_its_place(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert!(project(&*store, 0, 2, &[row(1, "a", "old"), row(2, "b", "b")]).await);
    assert!(project(&*store, 2, 3, &[row(3, "a", "new")]).await);
    assert_eq!(dump(&*store).await, [row(1, "a", "new"), row(2, "b", "b")]);
}

pub(crate) async fn who_projects_from_elsewhere_writes_nothing(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert!(project(&*store, 0, 2, &[row(1, "a", "a")]).await);
    assert!(!project(&*store, 0, 2, &[row(1, "a", "again")]).await);
    assert!(!project(&*store, 3, 4, &[row(4, "b", "b")]).await);
    assert_eq!(dump(&*store).await, [row(1, "a", "a")]);
    assert_eq!(store.projected(&log()).await.unwrap(), Position(2));
    assert!(project(&*store, 2, 7, &[]).await);
    assert_eq!(store.projected(&log()).await.unwrap(), Position(7));
}

pub(crate) async fn a_row_may_be_written_twice_in_one_go(store: Arc<dyn Store>) {
    opened(&*store).await;
    assert!(project(&*store, 0, 3, &[row(1, "a", "old"), row(2, "b", "b"), row(3, "a", "new")]).await);
    assert_eq!(dump(&*store).await, [row(1, "a", "new"), row(2, "b", "b")]);
}

pub(crate) async fn a_key_may_be_any_text(store: Arc<dyn Store>) {
    opened(&*store).await;
    let long: String = (0..1_300).map(|n| char::from_u32(0x4e00 + n).unwrap()).collect();
    let keys = ["", "a\0b", "a", "A", "ä", "a\u{308}", &long];
    let all: Vec<_> = (1..).zip(keys).map(|(place, key)| row(place, key, "\0")).collect();
    assert!(project(&*store, 0, 9, &all).await);
    assert_eq!(dump(&*store).await, all);
    for one in all {
        assert_eq!(store.row(&log(), Table::Agents, &one.row.key).await.unwrap(), Some(one));
    }
}

pub(crate) async fn read_models_made_again_are_the_same(store: Arc<dyn Store>) {
    opened(&*store).await;
    let (one, two) = (id(), id());
    append(&*store, &[joined("web"), joined("api"), asked(one, 5_000), said("We use tabs.")]).await;
    append(&*store, &[joined("web"), asked(two, 6_000), given_up(one), said("No, spaces.")]).await;
    project_log(&*store, 3).await;
    let before = dump(&*store).await;
    // Two agents, three memberships, two questions, two decisions.
    assert_eq!(before.len(), 9);
    store.clear_rows(&log()).await.unwrap();
    assert_eq!(dump(&*store).await, []);
    assert_eq!(store.projected(&log()).await.unwrap(), Position::START);
    project_log(&*store, 2).await;
    assert_eq!(dump(&*store).await, before);
}
