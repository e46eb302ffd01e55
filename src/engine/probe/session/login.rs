//! The login: the mechanism that Postfix would pick, and one attempt.

use super::{Peer, Step, say};
use crate::engine::probe::talk::{Bad, Good, Talk};
use crate::model::causes::catalogue::Fact;
use crate::model::packages::plugin::known;
use crate::model::probe::crosscheck;
use crate::model::probe::doubt::Matter;
use crate::model::probe::mechanism::{Choice, choose};
use crate::model::probe::reply::{Offer, Reply};
use crate::sys::sasl::Login;
use crate::sys::wire::Wire;

/// Most steps of one login; Postfix allows 100.
const STEPS: usize = 20;
/// Longest AUTH command with its first answer, in bytes; a longer one is sent without that answer (RFC 4954 §4).
const COMMAND_LIMIT: usize = 512;

/// Logs in.
pub fn log_in(talk: &mut Talk, wire: &mut Wire, peer: &Peer, offer: &Offer) -> Step<()> {
    let Some((user, password)) = talk.route.login.clone() else { return Ok(((), Good::default())) };
    let offered = offer.auth.clone().unwrap_or_default();
    let mechanism = pick(talk, wire, peer, &offered)?;
    let Some(mut login) = Login::new(&mechanism, &user, &password) else {
        let what = format!(
            "the relay would have Postfix log in with {mechanism}, which needs Cyrus SASL: not tried here, the test message of apply will tell"
        );
        return Err(Box::new(Bad { offered, ..Bad::untried(what) }));
    };
    talk.tried_login = true;
    let doing = "performing the EHLO handshake";
    let mut first = login.initial();
    let mut command = format!("AUTH {mechanism}");
    if let Some(answer) = &first
        && command.len() + answer.expose().len() + 3 <= COMMAND_LIMIT
    {
        command.push(' ');
        command.push_str(answer.expose());
        first = None;
    }
    let mut reply = say(talk, wire, peer, &command, doing)?;
    for step in 0.. {
        if reply.class() != 3 {
            break;
        }
        if step == STEPS {
            let words = "SASL authentication failed; authentication protocol loop with server".to_owned();
            return Err(Box::new(Bad::new(vec![format!("{words} {}", peer.name)], Matter::Login)));
        }
        let answer = match first.take() {
            Some(answer) => answer,
            None => match login.answer(reply.challenge()) {
                Ok(answer) => answer,
                Err(reason) => return Err(Box::new(cancelled(talk, wire, peer, &reason))),
            },
        };
        reply = say(talk, wire, peer, answer.expose(), doing)?;
    }
    if !reply.is_good() {
        return Err(Box::new(refused(peer, &mechanism, &offered, &reply, login.told())));
    }
    let text = format!("{mechanism} as {user}: {}", reply.shown());
    Ok(((), Good { text, offered, said: Some(reply.shown()) }))
}

/// Chooses the mechanism. The error has Postfix's words for why there is none.
fn pick(talk: &mut Talk, wire: &Wire, peer: &Peer, offered: &[String]) -> Result<String, Box<Bad>> {
    let [plain, secure] = &talk.route.options;
    let secured = wire.session().is_some();
    let options = if secured { secure } else { plain };
    let choice = choose(offered, &talk.route.filter, options, talk.route.plugins.as_ref());
    let (port, name) = (&peer.with_port, &peer.name);
    let words = match choice {
        Choice::Take(mechanism) => {
            let waits =
                known(&mechanism).is_some_and(|kind| talk.waits.iter().any(|plugin| plugin == kind.plugin));
            talk.warn(crosscheck::of_mechanism(&mechanism, !waits, secured, &talk.route.more_tls()));
            return Ok(mechanism);
        }
        Choice::NullList => [format!("warning: {port} offered null AUTH mechanism list"), incompatible(name)],
        Choice::Filtered => {
            let list = offered.join(" ");
            let warning = format!("warning: {port} offered no supported AUTH mechanisms: '{list}'");
            [warning, incompatible(name)]
        }
        Choice::NoPlugin { lacks } => {
            // If the options forbid the mechanism, a missing plugin is not the cause.
            talk.route.lacks = lacks.filter(|_| !talk.route.facts().contains(&Fact::Noplaintext));
            [
                "warning: SASL authentication failure: No worthy mechs found".to_owned(),
                unable(name, "no mechanism available"),
            ]
        }
    };
    Err(Box::new(Bad { offered: offered.to_vec(), ..Bad::new(words.into(), Matter::Login) }))
}

fn unable(peer: &str, reason: &str) -> String {
    format!("SASL authentication failed; cannot authenticate to server {peer}: {reason}")
}

fn incompatible(peer: &str) -> String {
    format!(
        "SASL authentication failed: server {peer} offered no compatible authentication mechanisms for this type of connection security"
    )
}

/// Tells the relay that the challenge cannot be answered (RFC 4954 §4), and returns the failure.
fn cancelled(talk: &Talk, wire: &mut Wire, peer: &Peer, reason: &str) -> Bad {
    let _ = say(talk, wire, peer, "*", "performing the EHLO handshake");
    let doubt = format!("Cyrus SASL may answer what the probe cannot: {reason}");
    Bad { doubt: Some(doubt), ..Bad::new(vec![unable(&peer.name, reason)], Matter::Login) }
}

fn refused(peer: &Peer, mechanism: &str, offered: &[String], reply: &Reply, told: Option<&str>) -> Bad {
    // The log has `?` for the line ends of a reply to a login.
    let words = format!("SASL authentication failed; server {} said: {}", peer.name, reply.lines.join("?"));
    // The same words as relayhost's plugin has Postfix log, so that the catalogue finds the same cause.
    let by_plugin = told.map(|told| {
        format!("warning: SASL authentication failure: relayhost-sasl-xoauth2: the server refuses the token: {told}")
    });
    let told = told.map(|told| format!("; before that it told: {told}")).unwrap_or_default();
    let said = Some(format!("{mechanism}: {}{told}", reply.shown()));
    let bad = Bad::reply(words, reply, Matter::Login);
    let evidence = by_plugin.into_iter().chain(bad.evidence).collect();
    Bad { offered: offered.to_vec(), said, evidence, ..bad }
}
