//! Several servers on one PostgreSQL: their races, their locks, connections that break, and databases that will not do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall_store::verify::verify;
use guildhall_store::{AppendError, PostgresStore, Store, StoreError};
use postgres_harness::{Cluster, Cut, Database};

use crate::given::{append, asked, at, batch, id, log, moved, opened, said, texts};
use crate::houses::run;

async fn connect(url: &str) -> PostgresStore {
    PostgresStore::connect(url).await.unwrap()
}

async fn refused(database: &Database) -> StoreError {
    PostgresStore::connect(&database.url()).await.err().expect("the database should be refused")
}

fn unsuitable(error: &StoreError, word: &str) {
    assert!(matches!(error, StoreError::Unsuitable(why) if why.contains(word)), "{error}");
}

// --- connections that break ---

/// Appends over a wire that is cut as told; the store finds out by itself, and the event is there once.
async fn settled_after(cut: Cut) {
    let database = Database::create().await;
    let (wire, url) = database.behind_wire().await;
    let store = connect(&url).await;
    opened(&store).await;
    append(&store, &[said("before")]).await;
    let mine = batch(store.head(&log()).await.unwrap(), &[said("mine"), asked(id(), 5_000)]);
    wire.cut(cut);
    store.append(mine.clone()).await.unwrap();
    assert!(wire.was_cut());
    assert_eq!(store.head(&log()).await.unwrap(), mine.head());
    if cut == Cut::Delayed {
        wire.deliver();
        // The late statement finds another head; give it the time to.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(verify(&store, &log()).await.unwrap(), mine.head());
    assert_eq!(store.claim_jobs(at(9_000), Duration::from_secs(60), 9).await.unwrap().len(), 1);
}

#[test]
fn a_statement_that_never_arrives_is_sent_again() {
    run(settled_after(Cut::BeforeArrival));
}

#[test]
fn a_statement_that_arrives_late_does_nothing() {
    run(settled_after(Cut::Delayed));
}

#[test]
fn a_commit_whose_answer_is_lost_is_found() {
    run(settled_after(Cut::BeforeAnswer));
}

#[test]
fn a_lost_batch_that_others_overtook_is_refused_for_good() {
    run(async {
        let database = Database::create().await;
        let (wire, url) = database.behind_wire().await;
        let (store, other) = (connect(&url).await, connect(&database.url()).await);
        opened(&store).await;
        append(&store, &[said("before")]).await;
        let mine = batch(store.head(&log()).await.unwrap(), &[said("mine")]);
        let theirs = append(&other, &[said("theirs")]).await;
        wire.cut(Cut::Delayed);
        assert_eq!(moved(store.append(mine).await), theirs);
        assert!(wire.was_cut());
        wire.deliver();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(texts(&store).await, ["before", "theirs"]);
    });
}

#[test]
fn an_append_to_a_server_that_is_gone_is_unknown_until_it_is_tried_again() {
    run(async {
        let database = Database::create().await;
        let (wire, url) = database.behind_wire().await;
        let store = connect(&url).await;
        opened(&store).await;
        append(&store, &[said("before")]).await;
        assert_eq!(store.health(), Ok(()));
        let mine = batch(store.head(&log()).await.unwrap(), &[said("mine")]);
        wire.cut(Cut::BeforeAnswerForGood);
        match store.append(mine.clone()).await {
            Err(AppendError::Unknown(_)) => {}
            other => panic!("{other:?}"),
        }
        assert!(store.head(&log()).await.is_err());
        assert!(store.health().is_err());
        wire.mend();
        store.append(mine).await.unwrap();
        assert_eq!(store.health(), Ok(()));
        assert_eq!(texts(&store).await, ["before", "mine"]);
    });
}

#[test]
fn a_server_whose_disk_is_full_is_not_well_until_an_append_succeeds() {
    run(async {
        let database = Database::create().await;
        let store = connect(&database.url()).await;
        let head = opened(&store).await;
        let full = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
                    CREATE TRIGGER no_room BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION no_room()";
        database.execute(full).await;
        let refused = store.append(batch(head, &[said("no room")])).await;
        assert!(matches!(refused, Err(AppendError::Refused(StoreError::Full))), "{refused:?}");
        assert_eq!(store.health(), Err("the disk is full".into()));
        assert_eq!(texts(&store).await, Vec::<String>::new());
        let locked = store.lock(&log()).await.unwrap();
        let refused = locked.append(batch(head, &[said("no room")])).await;
        assert!(matches!(refused, Err(AppendError::Refused(StoreError::Full))), "{refused:?}");
        database.execute("DROP TRIGGER no_room ON event").await;
        assert!(store.health().is_err(), "nobody has tried");
        append(&store, &[said("room")]).await;
        assert_eq!(store.health(), Ok(()));
    });
}

#[test]
fn connections_the_server_ended_are_replaced() {
    run(async {
        let database = Database::create().await;
        let store = connect(&database.url()).await;
        opened(&store).await;
        for turn in 0..5 {
            append(&store, &[said(&turn.to_string())]).await;
            database.end_connections().await;
        }
        assert_eq!(texts(&store).await.len(), 5);
    });
}

#[test]
fn a_lock_whose_connection_ended_still_appends_if_nobody_else_did() {
    run(async {
        let database = Database::create().await;
        let (store, other) = (connect(&database.url()).await, connect(&database.url()).await);
        let start = opened(&store).await;
        let locked = store.lock(&log()).await.unwrap();
        database.end_connections().await;
        locked.append(batch(start, &[said("mine")])).await.unwrap();
        let locked = store.lock(&log()).await.unwrap();
        let head = locked.head();
        database.end_connections().await;
        let theirs = append(&other, &[said("theirs")]).await;
        assert_eq!(moved(locked.append(batch(head, &[said("too late")])).await), theirs);
        assert_eq!(texts(&store).await, ["mine", "theirs"]);
    });
}

// --- races and locks ---

#[test]
fn servers_that_start_together_make_one_database_and_one_log() {
    run(async {
        let database = Database::create().await;
        let mut servers = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let url = database.url();
            servers.spawn(async move {
                let store = connect(&url).await;
                opened(&store).await
            });
        }
        let heads = servers.join_all().await;
        assert!(heads.iter().all(|head| head == &heads[0]), "{heads:?}");
    });
}

