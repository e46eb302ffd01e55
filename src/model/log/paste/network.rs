//! What any program says of a connection or a certificate, in the words in which smtp(8) would say it. Such words may be about
//! anything, so a connection counts only beside a port of mail, or the words of a program that sends mail.

use super::piece::{Piece, ended, is_known_exactly, of_program};
use super::reply::{is_argument, is_code};
use crate::model::log::head::is_host;
use crate::model::route::nexthop::is_loopback;

/// Ports at which relays take mail.
const PORTS: [u16; 4] = [25, 465, 587, 2525];

/// Words of systems and languages for a connection that was not made (errno(3), Windows, .NET, Go's net, Node's libuv), and
/// Postfix's.
const ENDS: [(&str, &str); 17] = [
    ("onnection refused", "Connection refused"),
    ("ECONNREFUSED", "Connection refused"),
    ("onnection timed out", "Connection timed out"),
    ("peration timed out", "Connection timed out"),
    ("ETIMEDOUT", "Connection timed out"),
    ("i/o timeout", "Connection timed out"),
    ("o route to host", "No route to host"),
    ("EHOSTUNREACH", "No route to host"),
    ("etwork is unreachable", "Network is unreachable"),
    ("ENETUNREACH", "Network is unreachable"),
    ("actively refused it", "Connection refused"),
    ("did not properly respond after a period of time", "Connection timed out"),
    ("remote name could not be resolved", NO_NAME),
    ("no such host", NO_NAME),
    ("ENOTFOUND", NO_NAME),
    ("Name or service not known", NO_NAME),
    ("Could not resolve host", NO_NAME),
];
const NO_NAME: &str = "Host not found";
const NAME: &str = "hostname mismatch";

/// Words for TLS of Go (crypto/x509, crypto/tls), Java, Node, GnuTLS and libcurl, and the reason in Postfix's (tls_verify.c,
/// tls_misc.c). The last two are libcurl's without a reason, which is as a rule the issuer.
const TLS: [(&str, &str); 33] = [
    ("x509: certificate has expired", "certificate has expired"),
    ("SSL certificate problem: certificate has expired", "certificate has expired"),
    ("x509: certificate is valid for ", NAME),
    ("no alternative certificate subject name matches target host", NAME),
    ("does not match target host name", NAME),
    ("x509: certificate signed by unknown authority", UNTRUSTED),
    ("x509: failed to load system roots", UNTRUSTED),
    ("Hostname/IP does not match certificate's altnames", NAME),
    ("unable to verify the first certificate", UNTRUSTED),
    ("unable to get local issuer certificate", UNTRUSTED),
    ("self signed certificate in certificate chain", UNTRUSTED),
    ("self-signed certificate in certificate chain", UNTRUSTED),
    ("self signed certificate", SELF_SIGNED),
    ("self-signed certificate", SELF_SIGNED),
    ("DEPTH_ZERO_SELF_SIGNED_CERT", SELF_SIGNED),
    ("PKIX path building failed", UNTRUSTED),
    ("hasn't got a known issuer", UNTRUSTED),
    ("issuer is unknown", UNTRUSTED),
    ("first record does not look like a TLS handshake", NO_TLS_YET),
    ("Unsupported or unrecognized SSL message", NO_TLS_YET),
    ("No appropriate protocol (protocol is disabled", TOO_OLD),
    ("does not advertise the STARTTLS extension", NOT_OFFERED),
    ("does not support STARTTLS", NOT_OFFERED),
    ("Didnt find STARTTLS in server response", NOT_OFFERED),
    ("Verify return code: 10 (certificate has expired", "certificate has expired"),
    ("verify error:num=10:certificate has expired", "certificate has expired"),
    ("Error: certificate has expired", "certificate has expired"),
    ("CertificateExpiredException", "certificate has expired"),
    ("validity check failed", "certificate has expired"),
    ("remote certificate is invalid according to the validation procedure", UNTRUSTED),
    ("remote certificate was rejected", UNTRUSTED),
    ("SSL certificate problem", UNTRUSTED),
    ("SSL peer certificate or SSH remote key was not OK", UNTRUSTED),
];
const UNTRUSTED: &str = "untrusted issuer";
const SELF_SIGNED: &str = "self-signed certificate";
const NO_TLS_YET: &str = "wrong version number";
const TOO_OLD: &str = "unsupported protocol";
const NOT_OFFERED: &str = "TLS is required, but was not offered";

