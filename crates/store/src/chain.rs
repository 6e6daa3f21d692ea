//! The hash chain that makes a log tamper-evident and damage visible.
//!
//! ```text
//! digest(n) = SHA-256(body)
//! hash(0)   = SHA-256("guildhall log" 0x00 name)
//! hash(n)   = SHA-256(hash(n-1) · position as 8 bytes, big-endian · digest(n) · header)
//! ```
//!
//! The chain covers the body by its digest only, so a body can be pruned and the skeleton still proves itself.

use std::fmt;

use model::{Position, WorkspaceName};
use sha2::{Digest as _, Sha256};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The digest of a body.
    pub fn of(body: &[u8]) -> Self {
        Self(Sha256::digest(body).into())
    }

    /// The hash before the first event of a log.
    pub fn genesis(log: &WorkspaceName) -> Self {
        Self(Sha256::new().chain_update(b"guildhall log\0").chain_update(log.as_str()).finalize().into())
    }

    /// The hash of the event at `position`, which follows the event of this hash.
    pub fn next(&self, position: Position, header: &[u8], digest: &Hash) -> Self {
        let hash = Sha256::new()
            .chain_update(self.0)
            .chain_update(position.0.to_be_bytes())
            .chain_update(digest.0)
            .chain_update(header);
        Self(hash.finalize().into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> =
            hex.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let bytes: Vec<u8> =
            digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        (hex.len() == 64).then(|| Self::from_slice(&bytes)).flatten()
    }

    /// Takes 32 bytes, as stored.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As lower-case hex.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
