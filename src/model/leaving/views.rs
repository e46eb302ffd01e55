//! Tells whether mail leaves: as findings, as one sentence, and as performance data for a monitoring system.

mod trouble;
mod ways;

use std::time::Duration;

use super::{Changed, Leaving, Standing};
use crate::error::Advice;
use crate::model::causes::{Cause, in_turn};
use crate::model::inspection::WAITING;
use crate::model::log::stamp::Calendar;
use crate::model::message::delivery::NAMED_BY_PROBE;
use crate::model::plan::{Finding, Remedy, State};
use crate::model::text::plain;
pub use ways::{ACCOUNT, DRILL, REFUSING, ROUTE, WAYS};

/// The limits of age, times this, from which on waiting messages are a fault, though others leave.
const FAR: u32 = 4;

/// The name of the finding on mail that leaves.
pub const LEAVES: &str = "mail.leaves";

/// The name of the finding on mail that waits for a server of a route, or for the relay of an account.
pub const ELSEWHERE: &str = "queue.elsewhere";

/// The name of the finding on mail that leaves by another relay than the first.
pub const FALLBACK: &str = "mail.fallback";

impl Leaving {
    /// The names of the findings by which `check` ends with 3: a limit is passed, or the last certain word is that mail does
    /// not leave.
    pub fn amiss(&self) -> Vec<&'static str> {
        let late = self.is_late().then_some(WAITING);
        let stands = self.is_stopped()
            || matches!(self.standing, Standing::Claimed | Standing::Old | Standing::Tested);
        let fallen = self.fallen.as_ref().map(|_| FALLBACK);
        let elsewhere = self.late_elsewhere().map(|_| ELSEWHERE);
        let all = late.into_iter().chain(stands.then_some(LEAVES)).chain(fallen);
        let drilled = self.drilled.as_ref().map(|_| DRILL);
        all.chain(self.failing_ids()).chain(drilled).chain(elsewhere).collect()
    }

    /// The findings: what waits, whether mail leaves, the last failure, and what is not known.
    pub fn findings(&self, calendar: &Calendar) -> Vec<Finding> {
        let mut all = vec![self.waiting(), self.leaves()];
        all.extend(self.fallback(calendar));
        all.extend(self.ways(calendar));
        all.extend(self.drill());
        all.extend(self.elsewhere());
        if let (false, Some(text)) = (self.is_contradicted, self.refusal(calendar)) {
            all.push(finding("mail.refused", State::Note, text, None));
        }
        if let count @ 1.. = self.queue.unserved {
            let noun = if count == 1 { "message waits" } else { "messages wait" };
            let text = format!(
                "{count} {noun} for a service of this host's Postfix that is missing in master.cf, or ends at its start"
            );
            all.push(finding("queue.unserved", State::Warning, text, Some("relayhost diagnose".into())));
        }
        if let count @ 1.. = self.queue.held {
            let (noun, verb) = if count == 1 { ("message", "is") } else { ("messages", "are") };
            let text = format!(
                "{count} {noun} in the queue {verb} held, and Postfix does not try to send what is held"
            );
            all.push(finding(
                "queue.held",
                State::Warning,
                text,
                Some("postsuper -H ALL (releases them)".into()),
            ));
        }
        let unknown = self.unknown.iter().cloned();
        all.extend(unknown.map(|text| finding("mail.unknown", State::Note, text, None)));
        all
    }

    fn waiting(&self) -> Finding {
        let text = self.waiting_in_words();
        if let Some(cause) = &self.queue.broken {
            return finding(WAITING, State::Differs, text, Some(cause.remedy.clone()));
        }
        let state = match self.queue_age() {
            _ if self.is_late() && self.is_stopped() => State::Differs,
            Some(age) if age > self.limits.queue * FAR => State::Differs,
            _ if self.is_late() || self.queue.unlisted.is_some() => State::Warning,
            _ => State::Fine,
        };
        let remedy = if self.queue.unlisted.is_some() { "postqueue -p" } else { "relayhost diagnose" };
        finding(WAITING, state, text, Some(remedy.into()).filter(|_| state != State::Fine))
    }

    /// That the last message left by another relay than the first: what keeps mail from that is found by nobody else.
    fn fallback(&self, calendar: &Calendar) -> Option<Finding> {
        let (fallen, cause) = self.fallen.as_ref()?;
        let known = cause.as_ref().filter(|cause| cause.is_known());
        let why = match known {
            Some(cause) => format!(": {} ({})", cause.cause, cause.id),
            None if fallen.why.is_empty() => "; the log does not say why".to_owned(),
            None => format!(": {}", plain(&fallen.why)),
        };
        let text = format!(
            "mail leaves by {}, since {} does not take it{why}; the message left {}",
            fallen.relay,
            self.relay,
            calendar.show(fallen.word.time)
        );
        let remedy = known.map(|cause| cause.remedy.clone()).filter(|remedy| !remedy.is_empty());
        let remedy = remedy.unwrap_or_else(|| NAMED_BY_PROBE.into());
        // It stands until another message has left.
        let remedy = remedy.and("; `relayhost verify` clears this, once that relay takes mail");
        Some(finding(FALLBACK, State::Warning, text, Some(remedy)))
    }

    /// That mail waits which takes another way than the alerts.
    fn elsewhere(&self) -> Option<Finding> {
        let count = Some(self.queue.elsewhere).filter(|count| *count > 0)?;
        let state = if self.late_elsewhere().is_some() { State::Warning } else { State::Note };
        let noun = if count == 1 { "message waits" } else { "messages wait" };
        let age =
            self.queue.elsewhere_oldest.map(|oldest| format!(", the oldest for {}", span(self.age(oldest))));
        let why = Some(&self.queue.elsewhere_reason).filter(|why| !why.is_empty());
        let why = why.map(|why| format!(": {}", plain(why))).unwrap_or_default();
        let text = format!(
            "{count} {noun} for a server of [[routes]] or an account of [[senders]]{}{why}",
            age.unwrap_or_default()
        );
        Some(finding(ELSEWHERE, state, text, Some("relayhost diagnose".into())))
    }

    fn waiting_in_words(&self) -> String {
        let count = match (self.queue.waiting, &self.queue.unlisted) {
            (0, None) => return "no message waits for the relay".into(),
            (0, Some(why)) => return format!("it is not known what waits in the queue: {why}"),
            (1, None) => "1 message waits for the relay".into(),
            (count, None) => format!("{count} messages wait for the relay"),
            (count, Some(why)) => format!("at least {count} messages wait for the relay ({why})"),
        };
        let count = match self.queue.alone {
            0 => count,
            _ if self.queue.waiting == 1 => format!("{count}, refused for its own sender or recipient"),
            alone => format!("{count} ({alone} refused for their own sender or recipient)"),
        };
        match self.queue_age() {
            Some(age) if self.queue.unlisted.is_some() => format!("{count}, one for {}", span(age)),
            Some(age) if self.queue.waiting > 1 => format!("{count}, the oldest for {}", span(age)),
            Some(age) => format!("{count}, for {}", span(age)),
            None => count,
        }
    }

    fn leaves(&self) -> Finding {
        let state = match self.standing {
            Standing::Leaves => State::Fine,
            Standing::Unseen | Standing::Changed => State::Note,
            Standing::Barred => State::Differs,
            Standing::Fails if self.is_late() => State::Differs,
            Standing::Claimed | Standing::Old | Standing::Tested | Standing::Fails => State::Warning,
        };
        let remedy = match self.standing {
            // What closes the way has a finding of its own, with its remedy.
            Standing::Leaves | Standing::Barred => None,
            Standing::Unseen | Standing::Changed | Standing::Claimed | Standing::Old => {
                Some("relayhost verify".into())
            }
            Standing::Tested => self.tested.as_ref().map(|test| test.remedy.clone()),
            Standing::Fails if self.is_configured_since() => Some(
                "relayhost verify (Postfix's configuration was changed after that; the message tells whether it is mended)".into(),
            ),
            Standing::Fails => Some(self.mending()),
        };
        finding(LEAVES, state, self.sentence(), remedy)
    }

    /// The remedy of the failure that speaks against mail leaving: of that at each relay, the first relay first. Any of them that
    /// takes mail is enough.
    fn mending(&self) -> Advice {
        let of = |cause: &Cause| Some(cause.remedy.clone()).filter(|remedy| !remedy.is_empty());
        let last = self.refused.as_ref().filter(|_| self.is_contradicted);
        let last = last.and_then(|(_, cause)| cause.as_ref()).and_then(of);
        let Some(at) = self.other_relay() else {
            return last.unwrap_or_else(|| "relayhost diagnose".into());
        };
        let first = self.refused_first.as_ref().and_then(|(_, cause)| cause.as_ref()).and_then(of);
        let first = first.unwrap_or_else(|| NAMED_BY_PROBE.into());
        in_turn::mending(first, &at, last.as_ref())
    }

    /// Whether mail leaves, in one sentence.
    pub fn sentence(&self) -> String {
        let relay = &self.relay;
        let taken = self.taken.as_ref().map(|taken| span(self.age(taken.time)));
        let last = match &taken {
            Some(age) if self.taken.as_ref().is_some_and(|taken| !taken.certain) => {
                format!("the relay took the last message {age} ago, as the log says")
            }
            Some(age) => format!("the relay took the last message {age} ago"),
            None => self.never(),
        };
        match self.standing {
            Standing::Leaves => match &self.fallen {
                Some((fallen, _)) => {
                    format!("mail leaves through {}, and not through {relay}: {last}", fallen.relay)
                }
                None => format!("mail leaves through {relay}: {last}"),
            },
            Standing::Old if taken.is_some() => {
                format!("{last}, and nothing since says whether mail leaves through {relay}")
            }
            Standing::Old | Standing::Unseen => {
                format!("it is not known whether mail leaves through {relay}: {last}")
            }
            Standing::Changed => {
                format!("it is not known whether mail leaves through {relay}: {}, and {last}", self.change())
            }
            Standing::Tested => {
                let test = self.tested.as_ref();
                let (age, exit, cause) = test.map_or_else(Default::default, |test| {
                    (span(self.age(test.time)), test.exit, test.cause.as_str())
                });
                format!("the last `relayhost verify`, {age} ago, ended with {exit}: {cause}; {last}")
            }
            Standing::Claimed => format!(
                "it is not known whether mail leaves through {relay}{}, and the lines of the log that say that it took messages since can be anybody's",
                self.whys(true)
            ),
            Standing::Fails => format!("{}{}; {last}", self.fails(), self.whys(true)),
            Standing::Barred => {
                let obstacle = self.obstacle.as_deref().unwrap_or_default();
                let then = if taken.is_some() { ", as the host was then" } else { "" };
                format!("mail does not leave through {relay}: {obstacle}; {last}{then}")
            }
        }
    }

    /// That mail does not leave, or did not by the configuration of before, which may have been mended since.
    fn fails(&self) -> String {
        let relay = &self.relay;
        if self.is_configured_since() {
            format!("mail did not leave through {relay} before the configuration was changed")
        } else {
            format!("mail does not leave through {relay}")
        }
    }

    /// What was changed since the last message left.
    fn change(&self) -> String {
        let Some((time, what)) = self.changed else { return String::new() };
        let what = match what {
            Changed::Login => "the login",
            Changed::Configuration => "the configuration",
        };
        format!("{what} was changed {} ago", span(self.age(time)))
    }

    fn never(&self) -> String {
        match self.since {
            Some(since) => {
                format!("no message was seen to leave in the {} that the log is known", span(self.age(since)))
            }
            None => "no message was seen to leave".into(),
        }
    }

    /// Why mail does not leave, after the name of the first relay: what each relay did, the first one first. `aged`: with the time
    /// since then.
    pub(in crate::model) fn whys(&self, aged: bool) -> String {
        let last = self.why(aged);
        let Some(at) = self.other_relay() else { return in_turn::why(Some(&last)) };
        let first = self.refused_first.as_ref().map(|(words, cause)| in_words(words, cause.as_ref()));
        in_turn::nor_through(first.as_deref(), (&at, &last))
    }

    /// The last failure.
    fn why(&self, aged: bool) -> String {
        let Some((word, cause)) = self.refused.as_ref().filter(|_| self.is_contradicted) else {
            return self.waiting_in_words();
        };
        let age = if aged { format!(", {} ago", span(self.age(word.time))) } else { String::new() };
        format!("{}{age}", in_words(&word.text, cause.as_ref()))
    }

    /// The relay of the failure that speaks against mail leaving, if that is not the first one.
    fn other_relay(&self) -> Option<String> {
        let (host, port) = self.refused_at.as_ref().filter(|_| self.is_contradicted)?;
        Some(format!("[{host}]:{port}"))
    }

    fn refusal(&self, calendar: &Calendar) -> Option<String> {
        let (word, cause) = self.refused.as_ref()?;
        let id = cause.as_ref().map_or("unknown", |cause| &cause.id);
        let to = if word.to.is_empty() { String::new() } else { format!(", to {}", plain(&word.to)) };
        let time = calendar.show(word.time);
        Some(format!("the last attempt that failed{to}: {time}, {id}: {}", plain(&word.text)))
    }

    /// Performance data (Monitoring Plugins Development Guidelines, "Performance data"): `U` is what is not known.
    pub fn performance(&self) -> String {
        let seconds =
            |age: Option<Duration>| age.map_or_else(|| "U".into(), |age| format!("{}s", age.as_secs()));
        let count =
            self.queue.known(self.queue.waiting).map_or_else(|| "U".into(), |count| count.to_string());
        let oldest = match (self.queue_age(), &self.queue.unlisted) {
            (None, None) => Some(Duration::ZERO),
            (age, _) => age,
        };
        let (queue, proof) = (self.limits.queue.as_secs(), self.limits.proof.as_secs());
        format!(
            "waiting={count};;;0 queue_age={};{queue};{};0 proof_age={};{proof};;0 refusal_age={};;;0",
            seconds(oldest),
            queue.saturating_mul(FAR.into()),
            seconds(self.taken.as_ref().map(|taken| self.age(taken.time))),
            seconds(self.refused.as_ref().map(|(word, _)| self.age(word.time))),
        )
    }
}

/// The cause of words that a log has; the words, if it is not known.
fn in_words(words: &str, cause: Option<&Cause>) -> String {
    let known = cause.filter(|cause| cause.is_known());
    known.map_or_else(|| plain(words), |cause| format!("{} ({})", cause.cause, cause.id))
}

fn finding(id: &str, state: State, found: String, remedy: Option<Advice>) -> Finding {
    Finding { id: id.into(), state, found, remedy: remedy.map(Remedy::say) }
}

/// A length of time in words, as exactly as a person needs it.
pub fn span(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