/// What a program says of a connection or a certificate.
pub fn read(text: &str) -> Option<Piece> {
    // The words may be a relay's own, which says what it likes.
    if repeats_a_relay(text) {
        return None;
    }
    tried(text)
        .map(|words| of_program(&words))
        .or_else(|| is_of_mail(text).then(|| of_tls(text)).flatten())
        .or_else(|| of_openssl(text).filter(|_| !is_of_web(text)))
}

/// Whether a line is about a page of the web, a directory or a package, of which programs say the same.
fn is_of_web(text: &str) -> bool {
    const OTHERS: [&str; 7] = ["https://", "HTTPS", "port=443", ":443", "sssd", "ldap", "Curl error ("];
    OTHERS.iter().any(|word| text.contains(word)) && !is_of_mail(text)
}

/// Whether a text begins with a reply of a relay, or says that a relay's words follow.
pub fn repeats_a_relay(text: &str) -> bool {
    let bare = text.trim_start_matches(|c: char| c.is_ascii_punctuation() || c == ' ');
    let (code, rest) = bare.split_at_checked(3).unwrap_or(("", ""));
    let lower = text.to_ascii_lowercase();
    let announces = ["said:", "response:", "replied:", "answered:", "reply:"];
    is_code(code) && rest.starts_with([' ', '-', ',', ':'])
        || announces.iter().any(|words| lower.contains(words))
}

/// Whether a program says that it was to send mail.
pub fn is_of_mail(text: &str) -> bool {
    // The last two are nodemailer's (lib/smtp-connection/index.js).
    const NAMES: [&str; 9] = [
        "smtp",
        "mailer",
        "mailkit",
        ".mail.",
        "=email",
        "/email",
        "email: ",
        "'esocket'",
        "command: 'conn'",
    ];
    let lower = text.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.contains(name)) || lower.contains("send") && lower.contains("mail")
}

/// What a program says with which somebody tried to reach the relay.
fn tried(text: &str) -> Option<String> {
    let (at, end) = ENDS.iter().find_map(|(words, end)| Some((text.find(words)?, end)))?;
    let before = text.get(..at)?.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if is_argument(before) {
        return None;
    }
    let (host, port) = place(text);
    let is_by_hand = ["telnet: ", "nc: ", "ncat: ", "Ncat: "].iter().any(|name| text.starts_with(name));
    if !(is_by_hand || port.is_some() || is_of_mail(text)) {
        return None;
    }
    let host = host.unwrap_or("relay");
    Some(match port {
        _ if *end == NO_NAME => {
            format!("Host or domain name not found. Name service error for name={host} type=A: {end}")
        }
        port if is_loopback(host) => not_heard_here(host, port, end),
        Some(port) => format!("connect to {host}[{host}]:{port}: {end}"),
        None => format!("connect to {host}: {end}"),
    })
}

/// The words for a program that is not Postfix, hands its mail to its own host, and so has not reached Postfix. smtp(8) never
/// says them.
pub fn not_heard_here(host: &str, port: Option<u16>, end: &str) -> String {
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    format!("connect to the SMTP server of this host at {host}{port}: {end}")
}

