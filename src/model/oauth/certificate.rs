//! A certificate and its RSA key, from one PEM file.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::KeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use x509_parser::parse_x509_certificate;

use crate::error::Complaint;
use crate::model::secret::Secret;

/// A certificate of an application, with its key.
#[derive(Clone)]
pub struct Certificate {
    /// `x5t#S256` of its assertions: SHA-256 of the certificate, in base64url (RFC 7515 §4.1.8).
    pub thumbprint: String,
    /// End of the certificate, in seconds since 1970.
    pub ends: i64,
    /// The key.
    pub key: Key,
}

/// An RSA key. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Key(Arc<KeyPair>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

impl Key {
    /// The RSA key of a PEM text: PKCS #8 or PKCS #1, not encrypted, of 2048 to 4096 bits.
    pub fn parse(pem: &str) -> Result<Self, Complaint> {
        if pem.contains("ENCRYPTED") {
            let remedy =
                "take the passphrase off by `openssl rsa -in KEY -out NEW`: nobody types it for a daemon";
            return Err(Complaint::new("the key has a passphrase", remedy));
        }
        let pair = match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
            Ok(PrivateKeyDer::Pkcs1(der)) => KeyPair::from_der(der.secret_pkcs1_der()),
            Ok(PrivateKeyDer::Pkcs8(der)) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            Ok(_) => return Err(not_rsa()),
            Err(_) => {
                let remedy =
                    "have the key in it too, as a block that begins with -----BEGIN PRIVATE KEY-----";
                return Err(Complaint::new("there is no key that can be read", remedy));
            }
        };
        pair.map(|pair| Self(Arc::new(pair))).map_err(|_| not_rsa())
    }

    /// The key in the form that signs.
    pub fn pair(&self) -> &KeyPair {
        &self.0
    }
}

fn not_rsa() -> Complaint {
    let remedy = "make an RSA key of 2048 bits: `openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=relayhost -keyout KEY -out CERTIFICATE`";
    Complaint::new("the key is not an RSA key of 2048 to 4096 bits", remedy)
}

impl Certificate {
    /// Reads a file with one certificate and the key that belongs to it.
    pub fn parse(file: &Secret) -> Result<Self, Complaint> {
        let pem = file.expose();
        let unfit = |problem: &str| {
            let remedy = "the file holds the certificate that the application has at the provider, and its key, both as PEM: `cat CERTIFICATE KEY`";
            Complaint::new(problem, remedy)
        };
        let der = CertificateDer::pem_slice_iter(pem.as_bytes()).next();
        let der = der
            .and_then(Result::ok)
            .ok_or_else(|| unfit("there is no certificate in it (-----BEGIN CERTIFICATE-----)"))?;
        let (_, parsed) =
            parse_x509_certificate(&der).map_err(|_| unfit("its certificate cannot be read"))?;
        let key = Key::parse(pem)?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.pair().public().as_ref() {
            return Err(unfit("the key in it belongs to another certificate"));
        }
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&der));
        Ok(Self { thumbprint, ends: parsed.validity().not_after.timestamp(), key })
    }
}
