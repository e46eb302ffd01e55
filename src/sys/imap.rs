//! A mailbox, by IMAP (RFC 3501): one connection, bounded in time and in what is read. It is opened read-only but to remove one
//! message. The bytes are split and parsed by the crate imap-codec; what a server says beside the question is not kept.

mod mailbox;

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use imap_codec::decode::Decoder;
use imap_codec::encode::{Encoder, Fragment};
use imap_codec::fragmentizer::Fragmentizer;
use imap_codec::imap_types::IntoStatic;
use imap_codec::imap_types::auth::AuthMechanism;
use imap_codec::imap_types::command::{Command, CommandBody};
use imap_codec::imap_types::core::{LiteralMode, Tag};
use imap_codec::imap_types::response::{
    Bye, Capability, CommandContinuationRequest, Data, GreetingKind, Response, Status, StatusKind, Tagged,
};
use imap_codec::{CommandCodec, GreetingCodec, ResponseCodec};
pub use mailbox::{Open, Sought};
use rustls::ClientConnection;

use super::sasl::Login;
use super::wire::{Broken, Wire};
use crate::model::secret::Secret;
use crate::model::text::{clipped, one_line};

/// Largest response that is kept, in bytes; a larger one is passed over.
const RESPONSE: u32 = 384 * 1024;
/// Most bytes that are read for one command.
const PER_COMMAND: usize = 1024 * 1024;
/// Longest text of a server's that is kept, in bytes.
const TEXT: usize = 300;

/// The reason why the mailbox does not tell.
#[derive(Debug)]
pub enum Trouble {
    /// The server refused the command, in its words.
    Refused(String),
    /// The connection broke, or the time is over.
    Broken(Broken),
    /// The server does not speak as it should; a clause.
    Odd(String),
}

impl From<Broken> for Trouble {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

type Done<T> = Result<T, Trouble>;

/// A connection with a mailbox.
pub struct Session {
    wire: Wire,
    fragments: Fragmentizer,
    /// The moment at which all must be over.
    until: Instant,
    /// Bytes that may still be read for the present command.
    room: usize,
    tag: u32,
    capabilities: Vec<Capability<'static>>,
}

impl Session {
    /// Reads the greeting of a server that has been connected to, after TLS if it begins with the first byte.
    pub fn new(wire: Wire, until: Instant) -> Done<Self> {
        let mut session =
            Self { wire, until, tag: 0, room: PER_COMMAND, fragments: fresh(), capabilities: Vec::new() };
        session.message(until)?;
        let greeting =
            GreetingCodec::default().decode(session.fragments.message_bytes()).map(|(_, greeting)| greeting);
        match greeting {
            Ok(greeting) if greeting.kind == GreetingKind::Ok => Ok(session),
            Ok(greeting) => Err(Trouble::Refused(shown(greeting.text.inner()))),
            Err(_) => Err(Trouble::Odd("answers, and not as an IMAP server does".into())),
        }
    }

    /// Begins TLS on a connection that has none (RFC 3501 §6.2.1). What was said before counts no more.
    pub fn start_tls(&mut self, tls: ClientConnection) -> Done<()> {
        self.ask_capabilities()?;
        if !self.can(&Capability::StartTls) {
            return Err(Trouble::Odd("does not offer STARTTLS".into()));
        }
        self.run(CommandBody::StartTLS, |_| ())?;
        self.fragments = fresh();
        self.capabilities.clear();
        Ok(self.wire.start_tls(tls, self.until)?)
    }

    /// Logs in with a password, once: by SASL PLAIN (RFC 4616), or by LOGIN where the server has no other.
    pub fn login(&mut self, user: &str, password: &Secret) -> Done<()> {
        self.ask_capabilities()?;
        if self.can(&Capability::Auth(AuthMechanism::Plain)) {
            self.authenticate(AuthMechanism::Plain, user, password)?;
        } else if self.can(&Capability::LoginDisabled) {
            return Err(Trouble::Odd("offers no login by a password".into()));
        } else {
            let login = CommandBody::login(user.to_owned(), password.expose().to_owned());
            self.run(login.map_err(|_| unsayable())?, |_| ())?;
        }
        self.ask_capabilities()
    }

    /// Logs in with an access token, once: by OAUTHBEARER (RFC 7628), or by XOAUTH2, which is Google's and Microsoft's.
    pub fn login_by_token(&mut self, user: &str, token: &Secret) -> Done<()> {
        self.ask_capabilities()?;
        let known = [AuthMechanism::OAuthBearer, AuthMechanism::XOAuth2];
        let offered = known.into_iter().find(|mechanism| self.can(&Capability::Auth(mechanism.clone())));
        let mechanism =
            offered.ok_or_else(|| Trouble::Odd("offers no login by an access token".to_owned()))?;
        self.authenticate(mechanism, user, token)?;
        self.ask_capabilities()
    }

