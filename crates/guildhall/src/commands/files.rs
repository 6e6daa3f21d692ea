//! Files that go with messages: read to be sent, and written where somebody wants to have them.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use client::protocol::File;
use client::shown;

use crate::limits;

/// What a file is said to be that nothing is known of.
const BYTES: &str = "application/octet-stream";

/// Media types of what people send one another, by extension.
const CONTENT_TYPES: &[(&str, &str)] = &[
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
    ("log", "text/plain"),
    ("md", "text/markdown"),
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

/// Reads files to be sent.
///
/// # Errors
/// If one cannot be read or is too large, or two have one name: a message's files are fetched by their names.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    let mut files: Vec<File> = Vec::with_capacity(paths.len());
    for path in paths {
        let file = read_one(path)?;
        if files.iter().any(|other| other.name == file.name) {
            bail!("two of these files are called {:?}; send them one by one", file.name);
        }
        files.push(file);
    }
    Ok(files)
}

fn read_one(path: &Path) -> anyhow::Result<File> {
    let cannot = || format!("cannot read {}", path.display());
    let name = path.file_name().with_context(|| format!("{} is no file", path.display()))?;
    let mut bytes = Vec::new();
    // One more than there may be tells that there is more, however much that is.
    fs::File::open(path)
        .and_then(|file| file.take(limits::FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
        .with_context(cannot)?;
    if bytes.len() > limits::FILE_BYTES {
        bail!(
            "{} has more than {} bytes, which is the most of a file that is sent",
            path.display(),
            limits::FILE_BYTES
        );
    }
    Ok(File::new(name.to_string_lossy(), content_type(path), &bytes))
}

/// Writes a file that was sent into a directory, beside what is there already. Where it went.
///
/// # Errors
/// If it cannot be written; then nothing of it stays.
pub(super) fn write(directory: &Path, file: &File) -> anyhow::Result<PathBuf> {
    let bytes = file.bytes().context("the hall's file is no Base64")?;
    let name = safe(&file.name);
    for number in 1..=limits::FILE_NAMES {
        let path = directory.join(numbered(&name, number));
        let cannot = || format!("cannot write {}", path.display());
        // Made anew, or not at all: no file is written over, and no link is followed.
        let mut made = match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => continue,
            outcome => outcome.with_context(cannot)?,
        };
        if let Err(cause) = made.write_all(&bytes) {
            // What matters is why it could not be written; a beginning that stays as well is the smaller evil.
            _ = fs::remove_file(&path);
            return Err(cause).with_context(cannot);
        }
        return Ok(path);
    }
    bail!("{} has {} files that are called {name:?} or nearly so", directory.display(), limits::FILE_NAMES)
}

/// What a sender calls a file, as a name that leads nowhere, hides nothing, and is no option of a command.
fn safe(name: &str) -> String {
    let safe = |character| match character {
        '/' | '\\' => '_',
        hidden if shown::is_hidden(hidden) => '_',
        other => other,
    };
    let name: String = name.chars().map(safe).collect();
    match name.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "file".into(),
        None => name,
    }
}

/// A name, or the one for another file of that name, which keeps the extension.
fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.into();
    }
    let (stem, extension) = name.rfind('.').map_or((name, ""), |dot| name.split_at(dot));
    let end = format!("-{number}{extension}");
    let mut stem = stem.to_owned();
    while stem.len() + end.len() > limits::FILE_NAME_BYTES && stem.pop().is_some() {}
    stem + &end
}

fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let known = CONTENT_TYPES.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
    known.map_or(BYTES, |(_, content_type)| content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_and_hides_nothing() {
        for (name, shown) in [
            ("notes.txt", "notes.txt"),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("..", "_."),
            (".bashrc", "_bashrc"),
            ("-rf", "_rf"),
            ("C:\\x", "C:_x"),
            ("fdp\u{202e}exe.pdf\u{1b}[2J", "fdp_exe.pdf_[2J"),
            ("", "file"),
        ] {
            assert_eq!(safe(name), shown, "{name:?}");
        }
    }

    #[test]
    fn another_of_a_name_keeps_its_extension_and_fits() {
        assert_eq!(numbered("notes.txt", 1), "notes.txt");
        assert_eq!(numbered("notes.txt", 2), "notes-2.txt");
        assert_eq!(numbered("notes", 3), "notes-3");
        let long = format!("{}.txt", "ä".repeat(125));
        assert!(numbered(&long, 999).len() <= limits::FILE_NAME_BYTES);
        assert!(numbered(&long, 999).ends_with("ä-999.txt"));
    }

    #[test]
    fn a_file_goes_beside_what_is_there() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("plan.MD");
        fs::write(&path, b"mine").unwrap();
        let file = read_one(&path).unwrap();
        assert_eq!((&*file.name, &*file.content_type), ("plan.MD", "text/markdown"));
        let second = write(place.path(), &file).unwrap();
        assert_eq!(second, place.path().join("plan-2.MD"));
        assert_eq!(fs::read(&second).unwrap(), b"mine");
        assert_eq!(write(place.path(), &file).unwrap(), place.path().join("plan-3.MD"));
    }

    #[test]
    fn what_cannot_be_sent_is_told_before_anything_is() {
        let place = tempfile::tempdir().unwrap();
        let [large, a, b] = ["large.bin", "a/x.txt", "b/x.txt"].map(|name| place.path().join(name));
        fs::File::create(&large).unwrap().set_len(limits::FILE_BYTES as u64 + 1).unwrap();
        let why = read(std::slice::from_ref(&large)).unwrap_err().to_string();
        assert!(why.contains("has more than 8388608 bytes"), "{why}");
        fs::File::create(&large).unwrap().set_len(limits::FILE_BYTES as u64).unwrap();
        assert_eq!(read(&[large]).unwrap()[0].content_type, BYTES);
        for path in [&a, &b] {
            fs::create_dir(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let why = read(&[a, b]).unwrap_err().to_string();
        assert!(why.contains("two of these files are called \"x.txt\""), "{why}");
        let why = format!("{:#}", read(&[place.path().join("none")]).unwrap_err());
        assert!(why.contains("cannot read") && why.contains("none"), "{why}");
    }
}
