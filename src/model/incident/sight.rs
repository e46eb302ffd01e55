//! What one look of `check` amounts to: a sighting for each topic that is amiss. What counts as amiss is what `check` ends with
//! 3 for, and beside that what it warns of where it is about to keep mail from leaving.

use super::{Incident, Severity, Sighting, Topic};
use crate::model::inspection::WAITING;
use crate::model::leaving::Leaving;
use crate::model::leaving::Standing;
use crate::model::leaving::views::{ACCOUNT, DRILL, ELSEWHERE, FALLBACK, LEAVES, REFUSING, ROUTE, span};
use crate::model::log::fold::soft;
use crate::model::log::stamp::Seconds;
use crate::model::plan::{Finding, Plan, Remedy, State, remedy};
use crate::model::state::generation::sha256;

/// The findings about what a login rests on begin so.
const LOGIN: &str = "token.";
/// Findings about the log and the services, which are warnings.
const LOG: [&str; 2] = ["log.full", "queue.unserved"];

/// What a look saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What is amiss.
    pub sightings: Vec<Sighting>,
    /// The topics that this look could judge: of the others it is not known whether they are over.
    pub judged: Vec<Topic>,
    /// When the relay took the last message that is known.
    pub taken: Option<Seconds>,
    /// Messages that wait for the relay; `None` if that is not known.
    pub waiting: Option<u64>,
    /// Whether there may be more.
    pub at_least: bool,
    /// The arrival of the oldest.
    pub oldest: Option<Seconds>,
}

impl Seen {
    /// What a whole look saw. `mail`: the findings about mail that leaves.
    pub fn of(plan: &Plan, leaving: Option<&Leaving>, mail: &[Finding], now: Seconds) -> Self {
        let queue = leaving.map(|leaving| &leaving.queue);
        let at_least = queue.is_some_and(|queue| queue.unlisted.is_some());
        let judged = [Topic::Host, Topic::Login, Topic::Look].into_iter();
        // What waits for a service that is missing may be in a queue that was not listed to its end.
        let judged =
            judged.chain(leaving.map(|_| Topic::Mail)).chain((!at_least).then_some(Topic::Log)).collect();
        let all = [
            leaving.and_then(|leaving| of_mail(plan, leaving, mail, now)),
            of_host(plan, now),
            of(Topic::Login, plan.findings.iter().filter(|one| one.id.starts_with(LOGIN)), now),
            of(Topic::Log, mail.iter().filter(|one| LOG.contains(&one.id.as_str())), now),
        ];
        Self {
            sightings: all.into_iter().flatten().collect(),
            judged,
            taken: leaving.and_then(|leaving| leaving.taken.as_ref()).map(|taken| taken.time),
            waiting: queue.and_then(|queue| queue.known(queue.waiting)),
            at_least,
            oldest: queue.and_then(|queue| queue.oldest),
        }
    }

    /// Whether what has begun at this time is over, if this look does not see it. A queue that was not listed to its end may
    /// have it still, but a relay that has taken a message since is not dead.
    pub fn has_ended(&self, topic: Topic, begun: Seconds) -> bool {
        let is_known = topic != Topic::Mail || !self.at_least || self.taken > Some(begun);
        is_known && self.judged.contains(&topic)
    }

    /// The same of an incident. That a message waits while others leave is known by the queue alone.
    pub fn has_closed(&self, incident: &Incident) -> bool {
        let is_known = !self.at_least || ![WAITING, ELSEWHERE].contains(&incident.cause_id.as_str());
        is_known && self.has_ended(incident.topic, incident.opened)
    }

    /// What a look saw that an error has ended. `stops_mail`: whether it is one that keeps Postfix from sending, too.
    pub fn failed(cause: String, remedy: String, stops_mail: bool, now: Seconds) -> Self {
        let severity = if stops_mail { Severity::Critical } else { Severity::Warning };
        let mut folded = String::new();
        soft(&cause, &mut folded);
        let sighting = Sighting {
            topic: Topic::Look,
            severity,
            cause,
            cause_id: "look.failed".into(),
            trouble: sha256(folded.as_bytes()),
            remedy,
            since: now,
            covers_host: false,
        };
        Self { sightings: vec![sighting], judged: vec![Topic::Look], ..Self::default() }
    }
}

impl Incident {
    /// The same, with what a look saw in the queue.
    #[must_use]
    pub fn with_queue(self, seen: &Seen) -> Self {
        let Seen { waiting, at_least, oldest, .. } = *seen;
        Self { waiting, at_least, oldest, ..self }
    }
}

