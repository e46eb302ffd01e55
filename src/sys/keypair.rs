//! A new RSA key with a certificate that it has signed itself. ring signs with such a key and makes none, so the crate rsa
//! makes it; it does nothing else with it.

use jiff::civil::Date;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, date_time_ymd,
};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::{Generate, PrivateKey};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::model::secret::Secret;

/// A certificate and its key.
#[derive(Debug)]
pub struct Pair {
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
    /// The certificate, in PEM.
    pub pem: String,
    /// The key, in PEM (PKCS #8).
    pub key: Secret,
}

/// Makes a key of 3072 bits (the default of the crate, and long enough for Entra) and a certificate for a name, from one day
/// to another. The error is in words.
pub fn make(name: &str, from: Date, to: Date) -> Result<Pair, String> {
    let made =
        PrivateKey::try_generate().map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let der = made.to_pkcs8_der().map_err(|error| words(&error))?;
    let key = made.to_pkcs8_pem(LineEnding::LF).map_err(|error| words(&error))?;
    let signer =
        KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der.as_bytes()), &PKCS_RSA_SHA256);
    let signer = signer.map_err(|error| words(&error))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let day = |date: Date| {
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (day(from), day(to));
    let certificate = params.self_signed(&signer).map_err(|error| words(&error))?;
    Ok(Pair {
        certificate: certificate.der().to_vec(),
        pem: certificate.pem(),
        key: Secret::new(key.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oauth::certificate::Certificate;

    #[test]
    fn what_is_made_is_what_a_flow_reads() {
        let date = |year| Date::new(year, 2, 28).unwrap();
        let pair = make("relayhost on op5", date(2026), date(2028)).unwrap();
        let file = Secret::new(format!("{}{}", pair.pem, pair.key.expose()));
        let read = Certificate::parse(&file).unwrap();
        assert_eq!(read.ends, 1_835_308_800);
        assert_eq!(read.key.pair().public().modulus_len(), 384);
    }
}
