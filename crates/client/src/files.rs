//! Files that go with messages, where a process reads them to be sent or saves what it was sent.
//!
//! What is saved takes no name of its sender's as a path, writes over nothing, and makes nothing that a tool reads unasked,
//! such as a file whose name begins with a dot. From where files may be read, and where they may be saved, is for the caller
//! to say. All of it waits for the disk.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::limits::{EXTENSION_BYTES, SAVED_NAME_BYTES, SAVED_NAMES};
use crate::protocol::{FILE_BYTES, File};
use crate::shown;

/// Media types of what people and agents send one another, by extension.
const MEDIA_TYPES: [(&str, &str); 25] = [
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("diff", "text/x-diff"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("patch", "text/x-diff"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("toml", "application/toml"),
    ("txt", "text/plain"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
];

/// Why a file is not sent, or not saved.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", told(.path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// It is a directory, a pipe, a device or the like.
    #[error("{} is not a regular file", told(.0))]
    NotRegular(PathBuf),
    /// It is larger than [`FILE_BYTES`].
    #[error("{} is larger than {} MiB", told(.0), FILE_BYTES >> 20)]
    TooLarge(PathBuf),
    /// What the hall gave is no Base64.
    #[error("what the hall gave of {} is no file: {cause}", shown::name(.name))]
    Garbled {
        /// What its sender calls the file.
        name: String,
        /// What is wrong with it.
        cause: base64::DecodeError,
    },
    /// It cannot be written. Nothing of it stays.
    #[error("cannot write {}: {cause}", told(.path))]
    NotWritten {
        /// Where it was to be.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// All names that it might be given are taken.
    #[error("{} has {SAVED_NAMES} files of the name {name} already", told(.directory))]
    NoNameLeft {
        /// Where it was to be.
        directory: PathBuf,
        /// The first of the names.
        name: String,
    },
}

fn told(path: &Path) -> String {
    shown::name(&path.to_string_lossy()).into_owned()
}

/// Reads a file to be sent.
///
/// # Errors
/// If it is no regular file, cannot be read, or is larger than [`FILE_BYTES`].
pub fn read(path: &Path) -> Result<File, FileError> {
    let unreadable = |cause| FileError::Unreadable { path: path.into(), cause };
    // Before it is opened: opening a pipe waits for its other end.
    let regular = fs::metadata(path).map_err(unreadable)?.is_file();
    let Some(name) = path.file_name().filter(|_| regular) else {
        return Err(FileError::NotRegular(path.into()));
    };
    let mut bytes = Vec::new();
    // One more than there may be tells that there is more, however much that is.
    let most = FILE_BYTES as u64 + 1;
    fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() > FILE_BYTES {
        return Err(FileError::TooLarge(path.into()));
    }
    Ok(File::new(name.to_string_lossy(), media_type(path.extension(), &bytes), &bytes))
}

/// By its extension; of a file whose extension says nothing, by whether it is text.
fn media_type(extension: Option<&OsStr>, bytes: &[u8]) -> &'static str {
    let known = |known: &str| extension.is_some_and(|extension| extension.eq_ignore_ascii_case(known));
    match MEDIA_TYPES.iter().find(|(extension, _)| known(extension)) {
        Some((_, media_type)) => media_type,
        None if str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) => "text/plain",
        None => "application/octet-stream",
    }
}

/// Saves a file that was sent in a directory, beside what is there already. Where it is now.
///
/// # Errors
/// If it cannot be written; then nothing of it stays.
pub fn save(directory: &Path, file: &File) -> Result<PathBuf, FileError> {
    let bytes = file.bytes().map_err(|cause| FileError::Garbled { name: file.name.clone(), cause })?;
    let (stem, extension) = safe_name(&file.name);
    for number in 0..SAVED_NAMES {
        let path = directory.join(match number {
            0 => format!("{stem}{extension}"),
            number => format!("{stem}-{number}{extension}"),
        });
        // Made anew, or not at all: nothing is written over, and no link is followed, not even one that leads nowhere.
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(saved) => return write(saved, path, &bytes),
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(FileError::NotWritten { path, cause }),
        }
    }
    Err(FileError::NoNameLeft { directory: directory.into(), name: stem + &extension })
}

fn write(mut to: impl io::Write, path: PathBuf, bytes: &[u8]) -> Result<PathBuf, FileError> {
    match to.write_all(bytes) {
        Ok(()) => Ok(path),
        Err(cause) => {
            // What matters is why it could not be written; a beginning that stays as well is the smaller evil.
            _ = fs::remove_file(&path);
            Err(FileError::NotWritten { path, cause })
        }
    }
}

