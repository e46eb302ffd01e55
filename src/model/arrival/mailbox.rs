//! The mailbox in which the test message is to arrive, by the answers: complete and valid.

use crate::model::oauth::App;
use crate::model::probe::certificate::{SeenCertificate, Trust};
use crate::model::secret::Secret;

/// A mailbox, and the way into it by IMAP.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub struct Mailbox {
    /// Name of the IMAP server in lower case, or an address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS from the first byte (RFC 8314 §3.2); otherwise by STARTTLS. It is never without TLS: the password goes over it.
    pub implicit_tls: bool,
    /// Whether the server's certificate must be valid for its name.
    pub is_checked: bool,
    /// Login.
    pub username: String,
    /// What the login is proved by.
    pub access: Access,
    /// The folders that are looked into, as a person reads their names; if there are none, those that the server lists.
    pub folders: Vec<String>,
    /// Whether the test message is removed once it has been seen.
    pub remove: bool,
    /// Whether a configuration counts as one that works only if its message has been seen to arrive.
    pub required: bool,
    /// The mailbox of the sender, in which a message that comes back is looked for.
    pub sender: Option<Box<Mailbox>>,
}

/// What a login to a mailbox is proved by.
#[derive(Debug, Clone)]
pub enum Access {
    /// A password.
    Password(Secret),
    /// An access token, which this application fetches at each look.
    Application(Box<App>),
}

impl Mailbox {
    /// Why the server's certificate is not accepted; `None` if it is, or need not be checked.
    pub fn distrusts(&self, seen: Option<&SeenCertificate>) -> Option<String> {
        if !self.is_checked {
            return None;
        }
        let Some((seen, own)) = seen.and_then(|seen| Some((seen, seen.chain.first()?))) else {
            return Some("it cannot be read".into());
        };
        Some(match &seen.trust {
            _ if !seen.proved => "the server does not prove that it has its key".into(),
            Trust::Trusted if own.is_for(&["hostname".to_owned()], &self.host, &self.host) => return None,
            Trust::Trusted => format!("it is for {}", own.shown_names(&self.host)),
            Trust::Expired => "it has expired".into(),
            Trust::NotYetValid => "it is not valid yet (or this host's clock is wrong)".into(),
            Trust::UnknownIssuer if own.self_signed => "the server has signed it itself".into(),
            Trust::UnknownIssuer => format!("this host does not know its issuer, {}", own.issuer),
            Trust::Unsure(reason) => reason.clone(),
        })
    }
}
