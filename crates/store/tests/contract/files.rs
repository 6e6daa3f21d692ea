//! SQLite files that are not ours to open.

use guildhall_store::sqlite::LOG_FILE;
use guildhall_store::{SqliteStore, Store, StoreError};

use crate::given::{append, opened, said, texts};
use crate::houses::run;

/// Makes a store with one event, has its file changed, and says how it opens after that.
fn opened_after(change: &str) -> Result<Vec<String>, StoreError> {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let store = SqliteStore::open(directory.path()).unwrap();
        opened(&store).await;
        append(&store, &[said("kept")]).await;
    });
    rusqlite::Connection::open(directory.path().join(LOG_FILE)).unwrap().execute_batch(change).unwrap();
    let store = SqliteStore::open(directory.path())?;
    let mut kept = vec![];
    run(async { kept = texts(&store as &dyn Store).await });
    Ok(kept)
}

#[test]
fn a_file_opens_again() {
    assert_eq!(opened_after("").unwrap(), ["kept"]);
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    let error = opened_after("INSERT INTO migration (number, digest) VALUES (99, x'00')").unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, known } if known < 99), "{error}");
}

#[test]
fn a_file_made_by_another_edition_is_refused() {
    let error = opened_after("UPDATE migration SET digest = x'00' WHERE number = 1").unwrap_err();
    assert!(matches!(error, StoreError::ForeignMigration(1)), "{error}");
}
