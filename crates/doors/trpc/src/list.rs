//! A JSON array that is being written, bounded in bytes: what is too large is an error before it fills memory, and is
//! never cut short.

use crate::limits;
use crate::wire::error::{Code, TrpcError};
use crate::wire::shape::Shape;

/// An array that is being written.
pub(crate) struct List<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    first: bool,
}

impl<'a> List<'a> {
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.push(b'[');
        Self { out, start, first: true }
    }

    /// Where the next item is to be written.
    ///
    /// # Errors
    /// If those before it are too large already.
    pub(crate) fn item(&mut self) -> Result<&mut Vec<u8>, TrpcError> {
        self.check()?;
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        Ok(self.out)
    }

    /// # Errors
    /// If the items are too large.
    pub(crate) fn end(self) -> Result<(), TrpcError> {
        self.check()?;
        self.out.push(b']');
        Ok(())
    }

    fn check(&self) -> Result<(), TrpcError> {
        if self.out.len() - self.start <= limits::REPLY_BYTES { Ok(()) } else { Err(too_large()) }
    }
}

/// Appends these items as an array.
///
/// # Errors
/// If they are too large.
pub(crate) fn write<S: Shape>(
    items: impl IntoIterator<Item = S>,
    out: &mut Vec<u8>,
) -> Result<(), TrpcError> {
    let mut list = List::begin(out);
    for item in items {
        item.write(list.item()?);
    }
    list.end()
}

/// What a client is told whose list is too large.
pub(crate) fn too_large() -> TrpcError {
    let most = limits::REPLY_BYTES;
    let message = format!("the list is over {most} bytes; ask for it in pages, with limit and after");
    TrpcError::new(Code::PayloadTooLarge, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shape of so many bytes.
    struct Long(usize);

    impl Shape for Long {
        fn write(&self, out: &mut Vec<u8>) {
            out.resize(out.len() + self.0, b'0');
        }
    }

    #[test]
    fn items_stand_between_brackets_and_commas() {
        let mut out = b"before".to_vec();
        write([Long(1), Long(2)], &mut out).unwrap();
        write::<Long>([], &mut out).unwrap();
        assert_eq!(out, b"before[0,00][]");
    }

    #[test]
    fn a_list_that_is_too_large_is_given_up_at_the_bound() {
        const ITEM: usize = 1024 * 1024;
        let mut out = Vec::new();
        let error = write(std::iter::repeat_with(|| Long(ITEM)), &mut out).unwrap_err();
        assert_eq!(error.code(), Code::PayloadTooLarge);
        assert!(out.len() <= limits::REPLY_BYTES + ITEM + 2, "it ends, and holds one item too many at most");
    }
}
