//! The programs under test: this executable once more, in a process of its own, on a disk.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, IoSlice, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use guildhall_faultdisk::{Disk, Position};
use rusqlite::Connection;

const PROGRAM: &str = "FAULTDISK_TEST_PROGRAM";
const HOME: &str = "FAULTDISK_TEST_HOME";

/// Length of a record of the ledger; no divisor of a sector, so that records lie across sectors.
pub(crate) const RECORD: usize = 700;
pub(crate) const RECORDS: u32 = 40;

/// A record of the ledger: its number over and over.
pub(crate) fn record(number: u32) -> [u8; RECORD] {
    [number as u8 + 1; RECORD]
}

fn command(disk: &Disk, program: &str) -> Command {
    let mut command = disk.command(std::env::current_exe().unwrap());
    command.args(["--exact", "programs::on_a_disk", "--nocapture"]);
    command.env(PROGRAM, program).env(HOME, disk.path()).stdout(Stdio::piped());
    command
}

/// Runs a program to its end; what it acknowledged, each with the position at which that was seen. The program waits
/// until it was seen, so that the positions do not depend on how busy the machine is.
pub(crate) fn run(disk: &Disk, program: &str) -> Vec<(u32, Position)> {
    let mut child = command(disk, program).stdin(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut seen = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The test harness of the child writes to the same stream, and begins the first line.
        if let Some((_, number)) = line.unwrap().split_once("acknowledged ") {
            seen.push((number.parse().unwrap(), disk.position().unwrap()));
            writeln!(to, "seen").unwrap();
        }
    }
    assert!(child.wait().unwrap().success(), "{program} failed");
    seen
}

/// A program that does one thing for each word it is told, and tells how it went.
pub(crate) struct Conversation {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Conversation {
    pub(crate) fn with(disk: &Disk, program: &str) -> Conversation {
        let mut child = command(disk, program).stdin(Stdio::piped()).spawn().unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        Conversation { child, to, from }
    }

    pub(crate) fn say(&mut self, word: &str) -> String {
        writeln!(self.to, "{word}").unwrap();
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the program ended");
            if let Some((_, outcome)) = line.split_once("outcome ") {
                return outcome.trim().to_owned();
            }
        }
    }

    pub(crate) fn end(mut self) {
        drop(self.to);
        assert!(self.child.wait().unwrap().success());
    }
}

/// What the other tests start as a program of its own. Run as a test it has nothing to do.
#[test]
fn on_a_disk() {
    let Ok(program) = std::env::var(PROGRAM) else { return };
    let home = std::env::var(HOME).unwrap();
    let home = Path::new(&home);
    match program.as_str() {
        "ledger that syncs" => ledger(home, true),
        "ledger that hopes" => ledger(home, false),
        "letter, directory synced" => letter(home, true, true),
        "letter, directory not synced" => letter(home, true, false),
        "letter, nothing synced" => letter(home, false, false),
        "sqlite FULL" => sqlite(home, "FULL"),
        "sqlite OFF" => sqlite(home, "OFF"),
        "sqlite, asked" => sqlite_asked(home),
        "writer, asked" => writer_asked(home),
        "crowd" => crowd(home),
        "every call" => every_call(home).unwrap(),
        program => panic!("there is no program {program}"),
    }
}

fn acknowledge(number: u32) {
    println!("acknowledged {number}");
    assert!(io::stdin().read_line(&mut String::new()).unwrap() > 0, "nobody saw it");
}

fn ledger(home: &Path, sync: bool) {
    let mut ledger = File::create(home.join("ledger")).unwrap();
    if sync {
        File::open(home).unwrap().sync_all().unwrap();
    }
    for number in 0..RECORDS {
        ledger.write_all(&record(number)).unwrap();
        if sync {
            ledger.sync_data().unwrap();
        }
        acknowledge(number);
    }
}

fn letter(home: &Path, sync_file: bool, sync_directory: bool) {
    fs::write(home.join("letter.new"), "the second letter").unwrap();
    if sync_file {
        File::open(home.join("letter.new")).unwrap().sync_all().unwrap();
    }
    fs::rename(home.join("letter.new"), home.join("letter")).unwrap();
    if sync_directory {
        File::open(home).unwrap().sync_all().unwrap();
    }
    acknowledge(0);
}

