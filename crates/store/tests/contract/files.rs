//! SQLite's files: what is in them when a store has gone, and those that are not ours to open.

use std::fs;
use std::path::Path;

use guildhall_store::sqlite::{LOG_FILE, VIEWS_FILE};
use guildhall_store::verify::verify;
use guildhall_store::{SqliteStore, Store, StoreError};
use model::rows::Table;

use crate::given::{agent, append, batch, joined, log, opened, said, texts};
use crate::houses::run;
use crate::rows::{dump, project_log};

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
    assert!(matches!(cause_of(&error), StoreError::Newer { found: 99, known } if *known < 99), "{error}");
}

#[test]
fn a_file_made_by_another_edition_is_refused() {
    let error = opened_after("UPDATE migration SET digest = x'00' WHERE number = 1").unwrap_err();
    assert!(matches!(cause_of(&error), StoreError::ForeignMigration(1)), "{error}");
}

/// Why the log did not open; the error names its file.
fn cause_of(error: &StoreError) -> &StoreError {
    match error {
        StoreError::Opening { file, cause } if file.ends_with(LOG_FILE) => cause,
        other => panic!("{other}"),
    }
}

/// What SQLite leaves beside the databases as long as somebody has them open, or was killed.
fn left_over(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.contains('-')).collect()
}

#[test]
fn a_store_that_has_gone_has_written_what_it_was_given_and_let_go_of_its_files() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let store = SqliteStore::open(directory.path()).unwrap();
        let head = opened(&store).await;
        project_log(&store, 10).await;
        let (late, given_up) = (batch(head, &[said("given, and not waited for")]), store.clone());
        tokio::select! {
            biased;
            _ = given_up.append(late) => {}
            () = std::future::ready(()) => {}
        }
        assert!(!left_over(directory.path()).is_empty());
        drop((store, given_up));
        assert_eq!(left_over(directory.path()), Vec::<String>::new());
        let store = SqliteStore::open(directory.path()).unwrap();
        assert_eq!(texts(&store).await, ["given, and not waited for"]);
    });
}

/// Wherever `text` stands in a file.
fn places(file: &[u8], text: &[u8]) -> Vec<usize> {
    (0..file.len()).filter(|start| file[*start..].starts_with(text)).collect()
}

#[test]
fn a_row_that_is_not_where_its_key_leads_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let views = directory.path().join(VIEWS_FILE);
    run(async {
        let store = SqliteStore::open(directory.path()).unwrap();
        opened(&store).await;
        append(&store, &[joined("ada"), joined("mallory"), joined("zoe")]).await;
        project_log(&store, 10).await;
        let all = dump(&store).await;
        drop(store);
        let whole = fs::read(&views).unwrap();
        let mut found = 0;
        // In the table and in its index, which SQLite finds; and in bodies, where digests do.
        for place in places(&whole, agent("mallory").as_str().as_bytes()) {
            let mut damaged = whole.clone();
            damaged[place + 3] ^= 0x02;
            fs::write(&views, &damaged).unwrap();
            let store = SqliteStore::open_to_verify(directory.path()).unwrap();
            match verify(&store, &log()).await {
                Err(StoreError::DamagedRow(_) | StoreError::DamagedViews { .. }) => found += 1,
                Err(other) => panic!("byte {place}: {other}"),
                Ok(_) => {
                    assert_eq!(dump(&store).await, all, "byte {place}");
                    let row = store.row(&log(), Table::Agents, agent("mallory").as_str()).await.unwrap();
                    assert!(row.is_some(), "byte {place}");
                }
            }
        }
        assert!(found >= 3, "{found}");
    });
}
