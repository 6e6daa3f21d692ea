//! A disk that is full, and one whose syncs fail, while a program runs on it.

use guildhall_faultdisk::{Cut, Disk, SyncFailure};

use crate::programs::Conversation;

#[test]
fn a_disk_fills_up_in_the_middle_of_a_write_and_is_emptied_again() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    let mut writer = Conversation::with(&disk, "writer, asked");
    assert_eq!(writer.say("write"), "done");
    disk.fill_up(1200).unwrap();
    assert_eq!(writer.say("write"), "done");
    assert_eq!(writer.say("write"), "StorageFull");
    assert_eq!(writer.say("write"), "StorageFull");
    assert_eq!(writer.say("sync"), "done");
    assert_eq!(disk.faults().unwrap().refused_writes, 3, "one was shortened, then two refused");
    disk.heal().unwrap();
    assert_eq!(writer.say("write"), "done");
    writer.end();

    let length = std::fs::metadata(home.path().join("notes")).unwrap().len();
    assert_eq!(length, 1000 + 1200 + 1000, "the disk took what fitted");
    disk.trace().unwrap().check_complete().unwrap();
}

#[test]
fn one_sync_fails_and_then_all_do() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    let mut writer = Conversation::with(&disk, "writer, asked");
    disk.fail_syncs(SyncFailure::Once { after: 1 }).unwrap();
    let outcomes = ["sync"; 4].map(|word| writer.say(word) == "done");
    assert_eq!(outcomes, [true, false, true, true]);
    disk.fail_syncs(SyncFailure::Always { after: 2 }).unwrap();
    let outcomes = ["sync"; 5].map(|word| writer.say(word) == "done");
    assert_eq!(outcomes, [true, true, false, false, false]);
    disk.heal().unwrap();
    assert_eq!(writer.say("sync"), "done");
    writer.end();
    let faults = disk.faults().unwrap();
    assert_eq!((faults.syncs, faults.failed_syncs), (10, 4));
}

/// The trap that made databases lose data: the kernel reports a failed write-out once and forgets it.
#[test]
fn a_sync_that_succeeds_after_one_that_failed_does_not_bring_back_what_that_one_lost() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    std::fs::write(home.path().join("notes"), "").unwrap();
    let disk = Disk::new(disk.path()).unwrap();
    let mut writer = Conversation::with(&disk, "writer, asked");
    assert_eq!(writer.say("write"), "done");
    disk.fail_syncs(SyncFailure::Once { after: 0 }).unwrap();
    assert_ne!(writer.say("sync"), "done");
    assert_eq!(writer.say("sync"), "done");
    let believed_safe = disk.position().unwrap();
    for word in ["write", "sync"] {
        assert_eq!(writer.say(word), "done");
    }
    let really_safe = disk.position().unwrap();
    writer.end();

    let trace = disk.trace().unwrap();
    let intact = |seed, position| {
        let image = Cut::at(seed, position).image(&trace);
        image.file("notes").unwrap().iter().all(|byte| *byte == b'n')
    };
    assert!((0..50).any(|seed| !intact(seed, believed_safe)));
    assert!((0..50).all(|seed| intact(seed, really_safe)), "the page was written again and synced");
}

#[test]
fn sqlite_says_that_the_disk_is_full_and_goes_on_when_there_is_room() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    let mut database = Conversation::with(&disk, "sqlite, asked");
    assert_eq!(database.say("first"), "first kept");
    disk.fill_up(0).unwrap();
    assert_eq!(database.say("second"), "database or disk is full");
    disk.heal().unwrap();
    assert_eq!(database.say("third"), "third kept");
    disk.fail_syncs(SyncFailure::Once { after: 0 }).unwrap();
    assert_eq!(database.say("fourth"), "disk I/O error");
    assert_eq!(disk.faults().unwrap().failed_syncs, 1);
    assert_eq!(database.say("fifth"), "fifth kept");
    database.end();
    disk.trace().unwrap().check_complete().unwrap();
}
