//! What the recorder sees.

use guildhall_faultdisk::{Disk, TraceError};

use crate::programs::run;

#[test]
fn a_replay_without_loss_is_what_is_really_there() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("before")).unwrap();
    std::fs::write(home.path().join("before/file"), "was here first").unwrap();
    let disk = Disk::new(home.path()).unwrap();
    run(&disk, "every call");
    let trace = disk.trace().unwrap();
    trace.check_complete().unwrap();

    let image = trace.image_without_loss(trace.end());
    assert_eq!(image.file("before/file"), Some(&b"was here first"[..]));
    assert_eq!(image.file("new/chair"), Some(&b"iron"[..]), "chair and stool are one file");
    assert_eq!(image.file("log"), Some(&b"one\ntwo\nfour\n"[..]));
    assert_eq!(image.file("told"), Some(&b""[..]));
    let table = image.file("table").unwrap();
    assert_eq!((&table[..12], table[9000], table.len()), (&b"012XX56789ab"[..], b'f', 20_000));
    assert!(table[12..9000].iter().chain(&table[9001..]).all(|byte| *byte == 0));
}

#[test]
fn threads_and_processes_are_recorded_in_the_order_in_which_they_wrote() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    run(&disk, "crowd");
    let trace = disk.trace().unwrap();
    trace.check_complete().unwrap();
    let shared = trace.image_without_loss(trace.end());
    let lines = shared.file("shared").unwrap().iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines, 3 * (300 + 100));
}

#[test]
fn a_change_behind_the_recorders_back_is_noticed() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    run(&disk, "ledger that syncs");
    std::fs::write(home.path().join("smuggled"), "in").unwrap();
    match disk.trace().unwrap().check_complete() {
        Err(TraceError::Incomplete(paths)) => assert_eq!(paths, [std::path::PathBuf::from("smuggled")]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disk_nobody_ran_on_proves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    assert!(matches!(disk.trace(), Err(TraceError::Silent)));
}
