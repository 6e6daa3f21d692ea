//! Lists: items of one list in the order of their places, from either end.

use std::sync::Arc;

use guildhall_store::{Projection, Span, Store, StoreError};
use model::limits::RUN_ITEMS;
use model::lists::{Item, List, MessageItem, Note, TakenItem};
use model::mailboxes::Stage;
use model::messages::{Party, Priority, Recipient};
use model::{AgentId, MessageId, Position, Timestamp};

use crate::given::{agent, append, log, opened, said};

/// A message of the agent of this name, at this place.
pub(crate) fn message(place: u64, from: &str) -> Item {
    let note = MessageItem {
        id: MessageId::parse(&format!("00000000-0000-4000-8000-{place:012}")).unwrap(),
        from: Party { id: agent(from), name: from.into() },
        to: Recipient::Topic("broadcast".into()),
        priority: Priority::Normal,
        sent_at: Timestamp::from_millis(1_000),
        expires_at: None,
        bytes: place,
    };
    Item { place: Position(place), note: Note::Message(Arc::new(note)) }
}

fn messages(places: impl IntoIterator<Item = u64>) -> Vec<Item> {
    places.into_iter().map(|place| message(place, "web")).collect()
}

/// What a reader took with the event at `event`.
fn taken(from: u64, to: u64, event: u64) -> Item {
    let note = TakenItem { from: Position(from), at: Timestamp::from_millis(1_000), event: Position(event) };
    Item { place: Position(to), note: Note::Taken(note) }
}

pub(crate) async fn project(store: &dyn Store, from: u64, to: u64, items: &[(&List, &[Item])]) {
    let mut projection = Projection::default();
    for (list, items) in items {
        items.iter().for_each(|item| projection.insert((*list).clone(), item.clone()));
    }
    assert!(store.project(&log(), Position(from), Position(to), projection.into()).await.unwrap());
}

async fn places(store: &dyn Store, list: &List, span: Span) -> Vec<u64> {
    store.items(&log(), list, span).await.unwrap().iter().map(|item| item.place.0).collect()
}

/// The whole of a list, oldest first.
const ALL: Span = Span { after: Position::START, before: None, most: 100, newest_first: false };

pub(crate) async fn a_list_is_read_from_either_end(store: Arc<dyn Store>) {
    opened(&*store).await;
    let (mine, other) = (List::To(AgentId::of("default", "web")), List::To(AgentId::of("default", "api")));
    let all = messages([3, 5, 8, 13, 21]);
    project(&*store, 0, 30, &[(&mine, &all), (&other, &messages([4])), (&List::Messages, &messages([5]))])
        .await;
    assert_eq!(store.items(&log(), &mine, ALL).await.unwrap(), all);
    assert_eq!(store.lists(&log(), "", 2).await.unwrap().first(), Some(&List::Messages));
    assert_eq!(store.lists(&log(), "messages", 9).await.unwrap().len(), 2);
    assert_eq!(places(&*store, &mine, Span { most: 2, ..ALL }).await, [3, 5]);
    assert_eq!(places(&*store, &mine, Span { after: Position(5), most: 2, ..ALL }).await, [8, 13]);
    assert_eq!(places(&*store, &mine, Span { newest_first: true, most: 2, ..ALL }).await, [21, 13]);
    let end = Some(Position(u64::MAX));
    let newest = Span { before: end, newest_first: true, most: 2, ..ALL };
    assert_eq!(places(&*store, &mine, newest).await, [21, 13], "however far behind the end it is");
    let between = Span { after: Position(3), before: Some(Position(21)), newest_first: true, most: 9 };
    assert_eq!(places(&*store, &mine, between).await, [13, 8, 5]);
    assert_eq!(places(&*store, &mine, Span { before: Some(Position(3)), ..ALL }).await, Vec::<u64>::new());
    assert_eq!(places(&*store, &List::DeadLetters, ALL).await, Vec::<u64>::new());
}

