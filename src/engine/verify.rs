//! Sends the test message and follows it to the relay's word. Only the relay's acceptance is success: a message that
//! stayed on the host, went another way, bounced or was never heard of again is named as that.

use std::path::Path;
use std::time::{Duration, Instant};

mod why;

use super::pursuit::Pursuit;
use super::{End, Progress, fate};
use crate::error::{Error, Exit, Result, human, shown};
use crate::model::causes::Cause;
use crate::model::desired::Desired;
use crate::model::log::{Attempt, Status};
use crate::model::message::delivery::{Delivery, InQueue, Outcome};
use crate::model::message::proof::Proof;
use crate::model::message::trail::{Whereabouts, Word};
use crate::model::observed::{Observed, Postfix, Queue};
use crate::sys::{clock, dns, host, log_tail, mail, postfix, service, signals, state};

/// How often the log is read.
const TICK: Duration = Duration::from_millis(50);
/// How long after an attempt that may succeed later Postfix is asked for another.
const RETRY: Duration = Duration::from_secs(4);

/// The longest pause between two looks at the queue, which has to be read whole for the reasons of a deferral.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long log and queue may disagree: a delivery agent logs before it notes in the queue, and syslog may be slow.
const GRACE: Duration = Duration::from_secs(3);

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
            file: shown(file),
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
    let (end, text) = match &result {
        Ok(delivery) => {
            let often = match delivery.put_off {
                0 | 1 => String::new(),
                times => format!(" (put off {times} times)"),
            };
            let is_good = delivery.outcome.exit() == Exit::Done;
            (if is_good { End::Good } else { End::Bad }, delivery.outcome.in_short() + &often)
        }
        Err(error) if error.interruption().is_some() => (End::Open, "cut off".into()),
        Err(_) => (End::Bad, "could not be sent".into()),
    };
    progress.end(end, &text, begin.elapsed());
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
    let begin = clock::now();
    let mut message = Message { desired, relay, postfix, request, from, begin, queue_id: None, put_off: 0 };
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
    let log = log_tail::follow(postfix.setting("maillog_file"))?;
    let name = host::hostname();
    let subject = format!("relayhost test from {name}");
    let body = format!(
        "This message tests the way out of {name}. It was sent at {} by `relayhost`,\nand left through {}.\n",
        clock::wall(),
        desired.relayhost()
    );
    let message_id = mail::submit(&message.from, &request.to, &subject, &body)?;
    let mut pursuit = Pursuit::new(log, postfix.setting("queue_directory"), &message_id, &request.to);
    message.follow(&mut pursuit, progress).map_err(|error| pursuit.interrupted(signals::blame(error)))
}

/// The message under way.
struct Message<'a> {
    desired: &'a Desired,
    relay: dns::Identity,
    postfix: &'a Postfix,
    request: &'a Request,
    from: String,
    begin: Instant,
    queue_id: Option<String>,
    /// How often it was put off for a reason that may pass.
    put_off: u32,
}

