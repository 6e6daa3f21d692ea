//! Bit rot: one bit of one file turned over.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::chance::Chance;
use crate::image::Image;

/// A bit that was turned over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The file, relative to the directory.
    pub file: PathBuf,
    /// The byte in the file, from 0.
    pub byte: u64,
    /// The bit in the byte, 0 being the lowest.
    pub bit: u8,
}

/// Turns over one bit of a file somewhere under `directory`: every bit of every file is equally likely, except that
/// shared-memory files (`*-shm`) are left alone. The same seed on the same files takes the same bit.
///
/// # Errors
/// When the files cannot be read or written, or are all empty.
pub fn flip_bit(seed: u64, directory: &Path) -> io::Result<Flip> {
    let image = Image::of(directory)?;
    let sizes: Vec<(&Path, u64)> =
        image.files().map(|path| (path, image.file(path).map_or(0, |bytes| bytes.len() as u64))).collect();
    let total: u64 = sizes.iter().map(|(_, size)| size).sum();
    if total == 0 {
        return Err(io::Error::new(io::ErrorKind::NotFound, "there is no byte to flip a bit of"));
    }
    let mut chance = Chance::new(seed);
    let mut byte = chance.below(total);
    let bit = chance.below(8) as u8;
    for (file, size) in sizes {
        if byte < size {
            let flip = Flip { file: file.to_owned(), byte, bit };
            flip.turn(directory)?;
            return Ok(flip);
        }
        byte -= size;
    }
    unreachable!("a byte below the total is in one of the files")
}

impl Flip {
    /// Turns the bit over again, which puts it right.
    ///
    /// # Errors
    /// When the file cannot be read or written, or no longer has this byte.
    pub fn turn(&self, directory: &Path) -> io::Result<()> {
        let file = fs::File::options().read(true).write(true).open(directory.join(&self.file))?;
        let mut byte = [0];
        file.read_exact_at(&mut byte, self.byte)?;
        byte[0] ^= 1 << self.bit;
        file.write_all_at(&byte, self.byte)
    }
}

impl std::fmt::Display for Flip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bit {} of byte {} of {}", self.bit, self.byte, self.file.display())
    }
}