fn open_sqlite(home: &Path, synchronous: &str) -> Connection {
    let database = Connection::open(home.join("hall.db")).unwrap();
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    database.pragma_update(None, "synchronous", synchronous).unwrap();
    // Often enough that checkpoints and the reuse of the log are among the moments of a cut.
    database.pragma_update(None, "wal_autocheckpoint", 12).unwrap();
    database
        .execute_batch("CREATE TABLE IF NOT EXISTS said (number INTEGER PRIMARY KEY, body BLOB)")
        .unwrap();
    database
}

fn sqlite(home: &Path, synchronous: &str) {
    let database = open_sqlite(home, synchronous);
    for number in 0..60u32 {
        let body = vec![number as u8; 100 + 150 * number as usize];
        database.execute("INSERT INTO said VALUES (?1, ?2)", (number, body)).unwrap();
        acknowledge(number);
    }
}

fn sqlite_asked(home: &Path) {
    let database = open_sqlite(home, "FULL");
    for line in io::stdin().lines() {
        let body = vec![7u8; 20_000];
        match database.execute("INSERT INTO said (body) VALUES (?1)", [body]) {
            Ok(_) => println!("outcome {} kept", line.unwrap()),
            Err(error) => println!("outcome {error}"),
        }
    }
}

fn writer_asked(home: &Path) {
    let mut file = File::create(home.join("notes")).unwrap();
    for line in io::stdin().lines() {
        let outcome = match line.unwrap().as_str() {
            "write" => file.write_all(&[b'n'; 1000]),
            "sync" => file.sync_data(),
            word => panic!("nobody knows how to {word}"),
        };
        match outcome {
            Ok(()) => println!("outcome done"),
            Err(error) => println!("outcome {:?}", error.kind()),
        }
    }
}

/// Each way in which the standard library changes a disk.
fn every_call(home: &Path) -> io::Result<()> {
    std::env::set_current_dir(home)?;
    fs::create_dir_all("old/room")?;
    fs::write("old/room/../chair", "wood")?;
    fs::copy("old/chair", "old/room/copy")?;
    fs::hard_link("old/chair", "old/stool")?;
    fs::rename("old", "new")?;
    fs::write("new/stool", "iron")?;
    fs::create_dir_all("gone/deep")?;
    fs::write("gone/deep/file", "nothing")?;
    fs::remove_dir_all("gone")?;
    fs::create_dir("empty")?;
    fs::create_dir("brief")?;
    fs::remove_dir("brief")?;

    let file = File::create(home.join("table"))?;
    let mut copy = file.try_clone()?;
    copy.write_all(b"0123456789")?;
    drop(file);
    assert!(copy.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")])? == 4);
    copy.write_all_at(b"XX", 3)?;
    copy.set_len(12)?;
    copy.write_all_at(b"far", 9000)?;
    copy.set_len(9001)?;
    copy.set_len(20_000)?;

    let mut log = File::options().append(true).create(true).open("log")?;
    log.write_all(b"one\n")?;
    let told =
        Command::new("sh").args(["-c", "echo two; echo three > told"]).stdout(log.try_clone()?).status()?;
    assert!(told.success());
    log.write_all(b"four\n")?;
    File::options().write(true).truncate(true).open("told")?;
    fs::remove_file("new/room/copy")
}

/// Threads and processes that write to one file, each to its end, and to files of their own.
fn crowd(home: &Path) {
    let threads = ["a", "b", "c"].map(|name| {
        let home = home.to_owned();
        std::thread::spawn(move || {
            let told =
                format!("for n in $(seq 100); do echo {name}$n >> shared; echo {name} > {name}.sh; done");
            let mut process = Command::new("sh").args(["-c", &told]).current_dir(&home).spawn().unwrap();
            for number in 0..300 {
                let mut shared = File::options().append(true).create(true).open(home.join("shared")).unwrap();
                writeln!(shared, "{name}{number}").unwrap();
                fs::write(home.join(format!("{name}.new")), format!("{number}")).unwrap();
                fs::rename(home.join(format!("{name}.new")), home.join(name)).unwrap();
                File::open(home.join(name)).unwrap().sync_all().unwrap();
            }
            assert!(process.wait().unwrap().success());
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}