    /// AUTHENTICATE (RFC 3501 §6.2.2). Where the server takes no initial response (RFC 4959), it follows when it is asked for.
    fn authenticate(&mut self, mechanism: AuthMechanism<'static>, user: &str, secret: &Secret) -> Done<()> {
        let name = mechanism.to_string();
        let mut login = Login::new(&name, user, secret).ok_or_else(unsayable)?;
        let tag = if self.can(&Capability::SaslIr) {
            let first = login.first().unwrap_or_default();
            self.send(CommandBody::authenticate_with_ir(mechanism, first))?
        } else {
            let tag = self.send(CommandBody::authenticate(mechanism))?;
            self.continued(&tag)?;
            self.respond(login.initial().as_ref())?;
            tag
        };
        let mut is_challenged = false;
        loop {
            match self.response(self.until)? {
                // A challenge here is the refusal of a token: the server says why, and ends the command once that is answered.
                Response::CommandContinuationRequest(request) if !is_challenged => {
                    is_challenged = true;
                    let words = if let CommandContinuationRequest::Base64(words) = request {
                        words
                    } else {
                        "".as_bytes().into()
                    };
                    let answer = login.answer(&BASE64.encode(words)).map_err(Trouble::Odd)?;
                    self.respond(Some(&answer))?;
                }
                Response::CommandContinuationRequest(_) => {
                    return Err(Trouble::Odd("asks for the login again and again".into()));
                }
                Response::Status(Status::Tagged(end)) if end.tag == tag => {
                    return ended(&end).map_err(|trouble| match (trouble, login.told()) {
                        (Trouble::Refused(words), Some(told)) => {
                            Trouble::Refused(format!("{words} ({})", shown(told)))
                        }
                        (other, _) => other,
                    });
                }
                Response::Status(Status::Bye(bye)) => return Err(said_bye(&bye)),
                _ => {}
            }
        }
    }

    /// Sends a response of SASL, which is in base64 already.
    fn respond(&mut self, response: Option<&Secret>) -> Done<()> {
        let line = format!("{}\r\n", response.map_or("", Secret::expose));
        Ok(self.wire.send_bytes(line.as_bytes(), self.until)?)
    }

    /// Sets the moment at which all must be over.
    pub fn allow(&mut self, until: Instant) {
        self.until = until;
    }

    /// Says goodbye; the answer is not waited for.
    pub fn close(mut self) {
        let _ = self.send(CommandBody::Logout);
        self.wire.close();
    }

    fn can(&self, capability: &Capability<'_>) -> bool {
        self.capabilities.iter().any(|own| own == capability)
    }

    fn ask_capabilities(&mut self) -> Done<()> {
        let mut all = Vec::new();
        self.run(CommandBody::Capability, |data| {
            if let Data::Capability(capabilities) = data {
                all = capabilities.into_iter().collect();
            }
        })?;
        self.capabilities = all;
        Ok(())
    }

    /// Runs a command to its end; `take` gets the data that come meanwhile.
    fn run(&mut self, body: CommandBody<'static>, mut take: impl FnMut(Data<'static>)) -> Done<()> {
        self.run_all(body, |response| {
            if let Response::Data(data) = response {
                take(data);
            }
        })
    }

    fn run_all(&mut self, body: CommandBody<'static>, mut take: impl FnMut(Response<'static>)) -> Done<()> {
        let tag = self.send(body)?;
        self.answered(&tag, self.until, &mut take)
    }

    /// Sends a command, and returns its tag. Before a literal the server is asked whether it wants it.
    fn send(&mut self, body: CommandBody<'static>) -> Done<Tag<'static>> {
        self.tag += 1;
        self.room = PER_COMMAND;
        let command = Command::new(format!("r{}", self.tag), body).map_err(|_| unsayable())?;
        for fragment in CommandCodec::default().encode(&command) {
            match fragment {
                Fragment::Line { data } => self.wire.send_bytes(&data, self.until)?,
                Fragment::Literal { data, mode } => {
                    if mode == LiteralMode::Sync {
                        self.continued(&command.tag)?;
                    }
                    self.wire.send_bytes(&data, self.until)?;
                }
            }
        }
        Ok(command.tag)
    }

    /// Waits until the server asks for the rest of a command.
    fn continued(&mut self, tag: &Tag<'_>) -> Done<()> {
        loop {
            match self.response(self.until)? {
                Response::CommandContinuationRequest(_) => return Ok(()),
                Response::Status(Status::Tagged(end)) if end.tag == *tag => {
                    return Err(Trouble::Refused(shown(end.body.text.inner())));
                }
                Response::Status(Status::Bye(bye)) => return Err(said_bye(&bye)),
                _ => {}
            }
        }
    }

    /// Waits for the end of a command.
    fn answered(
        &mut self,
        tag: &Tag<'_>,
        until: Instant,
        take: &mut dyn FnMut(Response<'static>),
    ) -> Done<()> {
        loop {
            match self.response(until)? {
                Response::Status(Status::Tagged(end)) if end.tag == *tag => return ended(&end),
                Response::Status(Status::Bye(bye)) => return Err(said_bye(&bye)),
                other => take(other),
            }
        }
    }

    /// The next response that can be read; others are passed over, as is one that is too large.
    fn response(&mut self, until: Instant) -> Done<Response<'static>> {
        loop {
            self.message(until)?;
            if let Ok(response) = self.fragments.decode_message(&ResponseCodec::default()) {
                return Ok(response.into_static());
            }
        }
    }

    /// Reads one whole message of the server into the buffer.
    fn message(&mut self, until: Instant) -> Done<()> {
        loop {
            if self.fragments.progress().is_some() {
                if self.fragments.is_message_complete() {
                    return Ok(());
                }
                continue;
            }
            let bytes = self.wire.bytes(until)?;
            self.room = self.room.checked_sub(bytes.len()).ok_or(Broken::Endless)?;
            self.fragments.enqueue_bytes(bytes);
        }
    }
}

fn fresh() -> Fragmentizer {
    Fragmentizer::new(RESPONSE)
}

fn unsayable() -> Trouble {
    Trouble::Odd("cannot be told a name that has such characters in it".into())
}

fn ended(end: &Tagged<'_>) -> Done<()> {
    match end.body.kind {
        StatusKind::Ok => Ok(()),
        StatusKind::No | StatusKind::Bad => Err(Trouble::Refused(shown(end.body.text.inner()))),
    }
}

fn said_bye(bye: &Bye<'_>) -> Trouble {
    Trouble::Odd(format!("ended the connection: {}", shown(bye.text.inner())))
}

fn shown(text: &str) -> String {
    one_line(clipped(text, TEXT))
}
