//! The relays that one attempt was at. smtp(8) tries the fallback relays of the answers after the server that the message was to
//! go to, in one process, and the record of the attempt has the reason of the last relay alone.

use std::collections::BTreeMap;

use super::event::{Attempt, Hop, host_named};
use super::question::Question;
use super::reached::{Address, addresses, furthest};
use super::strangers::before_reply;
use crate::model::causes::catalogue::{Stage, Verdict};
use crate::model::causes::hop::Joined;
use crate::model::causes::in_turn::{mending, takes_none};
use crate::model::causes::{About, Cause};
use crate::model::message::delivery::NAMED_BY_PROBE_ALL;
use crate::model::text::quoted;

/// Name and address of a host, and its port, if that is known.
type Host = (String, String, Option<u16>);

/// What an attempt met at one relay.
#[derive(Debug, Default)]
pub struct Leg<'a> {
    /// The place of the fallback relay among those of the answers; `None`: the server that the message was to go to.
    pub fallback: Option<usize>,
    /// The lines that explain it, the reason first.
    pub evidence: Vec<&'a str>,
}

/// The host that words of smtp(8) name: name, address and port, as far as they are there.
fn named(words: &str) -> Option<Host> {
    let words = before_reply(words);
    let looked_up = || {
        let (_, rest) = words.split_once("service error for name=")?;
        Some((rest.split(' ').next()?.to_ascii_lowercase(), String::new(), None))
    };
    looked_up().or_else(|| host_named(words))
}

impl Question<'_> {
    /// What an attempt met at each relay: that of the message's way first, then the fallback relays in their order. `words`: the
    /// reason in its record; `said`: the lines of the process before it.
    pub fn legs<'a>(
        &self,
        attempt: &Attempt,
        words: &'a str,
        said: impl Iterator<Item = &'a str>,
    ) -> Vec<Leg<'a>> {
        let (mut all, rest) = addresses(said);
        let record = match &attempt.relay {
            Hop::Host { name, address, port } => Some((name.clone(), address.clone(), Some(*port))),
            Hop::None | Hop::Here(_) => None,
        };
        all.push(Address::last(words, rest));
        self.by_relay(all, record.as_ref())
    }

    /// What an attempt met at each relay that did not take the message, where another one took it at last.
    pub fn legs_before<'a>(&self, said: impl Iterator<Item = &'a str>) -> Vec<Leg<'a>> {
        self.by_relay(addresses(said).0, None)
    }

    /// Addresses in the order in which they were tried, by relay: one whose lines name no host is of the relay before. `last`: the
    /// host of the last one, if that is known.
    fn by_relay<'a>(&self, addresses: Vec<Address<'a>>, last: Option<&Host>) -> Vec<Leg<'a>> {
        let (end, mut at) = (addresses.len().saturating_sub(1), None);
        let mut relays: BTreeMap<Option<usize>, Vec<Address>> = BTreeMap::new();
        for (number, address) in addresses.into_iter().enumerate() {
            let of_record = last.filter(|_| number == end).cloned();
            if let Some(host) = of_record.or_else(|| address.lines.iter().find_map(|line| named(line))) {
                at = self.fallback_at(&host);
            }
            relays.entry(at).or_default().push(address);
        }
        relays.into_iter().map(|(fallback, all)| Leg { fallback, evidence: furthest(all) }).collect()
    }

    /// The place of the fallback relay that is this host. A server that a way of the answers has for itself is none.
    fn fallback_at(&self, (name, address, port): &Host) -> Option<usize> {
        let is = |(host, of): &(String, u16)| {
            (host.eq_ignore_ascii_case(name) || host == address) && port.is_none_or(|port| port == *of)
        };
        if self.firsts.iter().any(is) { None } else { self.fallbacks.iter().position(is) }
    }

    /// The host that a leg is about: name, address, port. A reply names no port.
    pub fn target_of(&self, leg: &Leg, attempt: &Attempt) -> Option<(String, String, u16)> {
        let telling = leg.evidence.first().copied().unwrap_or_default();
        if self.fallbacks.is_empty() {
            return attempt.target_of(telling);
        }
        let fallback = leg.fallback.and_then(|at| self.fallbacks.get(at));
        let Some((name, address, port)) = host_named(telling) else {
            let known = fallback.map(|(host, port)| (host.clone(), String::new(), *port));
            return known.or_else(|| attempt.target_of(telling));
        };
        let usual = || {
            let known = fallback.or_else(|| self.firsts.iter().find(|(host, _)| *host == name));
            known.map(|(_, port)| *port).or(attempt.target().map(|(_, _, port)| port))
        };
        let port = port.or_else(usual)?;
        Some((name, address, port))
    }

    /// The cause of an attempt that failed at these relays: what each of them did. `about`: the message; `otherwise`: the cause at
    /// a relay whose words the catalogue does not know.
    pub fn cause_at(
        &self,
        legs: &[Leg],
        attempt: &Attempt,
        about: &About,
        otherwise: Option<&Cause>,
    ) -> Option<Cause> {
        let said = |leg: &Leg| {
            let target = self.target_of(leg, attempt);
            let relay = target.as_ref().map(|(name, address, port)| (name.as_str(), address.as_str(), *port));
            let cause = self.cause(&leg.evidence, &About { relay, ..*about }, otherwise.cloned());
            let words = leg.evidence.first().copied().unwrap_or_default().to_owned();
            Said { place: self.place_of(leg, target), words, cause }
        };
        let (own, fallbacks) = match legs {
            [own] if own.fallback.is_none() => return said(own).cause,
            [own, rest @ ..] if own.fallback.is_none() => (said(own), rest),
            all => (Said { place: self.place_of(&Leg::default(), None), ..Said::default() }, all),
        };
        own.and(&fallbacks.iter().map(said).collect::<Vec<_>>())
    }

    /// The relay of a leg, as main.cf names it.
    fn place_of(&self, leg: &Leg, target: Option<(String, String, u16)>) -> String {
        let fallback = leg.fallback.and_then(|at| self.fallbacks.get(at));
        let only = || self.firsts.first().filter(|_| self.firsts.len() == 1).cloned();
        let known = fallback.cloned().or(target.map(|(name, _, port)| (name, port))).or_else(only);
        known.map_or_else(|| "the relay before".into(), |(host, port)| format!("[{host}]:{port}"))
    }
}

