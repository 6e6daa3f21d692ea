//! The owner's credential, of which each home has one of its own. Several homes may share a database, so a home
//! withdraws only what it issued itself.
//!
//! | file | holds |
//! |---|---|
//! | `owner.token` | the secret |
//! | `owner.id` | which token that is, so that it can be withdrawn also when the secret is gone |

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hall::Hall;
use model::Principal;
use model::directory::Grant;

/// Makes sure that the owner's file holds a token that works. If it must be a new one, the one that this home issued
/// before works no more: whoever has kept it is not the owner.
pub(crate) async fn keep_credential(hall: &Hall, path: &Path) -> anyhow::Result<()> {
    let (by, owner) = (Principal::hall(), Principal::owner());
    let note = path.with_extension("id");
    let (secret, noted) = (read(path)?, read(&note)?);
    let shown = secret.as_ref().and_then(|secret| hall.identify(secret));
    if let Some(id) = shown.filter(|who| who.principal == owner).and_then(|who| who.token) {
        return if noted.as_deref() == Some(id.as_str()) { Ok(()) } else { write(&note, id.as_str()) };
    }
    if secret.is_some() {
        tracing::warn!(path = %path.display(), "the owner's token is not of this hall; issuing a new one");
    }
    let before = hall.tokens().into_iter().find(|token| {
        token.principal == owner && noted.as_deref().is_some_and(|noted| noted == token.id.as_str())
    });
    if let Some(before) = before {
        hall.revoke_token(&by, before.id.clone()).await?;
    }
    let issued = hall.issue_token(&by, Some(owner), Grant::Owner, vec![], None).await?;
    // The note first: a secret that nobody has noted could not be withdrawn.
    write(&note, issued.token.id.as_str())?;
    write(path, issued.secret.reveal())
}

/// What a file holds, if it is there.
fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Written beside and moved into place: nobody ever reads half of it.
fn write(path: &Path, line: &str) -> anyhow::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    let write = || {
        match fs::remove_file(&fresh) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{line}")?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        path.parent().map_or(Ok(()), |directory| fs::File::open(directory)?.sync_all())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store::MemoryStore;

    use super::*;

    /// A place for a home's files, and what the hall makes of the credential in it.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("owner.token")
        }

        /// A node starts here; the secret that is in the file then.
        async fn started_on(&self, store: &MemoryStore) -> String {
            let hall = open(store).await;
            keep_credential(&hall, &self.file()).await.unwrap();
            hall.close().await;
            read(&self.file()).unwrap().unwrap()
        }
    }

    async fn open(store: &MemoryStore) -> Hall {
        Hall::open(Arc::new(store.clone()), hall::Options::default()).await.unwrap()
    }

    /// Which of these open the hall for its owner.
    async fn open_it(store: &MemoryStore, secrets: &[&str]) -> Vec<bool> {
        let hall = open(store).await;
        let opens =
            |secret: &&str| hall.identify(secret).is_some_and(|who| who.principal == Principal::owner());
        let opened = secrets.iter().map(opens).collect();
        hall.close().await;
        opened
    }

    #[tokio::test]
    async fn homes_that_share_a_database_leave_one_another_their_credentials() {
        let (store, first, second) = (MemoryStore::default(), Place::new(), Place::new());
        let one = first.started_on(&store).await;
        let two = second.started_on(&store).await;
        assert_ne!(one, two);
        assert_eq!(first.started_on(&store).await, one);
        assert_eq!(open_it(&store, &[&one, &two]).await, [true, true]);

        fs::remove_file(second.file()).unwrap();
        let three = second.started_on(&store).await;
        assert_eq!(open_it(&store, &[&one, &two, &three]).await, [true, false, true]);
    }

    #[tokio::test]
    async fn a_credential_that_was_taken_away_opens_nothing_once_there_is_a_new_one() {
        let (store, place) = (MemoryStore::default(), Place::new());
        let one = place.started_on(&store).await;
        // As a home is that knows of its secret alone.
        fs::remove_file(place.file().with_extension("id")).unwrap();
        assert_eq!(place.started_on(&store).await, one);
        fs::remove_file(place.file()).unwrap();
        let two = place.started_on(&store).await;
        assert_eq!(open_it(&store, &[&one, &two]).await, [false, true]);
    }

    #[tokio::test]
    async fn a_credential_of_another_hall_is_replaced() {
        let place = Place::new();
        let elsewhere = place.started_on(&MemoryStore::default()).await;
        let store = MemoryStore::default();
        let here = place.started_on(&store).await;
        assert_eq!(open_it(&store, &[&elsewhere, &here]).await, [false, true]);
        assert_eq!(place.started_on(&store).await, here);
    }
}
