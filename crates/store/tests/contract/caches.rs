//! `views.db` is a cache: whatever becomes of it, it is made anew; what it remembers of a log that is gone counts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use guildhall_store::sqlite::{DirectoryLock, LOG_FILE, VIEWS_FILE, is_kept};
use guildhall_store::verify::verify;
use guildhall_store::{PlacedRow, Result, SqliteStore, Store, StoreError, Terms};
use model::Position;
use model::search::Term;

use crate::given::{append, joined, log, opened, said, texts};
use crate::houses::run;
use crate::rows::{dump, project_log};
use crate::snapshots::snapshot;

/// Where a damaged file goes.
const ASIDE: &str = "views.db.damaged";

/// Makes a store with some events, their read models, and a snapshot that takes several pages; the read models.
async fn lived_in(directory: &Path) -> Vec<PlacedRow> {
    let store = SqliteStore::open(directory).unwrap();
    opened(&store).await;
    append(&store, &[joined("ada"), joined("zoe"), said("kept")]).await;
    project_log(&store, 10).await;
    index(&store).await;
    store.save_snapshot(&log(), snapshot(3, &[b'x'; 20_000])).await.unwrap();
    dump(&store).await
}

async fn index(store: &dyn Store) {
    let ballast: String = (0..2_000).map(|n| format!(" word{n}")).collect();
    let documents = [(1, "ada"), (2, "zoe"), (3, "kept")]
        .map(|(place, word)| Terms { place: Position(place), words: format!("{word}{ballast}") });
    assert!(store.index(&log(), Position::START, Position(3), &documents).await.unwrap());
}

async fn found(store: &dyn Store, word: &str) -> Vec<Position> {
    store.search(&log(), &[Term::Word(word.into())], None, 10).await.unwrap()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

/// What is done to the file, in words and in deed.
type Damage = (&'static str, fn(&Path));

/// Ways to damage it that are noticed when it is opened.
const DAMAGE: [Damage; 4] = [
    ("no database", |file| fs::write(file, "this is a note somebody left here\n".repeat(200)).unwrap()),
    ("a flipped byte at its beginning", |file| flip(file, 3)),
    ("a flipped byte in the middle of a tree", |file| {
        // The byte that says of what kind a page is.
        (1..fs::metadata(file).unwrap().len() as usize / 4096).for_each(|page| flip(file, page * 4096));
    }),
    ("a lost column", |file| {
        let text = fs::read(file).unwrap();
        let column = text.windows(12).position(|window| window == b"place_digest").unwrap();
        flip(file, column);
    }),
];

#[test]
fn a_damaged_file_is_put_aside_and_made_anew() {
    let openings: [fn(&Path) -> Result<SqliteStore>; 2] = [SqliteStore::open, SqliteStore::open_to_rebuild];
    for (what, damage) in DAMAGE {
        for open in openings {
            let directory = tempfile::tempdir().unwrap();
            let (views, aside) = (directory.path().join(VIEWS_FILE), directory.path().join(ASIDE));
            run(async {
                let rows = lived_in(directory.path()).await;
                damage(&views);
                let damaged = fs::read(&views).unwrap();
                // From an earlier time.
                fs::write(&aside, "older").unwrap();
                fs::write(directory.path().join(format!("{ASIDE}-wal")), "older").unwrap();
                let store = open(directory.path()).unwrap();
                assert_eq!(fs::read(&aside).unwrap(), damaged, "{what}");
                assert!(!directory.path().join(format!("{ASIDE}-wal")).exists(), "{what}");
                assert_eq!(store.projected(&log()).await.unwrap(), Position::START, "{what}");
                assert_eq!(store.snapshot(&log()).await.unwrap(), None, "{what}");
                project_log(&store, 10).await;
                assert_eq!(dump(&store).await, rows, "{what}");
                verify(&store, &log()).await.unwrap();
            });
        }
    }
}

#[test]
fn wherever_a_bit_is_flipped_the_read_models_can_be_made_anew() {
    let whole = tempfile::tempdir().unwrap();
    let mut rows = vec![];
    run(async { rows = lived_in(whole.path()).await });
    let log_file = fs::read(whole.path().join(LOG_FILE)).unwrap();
    let length = fs::metadata(whole.path().join(VIEWS_FILE)).unwrap().len() as usize;
    run(async {
        for at in (0..length).step_by(89) {
            let directory = tempfile::tempdir().unwrap();
            let views = directory.path().join(VIEWS_FILE);
            fs::write(directory.path().join(LOG_FILE), &log_file).unwrap();
            fs::copy(whole.path().join(VIEWS_FILE), &views).unwrap();
            flip(&views, at);
            let store = match SqliteStore::open_to_rebuild(directory.path()) {
                Ok(store) => store,
                // If it is the number of its version, it may really be newer.
                Err(refused) if refused.to_string().contains("newer Guildhall") => continue,
                Err(refused) => panic!("byte {at}: {refused}"),
            };
            store.clear_rows(&log()).await.unwrap();
            project_log(&store, 10).await;
            assert_eq!(dump(&store).await, rows, "byte {at}");
            index(&store).await;
            assert_eq!(found(&store, "kept").await, [Position(3)], "byte {at}");
            assert_eq!(found(&store, "word1999").await.len(), 3, "byte {at}");
            verify(&store, &log()).await.unwrap();
        }
    });
}

#[test]
fn verifying_names_a_damaged_file_and_leaves_it_as_it_is() {
    for (what, damage) in DAMAGE {
        let directory = tempfile::tempdir().unwrap();
        let views = directory.path().join(VIEWS_FILE);
        run(async {
            lived_in(directory.path()).await;
            damage(&views);
            let damaged = fs::read(&views).unwrap();
            let store = SqliteStore::open_to_verify(directory.path()).unwrap();
            assert_eq!(texts_of_last(&store).await, "kept", "the log is read all the same");
            let refused = verify(&store, &log()).await.unwrap_err();
            assert!(
                matches!(&refused, StoreError::DamagedViews { file, .. } if *file == views),
                "{what}: {refused}"
            );
            assert!(refused.to_string().contains("`guildhall store rebuild`"), "{what}: {refused}");
            drop(store);
            assert_eq!(fs::read(&views).unwrap(), damaged, "{what}");
            assert!(!directory.path().join(ASIDE).exists(), "{what}");
        });
    }
}

async fn texts_of_last(store: &dyn Store) -> String {
    let last = store.read(&log(), Position(2), crate::given::ALL).await.unwrap().remove(0);
    match last.decode(&log()).unwrap().unwrap().event.fact {
        model::Fact::DecisionLogged(decision) => decision.decision.decode().into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn damage_that_comes_while_the_file_is_open_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let views = directory.path().join(VIEWS_FILE);
    run(async {
        lived_in(directory.path()).await;
        let store = SqliteStore::open(directory.path()).unwrap();
        let length = fs::metadata(&views).unwrap().len() as usize;
        (1..length / 4096).for_each(|page| flip(&views, page * 4096));
        let refused = store.projected(&log()).await.unwrap_err();
        assert!(matches!(&refused, StoreError::DamagedViews { file, .. } if *file == views), "{refused}");
    });
}

#[test]
fn a_log_that_only_its_read_models_remember_is_not_begun_anew() {
    for lost in [|file: &Path| fs::remove_file(file).unwrap(), |file: &Path| fs::write(file, "").unwrap()] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(LOG_FILE);
        run(async {
            lived_in(directory.path()).await;
            let whole = fs::read(&file).unwrap();
            lost(&file);
            for open in [SqliteStore::open, SqliteStore::open_to_rebuild, SqliteStore::open_to_verify] {
                let refused = open(directory.path()).err().expect("the log is gone");
                let said = refused.to_string();
                assert!(said.contains("log.db is gone") && said.contains("3 events of default"), "{said}");
                assert!(said.contains("remove") && said.contains("views.db to begin anew"), "{said}");
            }
            assert_eq!(fs::metadata(&file).map_or(0, |file| file.len()), 0, "nothing was begun");
            fs::write(&file, whole).unwrap();
            let store = SqliteStore::open(directory.path()).unwrap();
            verify(&store, &log()).await.unwrap();
            drop(store);

            lost(&file);
            fs::remove_file(directory.path().join(VIEWS_FILE)).unwrap();
            assert!(!is_kept(directory.path()).unwrap());
            let store = SqliteStore::open(directory.path()).unwrap();
            opened(&store).await;
            assert_eq!(texts(&store).await, Vec::<String>::new());
        });
    }
}

#[test]
fn a_log_that_is_gone_beside_a_damaged_file_is_not_begun_anew_either() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        lived_in(directory.path()).await;
        fs::remove_file(directory.path().join(LOG_FILE)).unwrap();
        fs::write(directory.path().join(VIEWS_FILE), "no database".repeat(100)).unwrap();
        let refused = SqliteStore::open(directory.path()).err().expect("the log is gone");
        assert!(matches!(refused, StoreError::LogGone { .. }), "{refused}");
        assert!(refused.to_string().contains("cannot be read"), "{refused}");
    });
}

