//! Tells of each way of the answers: how much mail it took, and that the last did not leave by it.

use super::super::Leaving;
use super::super::by_way::Told;
use super::super::ways::Kind;
use super::{finding, in_words, span};
use crate::error::Advice;
use crate::model::causes::{Cause, in_turn};
use crate::model::log::stamp::Calendar;
use crate::model::plan::{Finding, State};
use crate::model::text::{NAMED, counted, first_of};

/// The name of the finding on an account of `[[senders]]` by which mail does not leave.
pub const ACCOUNT: &str = "mail.account";

/// The name of the finding on a route by which mail does not leave.
pub const ROUTE: &str = "mail.route";

/// The name of the finding on a fallback relay that a probe found refused.
pub const REFUSING: &str = "mail.fallback-refuses";

/// The name of the finding on a drill that had no success.
pub const DRILL: &str = "mail.drill";

/// The name of the finding on how much each way took.
pub const WAYS: &str = "mail.ways";

/// Most ways that do not take mail that are named: there may be 200 accounts.
const BROKEN: usize = 20;

impl Told {
    /// Whose mail it is, in words.
    fn whose(&self) -> String {
        match self.way.kind {
            Kind::Account if !self.senders.is_empty() => format!("mail of {}", self.senders.join(", ")),
            Kind::Account => format!("mail of {}", self.way.whose),
            Kind::Relay | Kind::Route | Kind::Fallback => self.way.whose.clone(),
        }
    }

    /// The name of the finding on a failure.
    pub(super) fn id(&self) -> &'static str {
        match self.way.kind {
            Kind::Account => ACCOUNT,
            Kind::Fallback => REFUSING,
            Kind::Relay | Kind::Route => ROUTE,
        }
    }

    /// What ends the finding, after the remedy: a message that its own server takes.
    fn clearing(&self) -> String {
        let by = &self.way.by;
        // No message of this host's own takes it while the relays before it are there.
        if self.way.kind == Kind::Fallback {
            return "; `relayhost probe --all` clears this, once that relay would take mail".into();
        }
        // Of what waits the words of the last attempt stay in the queue until Postfix tries it again.
        let (queue, verb) =
            if self.waits.messages > 0 { (" and `postqueue -f`", "clear") } else { ("", "clears") };
        match self.way.kind {
            Kind::Route => format!(
                "; then `relayhost verify --to ADDRESS` (an address of {}){queue} {verb} this, by a message that {by} takes",
                self.way.table.rsplit_once(' ').map_or("its domain", |(_, domain)| domain)
            ),
            _ if !self.senders.is_empty() => format!(
                "; then `relayhost verify --all`{queue} {verb} this, by a message of each of these senders that {by} takes"
            ),
            _ => format!("; then `relayhost verify --all`{queue} {verb} this, by a message that {by} takes"),
        }
    }

    /// That its last message did not leave by it.
    fn failure(&self, calendar: &Calendar) -> Option<Finding> {
        let (refused, cause) = self.refused.as_ref()?;
        let (whose, by, time) = (self.whose(), &self.way.by, calendar.show(refused.time));
        let own = (!refused.text.is_empty()).then(|| in_words(&refused.text, cause.as_ref()));
        let why = match &self.then {
            Some(then) => {
                let words = in_words(&then.text, then.cause.as_ref());
                in_turn::nor_through(own.as_deref(), (&then.relay, &words))
            }
            None => in_turn::why(own.as_deref()),
        };
        let text = match &refused.returned {
            _ if self.is_former => format!(
                "{whose} did not leave through {by} before the configuration was changed{why}; that was {time}"
            ),
            _ if !refused.by.is_empty() => format!(
                "{whose} leaves by {}, since {by} does not take it{why}; the message left {time}",
                refused.by
            ),
            Some(at) => {
                let too = if self.then.is_some() || self.way.is_no_fallback(at) {
                    String::new()
                } else {
                    format!("{at} refused it too, so ")
                };
                format!(
                    "{whose} does not leave through {by}{why}; {too}Postfix returned the message to its sender {time}"
                )
            }
            None if self.way.kind == Kind::Fallback => format!(
                "the fallback relay {by} would not take what those before it cannot{why}; a probe found that {time}"
            ),
            None if self.is_probe => {
                format!("{whose} would not leave through {by}{why}; a probe found that {time}")
            }
            None => format!("{whose} does not leave through {by}{why}; it failed {time}"),
        };
        Some(finding(self.id(), State::Warning, text, Some(self.mending(cause.as_ref()))))
    }

    /// The remedy: for the relay of its own, and for the fallback relay that does not take its mail either.
    fn mending(&self, cause: Option<&Cause>) -> Advice {
        let known = cause.filter(|cause| cause.is_known() && !cause.remedy.is_empty());
        match known {
            _ if self.is_mended => {
                "postqueue -f (has Postfix try again what waits: the log says that a message has left since)"
                    .into()
            }
            _ if self.is_former => self.clearing().trim_start_matches("; then ").into(),
            known => {
                let own =
                    known.map_or_else(|| Advice::from("relayhost probe --all"), |cause| cause.remedy.clone());
                let other = self.then.as_ref().and_then(|then| Some((&then.relay, then.cause.as_ref()?)));
                let both = other.map(|(at, cause)| in_turn::mending(own.clone(), at, Some(&cause.remedy)));
                both.unwrap_or(own).and(self.clearing())
            }
        }
    }
}

