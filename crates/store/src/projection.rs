//! What events write into the read models.

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use model::Position;
use model::event::Recorded;
use model::lists::{Item, List};

use crate::PlacedRow;

/// What a stretch of the log writes into the read models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    /// Rows, in the order they came to be. A row that exists keeps its place.
    pub rows: Vec<PlacedRow>,
    /// Items of lists, those of each in the order of their places.
    lists: IndexMap<List, Vec<Item>, RandomState>,
    items: usize,
}

impl Projection {
    /// Takes in what one more event writes.
    pub fn add(&mut self, recorded: &Recorded) {
        let place = recorded.position;
        self.rows.extend(model::rows::rows(recorded).into_iter().map(|row| PlacedRow { place, row }));
        model::lists::put_items(recorded, |list, item| self.insert(list, item));
    }

    /// Takes in what later events write.
    pub fn append(&mut self, later: Self) {
        self.rows.extend(later.rows);
        for (list, new) in later.lists {
            let items = self.lists.entry(list).or_default();
            items.reserve(new.len());
            for item in new {
                self.items += usize::from(put(items, item));
            }
        }
    }

    /// Puts an item into its list, in place of one that was at its place.
    pub fn insert(&mut self, list: List, item: Item) {
        self.items += usize::from(put(self.lists.entry(list).or_default(), item));
    }

    /// Its lists, none of them empty, each with its items in the order of their places.
    pub fn lists(&self) -> impl Iterator<Item = (&List, &[Item])> {
        self.lists.iter().map(|(list, items)| (list, &**items))
    }

    /// The items of one list, in the order of their places.
    pub fn list(&self, list: &List) -> &[Item] {
        self.lists.get(list).map_or(&[], |items| items)
    }

    /// How many items all lists have together.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Whether it writes nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.items == 0
    }

    /// Lets go of what events up to this one write.
    pub fn keep_after(&mut self, position: Position) {
        self.rows.retain(|row| row.place > position);
        self.lists.retain(|_, items| {
            items.retain(|item| item.event() > position);
            !items.is_empty()
        });
        self.items = self.lists.values().map(Vec::len).sum();
    }
}

/// Puts an item where it belongs; whether there is one more.
fn put(items: &mut Vec<Item>, item: Item) -> bool {
    // Messages come in order, and of what readers take, most.
    if items.last().is_none_or(|last| last.place < item.place) {
        items.push(item);
        return true;
    }
    match items.binary_search_by_key(&item.place, |item| item.place) {
        Ok(same) => {
            items[same] = item;
            false
        }
        Err(between) => {
            items.insert(between, item);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use model::lists::{Note, TakenItem};
    use model::mailboxes::Stage;
    use model::{AgentId, Timestamp};

    use super::*;

    #[test]
    fn what_is_taken_in_at_once_is_what_comes_one_by_one() {
        let list = || List::Taken(AgentId::of("default", "web"), Stage::Read);
        let item = |place, event| {
            let note = TakenItem { from: Position(place), at: Timestamp::default(), event: Position(event) };
            Item { place: Position(place), note: Note::Taken(note) }
        };
        // Behind, before, between and in place of what is there.
        let places = [5, 9, 7, 9, 12, 1, 7, 6];
        for cut in 0..=places.len() {
            let (mut at_once, mut later, mut one_by_one) = <(Projection, Projection, Projection)>::default();
            for (event, place) in (1..).zip(places) {
                let half = if event <= cut { &mut at_once } else { &mut later };
                half.insert(list(), item(place, event as u64));
                one_by_one.insert(list(), item(place, event as u64));
            }
            at_once.append(later);
            assert_eq!((&at_once, at_once.items()), (&one_by_one, 6), "{cut}");
        }
    }
}
