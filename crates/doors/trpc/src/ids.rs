//! Ids as clients write them, as the model's. Both are UUIDs in either case, and compared as text.

use model::{MemberId, QuestionId};

use crate::wire::UuidText;

pub(crate) fn member(id: &UuidText<'_>) -> MemberId {
    MemberId::parse(id.as_str()).expect("a UUID in either case")
}

pub(crate) fn question(id: &UuidText<'_>) -> QuestionId {
    QuestionId::parse(id.as_str()).expect("a UUID in either case")
}
