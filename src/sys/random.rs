//! Random numbers of the system, from the TLS library, which needs them too.

use sha2::{Digest, Sha256};

/// Bytes that nobody can guess, 32 at most; if the system gives none, bytes that do not come again.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).is_err() {
        for (byte, other) in bytes.iter_mut().zip(Sha256::digest(super::clock::unique())) {
            *byte = other;
        }
    }
    bytes
}