/// The host that a text names, and its port if that is one of mail: `HOST:25`, `HOST port 25`, `HOST, 25`.
pub fn place(text: &str) -> (Option<&str>, Option<u16>) {
    let is_port = |port: &u16| PORTS.contains(port);
    // Go names the name server after the name: `lookup NAME on ADDRESS:53`.
    let looked_up = text.split_once("lookup ").and_then(|(_, rest)| rest.split_once(" on "));
    let text = looked_up.map_or(text, |(name, _)| name);
    let (mut host, mut port) = (None, None);
    let words =
        text.split([' ', '"', '\'', '(', ')', ',', ';', '=']).map(|word| word.trim_end_matches([':', '.']));
    for word in words.filter(|word| !word.is_empty()) {
        // An address without brackets has no port in it.
        let pair = word.rsplit_once(':').filter(|_| word.parse::<std::net::Ipv6Addr>().is_err());
        let pair = pair.and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let name = pair.map_or(word, |(host, _)| host).trim_matches(['[', ']']);
        port = port.or(pair.map(|(_, port)| port).or_else(|| word.parse().ok()).filter(is_port));
        let is_address = || name.parse::<std::net::IpAddr>().is_ok();
        // A word with colons may be a program's: `Errno::ECONNREFUSED`.
        let is_name = is_address()
            || is_host(name) && !name.contains(':') && (name.contains('.') || name == "localhost");
        let is_place =
            is_name && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.contains('/');
        // A program's class or function, or a version, has dots too; a place with a port is certain.
        let is_of_program = || {
            let calls = ["(\"", "('"].map(|open| format!("{name}{open}"));
            name.contains("Exception")
                || name.ends_with("Error")
                || calls.iter().any(|call| text.contains(call))
        };
        if is_place && (pair.is_some() || host.is_none()) && !is_of_program() {
            host = Some(name);
        }
    }
    (host, port)
}

/// What a program says of TLS or of a certificate, if it is about mail.
pub fn of_tls(text: &str) -> Option<Piece> {
    if repeats_a_relay(text) || is_of_web(text) {
        return None;
    }
    // Ruby's: `certificate verify failed (self signed certificate)`, `SSL_connect returned=1 errno=0 state=error: REASON`
    let in_ruby = text.split_once("certificate verify failed (").map(|(_, why)| why.trim_end_matches(')'));
    let of_ruby =
        || text.split_once("SSL_connect returned=").and_then(|(_, rest)| rest.split_once("state=error: "));
    let words = match TLS.iter().find(|(words, _)| text.contains(words)) {
        Some((_, NAME)) => not_verified(),
        Some((_, NOT_OFFERED)) => format!("{NOT_OFFERED} by host relay"),
        Some((_, error @ (NO_TLS_YET | TOO_OLD))) => library(error),
        Some((_, why)) => not_trusted(why),
        None => in_ruby.map(not_trusted).or_else(|| Some(library(of_ruby()?.1)))?,
    };
    is_known_exactly(&words).then(|| of_program(&words))
}

/// Postfix's words for a certificate that it does not trust, and for an error of OpenSSL.
fn not_trusted(why: &str) -> String {
    ended(&format!("certificate verification failed for relay: {why}"))
}

/// Postfix says of a name alone that the certificate is not verified.
fn not_verified() -> String {
    format!("Server certificate not verified: {NAME}")
}

fn library(error: &str) -> String {
    format!("warning: TLS library problem: error:00000000:SSL routines::{error}")
}

