//! Servers of this machine's own, each with one thing wrong, and what is said of it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, NameConstraints, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, Stream};

use super::super::{Message, Via, deliver};
use super::*;
use crate::model::secret::Secret;
use crate::sys::{clock, scratch};

/// A server's certificates, the first its own, and its key.
struct Shown(Vec<CertificateDer<'static>>, KeyPair);

/// The one certificate that a server shows, whatever it is.
#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// An authority, as `change` makes it.
fn authority(name: &str, change: impl Fn(&mut CertificateParams)) -> (CertificateParams, KeyPair) {
    let mut params = params(&[]);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    (params, KeyPair::generate().unwrap())
}

/// Posts to a server which does `serve` with the first connection, and says what came of it.
fn post(bundle: &Path, serve: impl FnOnce(TcpStream) + Send + 'static) -> Result<u16, (Obstacle, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || serve(listener.accept().unwrap().0));
    let answer = to(&format!("https://127.0.0.1:{port}/hush"), bundle, Duration::from_secs(10), None);
    server.join().unwrap();
    answer
}

fn to(url: &str, bundle: &Path, patience: Duration, proxy: Option<&str>) -> Result<u16, (Obstacle, String)> {
    let message =
        Message { url: Secret::new(url), content_type: "text/plain", headers: Vec::new(), body: "x".into() };
    // Without a proxy of the environment's.
    let way = proxy.map_or(Via(None), |proxy| Via::new(Some(proxy)).unwrap());
    deliver(message, &way, Some(bundle), 1000, clock::now() + patience).map(|answer| answer.status)
}

/// What is said to a server that shows this, where the host knows the authorities `known`.
fn shown(known: &[&CertificateDer<'_>], Shown(chain, key): Shown) -> Result<u16, (Obstacle, String)> {
    let scratch = scratch::directory().unwrap();
    let bundle = scratch.path().join("bundle.pem");
    let pem: String = known.iter().map(|der| pem(der)).collect();
    std::fs::write(&bundle, pem).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = ring::sign::any_supported_type(&key).unwrap();
    let only = Only(Arc::new(CertifiedKey::new(chain, key)));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(only));
    post(&bundle, move |mut socket| {
        let mut session = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = Stream::new(&mut session, &mut socket);
        if stream.read(&mut [0; 1000]).is_ok() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    })
}

fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// A server's certificate, which a known authority has signed, as `change` makes it, with other bytes in the place of some.
fn signed(
    change: impl Fn(&mut CertificateParams),
    bytes: Option<(&[u8], &[u8])>,
) -> Result<u16, (Obstacle, String)> {
    let (above, above_key) = authority("known", |_| ());
    let root = above.self_signed(&above_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut own = params(&["127.0.0.1"]);
    change(&mut own);
    let der = own.signed_by(&key, &Issuer::new(above, above_key)).unwrap().der().to_vec();
    let der = bytes.map_or(der.clone(), |(old, new)| exchanged(&der, old, new));
    shown(&[root.der()], Shown(vec![der.into()], key))
}

fn exchanged(der: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut der = der.to_vec();
    let places: Vec<usize> = (0..der.len() - old.len()).filter(|at| der[*at..].starts_with(old)).collect();
    assert!(!places.is_empty(), "{old:?}");
    for at in &places {
        der[*at..at + new.len()].copy_from_slice(new);
    }
    der
}

#[track_caller]
fn refused(answer: Result<u16, (Obstacle, String)>, flaw: Flaw, words: &str) {
    let (obstacle, said) = answer.unwrap_err();
    assert_eq!(obstacle, Obstacle::Certificate(flaw), "{said}");
    assert!(said.contains(words) && !said.contains("hush"), "{said}");
}

#[test]
fn a_certificate_of_a_known_authority_is_taken() {
    assert_eq!(signed(|_| (), None), Ok(200));
}

#[test]
fn each_flaw_of_a_certificate_has_words_of_its_own() {
    refused(signed(|own| own.not_after = date_time_ymd(2020, 1, 1), None), Flaw::Ended, "it has expired");
    let early = |own: &mut CertificateParams| own.not_before = date_time_ymd(2090, 1, 1);
    refused(signed(early, None), Flaw::Early, "not valid yet");
    let names = |own: &mut CertificateParams| {
        own.subject_alt_names = params(&["hooks.example.com", "192.0.2.7"]).subject_alt_names;
    };
    refused(signed(names, None), Flaw::Name, "for another name: hooks.example.com, 192.0.2.7");
    refused(signed(|own| own.subject_alt_names.clear(), None), Flaw::Name, "has no name of a host");
    let client = |own: &mut CertificateParams| {
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    refused(signed(client, None), Flaw::Purpose, "not for servers");
    let odd = |own: &mut CertificateParams| {
        let mut odd = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        odd.set_criticality(true);
        own.custom_extensions = vec![odd];
    };
    refused(signed(odd, None), Flaw::Form, "critical extension that is not known");
    let ca = |own: &mut CertificateParams| own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    refused(signed(ca, None), Flaw::OfAuthority, "marked as an authority's own");
    // The version, 3 as 2: 1 would be left out.
    let version = (&[0xa0, 3, 2, 1, 2][..], &[0xa0, 3, 2, 1, 1][..]);
    refused(signed(|_| (), Some(version)), Flaw::Form, "has to be of version 3");
    // ecdsa-with-SHA256 becomes ecdsa-with-SHA224.
    let sha224 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3];
    let weak = ([&sha224[..], &[2]].concat(), [&sha224[..], &[1]].concat());
    refused(signed(|_| (), Some((&weak.0, &weak.1))), Flaw::Algorithm, "signed in a way that is not taken");
    let name = |own: &mut CertificateParams| own.distinguished_name.push(rcgen::DnType::CommonName, "before");
    refused(signed(name, Some((b"before", b"behind"))), Flaw::Signature, "its signature is not good");
    let garbage = Shown(vec![vec![1, 2, 3].into()], KeyPair::generate().unwrap());
    refused(shown(&[], garbage), Flaw::Form, "it cannot be read");
}

#[test]
fn a_certificate_that_signs_itself_is_told_from_one_of_an_unknown_authority() {
    let make = |is_ca: bool| {
        let mut own = params(&["127.0.0.1"]);
        own.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        let key = KeyPair::generate().unwrap();
        (own.self_signed(&key).unwrap().der().clone(), key)
    };
    // As `openssl req -x509` makes it: to put it into the bundle is no help.
    for is_known in [false, true] {
        let (der, key) = make(true);
        let known = der.clone();
        let known: Vec<&CertificateDer<'_>> = is_known.then_some(&known).into_iter().collect();
        let answer = shown(&known, Shown(vec![der], key));
        refused(answer, Flaw::OfAuthority, "marked as an authority's own (CA:TRUE)");
    }
    let (der, key) = make(false);
    refused(shown(&[], Shown(vec![der], key)), Flaw::Authority, "does not know the authority");
    let (der, key) = make(false);
    assert_eq!(shown(&[&der.clone()], Shown(vec![der], key)), Ok(200));
}

/// What is said where the host knows an authority, which has signed another, which has signed the server's.
fn below(
    known: impl Fn(&mut CertificateParams),
    between: impl Fn(&mut CertificateParams),
) -> Result<u16, (Obstacle, String)> {
    let (root, root_key) = authority("known", known);
    let root_der = root.self_signed(&root_key).unwrap().der().clone();
    let (middle, middle_key) = authority("between", between);
    let middle_der = middle.signed_by(&middle_key, &Issuer::new(root, root_key)).unwrap().der().clone();
    let key = KeyPair::generate().unwrap();
    let own = params(&["127.0.0.1"]).signed_by(&key, &Issuer::new(middle, middle_key)).unwrap();
    shown(&[&root_der], Shown(vec![own.der().clone(), middle_der], key))
}

#[test]
fn who_may_sign_for_whom() {
    assert_eq!(below(|_| (), |_| ()), Ok(200));
    refused(
        below(|_| (), |between| between.is_ca = IsCa::ExplicitNoCa),
        Flaw::Chain,
        "no authority's has signed",
    );
    let only = |known: &mut CertificateParams| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName("example.com".into())];
        known.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    };
    let not_here = |between: &mut CertificateParams| {
        let excluded_subtrees =
            vec![GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8))];
        between.name_constraints =
            Some(NameConstraints { permitted_subtrees: Vec::new(), excluded_subtrees });
    };
    assert_eq!(below(only, |_| ()), Ok(200));
    refused(below(|_| (), not_here), Flaw::Chain, "may not sign for this name");
}

