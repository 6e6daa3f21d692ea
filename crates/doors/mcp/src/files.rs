//! Files of messages, in the agent's directory and nowhere else.
//!
//! What is sent is found by following links, and what is found must lie inside. What is saved takes no name of its
//! sender's as a path, writes over nothing, and makes nothing that a tool reads unasked, such as a file whose name
//! begins with a dot.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use client::protocol::File;
use client::shown;

use crate::limits::{FILE_BYTES, SAVED_NAME_BYTES, SUFFIXES};
use crate::outcome::Failure;

/// What file names end with, and which media type that is.
const MEDIA_TYPES: [(&str, &str); 21] = [
    ("css", "text/css"),
    ("csv", "text/csv"),
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
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("toml", "application/toml"),
    ("webp", "image/webp"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("zip", "application/zip"),
];

/// Reads a file inside `directory`, to be sent.
pub(crate) async fn read(directory: &Path, path: &str) -> Result<File, Failure> {
    let (directory, path) = (directory.to_owned(), path.to_owned());
    on_a_thread(move || read_inside(&directory, &path)).await
}

/// Saves a file of a message into `into` inside `directory`; where it is now, as seen from there.
pub(crate) async fn save(directory: &Path, into: &str, file: File) -> Result<PathBuf, Failure> {
    let (directory, into) = (directory.to_owned(), into.to_owned());
    on_a_thread(move || save_inside(&directory, &into, &file)).await
}

/// Disks may take their time, and the bridge has one thread for everything else.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(fault) => Err(Failure::File(format!("the file was not dealt with: {fault}"))),
    }
}

fn read_inside(directory: &Path, path: &str) -> Result<File, Failure> {
    let root = root(directory)?;
    let found = root.join(path).canonicalize().map_err(cannot("be read", path))?;
    if !found.starts_with(&root) {
        return Err(outside(path));
    }
    // Before it is opened: opening a pipe waits for its other end.
    if !found.metadata().map_err(cannot("be read", path))?.is_file() {
        return Err(Failure::File(format!("{path:?} is not a regular file")));
    }
    let mut bytes = Vec::new();
    let opened = fs::File::open(&found).map_err(cannot("be read", path))?;
    opened.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(cannot("be read", path))?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Failure::File(format!("{path:?} is larger than {} MiB", FILE_BYTES >> 20)));
    }
    let Some(name) = found.file_name() else { return Err(outside(path)) };
    Ok(File::new(name.to_string_lossy(), media_type(&found, &bytes), &bytes))
}

/// By its name; of one that says nothing, by whether it is text.
fn media_type(path: &Path, bytes: &[u8]) -> &'static str {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    let known = MEDIA_TYPES.iter().find(|(known, _)| extension.as_deref() == Some(*known));
    match known {
        Some((_, media_type)) => media_type,
        None if str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) => "text/plain",
        None => "application/octet-stream",
    }
}

fn save_inside(directory: &Path, into: &str, file: &File) -> Result<PathBuf, Failure> {
    let bytes = file.bytes().map_err(|cause| {
        Failure::File(format!("what the hall gave of {:?} is no file: {cause}", file.name))
    })?;
    let root = root(directory)?;
    let folder = folder(&root, into)?;
    let (stem, extension) = safe_name(&file.name);
    for suffix in 0..SUFFIXES {
        let name = match suffix {
            0 => format!("{stem}{extension}"),
            suffix => format!("{stem}-{suffix}{extension}"),
        };
        let path = folder.join(name);
        // Fails if anything has this name, a link that leads nowhere too.
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut saved) => {
                saved.write_all(&bytes).map_err(cannot("be written", &path.to_string_lossy()))?;
                return Ok(path.strip_prefix(&root).unwrap_or(&path).to_owned());
            }
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cannot("be written", &path.to_string_lossy())(cause)),
        }
    }
    Err(Failure::File(format!("{into:?} has {SUFFIXES} files of the name {stem}{extension} already")))
}

/// A folder inside the root, made if it is not there. Every link on the way is followed, and must not lead out.
fn folder(root: &Path, into: &str) -> Result<PathBuf, Failure> {
    let mut folder = root.to_owned();
    for part in Path::new(into).components() {
        match part {
            Component::CurDir => continue,
            Component::Normal(part) => folder.push(part),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside(into)),
        }
        match fs::create_dir(&folder) {
            Err(cause) if cause.kind() != ErrorKind::AlreadyExists => {
                return Err(cannot("be made", into)(cause));
            }
            _ => {}
        }
        folder = folder.canonicalize().map_err(cannot("be used", into))?;
        if !folder.starts_with(root) {
            return Err(outside(into));
        }
    }
    Ok(folder)
}