/// Tries three times, and then under the lock.
async fn append_as_the_hall_does(store: &PostgresStore, event: model::Event) {
    let mut head = store.head(&log()).await.unwrap();
    for _ in 0..3 {
        match store.append(batch(head, std::slice::from_ref(&event))).await {
            Ok(()) => return,
            Err(AppendError::Moved(now)) => head = now,
            Err(other) => panic!("{other}"),
        }
    }
    let locked = store.lock(&log()).await.unwrap();
    let sure = batch(locked.head(), &[event]);
    locked.append(sure).await.unwrap();
}

#[test]
fn servers_that_append_at_once_all_get_through() {
    run(async {
        let database = Database::create().await;
        opened(&connect(&database.url()).await).await;
        let mut servers = tokio::task::JoinSet::new();
        for server in 0..3 {
            let url = database.url();
            servers.spawn(async move {
                let store = connect(&url).await;
                for n in 0..20 {
                    let event = said(&format!("{server}/{n}"));
                    append_as_the_hall_does(&store, event).await;
                }
            });
        }
        servers.join_all().await;
        let store = connect(&database.url()).await;
        verify(&store, &log()).await.unwrap();
        let mut said = texts(&store).await;
        for server in 0..3 {
            // Each server's own are in the order it said them.
            let own: Vec<_> = said.iter().filter(|text| text.starts_with(&format!("{server}/"))).collect();
            assert_eq!(
                own,
                (0..20).map(|n| format!("{server}/{n}")).collect::<Vec<_>>().iter().collect::<Vec<_>>()
            );
        }
        said.sort();
        said.dedup();
        assert_eq!(said.len(), 60);
    });
}

