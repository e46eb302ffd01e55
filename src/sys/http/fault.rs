//! Why a question by HTTPS has no answer, in words for a person. The libraries' own names for it say nothing to an administrator.

use std::io::ErrorKind;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use crate::model::alarm::obstacle::{Flaw, Obstacle};

/// How the standard library begins what getaddrinfo(3) has said.
const LOOKUP: &str = "failed to lookup address information: ";
/// What EAI_AGAIN is called by glibc and by musl: no name server has answered.
const NO_ANSWER: [&str; 2] = ["Temporary failure in name resolution", "Try again"];
/// Most names of a certificate that are said.
const NAMES: usize = 5;

/// What kept a message from the server, and the words for it, which have neither the address nor a secret in them.
pub fn of(error: &ureq::Error) -> (Obstacle, String) {
    if let Some(fault) = of_tls(error) {
        return of_rustls(fault);
    }
    match error {
        // Their own words would have the address in them.
        ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => {
            (Obstacle::Address, "its address is none that can be posted to".into())
        }
        ureq::Error::HostNotFound => (Obstacle::Name, "the name of the host has no address".into()),
        ureq::Error::Timeout(ureq::Timeout::Resolve) => {
            (Obstacle::NameServers, "no name server has answered in time".into())
        }
        ureq::Error::Timeout(_) => (Obstacle::Late, "no answer in time".into()),
        ureq::Error::ConnectProxyFailed(reason) => {
            (Obstacle::Proxy, format!("it does not connect to the receiver: {reason}"))
        }
        ureq::Error::BodyExceedsLimit(limit) => {
            (Obstacle::Other, format!("its answer is longer than {limit} bytes"))
        }
        ureq::Error::Io(error) => of_io(error),
        ureq::Error::ConnectionFailed => (Obstacle::Refused, "no connection could be made".into()),
        ureq::Error::Protocol(error) => (Obstacle::Other, format!("its answer is not HTTP: {error}")),
        other => (Obstacle::Other, other.to_string()),
    }
}

