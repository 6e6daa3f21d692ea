//! up, test, bench, tidy.

fn main() {}