#[test]
fn a_place_that_cannot_be_looked_into_is_not_taken_for_an_empty_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data");
    fs::write(&file, "not a directory").unwrap();
    let refused = is_kept(&file).unwrap_err();
    assert!(refused.to_string().starts_with("cannot look into"), "{refused}");
    assert!(SqliteStore::open(&file).is_err());
    assert!(!is_kept(&directory.path().join("nowhere")).unwrap());
}

#[test]
fn what_cannot_be_opened_is_named() {
    for name in [LOG_FILE, VIEWS_FILE] {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(name)).unwrap();
        let refused = SqliteStore::open(directory.path()).err().expect("a directory is no database");
        assert!(refused.to_string().contains(name), "{refused}");
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(LOG_FILE), "no database".repeat(100)).unwrap();
    let refused = SqliteStore::open(directory.path()).err().expect("a text is no database");
    assert!(refused.to_string().contains(LOG_FILE), "{refused}");
}

#[test]
fn all_files_are_for_their_user_alone() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let _lock = DirectoryLock::take(directory.path(), "a test").unwrap();
        lived_in(directory.path()).await;
        let store = SqliteStore::open(directory.path()).unwrap();
        append(&store, &[said("more")]).await;
        project_log(&store, 10).await;
        let mut names = Vec::new();
        for file in fs::read_dir(directory.path()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?} has mode {mode:03o}", file.file_name());
            names.push(file.file_name().into_string().unwrap());
        }
        names.sort();
        let all = ["lock", "log.db", "log.db-shm", "log.db-wal", "views.db", "views.db-shm", "views.db-wal"];
        assert_eq!(names, all);
    });
}
