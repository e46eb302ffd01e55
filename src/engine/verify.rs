//! Sends the test message and follows it to the relay's word. Only the relay's acceptance is success: a message that
//! stayed on the host, went another way, bounced or was never heard of again is named as that.

use std::path::Path;
use std::time::{Duration, Instant};

use super::observe::observe;
use super::{Place, Progress};
use crate::error::{Error, Exit, Result, TestMessage, human};
use crate::model::delivery::{Delivery, Outcome};
use crate::model::desired::{Auth, Desired};
use crate::model::diagnosis::{Cause, Circumstances, diagnose};
use crate::model::log::{Attempt, Status};
use crate::model::observed::{Observed, Postfix, Queue};
use crate::model::parameters::is_local;
use crate::model::proof::Proof;
use crate::model::trail::{Trail, Whereabouts};
use crate::sys::{clock, dns, host, log, mail, postfix, service, signals, state};

/// How often the log is read.
const TICK: Duration = Duration::from_millis(50);
/// How long after an attempt that may succeed later Postfix is asked for another.
const RETRY: Duration = Duration::from_secs(4);

/// How long it may take to show it to a run that a signal is to end.
const UNSEEN_AT_THE_END: Duration = Duration::from_secs(2);
/// How long the log may take to show a message that was handed over.
const UNSEEN: Duration = Duration::from_secs(20);

/// What is sent, and how long its fate is followed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Recipient.
    pub to: String,
    /// How long to wait for the relay's word.
    pub deadline: Duration,
}

impl Request {
    /// The message that the answers in `file` ask for.
    pub fn of(desired: &Desired, file: &Path) -> Result<Self> {
        let to = desired.verify.to.clone().ok_or_else(|| Error::Answers {
            file: file.display().to_string(),
            place: None,
            problem: "there is no recipient for the test message".into(),
            remedy: "add `to = \"you@your.domain\"` under [verify], or use --no-verify".into(),
        })?;
        Ok(Self { to, deadline: desired.verify.deadline })
    }
}

/// Sends and follows. Errors only where nothing could be sent or nothing can be read; every fate of a message that
/// was sent is a `Delivery`.
pub fn verify(
    desired: &Desired,
    observed: &Observed,
    request: &Request,
    progress: &mut dyn Progress,
) -> Result<Delivery> {
    let begin = clock::now();
    progress.begin("message");
    let result = send_and_follow(desired, observed, request, progress);
    let (good, text) = match &result {
        Ok(Delivery { outcome: Outcome::Accepted { relay, reply }, .. }) => {
            (true, format!("{relay} said: {reply}"))
        }
        Ok(Delivery { outcome: Outcome::Failed { cause, .. }, .. }) => (false, cause.clone()),
        Err(error) if error.interruption().is_some() => (false, "cut off".into()),
        Err(_) => (false, "could not be sent".into()),
    };
    progress.end(good, &text, begin.elapsed());
    if let Some(proof) = result.as_ref().ok().and_then(|done| Proof::of(done, desired, clock::wall())) {
        // It was delivered, whether that can be noted or not.
        let _ = state::write_proof(&proof);
    }
    result
}

/// The last test message that the relay took, if it is known.
pub fn last_proof() -> Option<Proof> {
    state::proof()
}

fn send_and_follow(
    desired: &Desired,
    observed: &Observed,
    request: &Request,
    progress: &mut dyn Progress,
) -> Result<Delivery> {
    let Some(postfix) = &observed.postfix else {
        return Err(Error::ProgramMissing { program: "postfix".into(), remedy: "relayhost apply".into() });
    };
    let from = desired.alert_sender(postfix.setting("myorigin"));
    let relay = dns::Identity::new(&desired.relay.host);
    let mut message =
        Message { desired, relay, postfix, request, from, begin: clock::now(), trail: Trail::new("") };
    if !service::master_runs(&Queue::new(&postfix.settings)) {
        return Ok(message.delivery(
            None,
            Outcome::unheard(
                "postfix-not-running",
                "Postfix is not running, so nothing leaves this host",
                "relayhost repair (starts it, and has it start at boot)",
                &[],
            ),
        ));
    }
    let mut log = log::follow(postfix.setting("maillog_file"))?;
    let name = host::hostname();
    let subject = format!("relayhost test from {name}");
    let body = format!(
        "This message tests the way out of {name}. It was sent at {} by `relayhost`,\nand left through {}.\n",
        clock::wall(),
        desired.relayhost()
    );
    message.trail = Trail::new(&mail::submit(&message.from, &request.to, &subject, &body)?);
    message.follow(&mut log, progress).map_err(|error| message.interrupted(signals::blame(error), &mut log))
}

/// The message under way.
struct Message<'a> {
    desired: &'a Desired,
    relay: dns::Identity,
    postfix: &'a Postfix,
    request: &'a Request,
    from: String,
    begin: Instant,
    trail: Trail,
}