fn of_mail(plan: &Plan, leaving: &Leaving, mail: &[Finding], now: Seconds) -> Option<Sighting> {
    let amiss = leaving.amiss();
    let named = |id: &str| mail.iter().find(|finding| finding.id == id).filter(|_| amiss.contains(&id));
    let all = [LEAVES, WAITING, FALLBACK, ACCOUNT, ROUTE, REFUSING, DRILL, ELSEWHERE];
    let finding = all.into_iter().find_map(named)?;
    let is_late = named(WAITING).is_some_and(|finding| finding.state == State::Differs);
    let severity = if leaving.is_stopped() || is_late { Severity::Critical } else { Severity::Warning };
    let failure = leaving.refused.as_ref().filter(|_| leaving.is_contradicted);
    // What differs on this host may be why, and is told with it.
    let covers_host = matches!(leaving.standing, Standing::Barred | Standing::Fails);
    let said = finding.remedy.as_ref().map(Remedy::text);
    // The last attempt is not the first that failed: what has waited since before it tells more, and does not tell of a time
    // at which the relay still took messages.
    let taken = leaving.taken.as_ref().map_or(Seconds::MIN, |taken| taken.time);
    let waits = leaving.queue.oldest.map(|oldest| oldest.max(taken));
    let failed = failure.map(|(word, _)| waits.map_or(word.time, |waits| word.time.min(waits)));
    let waited = leaving.queue.oldest.filter(|_| leaving.is_late());
    Some(Sighting {
        topic: Topic::Mail,
        severity,
        cause: in_words(leaving).unwrap_or_else(|| finding.found.clone()),
        cause_id: cause_id(leaving).unwrap_or(&finding.id).to_owned(),
        trouble: sha256(format!("{}\n{}", finding.id, leaving.trouble(&finding.id)).as_bytes()),
        remedy: said.unwrap_or_else(|| remedy(&plan.findings, "relayhost apply")),
        since: failed.or(waited).unwrap_or(now).min(now),
        covers_host,
    })
}

/// The name of the cause for which mail does not leave, or the last test message had no success, if it is known.
fn cause_id(leaving: &Leaving) -> Option<&str> {
    let tested = leaving.tested.as_ref().filter(|_| leaving.standing == Standing::Tested);
    let tested = tested.map(|test| test.cause_id.as_str()).filter(|id| !id.is_empty());
    tested.or_else(|| leaving.cause_against().map(|cause| cause.id.as_str()))
}

/// Why mail does not leave, without ages: the words are told again when they are old. `None` where it may leave.
fn in_words(leaving: &Leaving) -> Option<String> {
    let why = match leaving.standing {
        Standing::Barred => format!(": {}", leaving.obstacle.as_ref()?),
        Standing::Fails if leaving.is_contradicted => leaving.whys(false),
        Standing::Fails => format!(
            ": a message waits for more than {}, and none has left since it came",
            span(leaving.limits.queue)
        ),
        // The relay may have taken it: one in the folder for junk has left.
        Standing::Tested => {
            let cause = &leaving.tested.as_ref()?.cause;
            return Some(format!("the last test message through {} had no success: {cause}", leaving.relay));
        }
        _ => return None,
    };
    Some(format!("mail does not leave through {}{why}", leaving.relay))
}

fn of_host(plan: &Plan, now: Seconds) -> Option<Sighting> {
    let differs = |finding: &&Finding| finding.state == State::Differs && !finding.id.starts_with(LOGIN);
    let sighting = of(Topic::Host, plan.findings.iter().filter(differs), now)?;
    let remedy = remedy(plan.findings.iter().filter(differs), "relayhost apply");
    Some(Sighting { cause: format!("not as the answers say: {}", sighting.cause), remedy, ..sighting })
}

