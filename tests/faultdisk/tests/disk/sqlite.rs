//! SQLite: the check that the server's tests will make, turned red by taking the syncs out.

use guildhall_faultdisk::{Cut, Disk};
use rusqlite::Connection;

use crate::programs::run;

const SEEDS: u64 = 50;

/// In how many of the crashed images an acknowledged row is missing or the database is broken.
fn images_with_a_loss(program: &str) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    let acknowledged = run(&disk, program);
    assert_eq!(acknowledged.len(), 60);
    let trace = disk.trace().unwrap();
    trace.check_complete().unwrap();

    let mut losses = Vec::new();
    for seed in 0..SEEDS {
        let cut = Cut::random(seed, &trace);
        let crashed = tempfile::tempdir().unwrap();
        cut.image(&trace).write_to(crashed.path()).unwrap();
        let due: Vec<u32> = acknowledged
            .iter()
            .filter(|(_, seen)| *seen <= cut.position())
            .map(|(number, _)| *number)
            .collect();
        match rows(crashed.path()) {
            Ok(rows) if due.iter().all(|number| rows.contains(number)) => {}
            // Before the table was durable there is none.
            Err(_) if due.is_empty() => {}
            Ok(rows) => losses.push(format!("{cut}: {} of {} rows", rows.len(), due.len())),
            Err(error) => losses.push(format!("{cut}: {error}")),
        }
    }
    losses
}

/// The rows whose body is what it should be.
fn rows(home: &std::path::Path) -> rusqlite::Result<Vec<u32>> {
    let database = Connection::open(home.join("hall.db"))?;
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(rusqlite::Error::InvalidColumnName(sound));
    }
    let mut query = database.prepare("SELECT number, body FROM said")?;
    let rows = query.query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    let right = |(number, body): &(u32, Vec<u8>)| *body == vec![*number as u8; 100 + 150 * *number as usize];
    Ok(rows.iter().filter(|row| right(row)).map(|(number, _)| *number).collect())
}

#[test]
fn a_log_that_is_synced_on_every_commit_loses_nothing_it_acknowledged() {
    assert_eq!(images_with_a_loss("sqlite FULL"), Vec::<String>::new());
}

#[test]
fn without_its_syncs_the_same_database_is_caught_losing_rows() {
    let losses = images_with_a_loss("sqlite OFF");
    assert!(losses.len() > 10, "{losses:?}");
}
