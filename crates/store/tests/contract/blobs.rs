//! Files: bytes that events refer to, durable with them and kept once.

use std::sync::Arc;

use guildhall_store::verify::verify;
use guildhall_store::{AppendError, Batch, Blob, Hash, Head, Store, StoreError, limits};
use model::messages::{Attachment, Message, Party, Priority, Recipient};
use model::{Event, Fact, MemberId, Text};

use crate::disk::{Disk, on_every_disk, place_of};
use crate::given::{agent, at, event, id, log, opened, said};

/// A message with these files.
fn message(files: &[&Blob]) -> Event {
    let attachment = |blob: &&Blob| Attachment {
        name: "plan.md".into(),
        content_type: "text/markdown".into(),
        digest: blob.digest.to_string().into(),
        bytes: blob.bytes.len() as u64,
    };
    event(Fact::MessageSent(Arc::new(Message {
        id: id().into(),
        from: Party { id: agent("web"), name: "web".into() },
        through: MemberId::hall(),
        to: Recipient::Party(Party { id: agent("api"), name: "api".into() }),
        thread: None,
        content: Text::new("see there"),
        priority: Priority::Normal,
        attachments: files.iter().map(attachment).collect(),
        sent_at: at(1_000),
        expires_at: None,
        resends: None,
    })))
}

async fn append(
    store: &dyn Store,
    expected: Head,
    events: &[Event],
    blobs: &[&Blob],
) -> Result<Head, AppendError> {
    let batch = Batch::of(id(), log(), expected, events.to_vec(), vec![]);
    let batch = Arc::new(batch.with_blobs(blobs.iter().map(|blob| (*blob).clone()).collect()));
    store.append(batch.clone()).await.map(|()| batch.head())
}

pub(crate) async fn files_come_with_their_event_and_are_kept_once(store: Arc<dyn Store>) {
    let head = opened(&*store).await;
    let (small, large) = (Blob::of("a plan"), Blob::of(vec![7; 3 * 1024 * 1024]));
    let head = append(&*store, head, &[message(&[&small, &large])], &[&small, &large]).await.unwrap();
    append(&*store, head, &[message(&[&small]), message(&[&small])], &[&small, &small]).await.unwrap();
    for blob in [&small, &large] {
        assert_eq!(store.blob(&log(), &blob.digest).await.unwrap().as_ref(), Some(&blob.bytes));
    }
    assert_eq!(store.blob(&log(), &Hash::of(b"another")).await.unwrap(), None);
    assert_eq!(verify(&*store, &log()).await.unwrap().position.0, 3);
}

pub(crate) async fn files_of_what_is_refused_are_not_kept(store: Arc<dyn Store>) {
    let head = opened(&*store).await;
    let blob = Blob::of("a plan");
    append(&*store, head, &[said("first")], &[]).await.unwrap();
    let refused = append(&*store, head, &[message(&[&blob])], &[&blob]).await;
    assert!(matches!(refused, Err(AppendError::Moved(_))), "{refused:?}");
    assert_eq!(store.blob(&log(), &blob.digest).await.unwrap(), None);
    let large = Blob::of(vec![0; limits::BODY_BYTES + 1]);
    let head = store.head(&log()).await.unwrap();
    let refused = append(&*store, head, &[message(&[&large])], &[&large]).await;
    assert!(matches!(refused, Err(AppendError::Refused(StoreError::TooLarge { .. }))), "{refused:?}");
}

async fn a_file_that_is_damaged_or_gone_is_told_and_never_shown(store: Arc<dyn Store>, disk: Disk) {
    let head = opened(&*store).await;
    let blob = Blob::of("a plan");
    append(&*store, head, &[message(&[&blob])], &[&blob]).await.unwrap();
    for column in ["log", "digest", "body"] {
        let seen = async |what: &str| {
            let verified = verify(&*store, &log()).await;
            assert!(matches!(verified, Err(StoreError::DamagedBlob { .. })), "{what}: {verified:?}");
            let read = store.blob(&log(), &blob.digest).await;
            assert!(matches!(read, Err(StoreError::DamagedBlob { .. }) | Ok(None)), "{what}: {read:?}");
        };
        disk.damage(place_of("blob", column, "1 = 1"), seen).await;
    }
    verify(&*store, &log()).await.unwrap();
}

on_every_disk! { a_file_that_is_damaged_or_gone_is_told_and_never_shown }