/// The sighting that findings of a topic amount to; `None` if none of them is amiss.
fn of<'a>(topic: Topic, findings: impl Iterator<Item = &'a Finding>, now: Seconds) -> Option<Sighting> {
    let all: Vec<&Finding> = findings.filter(|finding| finding.is_amiss()).collect();
    let worst = all.iter().find(|finding| finding.state == State::Differs).or(all.first())?;
    let severity = if worst.state == State::Differs { Severity::Critical } else { Severity::Warning };
    let text = |finding: &&Finding| format!("{}: {}", finding.id, finding.found);
    let ids: Vec<&str> = all.iter().map(|finding| finding.id.as_str()).collect();
    Some(Sighting {
        topic,
        severity,
        cause: all.iter().map(text).collect::<Vec<_>>().join("; "),
        cause_id: worst.id.clone(),
        trouble: sha256(ids.join("\n").as_bytes()),
        remedy: worst.remedy.as_ref().map(Remedy::text).unwrap_or_default(),
        since: now,
        covers_host: false,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::leaving::record::{Record, Word};
    use crate::model::leaving::relay::Relay;
    use crate::model::leaving::{InQueue, Limits, Test};
    use crate::model::log::stamp::Calendar;

    const NOW: Seconds = 1_000_000;

    fn word(order: u64) -> Word {
        Word {
            order,
            time: NOW - 600,
            queue_id: "AAAA1".into(),
            to: "o@x".into(),
            text: "250 Ok".into(),
            beside: Vec::new(),
        }
    }

    fn leaving(failed: Option<&str>) -> Leaving {
        let taken = Some(word(1));
        let failed = failed.map(|text| Word { text: text.into(), ..word(2) });
        let record = Record {
            looked: NOW,
            since: Some(NOW - 3600),
            taken,
            refused: failed.clone(),
            failed,
            ..Record::default()
        };
        let relay = Relay { host: "relay.test".into(), port: 587, fallbacks: Vec::new() };
        let limits = Limits { queue: Duration::from_secs(900), proof: Duration::from_secs(86_400) };
        let mut queue = InQueue::default();
        (queue.waiting, queue.oldest, queue.held) = (2, Some(NOW - 60), 1);
        Leaving::new(&relay, &record, queue, None, limits, Vec::new(), true)
    }

    fn seen(plan: &[(&str, State)], leaving: &Leaving) -> Seen {
        let findings = plan.iter().map(|(id, state)| Finding {
            id: (*id).into(),
            state: *state,
            found: "found".into(),
            remedy: Some(Remedy::say("do")),
        });
        let plan = Plan { findings: findings.collect(), ..Plan::empty() };
        Seen::of(&plan, Some(leaving), &leaving.findings(&Calendar::utc(NOW)), NOW)
    }

    fn topics(seen: &Seen) -> Vec<(Topic, Severity)> {
        seen.sightings.iter().map(|one| (one.topic, one.severity)).collect()
    }

    /// A message that somebody holds, a note, a warning of something that lasts: `check` shows them, and nobody is woken.
    #[test]
    fn what_keeps_no_mail_from_leaving_is_no_incident() {
        let seen =
            seen(&[("service.running", State::Fine), ("mail.clients", State::Warning)], &leaving(None));
        assert_eq!(topics(&seen), []);
        assert_eq!((seen.waiting, seen.oldest, seen.judged.len()), (Some(2), Some(NOW - 60), 5));
        assert!(!seen.at_least);
    }

    /// Any user can have a listing of the queue time out.
    #[test]
    fn what_a_queue_that_is_not_listed_may_have_is_not_over() {
        let mut leaving = leaving(None);
        leaving.queue = InQueue::new(Some("listing it takes longer than 2 s".into()));
        let empty = seen(&[], &leaving);
        assert_eq!((empty.waiting, empty.oldest, empty.at_least), (None, None, true));
        assert_eq!(empty.judged, [Topic::Host, Topic::Login, Topic::Look, Topic::Mail]);
        // The relay took a message ten minutes ago.
        assert!(empty.has_ended(Topic::Mail, NOW - 700) && !empty.has_ended(Topic::Mail, NOW - 500));
        assert!(empty.has_ended(Topic::Host, NOW) && !empty.has_ended(Topic::Log, NOW - 700));
        let incident = |cause_id: &str| Incident {
            opened: NOW - 700,
            cause_id: cause_id.into(),
            ..super::super::event::tests::event("x").incident
        };
        assert!(empty.has_closed(&incident("mail.leaves")) && !empty.has_closed(&incident(WAITING)));
        leaving.queue.waiting = 7;
        assert_eq!(seen(&[], &leaving).waiting, Some(7));
        let failed = Seen::failed("x".into(), "y".into(), false, NOW);
        assert_eq!(failed.waiting, None);
    }

    #[test]
    fn a_failure_that_stops_all_is_told_without_ages() {
        let seen = seen(&[], &leaving(Some("connect to relay.test[192.0.2.1]:587: Connection refused")));
        assert_eq!(topics(&seen), [(Topic::Mail, Severity::Critical)]);
        let mail = &seen.sightings[0];
        assert_eq!(mail.since, NOW - 600);
        assert!(mail.cause.starts_with("mail does not leave through [relay.test]:587: "), "{}", mail.cause);
        assert!(!mail.cause.contains(" ago") && !mail.remedy.is_empty(), "{mail:?}");
        assert_ne!(mail.cause_id, "mail.leaves");
        assert!(mail.covers_host);
    }

    /// The record of an attempt has the words of the relay that was tried last.
    #[test]
    fn what_each_relay_said_is_told_and_the_cause_is_that_of_the_first() {
        let first = "connect to relay.test[192.0.2.1]:587: Connection refused";
        let second = "connect to second.test[192.0.2.3]:2525: Connection timed out";
        let mail = |beside: &[&str]| {
            let fallbacks = vec![("second.test".into(), 2525)];
            let relay = Relay { host: "relay.test".into(), port: 587, fallbacks };
            let beside = beside.iter().map(|said| (*said).to_owned()).collect();
            let failed = Some(Word { text: second.into(), beside, ..word(2) });
            let record = Record { looked: NOW, refused: failed.clone(), failed, ..Record::default() };
            let leaving =
                Leaving::new(&relay, &record, InQueue::default(), None, Limits::default(), Vec::new(), true);
            seen(&[], &leaving).sightings.remove(0)
        };
        let both = mail(&[first, second]);
        assert_eq!(both.cause_id, "connection-refused");
        let at = |text: &str| both.cause.find(text).unwrap_or_else(|| panic!("{text}: {both:?}"));
        let (said, then) = (at("(connection-refused)"), at("; nor through [second.test]:2525: "));
        assert!(said < then && then < at("(connection-timed-out)"), "{both:?}");
        assert!(both.remedy.contains("; and for [second.test]:2525: "), "{both:?}");
        // smtp(8) logs nothing of a name that it cannot look up.
        let silent = mail(&[second]);
        assert_eq!(silent.cause_id, "connection-timed-out");
        assert!(silent.cause.contains("[relay.test]:587, and the log does not say why; nor through "));
        assert!(silent.remedy.starts_with("`relayhost probe`"), "{silent:?}");
    }

    #[test]
    fn a_message_that_waits_for_too_long_on_another_way_is_one_too() {
        let mut elsewhere = leaving(None);
        (elsewhere.queue.elsewhere, elsewhere.queue.elsewhere_oldest) = (1, Some(NOW - 60));
        assert_eq!(topics(&seen(&[], &elsewhere)), []);
        elsewhere.queue.elsewhere_oldest = Some(NOW - 1000);
        let late = seen(&[], &elsewhere);
        assert_eq!(topics(&late), [(Topic::Mail, Severity::Warning)]);
        assert_eq!(late.sightings[0].cause_id, ELSEWHERE);
        assert!(
            late.sightings[0].cause.starts_with("1 message waits for a server of [[routes]]"),
            "{late:?}"
        );
    }

    #[test]
    fn a_test_message_that_did_not_arrive_is_not_said_to_have_stayed() {
        let (cause, remedy) = ("it is in the folder for junk".into(), "do".into());
        let test = Test { time: NOW - 60, exit: 5, cause, cause_id: "arrived-in-junk".into(), remedy };
        let seen = seen(&[], &leaving(None).after_test(Some(test)));
        assert_eq!(topics(&seen), [(Topic::Mail, Severity::Warning)]);
        let words =
            "the last test message through [relay.test]:587 had no success: it is in the folder for junk";
        assert_eq!(
            (seen.sightings[0].cause.as_str(), seen.sightings[0].cause_id.as_str()),
            (words, "arrived-in-junk")
        );
    }

    #[test]
    fn a_host_that_bars_the_way_covers_what_differs_on_it() {
        let barred = leaving(None).barred(Some("Postfix is not running".into()));
        let seen = seen(&[("service.running", State::Differs)], &barred);
        assert_eq!(topics(&seen), [(Topic::Mail, Severity::Critical), (Topic::Host, Severity::Critical)]);
        let mail = &seen.sightings[0];
        assert!(mail.covers_host && mail.cause.ends_with("Postfix is not running"), "{mail:?}");
        assert_eq!(mail.remedy, "do");
    }

    #[test]
    fn a_login_that_ends_soon_is_a_warning_and_one_that_has_ended_is_not() {
        let soon = seen(&[("token.certificate", State::Warning)], &leaving(None));
        assert_eq!(topics(&soon), [(Topic::Login, Severity::Warning)]);
        let ended = seen(&[("token.login", State::Warning), ("token.end", State::Differs)], &leaving(None));
        assert_eq!(topics(&ended), [(Topic::Login, Severity::Critical)]);
        assert_eq!(ended.sightings[0].cause_id, "token.end");
    }
}
