//! The stages of a probe, in the order of smtp(8): find the relay's addresses, and talk to one after the other until
//! one has answered (smtp/smtp_connect.c, smtp/smtp_proto.c).

mod login;
mod reach;
mod secure;

use std::net::SocketAddr;

use super::talk::{Bad, Good, Next, Stop, Talk};
use crate::model::desired::Tls;
use crate::model::observed::Version;
use crate::model::probe::crosscheck;
use crate::model::probe::doubt::Matter;
use crate::model::probe::reply::{Offer, Reply};
use crate::sys::wire::Wire;

/// The size that the sender is asked with, in bytes: about that of the test message.
const SIZE: u32 = 1000;

/// One address of the relay, and its names in the log.
#[derive(Debug, Clone)]
pub struct Peer {
    pub host: String,
    pub socket: SocketAddr,
    /// `host[address]`
    pub name: String,
    /// `host[address]:port`
    pub with_port: String,
}

impl Peer {
    fn new(host: &str, socket: SocketAddr) -> Self {
        let name = format!("{host}[{}]", socket.ip());
        Self { host: host.to_owned(), socket, with_port: format!("{name}:{}", socket.port()), name }
    }
}

type Step<T> = Result<(T, Good), Box<Bad>>;

/// Runs all stages.
pub fn run(talk: &mut Talk) -> Result<(), Stop> {
    let peers = reach::find(talk)?;
    let mut rest = peers.as_slice();
    loop {
        let (wire, peer, skipped) = reach::connect(talk, rest)?;
        rest = rest.get(skipped + 1..).unwrap_or_default();
        match converse(talk, wire, &peer, talk.route.tls) {
            Err(Stop { next: Next::Plain, .. }) => {
                talk.progress.note("Postfix would try once more without TLS, and so does the probe");
                let (wire, peer, _) = reach::connect(talk, &[peer])?;
                return converse(talk, wire, &peer, Tls::None);
            }
            Err(Stop { next: Next::Address, .. }) if !rest.is_empty() && !talk.tried_login => {
                talk.progress.note("Postfix would try the next address, and so does the probe");
            }
            other => return other,
        }
    }
}

fn converse(talk: &mut Talk, mut wire: Wire, peer: &Peer, tls: Tls) -> Result<(), Stop> {
    let result = dialogue(talk, &mut wire, peer, tls);
    wire.close();
    result
}

fn dialogue(talk: &mut Talk, wire: &mut Wire, peer: &Peer, tls: Tls) -> Result<(), Stop> {
    if talk.route.implicit_tls {
        talk.stage("TLS", |talk| {
            can_begin_with_tls(talk)?;
            secure::handshake(talk, wire, peer)
        })?;
    }
    talk.stage("greeting", |talk| greeting(talk, wire, peer))?;
    let mut offer = talk.stage("EHLO", |talk| ehlo(talk, wire, peer))?;
    if !talk.route.implicit_tls && tls != Tls::None {
        let begun = talk.stage("STARTTLS", |talk| secure::starttls(talk, wire, peer, &offer))?;
        if begun {
            talk.stage("TLS", |talk| secure::handshake(talk, wire, peer))?;
            offer = talk.stage("EHLO", |talk| ehlo(talk, wire, peer))?;
        }
    }
    let warnings = crosscheck::of_offer(&talk.route, &offer, wire.session().is_some());
    talk.warn(warnings);
    talk.warn(crosscheck::of_sender(&talk.route));
    if talk.route.login.is_some() && offer.auth.is_some() {
        talk.stage("login", |talk| login::log_in(talk, wire, peer, &offer))?;
    }
    talk.stage("sender", |talk| sender(talk, wire, peer, &offer))?;
    if talk.route.recipient.is_some() {
        talk.stage("recipient", |talk| recipient(talk, wire, peer))?;
    }
    talk.stage("goodbye", |talk| Ok(((), goodbye(talk, wire))))
}

/// An error where this host's Postfix cannot speak TLS from the first byte: before 3.0 it only says so in its log
/// (smtp_connect.c of Postfix 2.10). A Postfix that is not there yet counts as new enough.
fn can_begin_with_tls(talk: &Talk) -> Result<(), Box<Bad>> {
    match talk.host.settings.get("mail_version") {
        Some(version) if !Version(version.clone()).at_least(3, 0) => {
            let words = "warning: CLIENT wrappermode (port smtps/465) is unimplemented".to_owned();
            Err(Box::new(Bad::new(vec![words], Matter::All)))
        }
        _ => Ok(()),
    }
}

/// Sends one command and reads its reply. `doing` is Postfix's name for this step.
fn say(talk: &Talk, wire: &mut Wire, peer: &Peer, command: &str, doing: &str) -> Result<Reply, Box<Bad>> {
    let until = talk.deadline();
    let sent = wire.send(command, until).and_then(|()| wire.reply(until));
    sent.map_err(|broken| Box::new(Bad::broken(&broken, &peer.name, doing, wire.take_heard())))
}