/// What its sender calls a file, as a name that means nothing else here: its stem, and its extension with the dot.
fn safe_name(given: &str) -> (String, String) {
    let safe = |character: char| match character {
        '/' | '\\' | ':' | '\0' => '_',
        hidden if shown::is_hidden(hidden) => '_',
        plain => plain,
    };
    let name: String = given.chars().map(safe).collect();
    let name = name.trim_start_matches(['.', '-', ' ']).trim_end();
    let (stem, extension) = match name.rfind('.') {
        // What stands behind a late dot is a sentence's end and no extension.
        Some(dot) if name.len() - dot <= 20 => name.split_at(dot),
        _ => (name, ""),
    };
    let mut end = stem.len().min(SAVED_NAME_BYTES - extension.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let stem = if end == 0 { "file" } else { &stem[..end] };
    (stem.to_owned(), extension.to_owned())
}

fn root(directory: &Path) -> Result<PathBuf, Failure> {
    directory.canonicalize().map_err(cannot("be used", &directory.to_string_lossy()))
}

fn outside(path: &str) -> Failure {
    Failure::File(format!("{path:?} is not inside the directory you work in; name a path inside it"))
}

fn cannot(what: &str, path: &str) -> impl Fn(std::io::Error) -> Failure {
    let told = format!("{path:?} cannot {what}");
    move |cause| Failure::File(format!("{told}: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn file(name: &str, content: &str) -> File {
        File::new(name, "text/plain", content.as_bytes())
    }

    #[test]
    fn what_is_sent_lies_inside() {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("work");
        fs::create_dir_all(work.join("deep")).unwrap();
        fs::write(home.path().join("secret"), "s").unwrap();
        fs::write(work.join("deep/a.JSON"), "{}").unwrap();
        fs::write(work.join("notes"), "n").unwrap();
        fs::write(work.join("core"), [0, 159]).unwrap();
        symlink("../secret", work.join("link")).unwrap();
        symlink("deep/a.JSON", work.join("inner.txt")).unwrap();

        let sent = read_inside(&work, "deep/a.JSON").unwrap();
        assert_eq!((sent.name.as_str(), sent.content_type.as_str()), ("a.JSON", "application/json"));
        assert_eq!(sent.bytes().unwrap(), b"{}");
        assert_eq!(read_inside(&work, "inner.txt").unwrap().name, "a.JSON", "the file, not the link");
        assert_eq!(
            read_inside(&work, work.join("notes").to_str().unwrap()).unwrap().content_type,
            "text/plain"
        );
        assert_eq!(read_inside(&work, "core").unwrap().content_type, "application/octet-stream");
        for path in ["../secret", "link", "/etc/passwd"] {
            let said = read_inside(&work, path).unwrap_err().to_string();
            assert!(said.contains("is not inside the directory you work in"), "{path}: {said}");
        }
        assert!(read_inside(&work, "deep").unwrap_err().to_string().ends_with("is not a regular file"));
        assert!(read_inside(&work, "gone").is_err());
        fs::write(work.join("big"), vec![0; FILE_BYTES as usize + 1]).unwrap();
        assert!(read_inside(&work, "big").unwrap_err().to_string().ends_with("is larger than 8 MiB"));
    }

    #[test]
    fn what_is_saved_stays_inside_and_writes_over_nothing() {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join("work");
        fs::create_dir(&work).unwrap();
        let outer = home.path().join("outer");
        fs::create_dir(&outer).unwrap();
        symlink(&outer, work.join("out")).unwrap();
        symlink(outer.join("new"), work.join("a.txt")).unwrap();

        for into in ["..", "a/../..", "/tmp", "out"] {
            assert!(save_inside(&work, into, &file("x", "x")).is_err(), "{into}");
        }
        assert_eq!(
            save_inside(&work, "mail/today", &file("a.txt", "1")).unwrap(),
            Path::new("mail/today/a.txt")
        );
        assert_eq!(
            save_inside(&work, "mail/today", &file("a.txt", "2")).unwrap(),
            Path::new("mail/today/a-1.txt")
        );
        assert_eq!(fs::read_to_string(work.join("mail/today/a.txt")).unwrap(), "1");
        assert_eq!(save_inside(&work, ".", &file("a.txt", "3")).unwrap(), Path::new("a-1.txt"));
        assert!(fs::read_dir(&outer).unwrap().next().is_none(), "nothing was written outside");
    }

    #[test]
    fn names_of_senders_are_no_paths() {
        for (given, saved) in [
            ("../../etc/passwd", "_.._etc_passwd"),
            (".mcp.json", "mcp.json"),
            ("-rf", "rf"),
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
