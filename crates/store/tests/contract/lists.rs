//! Lists: items of one list in the order of their places, from either end.

use std::sync::Arc;

use guildhall_store::{Projection, Span, Store, StoreError};
use model::lists::{Item, List};
use model::{AgentId, Position};

use crate::given::{append, log, opened, said};

fn item(list: &List, place: u64, body: &str) -> Item {
    Item { list: list.clone(), place: Position(place), body: body.into() }
}

async fn project(store: &dyn Store, from: u64, to: u64, items: &[Item]) {
    let projection = Projection { rows: &[], items };
    assert!(store.project(&log(), Position(from), Position(to), projection).await.unwrap());
}

async fn places(store: &dyn Store, list: &List, span: Span) -> Vec<u64> {
    store.items(&log(), list, span).await.unwrap().iter().map(|item| item.place.0).collect()
}

/// The whole of a list, oldest first.
const ALL: Span = Span { after: Position::START, before: None, most: 100, newest_first: false };

pub(crate) async fn a_list_is_read_from_either_end(store: Arc<dyn Store>) {
    opened(&*store).await;
    let (mine, other) = (List::To(AgentId::of("default", "web")), List::To(AgentId::of("default", "api")));
    let all: Vec<_> = [3, 5, 8, 13, 21].map(|place| item(&mine, place, "{}")).into();
    project(&*store, 0, 30, &[&all[..], &[item(&other, 4, "1"), item(&List::Messages, 5, "2")]].concat())
        .await;
    assert_eq!(store.items(&log(), &mine, ALL).await.unwrap(), all);
    assert_eq!(store.lists(&log(), "", 2).await.unwrap().first(), Some(&List::Messages));
    assert_eq!(store.lists(&log(), "messages", 9).await.unwrap().len(), 2);
    assert_eq!(places(&*store, &mine, Span { most: 2, ..ALL }).await, [3, 5]);
    assert_eq!(places(&*store, &mine, Span { after: Position(5), most: 2, ..ALL }).await, [8, 13]);
    assert_eq!(places(&*store, &mine, Span { newest_first: true, most: 2, ..ALL }).await, [21, 13]);
    let between = Span { after: Position(3), before: Some(Position(21)), newest_first: true, most: 9 };
    assert_eq!(places(&*store, &mine, between).await, [13, 8, 5]);
    assert_eq!(places(&*store, &mine, Span { before: Some(Position(3)), ..ALL }).await, Vec::<u64>::new());
    assert_eq!(places(&*store, &List::DeadLetters, ALL).await, Vec::<u64>::new());
}

pub(crate) async fn an_item_written_again_is_replaced_and_a_cleared_list_is_empty(store: Arc<dyn Store>) {
    opened(&*store).await;
    project(&*store, 0, 1, &[item(&List::Messages, 1, "old"), item(&List::Messages, 1, "new")]).await;
    assert_eq!(store.items(&log(), &List::Messages, ALL).await.unwrap(), [item(&List::Messages, 1, "new")]);
    project(&*store, 1, 2, &[item(&List::Messages, 1, "newer")]).await;
    assert_eq!(store.items(&log(), &List::Messages, ALL).await.unwrap(), [item(&List::Messages, 1, "newer")]);
    store.clear_rows(&log()).await.unwrap();
    assert_eq!(store.items(&log(), &List::Messages, ALL).await.unwrap(), []);
}

pub(crate) async fn items_are_written_only_with_the_position_they_belong_to(store: Arc<dyn Store>) {
    opened(&*store).await;
    let projection = Projection { rows: &[], items: &[item(&List::Messages, 1, "{}")] };
    assert!(!store.project(&log(), Position(7), Position(8), projection).await.unwrap());
    assert_eq!(store.items(&log(), &List::Messages, ALL).await.unwrap(), []);
}

pub(crate) async fn events_are_read_at_the_places_asked_for(store: Arc<dyn Store>) {
    opened(&*store).await;
    append(&*store, &[said("one"), said("two"), said("three"), said("four")]).await;
    let found = store.read_at(&log(), &[Position(4), Position(1), Position(4)]).await.unwrap();
    assert_eq!(found.iter().map(|record| record.position.0).collect::<Vec<_>>(), [4, 1, 4]);
    assert_eq!(store.read_at(&log(), &[]).await.unwrap().len(), 0);
    let missing = store.read_at(&log(), &[Position(1), Position(5)]).await;
    assert!(matches!(missing, Err(StoreError::Damaged { position: Position(5), .. })), "{missing:?}");
}