#[test]
fn what_listens_there_speaks_no_tls_or_another() {
    let nowhere = Path::new("/nonexistent");
    let says = |bytes: &'static [u8]| {
        post(nowhere, move |mut socket| {
            let _ = socket.read(&mut [0; 1000]);
            socket.write_all(bytes).unwrap();
            let _ = socket.read(&mut [0; 1000]);
        })
        .unwrap_err()
    };
    for plain in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"220 mail.example.com ESMTP\r\n"] {
        let (obstacle, words) = says(plain);
        assert_eq!(
            (obstacle, words.as_str()),
            (Obstacle::NoTls, "what listens at that port does not speak TLS")
        );
    }
    // Alerts: handshake_failure, protocol_version, unrecognized_name, certificate_required, internal_error.
    for (alert, kind) in [
        (b"\x15\x03\x03\x00\x02\x02\x28", Obstacle::Common),
        (b"\x15\x03\x03\x00\x02\x02\x46", Obstacle::Common),
        (b"\x15\x03\x03\x00\x02\x02\x70", Obstacle::ServerName),
        (b"\x15\x03\x03\x00\x02\x02\x74", Obstacle::ClientCertificate),
        (b"\x15\x03\x03\x00\x02\x02\x50", Obstacle::Tls),
    ] {
        let (obstacle, words) = says(alert);
        assert_eq!(obstacle, kind, "{words}");
    }
    let lost = post(nowhere, drop).unwrap_err();
    assert_eq!(lost.0, Obstacle::Lost, "{}", lost.1);
}

