//! What a program says that says no more than that it did not reach the relay, or could not log in. It counts only if no other
//! line says more.

use super::exception::{readings, without_end};
use super::piece::Piece;
use crate::model::causes::catalogue::{Fix, Stage, Verdict};
use crate::model::causes::{Basis, Cause};

/// Beginnings of sentences of a program that could not connect, or could not log in.
const NOT_CONNECTED: [&str; 14] = [
    "could not connect",
    "couldn't connect",
    "failed to connect",
    "unable to connect",
    "cannot connect",
    "can't connect",
    "error connecting",
    "connection could not be established",
    "connect() failed",
    "smtp connect() failed",
    "smtp connection failed",
    "connection failed",
    "please run connect() first",
    "an error occurred while attempting to establish an ssl or tls connection",
];
const NOT_LOGGED_IN: [&str; 10] = [
    "could not authenticate",
    "couldn't authenticate",
    "failed to authenticate",
    "unable to authenticate",
    "cannot authenticate",
    "smtp authentication failed",
    "sasl authentication failed",
    "authentication failed",
    "smtpauthenticationerror",
    "login denied",
];
/// Sentences that count alone, without a word about mail (libcurl, .NET, mutt, smtplib).
const ALONE: [&str; 5] = [
    "login denied",
    "sasl authentication failed",
    "unable to connect to the remote server",
    "please run connect() first",
    "smtpauthenticationerror",
];

/// What a program says without a reason; `of_mail`: the line is about mail. Any program says that it could not connect.
pub fn read(text: &str, of_mail: bool) -> Option<Piece> {
    let cause = readings(text).find_map(|(_, words)| {
        let words = words.split_once("(67) ").map_or(words, |(_, rest)| rest);
        let lower = without_end(words).to_ascii_lowercase();
        let begins = |sentences: &[&str]| sentences.iter().any(|sentence| lower.starts_with(sentence));
        match () {
            () if !of_mail && !ALONE.contains(&lower.as_str()) => None,
            () if begins(&NOT_CONNECTED) => Some(not_connected()),
            () if begins(&NOT_LOGGED_IN) => Some(not_logged_in()),
            () => None,
        }
    })?;
    Some(Piece::Cause(Box::new(cause), text.trim().to_owned()))
}

fn not_connected() -> Cause {
    Cause {
        id: "connect-unexplained".into(),
        basis: Basis::Inferred,
        fix: Some(Fix::Apply),
        cause: "a program could not connect to the relay, and does not say why: a wrong host or port, a firewall, a name that \
                is not in DNS, or TLS from the first byte on a port that does not expect it (465 does, 587 and 25 do not)"
            .into(),
        remedy: "`relayhost probe` tries the same relay from that host and names the reason (the answers have its host and port); \
                 or have the program show its talk with the relay, and give that to `relayhost diagnose -`"
            .into(),
        ..Cause::unknown(Stage::Connect, Verdict::Unreached)
    }
}

fn not_logged_in() -> Cause {
    Cause {
        id: "login-unexplained".into(),
        basis: Basis::Inferred,
        fix: Some(Fix::Apply),
        cause: "a program could not log in to the relay, and does not say why: a wrong user name or password, a password where \
                the provider wants one for programs or an access token, or a login before TLS"
            .into(),
        remedy: "`relayhost probe` logs in from that host with the answers' user and password and shows the relay's own words; \
                 or have the program show its talk with the relay, and give that to `relayhost diagnose -`"
            .into(),
        ..Cause::unknown(Stage::Login, Verdict::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::is_of_mail;
    use super::*;

    #[test]
    fn a_program_that_does_not_say_why() {
        for (text, id) in [
            ("SMTP connect() failed. https://example.com/wiki", Some("connect-unexplained")),
            ("SMTP Error: Could not connect to SMTP host.", Some("connect-unexplained")),
            ("*** Error connecting to smtp.example.com:587:", Some("connect-unexplained")),
            ("Mailer Error: SMTP Error: Could not authenticate.", Some("login-unexplained")),
            ("If it could not connect to the SMTP server, check the port", None),
            ("could not connect to the database", None),
            ("Your SMTP server is fine", None),
        ] {
            let told = read(text, is_of_mail(text)).map(|piece| match piece {
                Piece::Cause(cause, _) => cause.id,
                other => panic!("{other:?}"),
            });
            assert_eq!(told.as_deref(), id, "{text}");
        }
    }
}
