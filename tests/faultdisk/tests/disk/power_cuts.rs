//! Plain files: what survives a power cut and what may not.

use guildhall_faultdisk::{Cut, Disk, Position, Trace};

use crate::programs::{RECORD, record, run};

const SEEDS: std::ops::Range<u64> = 0..200;

fn after(program: &str) -> (Vec<(u32, Position)>, Trace) {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("letter"), "the first letter").unwrap();
    let disk = Disk::new(home.path()).unwrap();
    let acknowledged = run(&disk, program);
    assert!(!acknowledged.is_empty());
    let trace = disk.trace().unwrap();
    trace.check_complete().unwrap();
    (acknowledged, trace)
}

/// The records that were acknowledged before the cut and are not whole after it.
fn lost(cut: Cut, acknowledged: &[(u32, Position)], ledger: &[u8]) -> Vec<u32> {
    let due = acknowledged.iter().filter(|(_, seen)| *seen <= cut.position());
    let whole = |number: u32| {
        let start = number as usize * RECORD;
        ledger.get(start..start + RECORD) == Some(&record(number))
    };
    due.map(|(number, _)| *number).filter(|number| !whole(*number)).collect()
}

#[test]
fn what_was_synced_before_it_was_acknowledged_always_survives() {
    let (acknowledged, trace) = after("ledger that syncs");
    for seed in SEEDS {
        let cut = Cut::random(seed, &trace);
        let image = cut.image(&trace);
        assert!(lost(cut, &acknowledged, image.file("ledger").unwrap_or_default()).is_empty(), "{cut}");
    }
}

#[test]
fn what_was_only_written_is_sometimes_lost_whole_sometimes_torn_and_sometimes_there() {
    let (acknowledged, trace) = after("ledger that hopes");
    let (mut nameless, mut short, mut torn, mut holes, mut intact) = (0, 0, 0, 0, 0);
    for seed in SEEDS {
        let cut = Cut::at(seed, trace.end());
        let image = cut.image(&trace);
        let Some(ledger) = image.file("ledger") else {
            nameless += 1;
            continue;
        };
        let lost = lost(cut, &acknowledged, ledger);
        let half = |number: u32| {
            let bytes = ledger.get(number as usize * RECORD..(number as usize + 1) * RECORD);
            bytes.is_some_and(|bytes| bytes.contains(&0) && bytes.contains(&record(number)[0]))
        };
        let last_whole =
            acknowledged.iter().map(|(number, _)| *number).rfind(|number| !lost.contains(number));
        intact += u32::from(lost.is_empty());
        short += u32::from(ledger.len() < acknowledged.len() * RECORD);
        torn += u32::from(lost.iter().any(|number| half(*number)));
        holes += u32::from(lost.iter().any(|number| Some(*number) < last_whole));
        let strangers = ledger
            .iter()
            .enumerate()
            .find(|(at, byte)| **byte != 0 && **byte != record((at / RECORD) as u32)[0]);
        assert_eq!(strangers, None, "{cut}: only what was written or zeros");
    }
    let seen = [nameless, short, torn, holes, intact];
    assert!(seen.iter().all(|count| *count > 0), "nameless, short, torn, holes, intact: {seen:?}");
}

#[test]
fn a_rename_without_a_sync_of_the_directory_may_be_lost_but_is_never_half_done() {
    let (_, trace) = after("letter, directory not synced");
    let mut seen = [0, 0];
    for seed in SEEDS {
        let cut = Cut::at(seed, trace.end());
        let image = cut.image(&trace);
        match image.file("letter") {
            Some(b"the first letter") => seen[0] += 1,
            Some(b"the second letter") => {
                seen[1] += 1;
                assert_eq!(image.file("letter.new"), None, "{cut}: one file, one name");
            }
            other => panic!("{cut}: {other:?}"),
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn a_rename_survives_a_sync_of_the_directory() {
    let (acknowledged, trace) = after("letter, directory synced");
    for seed in SEEDS {
        let cut = Cut::at(seed, acknowledged[0].1);
        assert_eq!(cut.image(&trace).file("letter"), Some(&b"the second letter"[..]), "{cut}");
    }
}

#[test]
fn a_rename_that_overtakes_the_data_leaves_an_empty_file() {
    let (_, trace) = after("letter, nothing synced");
    let images = SEEDS.map(|seed| Cut::at(seed, trace.end()).image(&trace));
    let empty = images.filter(|image| image.file("letter") == Some(b"")).count();
    assert!(empty > 0);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_other_seeds_give_others() {
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::new(home.path()).unwrap();
    run(&disk, "ledger that hopes");
    let (once, again) = (disk.trace().unwrap(), disk.trace().unwrap());
    let mut kinds = Vec::new();
    for seed in SEEDS {
        let (one, two) = (Cut::random(seed, &once), Cut::random(seed, &again));
        assert_eq!(one, two);
        let (one, two) = (one.image(&once), two.image(&again));
        assert!(one == two, "seed {seed}");
        if !kinds.contains(&one) {
            kinds.push(one);
        }
    }
    assert!(kinds.len() > 50, "only {} different images", kinds.len());

    let (left, right) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    kinds[10].write_to(left.path()).unwrap();
    kinds[10].write_to(right.path()).unwrap();
    assert!(guildhall_faultdisk::Image::of(left.path()).unwrap() == kinds[10]);
    assert!(kinds[11].write_to(right.path()).is_err(), "an image does not mix with another");
}