#[test]
fn what_keeps_from_connecting() {
    let nowhere = Path::new("/nonexistent");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let soon = Duration::from_secs(5);
    let (obstacle, words) = to(&format!("https://127.0.0.1:{closed}/hush"), nowhere, soon, None).unwrap_err();
    assert_eq!((obstacle, words.as_str()), (Obstacle::Refused, "Connection refused"));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/hush", silent.local_addr().unwrap());
    let late = to(&url, nowhere, Duration::from_millis(300), None).unwrap_err();
    assert_eq!(late, (Obstacle::Late, "no answer in time".into()));
    // getaddrinfo(3) asks nobody for a name that cannot be one.
    let name = format!("https://{}.invalid/hush", "a".repeat(64));
    let (obstacle, words) = to(&name, nowhere, soon, None).unwrap_err();
    assert_eq!(obstacle, Obstacle::Name, "{words}");
    assert!(words.starts_with("the name of the host is not known") && !words.contains("hush"), "{words}");
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", refusing.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut socket, _) = refusing.accept().unwrap();
        let (mut asked, mut part) = (Vec::new(), [0; 1000]);
        while !asked.ends_with(b"\r\n\r\n") {
            let count = socket.read(&mut part).unwrap();
            asked.extend_from_slice(&part[..count]);
        }
        socket.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let (obstacle, words) = to("https://hooks.example.com/hush", nowhere, soon, Some(&proxy)).unwrap_err();
    server.join().unwrap();
    assert_eq!(obstacle, Obstacle::Proxy, "{words}");
    assert!(words.contains("407") && !words.contains("hush"), "{words}");
}

#[test]
fn words_of_the_system_have_kinds() {
    use std::io::Error;
    let lookup = |said: &str| of_io(&Error::other(format!("{LOOKUP}{said}")));
    assert_eq!(lookup("Name or service not known").0, Obstacle::Name);
    assert_eq!(lookup("No address associated with hostname").0, Obstacle::Name);
    assert_eq!(lookup(NO_ANSWER[0]), (Obstacle::NameServers, "no name server has answered".into()));
    for (number, obstacle) in [
        (nix::libc::ECONNREFUSED, Obstacle::Refused),
        (nix::libc::EHOSTUNREACH, Obstacle::Unreachable),
        (nix::libc::ENETUNREACH, Obstacle::Unreachable),
        (nix::libc::EADDRNOTAVAIL, Obstacle::Unreachable),
        (nix::libc::EPERM, Obstacle::Forbidden),
        (nix::libc::EACCES, Obstacle::Forbidden),
        (nix::libc::ETIMEDOUT, Obstacle::Late),
        (nix::libc::ECONNRESET, Obstacle::Lost),
        (nix::libc::EPIPE, Obstacle::Lost),
    ] {
        let (found, words) = of_io(&Error::from_raw_os_error(number));
        assert_eq!(found, obstacle, "{words}");
        assert!(!words.contains("os error"), "{words}");
    }
}
