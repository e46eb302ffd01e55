//! Random numbers of the system, by way of the TLS library, which needs them too.

/// A number that nobody can guess; where the system gives none, one that nobody is likely to.
pub fn number() -> u16 {
    let mut bytes = [0; 2];
    match rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes) {
        Ok(()) => u16::from_be_bytes(bytes),
        Err(_) => u16::try_from(std::process::id() % u32::from(u16::MAX)).unwrap_or_default(),
    }
}
