//! Every bound on what is written down here of what others have sent. Each says what it protects against.

/// Bytes of the name under which a file is saved, so that a number behind it still fits what file systems allow.
pub(crate) const SAVED_NAME_BYTES: usize = 200;
/// Bytes of what is taken for an extension, its dot with it: what stands behind an earlier dot is a sentence.
pub(crate) const EXTENSION_BYTES: usize = 20;
/// Names tried for a file whose name is taken, before the directory is called full of them.
pub(crate) const SAVED_NAMES: u32 = 1_000;
