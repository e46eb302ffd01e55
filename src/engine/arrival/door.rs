//! The way into a mailbox: the connection, its TLS, the login and the folders.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::engine::observe::ca_files;
use crate::engine::provider;
use crate::model::arrival::fate;
use crate::model::arrival::folders::{Folder, choose};
use crate::model::arrival::mailbox::{Access, Mailbox};
use crate::model::causes::failure::Failure;
use crate::model::secret::Secret;
use crate::sys::imap::{Session, Trouble};
use crate::sys::wire::{Broken, Wire, words};
use crate::sys::{clock, dns, tls};

/// Most addresses of the server that are tried.
const ADDRESSES: usize = 4;

/// A result, or why the mailbox tells nothing.
pub type Looked<T> = Result<T, Box<Failure>>;

/// What is shown to the server at the login.
enum Key {
    Password(Secret),
    Token(Secret),
}

/// The way into a mailbox.
pub struct Door<'a> {
    /// The mailbox.
    pub mailbox: &'a Mailbox,
    /// The moment at which the look is to be over.
    pub until: Instant,
    /// How long a command may go on that began before the end.
    pub grace: Duration,
}

impl Door<'_> {
    /// A connection that is logged in, once, and the folders that are looked into.
    pub fn enter(&self) -> Looked<(Session, Vec<Folder>)> {
        // Before the connection, which would time out meanwhile.
        let key = self.key()?;
        let mut session = self.connect()?;
        let user = &self.mailbox.username;
        let login = match &key {
            Key::Password(password) => session.login(user, password),
            Key::Token(token) => session.login_by_token(user, token),
        };
        login.map_err(|trouble| match trouble {
            Trouble::Refused(words) => fate::refused(self.mailbox, &words),
            other => self.trouble(&other),
        })?;
        let listed = session.list().map_err(|trouble| self.trouble(&trouble))?;
        let folders = choose(&listed, &self.mailbox.folders);
        let folders = folders.map_err(|name| fate::no_folder(self.mailbox, &name))?;
        Ok((session, folders))
    }

    fn key(&self) -> Looked<Key> {
        match &self.mailbox.access {
            Access::Password(password) => Ok(Key::Password(password.clone())),
            Access::Application(app) => match provider::fetch(app) {
                Ok(granted) => Ok(Key::Token(granted.token.secret())),
                Err(error) => Err(Box::new(fate::no_token(self.mailbox, &error))),
            },
        }
    }

    pub fn trouble(&self, trouble: &Trouble) -> Failure {
        let reason = match trouble {
            Trouble::Refused(words) => format!("refuses to tell: {words}"),
            Trouble::Odd(clause) => clause.clone(),
            Trouble::Broken(Broken::Lost) => "closed the connection".into(),
            Trouble::Broken(Broken::TimedOut) => "did not answer in time".into(),
            Trouble::Broken(Broken::Endless) => "sends without end".into(),
            Trouble::Broken(Broken::Tls(error)) => format!("does not agree on TLS: {error}"),
        };
        fate::unreached(self.mailbox, &reason)
    }

    /// A connection with TLS, whose certificate is accepted.
    fn connect(&self) -> Looked<Session> {
        let end = self.until + self.grace;
        let wire = self.wire()?;
        let (connection, findings) = self.tls()?;
        let broken = |error: Broken| self.trouble(&Trouble::Broken(error));
        let session = if self.mailbox.implicit_tls {
            let mut wire = wire;
            wire.start_tls(connection, end).map_err(broken)?;
            self.accept(&findings)?;
            Session::new(wire, end)
        } else {
            Session::new(wire, end).and_then(|mut session| session.start_tls(connection).map(|()| session))
        };
        let session = session.map_err(|trouble| self.trouble(&trouble))?;
        self.accept(&findings)?;
        Ok(session)
    }

    fn wire(&self) -> Looked<Wire> {
        let host = &self.mailbox.host;
        let addresses =
            host.parse().map_or_else(|_| dns::native(host, self.until), |address: IpAddr| vec![address]);
        let mut reason = "is not found: this host knows no address of that name".to_owned();
        let count = addresses.len().min(ADDRESSES);
        for (index, address) in addresses.into_iter().take(ADDRESSES).enumerate() {
            let left = self.until.saturating_duration_since(clock::now());
            let share = if index + 1 < count { left / 2 } else { left };
            match Wire::connect(SocketAddr::from((address, self.mailbox.port)), share) {
                Ok(wire) => return Ok(wire),
                Err(error) => reason = format!("({address}) takes no connection: {}", words(&error)),
            }
        }
        Err(Box::new(fate::unreached(self.mailbox, &reason)))
    }

    fn tls(&self) -> Looked<(rustls::ClientConnection, tls::Findings)> {
        let authorities = tls::Authorities::read(ca_files("").first().map(std::path::PathBuf::as_path), None);
        let host = self.mailbox.host.as_str();
        let name = Some(host).filter(|host| host.parse::<IpAddr>().is_err());
        let session = tls::session(authorities, name, self.mailbox.is_checked);
        session.map_err(|error| {
            Box::new(fate::unreached(self.mailbox, &format!("cannot be asked by TLS: {error}")))
        })
    }

    /// Whether the certificate is accepted: nothing else is asked, and no password sent, if it is not.
    fn accept(&self, findings: &tls::Findings) -> Looked<()> {
        match self.mailbox.distrusts(findings.seen().as_ref()) {
            Some(reason) => Err(Box::new(fate::certificate(self.mailbox, &reason))),
            None => Ok(()),
        }
    }
}
