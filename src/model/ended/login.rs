//! The ends of `relayhost login`.

use std::path::PathBuf;

use super::RenewedLogin;
use crate::error::{shown, typed};

/// A person has logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// The mailbox of the answers.
    pub mailbox: String,
    /// The account that has logged in, if the token names another one.
    pub other: Option<String>,
    /// The access token that came with it.
    pub renewed: RenewedLogin,
}

impl LoggedIn {
    /// What is so now, in one line.
    pub fn text(&self) -> String {
        let where_to = if self.renewed.in_force { "; Postfix has its access token" } else { "" };
        format!("logged in for {}: relayhost fetches access tokens from now on{where_to}", self.mailbox)
    }

    /// What the person should know, if there is something.
    pub fn note(&self) -> Option<String> {
        self.other.as_ref().map(|other| {
            format!(
                "{other} has logged in, and the mailbox is {}: the relay takes that only if {other} may send as it",
                self.mailbox
            )
        })
    }

    /// The command to call next, if there is one.
    pub fn next(&self) -> Option<&'static str> {
        (!self.renewed.in_force).then_some("relayhost apply")
    }
}

/// A certificate that was made.
#[derive(Debug)]
pub struct Certified {
    /// The file with the certificate and its key.
    pub pair: PathBuf,
    /// The file of the certificate alone.
    pub public: PathBuf,
    /// The file in force, if the new one lies beside it.
    pub beside: Option<PathBuf>,
    /// Whether there are answers that name it.
    pub is_answered: bool,
    /// Thumbprint as Entra shows it: SHA-1, in hexadecimal.
    pub sha1: String,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// Its last day, UTC.
    pub ends: String,
}

impl Certified {
    /// What to do next, a line each.
    pub fn next(&self) -> Vec<String> {
        let upload = format!(
            "upload {} in Entra: App registrations, the application, Certificates & secrets, Certificates, \"Upload certificate\"",
            shown(&self.public)
        );
        let last = match &self.beside {
            None if self.is_answered => "next: relayhost apply, when that is done".to_owned(),
            None => {
                "next: go back to `relayhost init`, which asks for this file; or begin it, when that is done"
                    .to_owned()
            }
            Some(old) => format!(
                "the one before stays in use until then; next: mv {new} {old} && relayhost token --force",
                new = typed(&self.pair),
                old = typed(old)
            ),
        };
        vec![upload, last]
    }
}