/// The fault that TLS has found, if it was one.
fn of_tls(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(fault) => Some(fault),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

fn of_io(error: &std::io::Error) -> (Obstacle, String) {
    let text = error.to_string();
    // The standard library has no kind for it.
    if let Some(said) = text.strip_prefix(LOOKUP) {
        return if NO_ANSWER.contains(&said) {
            (Obstacle::NameServers, "no name server has answered".into())
        } else {
            (Obstacle::Name, format!("the name of the host is not known: {said}"))
        };
    }
    let obstacle = match error.kind() {
        ErrorKind::TimedOut => Obstacle::Late,
        ErrorKind::ConnectionRefused => Obstacle::Refused,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => Obstacle::Unreachable,
        ErrorKind::PermissionDenied => Obstacle::Forbidden,
        ErrorKind::UnexpectedEof => {
            return (Obstacle::Lost, "the connection was ended from there, without an answer".into());
        }
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => Obstacle::Lost,
        _ => Obstacle::Other,
    };
    (obstacle, crate::sys::wire::words(error))
}

fn of_rustls(fault: &rustls::Error) -> (Obstacle, String) {
    match fault {
        rustls::Error::InvalidCertificate(fault) => {
            let (flaw, why) = of_certificate(fault);
            (Obstacle::Certificate(flaw), format!("its certificate is not accepted: {why}"))
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            (Obstacle::NoTls, "what listens at that port does not speak TLS".into())
        }
        rustls::Error::AlertReceived(alert) => of_alert(*alert),
        rustls::Error::PeerIncompatible(_) => {
            (Obstacle::Common, "it speaks no TLS that relayhost speaks (1.2 and 1.3)".into())
        }
        rustls::Error::NoCertificatesPresented => (Obstacle::Tls, "it shows no certificate".into()),
        other => (Obstacle::Tls, format!("its TLS is faulty: {other}")),
    }
}

/// What the server says by an alert (RFC 8446 §6).
fn of_alert(alert: AlertDescription) -> (Obstacle, String) {
    use AlertDescription as Alert;
    match alert {
        Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity => {
            (Obstacle::Common, "it takes no TLS that relayhost speaks (1.2 and 1.3)".into())
        }
        Alert::UnrecognisedName => (Obstacle::ServerName, "it does not know the name of the host".into()),
        Alert::CertificateRequired
        | Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => {
            (Obstacle::ClientCertificate, format!("it asks for a certificate of this host ({alert:?})"))
        }
        other => (Obstacle::Tls, format!("it has ended TLS ({other:?})")),
    }
}

/// Why a certificate is not accepted.
fn of_certificate(fault: &CertificateError) -> (Flaw, String) {
    use CertificateError as Fault;
    let (flaw, why) = match fault {
        Fault::Expired | Fault::ExpiredContext { .. } => (Flaw::Ended, "it has expired"),
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => (Flaw::Early, "it is not valid yet"),
        Fault::NotValidForNameContext { presented, .. } => return (Flaw::Name, of_names(presented)),
        Fault::NotValidForName => (Flaw::Name, "it is for another name"),
        Fault::Revoked => (Flaw::Revoked, "it is revoked"),
        Fault::UnknownIssuer => (Flaw::Authority, "this host does not know the authority that has signed it"),
        Fault::BadSignature => {
            (Flaw::Signature, "its signature is not good, or is by an RSA key of less than 2048 bits")
        }
        Fault::UnsupportedSignatureAlgorithmContext { .. }
        | Fault::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            (Flaw::Algorithm, "it is signed in a way that is not taken, such as with SHA-1")
        }
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => {
            (Flaw::Purpose, "it is not for servers (extendedKeyUsage has no serverAuth)")
        }
        Fault::BadEncoding => (Flaw::Form, "it cannot be read"),
        Fault::Other(other) => return of_path(&other.to_string()),
        // Lists of revoked certificates are not asked for.
        other => return (Flaw::Form, other.to_string()),
    };
    (flaw, why.to_owned())
}

/// What webpki says where rustls has no kind for it, by webpki's own name for it.
fn of_path(said: &str) -> (Flaw, String) {
    const KNOWN: [(&str, Flaw, &str); 8] = [
        // What `openssl req -x509` makes.
        (
            "CaUsedAsEndEntity",
            Flaw::OfAuthority,
            "it is marked as an authority's own (CA:TRUE), and a server is to have another one",
        ),
        ("EndEntityUsedAsCa", Flaw::Chain, "a certificate that is no authority's has signed it"),
        ("PathLenConstraintViolated", Flaw::Chain, "there are more authorities below one than it allows"),
        ("NameConstraintViolation", Flaw::Chain, "its authority may not sign for this name"),
        ("Maximum", Flaw::Chain, "there are too many certificates between it and an authority"),
        ("SignatureAlgorithmMismatch", Flaw::Form, "it names two ways in which it is signed"),
        ("UnsupportedCertVersion", Flaw::Form, "it is of version 1 or 2, and has to be of version 3"),
        ("UnsupportedCriticalExtension", Flaw::Form, "it has a critical extension that is not known"),
    ];
    let known = KNOWN.into_iter().find(|(name, ..)| said.contains(name));
    known.map_or_else(
        || (Flaw::Form, format!("its form is not what it has to be ({said})")),
        |(_, flaw, why)| (flaw, why.to_owned()),
    )
}

/// The names that a certificate has, as the library writes them: `DnsName("a.example.com")`, `IpAddress(192.0.2.1)`.
fn of_names(presented: &[String]) -> String {
    let name = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
        inner.trim_matches('"').to_owned()
    };
    let names: Vec<String> = presented.iter().take(NAMES).map(name).collect();
    let more = if presented.len() > NAMES { ", …" } else { "" };
    match &names[..] {
        // The CN of its subject is no name of a host (RFC 9525).
        [] => "it has no name of a host (subjectAltName)".into(),
        names => format!("it is for another name: {}{more}", names.join(", ")),
    }
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