/// What its sender calls a file, as a name that leads nowhere, hides nothing and is no option of a command: its stem, and its
/// extension with the dot.
fn safe_name(given: &str) -> (String, String) {
    let safe = |character: char| match character {
        '/' | '\\' | ':' | '\0' => '_',
        hidden if shown::is_hidden(hidden) => '_',
        plain => plain,
    };
    let name: String = given.chars().map(safe).collect();
    let name = name.trim_start_matches(['.', '-', ' ']).trim_end();
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if name.len() - dot <= EXTENSION_BYTES => name.split_at(dot),
        _ => (name, ""),
    };
    let mut end = stem.len().min(SAVED_NAME_BYTES - extension.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let stem = if end == 0 { "file" } else { &stem[..end] };
    (stem.to_owned(), extension.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_by_its_name_as_what_it_is() {
        let place = tempfile::tempdir().unwrap();
        for (name, content, media_type) in [
            ("plan.MD", &b"# Plan"[..], "text/markdown"),
            ("shot.png", b"\x89PNG", "image/png"),
            ("fix.patch", b"", "text/x-diff"),
            ("notes", "n\u{f6}tig".as_bytes(), "text/plain"),
            ("core", &[0, 159], "application/octet-stream"),
        ] {
            let path = place.path().join(name);
            fs::write(&path, content).unwrap();
            let file = read(&path).unwrap();
            assert_eq!((&*file.name, &*file.content_type), (name, media_type));
            assert_eq!(file.bytes().unwrap(), content);
        }
    }

    #[test]
    fn what_cannot_be_sent_is_told_with_its_name() {
        let place = tempfile::tempdir().unwrap();
        let large = place.path().join("large.bin");
        fs::File::create(&large).unwrap().set_len(FILE_BYTES as u64 + 1).unwrap();
        let why = read(&large).unwrap_err().to_string();
        assert!(why.ends_with("large.bin is larger than 8 MiB"), "{why}");
        fs::File::create(&large).unwrap().set_len(FILE_BYTES as u64).unwrap();
        assert_eq!(read(&large).unwrap().content_type, "application/octet-stream");
        let why = read(place.path()).unwrap_err().to_string();
        assert!(why.ends_with("is not a regular file"), "{why}");
        let why = read(&place.path().join("no\nne")).unwrap_err().to_string();
        assert!(why.starts_with("cannot read ") && why.contains("no\\nne: "), "{why}");
    }

    #[test]
    fn a_file_is_saved_beside_what_is_there() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let file = |content: &str| File::new("a.txt", "text/plain", content.as_bytes());
        assert_eq!(save(place.path(), &file("1")).unwrap(), at("a.txt"));
        std::os::unix::fs::symlink(at("new"), at("a-1.txt")).unwrap();
        assert_eq!(save(place.path(), &file("2")).unwrap(), at("a-2.txt"));
        assert_eq!(["a.txt", "a-2.txt"].map(|name| fs::read_to_string(at(name)).unwrap()), ["1", "2"]);
        assert!(!at("new").exists(), "no link is followed");
    }

    #[test]
    fn of_what_cannot_be_written_nothing_stays() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a.txt");
        fs::write(&path, "beg").unwrap();
        let why = write(Full, path.clone(), b"beginning").unwrap_err().to_string();
        assert!(why.starts_with("cannot write ") && !path.exists(), "{why}");
        let garbled = File { base64: "?".into(), ..File::new("a.txt", "text/plain", b"") };
        let why = save(place.path(), &garbled).unwrap_err().to_string();
        assert!(why.starts_with("what the hall gave of a.txt is no file: "), "{why}");
        assert!(save(&path, &File::new("a", "text/plain", b"")).is_err());
        assert!(fs::read_dir(place.path()).unwrap().next().is_none());
    }

    #[test]
    fn names_of_senders_are_no_paths() {
        for (given, saved) in [
            ("notes.txt", "notes.txt"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("..", "file"),
            (".mcp.json", "mcp.json"),
            ("-rf", "rf"),
            ("C:\\x", "C__x"),
            ("a\nb\u{202e}.txt", "a_b_.txt"),
            ("...", "file"),
            ("", "file"),
            ("ü.tar.gz", "ü.tar.gz"),
        ] {
            let (stem, extension) = safe_name(given);
            assert_eq!(stem + &extension, saved, "{given:?}");
        }
        let (stem, extension) = safe_name(&format!("{}.txt", "é".repeat(300)));
        assert!(stem.len() + extension.len() <= SAVED_NAME_BYTES && extension == ".txt");
    }
}