impl Message<'_> {
    fn follow(&mut self, log: &mut log::Follower, progress: &mut dyn Progress) -> Result<Delivery> {
        let mut known = 0;
        let mut retry_at = None;
        loop {
            for line in log.lines()? {
                self.trail.feed(&line);
            }
            if self.trail.attempts() > known {
                known = self.trail.attempts();
                match self.judge()? {
                    Judgement::Final(delivery) => {
                        self.clear_queue(&delivery, progress)?;
                        return Ok(delivery);
                    }
                    Judgement::Again(cause) => {
                        progress.note(&format!("{}; trying again", cause.cause));
                        retry_at = Some(clock::now() + RETRY);
                    }
                }
            }
            if let (Some(at), Some(queue_id)) = (retry_at, self.trail.queue_id())
                && clock::now() >= at
            {
                postfix::retry(queue_id)?;
                // If this one ends without a word in the log, ask again later.
                retry_at = Some(clock::now() + RETRY * 2);
            }
            let unseen = self.trail.queue_id().is_none() && self.begin.elapsed() >= UNSEEN;
            let hopeless = unseen || (known == 0 && self.trail.is_throttled());
            if hopeless || self.begin.elapsed() >= self.request.deadline {
                let delivery = self.out_of_time(&log.sources())?;
                self.clear_queue(&delivery, progress)?;
                return Ok(delivery);
            }
            clock::sleep(TICK)?;
        }
    }

    /// What the newest attempt means.
    fn judge(&self) -> Result<Judgement> {
        let evidence = self.evidence();
        let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
        let (attempt, outcome) = match self.whereabouts() {
            Whereabouts::NotQueued | Whereabouts::Queued => return Err(Error::NoLog), // attempts() was not 0
            Whereabouts::Accepted(attempt) => (
                attempt,
                Outcome::Accepted { relay: self.desired.relayhost(), reply: attempt.reason.clone() },
            ),
            Whereabouts::StayedHere(attempt) => (attempt, self.stayed_here(attempt, &evidence)),
            // local(8) gave up: the mailbox is not there, and the relay was never meant to be asked.
            Whereabouts::Deferred(attempt) | Whereabouts::Bounced(attempt) if attempt.is_local() => {
                (attempt, self.stayed_here(attempt, &evidence))
            }
            Whereabouts::WentElsewhere(attempt) => (attempt, self.went_elsewhere(attempt, &evidence)),
            Whereabouts::Deferred(attempt) | Whereabouts::Bounced(attempt)
                if self.was_for_another(attempt) =>
            {
                (attempt, self.went_elsewhere(attempt, &evidence))
            }
            Whereabouts::Deferred(attempt) | Whereabouts::Bounced(attempt) => {
                match self.diagnose(&evidence)? {
                    Some(cause) if cause.again && attempt.status == Status::Deferred => {
                        return Ok(Judgement::Again(cause));
                    }
                    Some(cause) => (attempt, Outcome::failed(cause, &evidence)),
                    None => (attempt, unknown(attempt, &evidence)),
                }
            }
        };
        Ok(Judgement::Final(self.delivery(Some(attempt), outcome)))
    }

    /// The lines that tell, without the password: smtp(8) logs it when somebody has made it verbose.
    fn evidence(&self) -> Vec<String> {
        let lines = self.trail.evidence().into_iter();
        match &self.desired.auth {
            Auth::Login { password, .. } if !password.expose().is_empty() => {
                lines.map(|line| line.replace(password.expose(), "********")).collect()
            }
            _ => lines.map(str::to_owned).collect(),
        }
    }

    fn whereabouts(&self) -> Whereabouts<'_> {
        self.trail.whereabouts(|name, address, port| self.is_relay(name, address, port))
    }

    fn is_relay(&self, name: &str, address: &str, port: u16) -> bool {
        port == self.desired.relay.port && self.relay.is(name, address)
    }

    /// Whether an attempt that failed was not made at the relay: it says nothing of the relay then.
    fn was_for_another(&self, attempt: &Attempt) -> bool {
        attempt.target().is_some_and(|(name, address, port)| !self.is_relay(&name, &address, port))
    }

    /// The host is looked at anew: it may have changed since the plan, and that may be the cause.
    fn diagnose(&self, evidence: &[&str]) -> Result<Option<Cause>> {
        let now = observe(self.desired, Place::Host)?;
        let circumstances = Circumstances::new(self.desired, &now, &self.from, &self.request.to);
        Ok(diagnose(evidence, &circumstances))
    }

    fn stayed_here(&self, attempt: &Attempt, evidence: &[&str]) -> Outcome {
        let domain = attempt.to.rsplit('@').next().unwrap_or_default();
        let own = [self.postfix.setting("myhostname"), "localhost"];
        if own.iter().any(|name| name.eq_ignore_ascii_case(domain)) {
            return Outcome::unheard(
                "delivered-locally",
                format!("the message was for {domain}, which is this host, so it never left"),
                "set verify.to to a mailbox elsewhere, or use `relayhost verify --to ADDRESS`",
                evidence,
            );
        }
        if is_local(&attempt.to, self.postfix) {
            return Outcome::unheard(
                "delivered-locally",
                format!(
                    "the message was taken for this host's own and never left it: mydestination contains {domain}"
                ),
                "take that domain out of mydestination in main.cf, `postfix reload`, and run `relayhost verify`",
                evidence,
            );
        }
        Outcome::unheard(
            "stayed-on-this-host",
            format!("the message did not leave this host: {} took it", attempt.agent),
            "look for an alias, a virtual or transport table that catches the recipient (`postconf -n`)",
            evidence,
        )
    }

    fn went_elsewhere(&self, attempt: &Attempt, evidence: &[&str]) -> Outcome {
        let other = attempt
            .target()
            .map_or_else(|| "another host".into(), |(name, _, port)| format!("{name}:{port}"));
        Outcome::unheard(
            "another-relay",
            format!("the message went to {other}, not to {}", self.desired.relayhost()),
            "relayhost check (shows which setting leads there: relayhost itself, or transport_maps and its kin)",
            evidence,
        )
    }

    fn out_of_time(&self, sources: &str) -> Result<Delivery> {
        let evidence = self.evidence();
        let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
        let deadline = human(self.request.deadline);
        let attempt = match self.whereabouts() {
            Whereabouts::Deferred(attempt) => Some(attempt),
            _ => None,
        };
        let outcome = match (self.diagnose(&evidence)?, attempt) {
            (Some(cause), _) => Outcome::failed(cause, &evidence),
            (None, Some(attempt)) => unknown(attempt, &evidence),
            (None, None) if self.trail.queue_id().is_none() => Outcome::unheard(
                "not-queued",
                format!(
                    "Postfix's log ({sources}) does not have the message after {}: \
                     the mail command gave it to another program, or nothing writes the log",
                    human(self.begin.elapsed())
                ),
                "check that /usr/sbin/sendmail is Postfix's (`relayhost check`), and that rsyslog or the journal runs",
                &evidence,
            ),
            (None, None) => Outcome::unheard(
                "no-word",
                format!("{} has said nothing within {deadline}", self.desired.relayhost()),
                "see whether it answers at all (`telnet HOST PORT` shows a line that begins with 220); if it does, give a longer --deadline",
                &evidence,
            ),
        };
        Ok(self.delivery(attempt, outcome))
    }

    /// Takes a test message that failed out of the queue: otherwise it would arrive, or bounce, days later.
    fn clear_queue(&self, delivery: &Delivery, progress: &mut dyn Progress) -> Result<()> {
        if let (Outcome::Failed { .. }, Some(queue_id)) = (&delivery.outcome, self.trail.queue_id())
            && postfix::delete(queue_id)?
        {
            progress.note(&format!("the test message {queue_id} was taken out of the queue again"));
        }
        Ok(())
    }

    /// A run that a signal ends leaves no test message behind, or says that one may be there.
    fn interrupted(&mut self, error: Error, log: &mut log::Follower) -> Error {
        if error.interruption().is_none() {
            return error;
        }
        let _held = signals::hold();
        let begin = clock::now();
        while self.trail.queue_id().is_none() && begin.elapsed() < UNSEEN_AT_THE_END {
            log.lines().unwrap_or_default().iter().for_each(|line| self.trail.feed(line));
            let _ = clock::sleep(TICK); // signals are held
        }
        let queue_id = self.trail.queue_id().map(str::to_owned);
        let message = match (queue_id.as_deref().map(postfix::delete), queue_id) {
            (Some(Ok(true)), Some(queue_id)) => TestMessage::TakenOut { queue_id },
            (Some(Ok(false)), Some(queue_id)) => TestMessage::Left { queue_id },
            (_, queue_id) => TestMessage::Unknown { queue_id },
        };
        error.interrupted_with(|left| left.message = Some(message))
    }

    fn delivery(&self, attempt: Option<&Attempt>, outcome: Outcome) -> Delivery {
        Delivery {
            from: self.from.clone(),
            to: self.request.to.clone(),
            queue_id: self.trail.queue_id().map(str::to_owned),
            waited: self.begin.elapsed(),
            delays: attempt.map(|attempt| attempt.delays),
            outcome,
        }
    }
}

enum Judgement {
    Final(Delivery),
    Again(Cause),
}

/// A failure that the catalogue does not know: the log's own words, and no guess.
fn unknown(attempt: &Attempt, evidence: &[&str]) -> Outcome {
    let refused = attempt.is_refusal();
    Outcome::Failed {
        exit: if refused { Exit::Refused } else { Exit::NoWord },
        id: "unknown".into(),
        cause: format!(
            "{}: {}",
            if refused { "the relay refused" } else { "the message was not accepted" },
            attempt.reason
        ),
        remedy: "relayhost does not know these words; ask whoever runs the relay what they mean".into(),
        evidence: evidence.iter().map(ToString::to_string).collect(),
    }
}