impl Message<'_> {
    fn follow(&mut self, pursuit: &mut Pursuit, progress: &mut dyn Progress) -> Result<Delivery> {
        let (mut known, mut pause, mut next_look) = (0, TICK, self.begin);
        // The attempt after which another was asked for, and when that is to be.
        let (mut again, mut retry_at): (Option<Attempt>, Option<Instant>) = (None, None);
        let (mut doubted, mut dead): (Option<Instant>, Option<Instant>) = (None, None);
        let mut told: Option<String> = None;
        loop {
            pursuit.read(false)?;
            self.queue_id = pursuit.trail().queue_id().map(str::to_owned);
            if pursuit.trail().news() != known {
                known = pursuit.trail().news();
                (pause, next_look) = (TICK, clock::now());
            }
            if known > 0 && clock::now() >= next_look {
                next_look = clock::now() + pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                let word = self.word(pursuit);
                doubted = doubted.filter(|_| matches!(word, Word::Doubt(_)));
                match &word {
                    Word::Open => {}
                    Word::Doubt(_) => {
                        if doubted.get_or_insert(clock::now()).elapsed() >= GRACE
                            && let Some(delivery) = self.doubt(pursuit, &word)?
                        {
                            return Ok(delivery);
                        }
                    }
                    Word::Said(found) if again.as_ref() == Some(found.attempt()) => {}
                    Word::Said(_) | Word::Gone(_) => match self.judge(&word, pursuit)? {
                        Judgement::Final(delivery) => {
                            if !pursuit.confirm()? {
                                return Ok(self.incomplete(pursuit));
                            }
                            if self.word(pursuit) == word {
                                return self.clear_queue(delivery, pursuit);
                            }
                            next_look = clock::now();
                        }
                        Judgement::Again(cause) => {
                            self.put_off += 1;
                            if told.as_ref() != Some(&cause.id) {
                                progress.note(&format!("{}; trying again", cause.cause));
                                told = Some(cause.id);
                            }
                            again = word.attempt().cloned();
                            retry_at = Some(clock::now() + RETRY);
                        }
                    },
                }
            }
            if let (Some(at), Some(queue_id)) = (retry_at, &self.queue_id)
                && clock::now() >= at
            {
                postfix::retry(queue_id)?;
                // If this one ends without a word in the log, ask again later.
                retry_at = Some(clock::now() + RETRY * 2);
            }
            let unseen = self.queue_id.is_none() && self.begin.elapsed() >= UNSEEN;
            let hopeless = unseen || (known == 0 && self.is_throttled(pursuit, &mut dead));
            if hopeless || self.begin.elapsed() >= self.request.deadline {
                return self.out_of_time(pursuit, again.as_ref());
            }
            clock::sleep(TICK)?;
        }
    }

    fn word(&self, pursuit: &Pursuit) -> Word {
        pursuit.word(|name, address, port| self.is_relay(name, address, port))
    }

    /// Log and queue have disagreed for a while. If they still do when all is read, somebody else writes to the log.
    fn doubt(&self, pursuit: &mut Pursuit, before: &Word) -> Result<Option<Delivery>> {
        if !pursuit.confirm()? {
            return Ok(Some(self.incomplete(pursuit)));
        }
        let now = self.word(pursuit);
        Ok(match &now {
            Word::Doubt(text) if now == *before => Some(self.contradiction(pursuit, text)),
            _ => None,
        })
    }

    /// What log and queue mean.
    fn judge(&self, word: &Word, pursuit: &Pursuit) -> Result<Judgement> {
        let found = match word {
            Word::Said(found) => found,
            Word::Gone(gone) => return Ok(Judgement::Final(self.delivery(None, fate::gone(*gone)))),
            Word::Open | Word::Doubt(_) => return Err(Error::NoLog), // nobody asks then
        };
        let attempt = found.attempt();
        let evidence = evidence(pursuit, Some(attempt));
        let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
        let outcome = match found {
            Whereabouts::Accepted(_) => {
                Outcome::Accepted { relay: self.desired.relayhost(), reply: attempt.reason.clone() }
            }
            Whereabouts::StayedHere(_) => fate::stayed_here(attempt, self.postfix, &evidence),
            // local(8) gave up: the mailbox is not there, and the relay was never meant to be asked.
            Whereabouts::Deferred(_) | Whereabouts::Bounced(_) if attempt.is_local() => {
                fate::stayed_here(attempt, self.postfix, &evidence)
            }
            Whereabouts::WentElsewhere(_) => {
                fate::went_elsewhere(attempt, &self.desired.relayhost(), &evidence)
            }
            Whereabouts::Deferred(_) | Whereabouts::Bounced(_) if self.was_for_another(attempt) => {
                fate::went_elsewhere(attempt, &self.desired.relayhost(), &evidence)
            }
            Whereabouts::Deferred(_) | Whereabouts::Bounced(_) => {
                match self.cause(attempt, &evidence, pursuit)? {
                    Some(cause) if cause.again && attempt.status == Status::Deferred => {
                        return Ok(Judgement::Again(cause));
                    }
                    Some(cause) => Outcome::failed(cause, &evidence),
                    None => fate::unknown(attempt, &evidence),
                }
            }
        };
        Ok(Judgement::Final(self.delivery(Some(attempt), outcome)))
    }

    fn is_relay(&self, name: &str, address: &str, port: u16) -> bool {
        port == self.desired.relay.port && self.relay.is(name, address)
    }

    /// Whether an attempt that failed was not made at the relay: it says nothing of the relay then.
    fn was_for_another(&self, attempt: &Attempt) -> bool {
        attempt.target().is_some_and(|(name, address, port)| !self.is_relay(&name, &address, port))
    }

    /// The time is over. What was put off for a reason that may pass is the word then.
    fn out_of_time(&self, pursuit: &mut Pursuit, again: Option<&Attempt>) -> Result<Delivery> {
        if self.queue_id.is_some() {
            if !pursuit.confirm()? {
                return Ok(self.incomplete(pursuit));
            }
            match self.word(pursuit) {
                Word::Doubt(text) => return Ok(self.contradiction(pursuit, &text)),
                Word::Open => {}
                word if again.is_some() && again == word.attempt() => {}
                word => {
                    if let Judgement::Final(delivery) = self.judge(&word, pursuit)? {
                        return self.clear_queue(delivery, pursuit);
                    }
                }
            }
        }
        let evidence = evidence(pursuit, again);
        let evidence: Vec<&str> = evidence.iter().map(String::as_str).collect();
        let cause = match again {
            Some(attempt) => self.cause(attempt, &evidence, pursuit)?,
            None => self.cause_of_silence(&evidence, pursuit)?,
        };
        let outcome = match (cause, again) {
            (Some(cause), _) => Outcome::failed(cause, &evidence),
            (None, Some(attempt)) => fate::unknown(attempt, &evidence),
            (None, None) if self.queue_id.is_none() => {
                fate::not_queued(&pursuit.sources(), &human(self.begin.elapsed()), &evidence)
            }
            (None, None) => {
                fate::no_word(&self.desired.relayhost(), &human(self.request.deadline), &evidence)
            }
        };
        self.clear_queue(self.delivery(again, outcome), pursuit)
    }

    /// Nothing is proved, and nothing is done to the message.
    fn contradiction(&self, pursuit: &Pursuit, doubt: &str) -> Delivery {
        let (queue, (file, _)) = (Self::in_queue(pursuit), pursuit.file());
        let queue_id = self.queue_id.as_deref().unwrap_or_default();
        Delivery { queue, ..self.delivery(None, fate::contradiction(queue_id, &file, doubt, queue)) }
    }

    fn incomplete(&self, pursuit: &Pursuit) -> Delivery {
        let (queue, (file, by_hand)) = (Self::in_queue(pursuit), pursuit.file());
        let queue_id = self.queue_id.as_deref().unwrap_or_default();
        Delivery { queue, ..self.delivery(None, fate::incomplete(queue_id, &file, by_hand, queue)) }
    }

    /// What the queue has of a message whose fate is in doubt. If it cannot be read, the message may be there.
    fn in_queue(pursuit: &Pursuit) -> InQueue {
        if pursuit.standing().is_ok_and(|standing| standing.is_done()) {
            InQueue::Nothing
        } else {
            InQueue::Left
        }
    }

    /// Takes a test message that failed out of the queue, if its recipient is still to be done there: otherwise it would
    /// arrive, or bounce, days later. Copies that Postfix made for others stay where the recipient is done.
    fn clear_queue(&self, mut delivery: Delivery, pursuit: &Pursuit) -> Result<Delivery> {
        if let (Outcome::Failed { .. }, Some(queue_id)) = (&delivery.outcome, &self.queue_id)
            && !pursuit.standing()?.is_done()
        {
            delivery.queue = if postfix::delete(queue_id)? { InQueue::TakenOut } else { InQueue::Nothing };
        }
        Ok(delivery)
    }

    fn delivery(&self, attempt: Option<&Attempt>, outcome: Outcome) -> Delivery {
        Delivery {
            from: self.from.clone(),
            to: self.request.to.clone(),
            queue_id: self.queue_id.clone(),
            waited: self.begin.elapsed(),
            delays: attempt.map(|attempt| attempt.delays),
            put_off: self.put_off,
            queue: InQueue::Nothing,
            outcome,
        }
    }
}

/// The lines that tell. A password that may be in them is hidden where they are shown.
fn evidence(pursuit: &Pursuit, attempt: Option<&Attempt>) -> Vec<String> {
    pursuit.trail().evidence(attempt).into_iter().map(str::to_owned).collect()
}

enum Judgement {
    Final(Delivery),
    Again(Cause),
}