/// An error of OpenSSL, as any program shows it, in the words in which Postfix would.
fn of_openssl(text: &str) -> Option<Piece> {
    let error = if let Some(at) = text.find(":SSL routines:") {
        let begin = text.get(..at)?.rfind("error:")?;
        text.get(begin..)?.to_owned()
    } else {
        // Python's ssl: `[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1129)`
        let (_, words) = text.split_once("[SSL: ")?.1.split_once("] ")?;
        format!("error:00000000:SSL routines::{words}")
    };
    let words = match error.split_once("certificate verify failed: ") {
        // X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: it is the authority that signed itself, as all do, and it is not trusted.
        Some((_, why)) if why.contains("in certificate chain") => not_trusted(UNTRUSTED),
        Some((_, why)) if why.starts_with("Hostname mismatch") => not_verified(),
        Some((_, why)) => not_trusted(why),
        None if error.contains("certificate verify failed") => not_trusted(UNTRUSTED),
        None => format!("warning: TLS library problem: {error}"),
    };
    is_known_exactly(&words).then(|| of_program(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_say_of_a_connection() {
        for (text, expected) in [
            (
                "telnet: connect to address 192.0.2.1: Connection timed out",
                "connect to 192.0.2.1: Connection timed out",
            ),
            (
                "nc: connect to r.example.com port 25 (tcp) failed: Connection refused",
                "connect to r.example.com[r.example.com]:25: Connection refused",
            ),
            (
                "lvl=eror msg=\"Failed to send alert notification email\" error=\"dial tcp 192.0.2.1:587: i/o timeout\"",
                "connect to 192.0.2.1[192.0.2.1]:587: Connection timed out",
            ),
            (
                "Errno::ECONNREFUSED: Connection refused - connect(2) for \"localhost\" port 25",
                "connect to the SMTP server of this host at localhost:25: Connection refused",
            ),
            (
                "Errno::ECONNREFUSED: Connection refused - connect(2) for \"r.example.com\" port 587",
                "connect to r.example.com[r.example.com]:587: Connection refused",
            ),
            (
                "msg: Failed to send mail to server localhost on port 25: [Errno 61] Connection refused",
                "connect to the SMTP server of this host at localhost:25: Connection refused",
            ),
            (
                "Error: connect ECONNREFUSED 192.0.2.1:465",
                "connect to 192.0.2.1[192.0.2.1]:465: Connection refused",
            ),
            (
                "Couldn't connect to host, port: smtp.example.com, 587; nested: Connection timed out",
                "connect to smtp.example.com[smtp.example.com]:587: Connection timed out",
            ),
            (
                "Error: getaddrinfo ENOTFOUND smtp.example.com",
                "Host or domain name not found. Name service error for name=smtp.example.com type=A: Host not found",
            ),
            (
                "send mail: x509: certificate is valid for a.example.com, not r.example.com",
                "Server certificate not verified: hostname mismatch",
            ),
            (
                "SMTP Error: state=error: certificate verify failed (self signed certificate)",
                "Server certificate not trusted: certificate verification failed for relay: self-signed certificate",
            ),
            (
                "Error: 14:error:1408F10B:SSL routines:ssl3_get_record:wrong version number:x.c:332:",
                "warning: TLS library problem: error:1408F10B:SSL routines:ssl3_get_record:wrong version number:x.c:332:",
            ),
            (
                "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1129)",
                "warning: TLS library problem: error:00000000:SSL routines::wrong version number (_ssl.c:1129)",
            ),
            (
                "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain (_ssl.c:1006)",
                "Server certificate not trusted: certificate verification failed for relay: untrusted issuer",
            ),
            (
                "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1129)",
                "Server certificate not trusted: certificate verification failed for relay: self-signed certificate (_ssl.c:1129)",
            ),
        ] {
            assert_eq!(read(text).and_then(Piece::reason).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_about_mail() {
        for text in [
            "dial tcp 192.0.2.1:5432: connect: connection refused",
            "fetchmail: connection to pop.example.com failed: Connection refused",
            "curl: (6) Could not resolve host: example.com",
            "pull image: x509: certificate signed by unknown authority",
            "the connection timed out",
            "send mail error: server said: 550 dial tcp 192.0.2.9:25: connection refused",
            "554 mail.example.net no such host smtp.example.com:25",
            "mail server response: 550 Message rejected, i/o timeout at smtp.example.com:25",
            "220 mail.example.net ESMTP connection refused smtp:25",
            "<** 250-x x509: certificate signed by unknown authority smtp",
            "if smtp.message.contains(\"Connection refused\") {",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