impl Leaving {
    /// The ways by which the last message did not leave.
    pub(super) fn failing(&self) -> impl Iterator<Item = &Told> {
        self.ways.iter().filter(|told| told.refused.is_some())
    }

    /// The names of the findings on them.
    pub(in super::super) fn failing_ids(&self) -> impl Iterator<Item = &'static str> {
        [ACCOUNT, ROUTE, REFUSING].into_iter().filter(|id| self.failing().any(|told| told.id() == *id))
    }

    /// A finding for each of the first of them, one for the others, and one on how much all took.
    pub(super) fn ways(&self, calendar: &Calendar) -> Vec<Finding> {
        let mut all: Vec<Finding> =
            self.failing().take(NAMED).filter_map(|told| told.failure(calendar)).collect();
        let more: Vec<&Told> = self.failing().skip(NAMED).collect();
        if let Some(first) = more.first() {
            let names: Vec<String> = more.iter().map(|told| told.way.table.clone()).collect();
            let (noun, verb) = if more.len() == 1 { ("way", "does") } else { ("ways", "do") };
            let text = format!(
                "{} more {noun} {verb} not take mail: {}",
                more.len(),
                first_of(&names, room(names.len(), BROKEN))
            );
            let remedy = "`relayhost probe --all` names what keeps mail from each; then `relayhost verify --all` clears this for \
                          accounts, `relayhost verify --to ADDRESS` for a route, and `postqueue -f` for what waits";
            all.push(finding(first.id(), State::Warning, text, Some(remedy.into())));
        }
        all.extend(self.amounts().map(|text| finding(WAYS, State::Note, text, None)));
        all
    }

    /// That the last drill had no success, and nothing since says more.
    pub(super) fn drill(&self) -> Option<Finding> {
        let (time, drill) = self.drilled.as_ref()?;
        let text = format!(
            "the last `relayhost drill`, {} ago, got no message out by {}: {}",
            span(self.age(*time)),
            drill.relay,
            drill.text
        );
        let remedy = Advice::from(drill.remedy.clone())
            .and("; `relayhost drill` clears this, once that relay takes mail");
        Some(finding(DRILL, State::Warning, text, Some(remedy)))
    }

    /// How many messages each way took; `None` where there is one way alone.
    fn amounts(&self) -> Option<String> {
        let (first, others) = self.ways.split_first().filter(|(_, others)| !others.is_empty())?;
        let amount = |told: &Told| {
            let last = told.tally.last.map(|time| format!(", the last {} ago", span(self.age(time))));
            let took = if told.tally.taken == 0 { "none".to_owned() } else { told.tally.taken.to_string() };
            let instead = match told.tally.instead {
                0 => String::new(),
                count => format!(" ({count} left by a fallback relay)"),
            };
            format!("{took}{instead}{}", last.unwrap_or_default())
        };
        let mut busy: Vec<&Told> = others.iter().collect();
        let is_amiss = |told: &Told| told.refused.is_some() || told.waits.messages > 0;
        busy.sort_by_key(|told| std::cmp::Reverse((is_amiss(told), told.tally.taken)));
        // What is amiss is named.
        let amiss = busy.iter().filter(|told| is_amiss(told)).count().clamp(NAMED, BROKEN);
        let (named, more) = busy.split_at(room(busy.len(), amiss));
        let mut parts = vec![format!("{} took {}", first.way.by, first_amount(&amount(first), first))];
        parts.extend(named.iter().map(|told| {
            let name = if told.way.kind == Kind::Fallback { &told.way.by } else { &told.way.table };
            format!("{name}: {}", amount(told))
        }));
        if !more.is_empty() {
            let sum = more.iter().map(|told| told.tally.taken).sum::<u64>();
            let count = more.iter().filter(|told| is_amiss(told)).count();
            let amiss = if count > 0 { format!(", {count} of them not in order") } else { String::new() };
            parts.push(format!("{}{amiss}: {sum} together", counted(more.len() as u64, "more way")));
        }
        let since = self.counted.map_or_else(String::new, |since| format!("in {}, ", span(self.age(since))));
        Some(format!("{since}{}", parts.join("; ")))
    }
}

/// How many of these are named, where `most` are: one more has room in the line that would count it.
fn room(all: usize, most: usize) -> usize {
    if all > most + 1 { most } else { all }
}

/// The amount of the first way, which says what is counted.
fn first_amount(amount: &str, first: &Told) -> String {
    let number = first.tally.taken.to_string();
    let rest = amount.strip_prefix(&number).filter(|_| first.tally.taken > 0);
    rest.map_or_else(
        || "no message".to_owned(),
        |rest| format!("{}{rest}", counted(first.tally.taken, "message")),
    )
}
