//! Files of messages, in the agent's directory and nowhere else.
//!
//! What is sent is found by following links, and what is found must lie inside; so must the folder that files are saved in.
//! How they are read and saved there is [`client::files`]'s.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use client::files::FileError;
use client::protocol::File;

use crate::outcome::Failure;

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
    client::files::read(&found).map_err(failure)
}

fn save_inside(directory: &Path, into: &str, file: &File) -> Result<PathBuf, Failure> {
    let root = root(directory)?;
    let saved = client::files::save(&folder(&root, into)?, file).map_err(failure)?;
    Ok(saved.strip_prefix(&root).unwrap_or(&saved).to_owned())
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

fn root(directory: &Path) -> Result<PathBuf, Failure> {
    directory.canonicalize().map_err(cannot("be used", &directory.to_string_lossy()))
}

fn outside(path: &str) -> Failure {
    Failure::File(format!("{path:?} is not inside the directory you work in; name a path inside it"))
}

fn failure(why: FileError) -> Failure {
    Failure::File(why.to_string())
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
        symlink("../secret", work.join("link")).unwrap();
        symlink("deep/a.JSON", work.join("inner.txt")).unwrap();

        let sent = read_inside(&work, "deep/a.JSON").unwrap();
        assert_eq!((sent.name.as_str(), sent.content_type.as_str()), ("a.JSON", "application/json"));
        assert_eq!(sent.bytes().unwrap(), b"{}");
        assert_eq!(read_inside(&work, "inner.txt").unwrap().name, "a.JSON", "the file, not the link");
        assert_eq!(read_inside(&work, work.join("notes").to_str().unwrap()).unwrap().name, "notes");
        for path in ["../secret", "link", "/etc/passwd"] {
            let said = read_inside(&work, path).unwrap_err().to_string();
            assert!(said.contains("is not inside the directory you work in"), "{path}: {said}");
        }
        assert!(read_inside(&work, "deep").unwrap_err().to_string().ends_with("is not a regular file"));
        assert!(read_inside(&work, "gone").is_err());
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
}
