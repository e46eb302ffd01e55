//! Signatures by a key of root's; the random numbers that they need are the system's.

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};

use crate::model::oauth::request::{Algorithm, Assertion};
use crate::model::secret::Secret;

/// Signs an assertion. `None` if the system has no random numbers.
pub fn sign(assertion: &Assertion) -> Option<Secret> {
    let encoding: &dyn RsaEncoding = match assertion.algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
    };
    let pair = assertion.key.pair();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), assertion.text.as_bytes(), &mut signature).ok()?;
    Some(assertion.signed(&signature))
}
