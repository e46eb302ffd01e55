//! What follows from a look into the mailbox, in words: a message that lies in the folder for junk, that was not seen, and a
//! mailbox that could not be looked into. In each of these the relay has accepted the message.

use super::Seen;
use super::authentication::Authentication;
use super::mailbox::{Access, Mailbox};
use crate::error::Error;
use crate::model::causes::failure::Failure;
use crate::model::text::{domain_of, plain, quoted};

/// Most folders that a sentence names.
const NAMED: usize = 6;

fn failure(id: &str, cause: String, remedy: &str, evidence: Vec<String>) -> Failure {
    Failure::new(false, id, cause, remedy, evidence)
}

/// The message lies in the folder for junk, where nobody reads it.
pub fn in_junk(seen: &Seen, to: &str) -> Failure {
    let letter = &seen.letter;
    let mut why: Vec<String> =
        letter.authentication.iter().flat_map(Authentication::faults).map(str::to_owned).collect();
    why.extend(letter.filters.iter().map(|(name, value)| format!("{name}: {}", plain(value))));
    let known = if why.is_empty() { "its headers do not say why".to_owned() } else { why.join("; ") };
    let cause = format!(
        "the message to {to} arrived, and the receiver took it for junk (folder {}): {known}",
        plain(&seen.folder)
    );
    let remedy = "have whoever runs that mailbox let mail of this sender through (its list of safe senders, or a rule of its \
                  filter); where SPF, DKIM or DMARC is named, have DNS of the sender's domain say that the relay sends for it, \
                  and the relay sign it; then `relayhost verify`";
    let evidence = letter.filters.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    failure("arrived-in-junk", cause, remedy, evidence)
}

/// What is known of a report in the mailbox of the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    /// The answers do not name that mailbox.
    NotAsked,
    /// It has none.
    Nothing,
    /// It could not be looked into, for the cause of this name.
    Unknown(String),
}

/// The message was in none of these folders when the time was over.
/// `returns`: what is known of the sender's mailbox.
pub fn not_arrived(to: &str, from: &str, folders: &[String], waited: &str, returns: &Returned) -> Failure {
    let mut named: Vec<String> = folders.iter().take(NAMED).map(|name| plain(name)).collect();
    let more = folders.len().saturating_sub(named.len());
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let cause = format!(
        "the relay accepted the message, and within {waited} it did not arrive in the mailbox of {to} (looked into: {}){}",
        named.join(", "),
        match returns {
            Returned::NotAsked => String::new(),
            Returned::Nothing => "; no report on it has come back to the mailbox of the sender".into(),
            Returned::Unknown(id) => format!("; the mailbox of the sender could not be looked into [{id}]"),
        }
    );
    let first = match returns {
        Returned::NotAsked => {
            "look into the mailbox of the sender for a message that came back ([verify.arrival.sender] of the answers has \
             relayhost do that), and ask"
        }
        Returned::Nothing => "ask",
        Returned::Unknown(_) => "look into the mailbox of the sender for a message that came back, and ask",
    };
    let remedy = format!(
        "{first} whoever runs the relay, or the mail of \
         {}, what became of it, by the relay's reply (a quarantine keeps mail too); if it is only slow, \
         `relayhost verify --deadline 10m` waits longer",
        plain(domain_of(to))
    );
    failure("not-arrived", cause, &remedy, vec![format!("sent as {from}")])
}

/// There is no access token for the login.
pub fn no_token(mailbox: &Mailbox, error: &Error) -> Failure {
    let cause = format!(
        "the relay accepted the message; whether it arrived is not known: there is no access token for the mailbox of {}: {}",
        plain(&mailbox.username),
        plain(&error.to_string())
    );
    Failure::new(false, "mailbox-token", cause, error.step(), Vec::new())
}

/// The server does not let relayhost into the mailbox.
pub fn refused(mailbox: &Mailbox, words: &str) -> Failure {
    let cause = format!(
        "the relay accepted the message; whether it arrived is not known: {} refused the login of {} to the mailbox: {}",
        mailbox.host,
        plain(&mailbox.username),
        quoted(words)
    );
    let remedy = match mailbox.access {
        Access::Password(_) => {
            "correct username and password under [verify.arrival] in the answers (some providers want an app password, or \
             have IMAP switched off), and run `relayhost verify`"
        }
        Access::Application(_) => {
            "have the administrator give the application of [verify.arrival.oauth] access to this mailbox (Microsoft: \
             IMAP.AccessAsApp with consent, and Add-MailboxPermission for its service principal; Google: the scope \
             https://mail.google.com/ in domain-wide delegation), and run `relayhost verify`"
        }
    };
    failure("mailbox-login", cause, remedy, vec![format!("{} said: {words}", mailbox.host)])
}

/// The server could not be spoken to; `reason` is a clause.
pub fn unreached(mailbox: &Mailbox, reason: &str) -> Failure {
    let cause = format!(
        "the relay accepted the message; whether it arrived is not known: {}:{} {}",
        mailbox.host,
        mailbox.port,
        plain(reason)
    );
    let remedy = "check imap, port and tls under [verify.arrival] in the answers, and whether a firewall lets this host reach \
                  that port; then `relayhost verify`";
    failure("mailbox-unreached", cause, remedy, Vec::new())
}

/// The server's certificate is not one for it.
pub fn certificate(mailbox: &Mailbox, reason: &str) -> Failure {
    let cause = format!(
        "the relay accepted the message; whether it arrived is not known: the certificate of {} is not accepted, so no \
         password was sent: {}",
        mailbox.host,
        plain(reason)
    );
    let remedy = "write the name that the certificate carries as `imap` under [verify.arrival]; a private authority belongs into \
                  the host's own (`update-ca-trust`); then `relayhost verify`";
    failure("mailbox-certificate", cause, remedy, Vec::new())
}

/// The mailbox has no folder of that name.
pub fn no_folder(mailbox: &Mailbox, name: &str) -> Failure {
    let cause = format!(
        "the relay accepted the message; whether it arrived is not known: the mailbox of {} has no folder {}",
        plain(&mailbox.username),
        quoted(name)
    );
    let remedy = "correct `folders` under [verify.arrival] in the answers, or remove that line: then all folders are looked into; \
                  then `relayhost verify`";
    failure("mailbox-folder", cause, remedy, Vec::new())
}
