//! One bit of one file, turned over.

use std::fs;

use guildhall_faultdisk::{Image, flip_bit};

#[test]
fn one_bit_is_turned_over_and_can_be_turned_back() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("deep")).unwrap();
    fs::write(home.path().join("deep/large"), vec![0; 9000]).unwrap();
    fs::write(home.path().join("small"), vec![0; 1000]).unwrap();
    fs::write(home.path().join("hall.db-shm"), vec![0; 100_000]).unwrap();
    let before = Image::of(home.path()).unwrap();

    let mut in_large = 0;
    for seed in 0..200 {
        let flip = flip_bit(seed, home.path()).unwrap();
        let after = Image::of(home.path()).unwrap();
        assert_eq!(before.differences(&after), std::slice::from_ref(&flip.file), "{flip}");
        let ones: u32 = after.file(&flip.file).unwrap().iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(ones, 1, "{flip}");
        assert_eq!(after.file(&flip.file).unwrap()[flip.byte as usize], 1 << flip.bit);
        assert_eq!(fs::read(home.path().join("hall.db-shm")).unwrap(), vec![0; 100_000]);

        flip.turn(home.path()).unwrap();
        assert!(Image::of(home.path()).unwrap() == before);
        assert_eq!(flip_bit(seed, home.path()).unwrap(), flip, "the same seed takes the same bit");
        flip.turn(home.path()).unwrap();
        in_large += u32::from(flip.file.ends_with("large"));
    }
    assert!((150..200).contains(&in_large), "{in_large} of 200 in a file with nine tenths of the bytes");
}

#[test]
fn there_must_be_something_to_turn_over() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("empty"), "").unwrap();
    assert!(flip_bit(1, home.path()).is_err());
}