fn said(reply: &Reply) -> Good {
    Good { text: reply.shown(), offered: Vec::new(), said: Some(reply.shown()) }
}

fn greeting(talk: &mut Talk, wire: &mut Wire, peer: &Peer) -> Step<()> {
    let reply = wire.reply(talk.deadline()).map_err(|broken| {
        let doing = "receiving the initial server greeting";
        Box::new(Bad::broken(&broken, &peer.name, doing, wire.take_heard()))
    })?;
    if !reply.is_good() {
        return refused_to_talk(&reply, peer);
    }
    Ok(((), said(&reply)))
}

fn refused_to_talk<T>(reply: &Reply, peer: &Peer) -> Step<T> {
    let words = format!("host {} refused to talk to me: {}", peer.name, reply.logged());
    Err(Box::new(Bad::reply(words, reply, Matter::All).with(Next::Address)))
}

/// Sends a command that names an address, which the relay must take.
fn address(talk: &Talk, wire: &mut Wire, peer: &Peer, verb: &str, command: &str) -> Result<Reply, Box<Bad>> {
    let reply = say(talk, wire, peer, command, &format!("sending {verb}"))?;
    if reply.is_good() {
        return Ok(reply);
    }
    let words = format!("host {} said: {} (in reply to {verb} command)", peer.name, reply.logged());
    // The relay may refuse the sender only at the recipient (smtpd_delay_reject).
    Err(Box::new(Bad::reply(words, &reply, Matter::Sender)))
}

/// Sends EHLO; HELO to a server that does not know EHLO.
fn ehlo(talk: &mut Talk, wire: &mut Wire, peer: &Peer) -> Step<Offer> {
    let helo = talk.route.helo.clone();
    let reply = say(talk, wire, peer, &format!("EHLO {helo}"), "performing the EHLO handshake")?;
    if reply.is_good() {
        let offer = Offer::of(&reply);
        let list = if offer.keywords.is_empty() { "nothing".to_owned() } else { offer.keywords.join(", ") };
        let good = Good {
            text: format!("we are {helo}; it offers {list}"),
            offered: offer.keywords.clone(),
            said: reply.lines.first().cloned(),
        };
        return Ok((offer, good));
    }
    if reply.code == 421 {
        return refused_to_talk(&reply, peer);
    }
    let reply = say(talk, wire, peer, &format!("HELO {helo}"), "performing the HELO handshake")?;
    if !reply.is_good() {
        return refused_to_talk(&reply, peer);
    }
    let good = Good { text: format!("we are {helo}; it knows HELO only"), ..said(&reply) };
    Ok((Offer::default(), good))
}

fn sender(talk: &mut Talk, wire: &mut Wire, peer: &Peer, offer: &Offer) -> Step<()> {
    let [before, from] = talk.route.sender.clone();
    let all_ascii = from.is_ascii() && talk.route.recipient.as_ref().is_none_or(|to| to.is_ascii());
    if !all_ascii && !offer.has("SMTPUTF8") {
        let what = "an address is not ASCII, and the relay does not offer SMTPUTF8: only a message can tell";
        return Err(Box::new(Bad::untried(what.into())));
    }
    let size = if offer.has("SIZE") { format!(" SIZE={SIZE}") } else { String::new() };
    let body = if offer.has("8BITMIME") { " BODY=8BITMIME" } else { "" };
    let utf8 = if all_ascii { "" } else { " SMTPUTF8" };
    let command = format!("MAIL FROM:<{from}>{size}{body}{utf8}");
    let reply = address(talk, wire, peer, "MAIL FROM", &command)?;
    let of = if before == from { String::new() } else { format!(" (rewritten from {before})") };
    Ok(((), Good { text: format!("{from}{of}: {}", reply.shown()), ..said(&reply) }))
}

fn recipient(talk: &mut Talk, wire: &mut Wire, peer: &Peer) -> Step<()> {
    let to = talk.route.recipient.clone().unwrap_or_default();
    let reply = address(talk, wire, peer, "RCPT TO", &format!("RCPT TO:<{to}>"))?;
    Ok(((), Good { text: format!("{to}: {}", reply.shown()), ..said(&reply) }))
}

/// Takes back the sender and the recipient. Whatever the relay answers, it has no message of this host.
fn goodbye(talk: &Talk, wire: &mut Wire) -> Good {
    for command in ["RSET", "QUIT"] {
        let until = talk.deadline();
        let _ = wire.send(command, until).and_then(|()| wire.reply(until));
    }
    Good { text: "RSET, QUIT: no message was sent".into(), ..Good::default() }
}