/// What one relay did.
#[derive(Default)]
struct Said {
    place: String,
    /// The reason; empty: the log has none.
    words: String,
    cause: Option<Cause>,
}

impl Said {
    /// Why it did not take the message; `None`: the log does not say.
    fn why(&self, cause: Option<&Cause>) -> Option<String> {
        let known = cause.filter(|cause| cause.is_known()).map(|cause| cause.cause.clone());
        known.or_else(|| Some(quoted(&self.words)).filter(|_| !self.words.is_empty()))
    }

    /// The cause at this relay, and what those that were tried after it did. The name is this one's, since it is to be mended.
    fn and(mut self, others: &[Self]) -> Option<Cause> {
        let mut cause = self.cause.take();
        let joined = cause.as_mut().and_then(|cause| cause.joined.take());
        let joined = joined.map(|joined| Joined { plain: self.told(Some(joined.plain), others), ..*joined });
        let is_told = cause.is_some() || others.iter().any(|other| other.cause.is_some());
        is_told.then(|| Cause { joined: joined.map(Box::new), ..self.told(cause, others) })
    }

    fn told(&self, cause: Option<Cause>, others: &[Self]) -> Cause {
        let why = self.why(cause.as_ref());
        let said = others
            .iter()
            .map(|other| (other.place.as_str(), other.why(other.cause.as_ref()).unwrap_or_default()));
        let remedy = cause.as_ref().map(|cause| cause.remedy.clone());
        let base = cause.or_else(|| others.iter().find_map(|other| other.cause.clone()));
        let base = base.unwrap_or_else(|| Cause::unknown(Stage::Connect, Verdict::Unreached));
        let mut all = Cause {
            cause: takes_none((&self.place, why.as_deref()), said),
            remedy: remedy.unwrap_or_else(|| NAMED_BY_PROBE_ALL.into()),
            joined: None,
            ..base
        };
        for other in others {
            let Some(cause) = &other.cause else { continue };
            all.subject += &format!(" {} {}", other.place, cause.id);
            all.remedy = mending(all.remedy, &other.place, Some(&cause.remedy));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::{Event, parse_event, parse_line};

    const FIRST: &str = "connect to r.test[192.0.2.1]:587: Network is unreachable";
    const SIXTH: &str = "connect to r.test[2001:db8::1]:587: Network is unreachable";
    const SECOND: &str = "connect to b.test[192.0.2.3]:2525: Connection refused";
    const REFUSED: &str = "A1B2C: SASL authentication failed; server r.test[192.0.2.1] said: 535 5.7.8 no";

    fn question<'a>() -> Question<'a> {
        let (firsts, fallbacks) = (vec![("r.test".into(), 587)], vec![("b.test".into(), 2525)]);
        Question { firsts, fallbacks, ..Question::default() }
    }

    fn cause(hop: &str, words: &str, said: &[&str]) -> (Vec<(Option<usize>, usize)>, Cause) {
        let line = format!(
            "h postfix/smtp[1]: A1B2C: to=<o@x>, relay={hop}, delay=1, delays=0/0/0/1, dsn=4.0.0, status=deferred ({words})"
        );
        let Event::Attempt(attempt) = parse_event(&parse_line(&line).unwrap()) else { panic!("{line}") };
        let question = question();
        let legs = question.legs(&attempt, words, said.iter().copied());
        let cause = question.cause_at(&legs, &attempt, &About::default(), None).unwrap();
        (legs.iter().map(|leg| (leg.fallback, leg.evidence.len())).collect(), cause)
    }

    #[test]
    fn each_relay_has_its_own_lines_and_cause() {
        let (legs, both) = cause("none", SECOND, &[FIRST, SIXTH, SECOND]);
        assert_eq!((legs, both.id.as_str()), (vec![(None, 2), (Some(0), 1)], "no-route"));
        let words = "[r.test]:587 does not take it: this host has no way to r.test:587";
        assert!(both.cause.starts_with(words), "{both:?}");
        assert!(
            both.cause.contains("; and [b.test]:2525 does not take it either: nothing listens"),
            "{both:?}"
        );
        assert!(both.remedy.text().contains("; and for [b.test]:2525: "), "{both:?}");
        // A reply names no port, and the record has that of the other relay.
        let (legs, login) = cause("none", SECOND, &[REFUSED, SECOND]);
        assert_eq!((legs, login.id.as_str()), (vec![(None, 1), (Some(0), 1)], "wrong-password"));
        assert!(login.cause.starts_with("[r.test]:587 does not take it: the relay refused"), "{login:?}");
        // How far an attempt got counts at each relay by itself.
        let said = "SASL authentication failed; server b.test[192.0.2.3] said: 535 5.7.8 no";
        let (_, far) = cause("b.test[192.0.2.3]:2525", said, &[FIRST, SIXTH]);
        assert_eq!(far.id, "no-route", "{far:?}");
        assert!(far.subject.ends_with("[b.test]:2525 wrong-password"), "{far:?}");
    }

    #[test]
    fn a_relay_of_which_nothing_is_logged_is_named_all_the_same() {
        let (legs, silent) = cause("none", SECOND, &[SECOND]);
        assert_eq!((legs, silent.id.as_str()), (vec![(Some(0), 1)], "connection-refused"));
        let words = "[r.test]:587 does not take it, and the log does not say why; and [b.test]:2525 does not take it either: ";
        assert!(silent.cause.starts_with(words), "{silent:?}");
        assert!(silent.remedy.text().starts_with("`relayhost probe --all`"), "{silent:?}");
        let (_, moon) = cause(
            "none",
            SECOND,
            &["A1B2C: host r.test[192.0.2.1] said: 599 the moon is in the wrong phase", SECOND],
        );
        assert!(moon.cause.starts_with("[r.test]:587 does not take it: \"host r.test"), "{moon:?}");
    }

    #[test]
    fn one_relay_alone_is_told_as_it_was() {
        let (legs, one) = cause("none", FIRST, &[SIXTH, FIRST]);
        assert_eq!((legs, one.id.as_str()), (vec![(None, 2)], "no-route"));
        assert!(one.cause.starts_with("this host has no way"), "{one:?}");
    }
}
