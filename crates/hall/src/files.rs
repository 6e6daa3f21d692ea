//! Files of messages: their bytes are kept beside the log, once for each digest, and are durable with the message.

use std::sync::Arc;

use bytes::Bytes;
use model::messages::Attachment;
use store::{Blob, Hash, StoreError};

use crate::error::HallError;
use crate::workspace::Workspace;

/// A file that is to go with a message.
#[derive(Debug, Clone)]
pub struct File {
    /// What its sender calls it, at most [`model::limits::ATTACHMENT_NAME_BYTES`].
    pub name: Arc<str>,
    /// Its media type, as claimed.
    pub content_type: Arc<str>,
    /// Its bytes, at most [`model::limits::ATTACHMENT_BYTES`].
    pub bytes: Bytes,
}

/// What a message says of its files, and their bytes, for [`Workspace::send`].
pub fn attach(files: Vec<File>) -> (Arc<[Attachment]>, Vec<Blob>) {
    let attach = |File { name, content_type, bytes }| {
        let blob = Blob::of(bytes);
        let bytes = blob.bytes.len() as u64;
        (Attachment { name, content_type, digest: blob.digest.to_string().into(), bytes }, blob)
    };
    let (attachments, blobs): (Vec<_>, _) = files.into_iter().map(attach).unzip();
    (attachments.into(), blobs)
}

impl Workspace {
    /// The bytes of a file of a message.
    ///
    /// # Errors
    /// If they cannot be read, or are not what was sent.
    pub async fn file(&self, attachment: &Attachment) -> Result<Bytes, HallError> {
        let gone = || StoreError::DamagedBlob {
            log: self.name().to_string(),
            digest: attachment.digest.to_string(),
        };
        let digest = Hash::parse(&attachment.digest).ok_or_else(gone)?;
        Ok(self.store().blob(self.name(), &digest).await?.ok_or_else(gone)?)
    }
}