#[test]
fn an_append_waits_for_the_lock_of_another_server_but_not_for_ever() {
    run(async {
        let database = Database::create().await;
        let (store, other) = (connect(&database.url()).await, connect(&database.url()).await);
        let start = opened(&store).await;
        let locked = store.lock(&log()).await.unwrap();
        let began = Instant::now();
        match other.append(batch(start, &[said("impatient")])).await {
            Err(AppendError::Refused(error)) => assert!(error.to_string().contains("lock"), "{error}"),
            unexpected => panic!("{unexpected:?}"),
        }
        assert!(began.elapsed() >= guildhall_store::limits::LOCK_TIMEOUT);
        let waiting = tokio::spawn({
            let theirs = batch(start, &[said("theirs")]);
            async move { other.append(theirs).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        let mine = batch(start, &[said("mine")]);
        locked.append(mine.clone()).await.unwrap();
        assert_eq!(moved(waiting.await.unwrap()), mine.head());
        assert_eq!(texts(&store).await, ["mine"]);
    });
}

#[test]
fn a_server_that_sleeps_on_a_lock_loses_it() {
    run(async {
        let database = Database::create().await;
        let (store, other) = (connect(&database.url()).await, connect(&database.url()).await);
        let start = opened(&store).await;
        let locked = store.lock(&log()).await.unwrap();
        tokio::time::sleep(guildhall_store::limits::LOCK_IDLE + Duration::from_secs(1)).await;
        let theirs = append(&other, &[said("theirs")]).await;
        assert_eq!(moved(locked.append(batch(start, &[said("mine")])).await), theirs);
    });
}

// --- a database to oneself ---

#[test]
fn nobody_has_a_database_to_himself_that_others_use() {
    run(async {
        let database = Database::create().await;
        let server = connect(&database.url()).await;
        opened(&server).await;
        let refused = PostgresStore::connect_alone(&database.url()).await.err();
        unsuitable(&refused.expect("a server uses it"), "other servers");
        append(&server, &[said("none the worse for it")]).await;
        drop(server);
        PostgresStore::connect_alone(&database.url()).await.unwrap();
    });
}

#[test]
fn nobody_uses_a_database_that_another_has_to_himself() {
    run(async {
        let database = Database::create().await;
        let alone = PostgresStore::connect_alone(&database.url()).await.unwrap();
        opened(&alone).await;
        append(&alone, &[said("in peace")]).await;
        unsuitable(&refused(&database).await, "rebuild");
        let second = PostgresStore::connect_alone(&database.url()).await.err();
        unsuitable(&second.expect("one is at it"), "other servers");
        alone.clear_rows(&log()).await.unwrap();
        drop(alone);
        assert_eq!(texts(&connect(&database.url()).await).await, ["in peace"]);
    });
}

#[test]
fn who_no_longer_keeps_others_out_stops() {
    run(async {
        let database = Database::create().await;
        let alone = PostgresStore::connect_alone(&database.url()).await.unwrap();
        opened(&alone).await;
        database.end_connections().await;
        let server = connect(&database.url()).await;
        append(&server, &[said("here again")]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        unsuitable(&alone.clear_rows(&log()).await.unwrap_err(), "begin again");
    });
}

// --- databases that will not do ---

#[test]
fn a_database_of_a_newer_program_is_refused() {
    run(async {
        let database = Database::create().await;
        connect(&database.url()).await;
        database.execute("INSERT INTO migration (number, digest) VALUES (99, '\\x00')").await;
        let error = refused(&database).await;
        assert!(matches!(error, StoreError::Newer { found: 99, known } if known < 99), "{error}");
        database.execute("DELETE FROM migration WHERE number = 99").await;
        connect(&database.url()).await;
    });
}

#[test]
fn a_database_made_by_another_edition_is_refused() {
    run(async {
        let database = Database::create().await;
        connect(&database.url()).await;
        database.execute("UPDATE migration SET digest = '\\x00' WHERE number = 1").await;
        let error = refused(&database).await;
        assert!(matches!(error, StoreError::ForeignMigration(1)), "{error}");
    });
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    run(async {
        let database = Database::create().await;
        database.execute("CREATE TABLE log (line text)").await;
        unsuitable(&refused(&database).await, "another program");
        let tables = database.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").await;
        assert_eq!(tables.len(), 1);
    });
}

#[test]
fn a_server_whose_commits_are_not_durable_is_refused() {
    run(async {
        let database = Database::create().await;
        let name = database.query("SELECT current_database()").await[0].get::<_, String>(0);
        database.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await;
        unsuitable(&refused(&database).await, "synchronous_commit");
        database.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = local")).await;
        connect(&database.url()).await;
        database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
        unsuitable(&refused(&database).await, "read-only");
    });
    let careless = Cluster::start(&["fsync=off"]);
    run(async {
        let refusal = PostgresStore::connect(&careless.url("postgres")).await.err();
        unsuitable(&refusal.expect("the server should be refused"), "fsync");
    });
}

#[test]
fn an_address_that_leads_nowhere_is_an_error() {
    run(async {
        let nowhere = PostgresStore::connect("postgres://guildhall@127.0.0.1:1/none").await.err();
        assert!(matches!(nowhere, Some(StoreError::Database(_))), "{nowhere:?}");
        let nonsense = PostgresStore::connect("sqlite:here.db").await.err();
        unsuitable(&nonsense.expect("this is no address"), "URL");
    });
    // The store is shared by tasks of all kinds.
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Arc<PostgresStore>>();
}
