//! What events write into the read models.

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
    lists: IndexMap<List, Vec<Item>>,
    items: usize,
}

impl Projection {
    /// Takes in what one more event writes.
    pub fn add(&mut self, recorded: &Recorded) {
        let place = recorded.position;
        self.rows.extend(model::rows::rows(recorded).into_iter().map(|row| PlacedRow { place, row }));
        for (list, item) in model::lists::items(recorded) {
            self.insert(list, item);
        }
    }

    /// Puts an item into its list, in the stead of one that was at its place.
    pub fn insert(&mut self, list: List, item: Item) {
        let items = self.lists.entry(list).or_default();
        // Messages come in order, and of what readers take, most.
        if items.last().is_none_or(|last| last.place < item.place) {
            items.push(item);
        } else {
            match items.binary_search_by_key(&item.place, |item| item.place) {
                Ok(same) => {
                    items[same] = item;
                    return;
                }
                Err(between) => items.insert(between, item),
            }
        }
        self.items += 1;
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
