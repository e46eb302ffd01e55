//! TLS as a client: the session with a relay, and the findings about its certificate. Decides nothing: an untrusted
//! certificate ends no handshake here, since at the level `encrypt` Postfix takes it too; the caller looks at the findings
//! before it sends a password.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::files;
use crate::model::probe::certificate::{Certificate, SeenCertificate, Trust};

/// Largest bundle of authorities that is read, in bytes; that of EL has 220 KB.
const BUNDLE_LIMIT: u64 = 8 * 1024 * 1024;
/// Most files that are read of a directory of authorities.
const DIRECTORY_LIMIT: usize = 1000;
/// Most certificates of the relay's chain that are looked at.
const CHAIN_LIMIT: usize = 10;

/// The authorities that the host trusts.
#[derive(Debug)]
pub struct Authorities {
    roots: RootCertStore,
    ders: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads the bundle, and of the directory those files that OpenSSL would find there (`XXXXXXXX.N`).
    pub fn read(bundle: Option<&Path>, directory: Option<&Path>) -> Self {
        let mut paths: Vec<PathBuf> = bundle.map(Path::to_owned).into_iter().collect();
        if let Some(directory) = directory {
            let mut names = files::names(directory);
            names.retain(|name| is_hash(name));
            names.truncate(DIRECTORY_LIMIT);
            paths.extend(names.iter().map(|name| directory.join(name)));
        }
        let mut ders = Vec::new();
        for path in paths {
            let bytes = files::read(&path, BUNDLE_LIMIT).ok().flatten().unwrap_or_default();
            ders.extend(CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(ders.iter().cloned());
        Self { roots, ders }
    }

    fn trust(&self, end: &CertificateDer<'_>, between: &[CertificateDer<'_>], now: UnixTime) -> Trust {
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        let result = ParsedCertificate::try_from(end).and_then(|parsed| {
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, algorithms)
        });
        match result {
            Ok(()) => Trust::Trusted,
            Err(Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => Trust::Expired,
            Err(Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            )) => Trust::NotYetValid,
            // OpenSSL takes one that is itself among the authorities; this library only those that sign.
            Err(_) if self.ders.iter().any(|der| der == end) => Trust::Trusted,
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Trust::UnknownIssuer,
            Err(other) => Trust::Unsure(other.to_string()),
        }
    }
}

fn is_hash(name: &str) -> bool {
    let (hash, number) = name.split_once('.').unwrap_or_default();
    hash.len() == 8
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Begins a session. The `name` is sent to the relay if there is one; Postfix sends none by default. `strict`: the
/// relay must prove that it has the key of its certificate.
pub fn session(
    authorities: Authorities,
    name: Option<&str>,
    strict: bool,
) -> Result<(ClientConnection, Findings), Error> {
    let provider = Arc::new(ring::default_provider());
    let findings = Findings::default();
    let observer = Observer { authorities, strict, provider: provider.clone(), findings: findings.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(observer))
        .with_no_client_auth();
    config.enable_sni = name.is_some();
    let named = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    let unnamed = || ServerName::try_from("relay.invalid").map_err(|_| Error::HandshakeNotComplete);
    let server = named.map_or_else(unnamed, Ok)?;
    Ok((ClientConnection::new(Arc::new(config), server)?, findings))
}

/// The findings of a session.
#[derive(Debug, Clone, Default)]
pub struct Findings(Arc<Mutex<Option<SeenCertificate>>>);

impl Findings {
    /// The findings about the certificate, once the relay has sent one.
    pub fn seen(&self) -> Option<SeenCertificate> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<SeenCertificate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The verifier of a session: notes its findings about the certificate, and accepts it.
#[derive(Debug)]
struct Observer {
    authorities: Authorities,
    strict: bool,
    provider: Arc<CryptoProvider>,
    findings: Findings,
}

impl Observer {
    fn proof(
        &self,
        result: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        if let (Err(_), Some(seen)) = (&result, self.findings.lock().as_mut()) {
            seen.proved = false;
        }
        // If the certificate need not be trusted, an old kind of key is no reason to stop: Postfix would go on too.
        if self.strict { result } else { Ok(HandshakeSignatureValid::assertion()) }
    }
}

impl ServerCertVerifier for Observer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let between = intermediates.get(..CHAIN_LIMIT).unwrap_or(intermediates);
        let chain = std::iter::once(end_entity).chain(between);
        *self.findings.lock() = Some(SeenCertificate {
            chain: chain.filter_map(|der| Certificate::parse(der)).collect(),
            trust: self.authorities.trust(end_entity, between, now),
            proved: true,
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.proof(verify_tls12_signature(message, cert, dss, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.proof(verify_tls13_signature(message, cert, dss, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashed_names_are_read_of_a_directory() {
        for good in ["5d3033c5.0", "ABCDEF01.12"] {
            assert!(is_hash(good), "{good}");
        }
        for bad in ["ca-bundle.crt", "5d3033c5", "5d3033c5.r0", "5d3033c.0", "5d3033c5.", ""] {
            assert!(!is_hash(bad), "{bad}");
        }
    }
}