pub(crate) async fn spans_begin_and_end_anywhere_in_what_was_written_together(store: Arc<dyn Store>) {
    opened(&*store).await;
    let list = List::Messages;
    // Many in one go, then one by one, then many again: every second place.
    let (long, short) = (2 * RUN_ITEMS as u64 + 90, 40);
    let all = messages((1..=2 * long + short).map(|n| 2 * n));
    let (first, rest) = all.split_at(usize::try_from(long).unwrap());
    let (single, last) = rest.split_at(usize::try_from(short).unwrap());
    project(&*store, 0, first.last().unwrap().place.0, &[(&list, first)]).await;
    for item in single {
        project(&*store, item.place.0 - 2, item.place.0, &[(&list, std::slice::from_ref(item))]).await;
    }
    project(&*store, single.last().unwrap().place.0, last.last().unwrap().place.0, &[(&list, last)]).await;

    let end = all.last().unwrap().place.0;
    let edges =
        [0, 1, 2, 511, 512, 513, 514, 1_203, 1_204, 1_205, 1_240, 1_284, 1_285, 1_800, end - 1, end, end + 9];
    for (after, before) in edges.iter().flat_map(|after| edges.map(|before| (*after, before))) {
        for (most, newest_first) in
            [(1, false), (1, true), (300, false), (300, true), (9_000, false), (9_000, true)]
        {
            let span = Span { after: Position(after), before: Some(Position(before)), most, newest_first };
            let within = all.iter().filter(|item| item.place.0 > after && item.place.0 < before);
            let expected: Vec<_> = if newest_first {
                within.rev().take(most).cloned().collect()
            } else {
                within.take(most).cloned().collect()
            };
            let found = store.items(&log(), &list, span).await.unwrap();
            assert!(found == expected, "{span:?}: {} found, {} expected", found.len(), expected.len());
        }
    }
    assert_eq!(store.items(&log(), &list, Span { most: 9_000, ..ALL }).await.unwrap(), all);
}

pub(crate) async fn what_was_taken_out_of_turn_is_found_in_its_place(store: Arc<dyn Store>) {
    opened(&*store).await;
    let list = List::Taken(agent("web"), Stage::Read);
    // Two ranges far apart in one event; later what lies between, in another order than the places'.
    project(&*store, 0, 90, &[(&list, &[taken(1, 10, 90), taken(50, 60, 90)])]).await;
    project(&*store, 90, 92, &[(&list, &[taken(41, 49, 91), taken(20, 30, 92), taken(11, 12, 92)])]).await;
    project(&*store, 92, 93, &[(&list, &[taken(31, 40, 93)])]).await;
    assert_eq!(places(&*store, &list, ALL).await, [10, 12, 30, 40, 49, 60]);
    assert_eq!(places(&*store, &list, Span { newest_first: true, ..ALL }).await, [60, 49, 40, 30, 12, 10]);
    for (place, holder) in [(1, 10), (11, 12), (25, 30), (35, 40), (45, 49), (55, 60)] {
        let span = Span { after: Position(place - 1), most: 1, ..ALL };
        assert_eq!(places(&*store, &list, span).await, [holder], "{place}");
    }
}

pub(crate) async fn lists_projected_anew_are_the_same_however_they_are_divided(store: Arc<dyn Store>) {
    opened(&*store).await;
    let all = messages(1..=700);
    for step in [700, 33, 256] {
        for part in all.chunks(step) {
            let (from, to) = (part[0].place.0 - 1, part.last().unwrap().place.0);
            project(&*store, from, to, &[(&List::Messages, part)]).await;
        }
        let span = Span { most: 9_000, ..ALL };
        assert_eq!(store.items(&log(), &List::Messages, span).await.unwrap(), all, "{step}");
        store.clear_rows(&log()).await.unwrap();
        assert_eq!(store.items(&log(), &List::Messages, ALL).await.unwrap(), []);
        assert_eq!(store.lists(&log(), "", 9).await.unwrap(), []);
    }
}

pub(crate) async fn items_are_written_only_with_the_position_they_belong_to(store: Arc<dyn Store>) {
    opened(&*store).await;
    let mut projection = Projection::default();
    projection.insert(List::Messages, message(1, "web"));
    assert!(!store.project(&log(), Position(7), Position(8), projection.into()).await.unwrap());
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
