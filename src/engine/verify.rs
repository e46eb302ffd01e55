//! Sends the test message and follows it to the relay's reply. Only the relay's acceptance is success: a message that
//! stayed on the host, went another way, bounced or disappeared is called that.

use std::path::Path;
use std::time::{Duration, Instant};

mod all;
pub mod drill;
mod facts;
mod fallback;
mod goal;
mod onward;
mod pace;
mod request;
mod stage;
mod submit;

use goal::Goal;
use pace::{Looks, Retry, TICK, is_repeated};
pub use request::Request;
use stage::in_stage;
pub use stage::missing;

use super::arrival::{followed, heed};
use super::load::load;
use super::observe::observe;
use super::proof::record;
use super::pursuit::Pursuit;
use super::recover::{recover_beside, tell_of_damage};
use super::route::suspects;
use super::{Place, Progress};
use crate::error::{Error, Result, human};
use crate::model::arrival::letter::Sent;
use crate::model::causes::failure::Failure;
use crate::model::causes::hop::explained_failure;
use crate::model::desired::Desired;
use crate::model::ended::{Verified, unlike_answers};
use crate::model::log::Attempt;
use crate::model::message::delivery::{Delivery, InQueue, Outcome};
use crate::model::message::fate;
use crate::model::message::gap::Gap;
use crate::model::message::trail::{Standing, Word};
use crate::model::message::verdict::{Facts, Judgement};
use crate::model::observed::{Observed, Postfix};
use crate::model::plan::Plan;
use crate::model::state::last::LastEnd;
use crate::sys::postfix::Instance;
use crate::sys::{clock, state};

/// How often the log is read while the queue file has not been seen: a quick relay has the message within tenths of a second.
const QUICK: Duration = Duration::from_millis(5);
/// And how long so.
const QUICKLY: Duration = Duration::from_secs(3);
/// How long the log may take to show a message that was handed over.
const UNSEEN: Duration = Duration::from_secs(20);

/// Clears up what a stopped run left, and sends a test message by the answers in this file; with `all` one by each account too.
/// `to` and `deadline` count more than what the answers say.
pub fn verify_alone(
    answers: &Path,
    to: Option<&str>,
    all: bool,
    deadline: Option<Duration>,
    progress: &mut dyn Progress,
) -> Result<Verified> {
    let (desired, recovered) = recover_beside(load(answers), progress)?;
    let request = Request::typed(&desired, answers, to, deadline)?;
    tell_of_damage(progress);
    goal::tell_of_route(&desired, &request.to, progress);
    let observed = observe(&desired, Place::Host)?;
    let mut work = || {
        let mut delivery = verify(&desired, &observed, &request, &mut |_| (), progress)?;
        // What the relay has confirmed is recorded; nothing else was changed.
        heed(&delivery, &desired)?;
        let plan = Plan::new(&desired, &observed);
        let relayhost = observed.postfix.as_ref().map_or("", |postfix| postfix.setting("relayhost"));
        let unlike = plan.as_ref().ok().and_then(|plan| unlike_answers(plan, relayhost));
        if let Some(failure) = delivery.failure_mut() {
            failure.remedy = plan?.allowed(&failure.remedy);
        }
        Ok((delivery, unlike))
    };
    let ended = work().map(|(delivery, unlike)| Verified { delivery, unlike, others: None, recovered });
    // A message to somebody else says nothing of the alerts.
    if desired.verify.to.as_ref() == Some(&request.to) {
        let ended = ended.as_ref();
        let _ = state::write_last_end(LastEnd::of_message(ended, clock::wall()).as_ref());
    }
    let mut verified = ended?;
    if all {
        verified.others =
            Some(Box::new(all::others(&desired, &observed, (&request, &verified.delivery), progress)?));
    }
    Ok(verified)
}

/// Sends and follows. Errors only where nothing could be sent or nothing can be read; every fate of a message that
/// was sent is a `Delivery`. `queued` gets the queue id, once it is known.
pub fn verify(
    desired: &Desired,
    observed: &Observed,
    request: &Request,
    queued: &mut dyn FnMut(&str),
    progress: &mut dyn Progress,
) -> Result<Delivery> {
    let begin = clock::now();
    let Some(postfix) = &observed.postfix else { return Err(missing()) };
    let sent = in_stage(request, progress, |progress| {
        let from = desired.alert_sender(postfix.setting("myorigin"));
        goal::tell_of_account(desired, &from, progress);
        let goal = Goal::new(desired, &from, &request.to);
        Message::new(desired, postfix, request, goal, Instance::default()).send(queued, progress)
    });
    let (taken, mut delivery) = (clock::wall(), sent?);
    // Before the look into the mailbox: a run that is killed there does not take back the relay's word.
    record(&delivery, desired, &taken, progress);
    delivery = followed(delivery, desired, begin, request.deadline, progress)?;
    if delivery.arrival.is_some() {
        record(&delivery, desired, &taken, progress);
    }
    Ok(delivery)
}

/// The message under way.
struct Message<'a> {
    desired: &'a Desired,
    goal: Goal,
    postfix: &'a Postfix,
    /// The Postfix that gets it.
    instance: Instance,
    request: &'a Request,
    from: String,
    begin: Instant,
    sent: Option<Sent>,
    queue_id: Option<String>,
    /// How often it was put off for a reason that may pass.
    put_off: u32,
}

impl Message<'_> {
    fn follow(
        &mut self,
        pursuit: &mut Pursuit,
        queued: &mut dyn FnMut(&str),
        progress: &mut dyn Progress,
    ) -> Result<Delivery> {
        let (mut looks, mut retry) = (Looks::new(self.begin), Retry::default());
        loop {
            pursuit.read(false)?;
            let queue_id = pursuit.trail().queue_id();
            if queue_id != self.queue_id.as_deref() {
                self.queue_id = queue_id.map(str::to_owned);
                queue_id.into_iter().for_each(&mut *queued);
            }
            looks.heard(pursuit.trail().news());
            if looks.is_due()
                && let Some(delivery) = self.look(pursuit, &mut looks, &mut retry, progress)?
            {
                return Ok(delivery);
            }
            retry.ask_if_due(&self.instance, self.queue_id.as_deref(), || {
                looks.is_silent() && pursuit.is_deferred()
            })?;
            let unseen = self.queue_id.is_none() && self.begin.elapsed() >= UNSEEN;
            let hopeless = unseen || (looks.is_silent() && Self::is_throttled(pursuit));
            if hopeless || self.begin.elapsed() >= self.request.deadline {
                return self.out_of_time(pursuit, retry.after());
            }
            progress.wait(self.awaited(&retry), self.begin.elapsed(), self.request.deadline);
            let is_awaited = !pursuit.has_file() && looks.is_silent() && self.begin.elapsed() < QUICKLY;
            clock::sleep(if is_awaited { QUICK } else { TICK })?;
        }
    }

    /// What the message waits for.
    fn awaited(&self, retry: &Retry) -> &'static str {
        match (&self.queue_id, retry.after()) {
            (None, _) => "the mail log to show the message",
            (Some(_), None) => "the relay's answer",
            (Some(_), Some(_)) => "another attempt",
        }
    }

    /// The end of the message, if log and queue tell it now.
    fn look(
        &mut self,
        pursuit: &mut Pursuit,
        looks: &mut Looks,
        retry: &mut Retry,
        progress: &mut dyn Progress,
    ) -> Result<Option<Delivery>> {
        let word = self.word(pursuit);
        let are_at_odds = looks.are_at_odds(matches!(word, Word::Doubt(_)));
        match &word {
            Word::Incomplete(gap) => Ok(Some(self.incomplete(pursuit, gap))),
            Word::Doubt(_) if are_at_odds => self.doubt(pursuit, &word),
            Word::Open | Word::Doubt(_) => Ok(None),
            word if self.goes_on(word, pursuit)? => {
                looks.at_once();
                Ok(None)
            }
            Word::Said(found) if retry.is_known(found.attempt()) => Ok(None),
            Word::Said(_) | Word::Gone(_) => match self.judge(&word, pursuit)? {
                Judgement::Final(outcome) => {
                    let delivery = self.delivery(word.attempt(), outcome);
                    if !pursuit.confirm()? {
                        return Ok(Some(self.incomplete(pursuit, &Gap::Late)));
                    }
                    if self.word(pursuit) == word {
                        return Self::clear_queue(delivery, pursuit).map(Some);
                    }
                    looks.at_once();
                    Ok(None)
                }
                Judgement::Again(cause) => {
                    self.put_off += 1;
                    retry.plan(word.attempt().cloned(), cause, progress);
                    Ok(None)
                }
            },
        }
    }

    /// The failure, with the fault of this host that explains it, if there is one.
    fn explained(&self, failure: Failure) -> Outcome {
        if self.instance.is_beside() {
            // The host's own ways are not those that it took.
            return Outcome::Failed(failure);
        }
        if self.postfix.setting("relayhost").is_empty() {
            let evidence: Vec<&str> = failure.evidence.iter().map(String::as_str).collect();
            return fate::not_set_up(&self.goal.text, &evidence);
        }
        let suspects = suspects(self.desired, self.postfix, &self.from, &self.request.to);
        Outcome::Failed(self.of_root(explained_failure(failure, &suspects)))
    }

    fn word(&self, pursuit: &Pursuit) -> Word {
        pursuit.word(|name, address, port| self.goal.is(name, address, port))
    }

    /// Log and queue have disagreed for a while. If they still do when all is read, somebody else writes to the log.
    fn doubt(&self, pursuit: &mut Pursuit, before: &Word) -> Result<Option<Delivery>> {
        if !pursuit.confirm()? {
            return Ok(Some(self.incomplete(pursuit, &Gap::Late)));
        }
        let now = self.word(pursuit);
        Ok(match &now {
            Word::Doubt(text) if now == *before => Some(self.contradiction(pursuit, text)),
            _ => None,
        })
    }

    /// The judgement that follows from log and queue.
    fn judge(&self, word: &Word, pursuit: &Pursuit) -> Result<Judgement> {
        let found = match word {
            Word::Said(found) => found,
            Word::Gone(gone) => return Ok(Judgement::Final(self.gone(*gone, pursuit)?)),
            Word::Open | Word::Doubt(_) | Word::Incomplete(_) => return Err(Error::NoLog), // nobody asks then
        };
        let attempt = found.attempt();
        let evidence = self.evidence(pursuit, Some(attempt));
        let at_other =
            || attempt.target().is_some_and(|(name, address, port)| !self.goal.is(&name, &address, port));
        let circumstances = || self.circumstances_at(attempt, &evidence);
        let judged = self.facts(pursuit, &evidence).judge(found, at_other, circumstances)?;
        self.with_caveat(judged, attempt, &evidence)
    }

    /// The lines of the log that tell of the message, but for those of a place at which nobody is to answer.
    fn evidence<'p>(&self, pursuit: &'p Pursuit, attempt: Option<&'p Attempt>) -> Vec<&'p str> {
        let mut all = pursuit.trail().evidence(attempt);
        all.retain(|line| !self.goal.nobody.as_ref().is_some_and(|nobody| line.contains(nobody.as_str())));
        all
    }

    fn facts<'a>(&'a self, pursuit: &Pursuit, evidence: &'a [&'a str]) -> Facts<'a> {
        let author = pursuit.trail().author();
        Facts { relayhost: &self.goal.text, postfix: self.postfix, author, evidence }
    }

    /// The time is over. What was put off for a reason that may pass is the word then.
    fn out_of_time(&self, pursuit: &mut Pursuit, again: Option<&Attempt>) -> Result<Delivery> {
        if let Some(gap) = pursuit.trail().gap() {
            return Ok(self.incomplete(pursuit, &gap));
        }
        if self.queue_id.is_some() {
            if !pursuit.confirm()? {
                return Ok(self.incomplete(pursuit, &Gap::Late));
            }
            match self.word(pursuit) {
                Word::Incomplete(gap) => return Ok(self.incomplete(pursuit, &gap)),
                Word::Doubt(text) => return Ok(self.contradiction(pursuit, &text)),
                Word::Open => {}
                word if again.zip(word.attempt()).is_some_and(|(one, other)| is_repeated(one, other)) => {}
                word => {
                    if let Judgement::Final(outcome) = self.judge(&word, pursuit)? {
                        return Self::clear_queue(self.delivery(word.attempt(), outcome), pursuit);
                    }
                }
            }
        }
        let evidence = self.evidence(pursuit, again);
        let facts = self.facts(pursuit, &evidence);
        let outcome = match again {
            Some(attempt) => {
                let outcome = facts.put_off(attempt, &self.circumstances_at(attempt, &evidence)?);
                self.with_own_failure(outcome, attempt, &evidence)?
            }
            None => match facts.cause_of_silence(self.misses_daemon(pursuit), &self.circumstances_of_goal()?)
            {
                Some(failure) => Outcome::Failed(failure),
                None if self.queue_id.is_none() => self.unseen(pursuit, &evidence)?,
                None if pursuit.standing()?.is_unfinished() => {
                    fate::unfinished(self.queue_id.as_deref().unwrap_or_default(), &evidence)
                }
                None => self.no_word(&evidence),
            },
        };
        Self::clear_queue(self.delivery(again, outcome), pursuit)
    }

    fn no_word(&self, evidence: &[&str]) -> Outcome {
        let to_route = format!("relayhost verify --to {}", self.request.to);
        let is_routed = self.desired.route_of(&self.request.to).is_some();
        let commands = match (self.instance.is_beside(), self.goal.is_first) {
            (true, _) => ("relayhost probe --all", "relayhost drill"),
            (false, true) => ("relayhost probe", "relayhost verify"),
            (false, false) if is_routed => ("relayhost probe --all", to_route.as_str()),
            (false, false) => ("relayhost probe --all", "relayhost verify --all"),
        };
        fate::no_word(&self.goal.text, &human(self.request.deadline), commands, evidence)
    }

    /// Nothing is proved, and nothing is done to the message.
    fn contradiction(&self, pursuit: &Pursuit, doubt: &str) -> Delivery {
        let ((queue, left), (file, _)) = (self.in_queue(pursuit), pursuit.file());
        let queue_id = self.queue_id.as_deref().unwrap_or_default();
        let outcome = fate::contradiction(queue_id, &file, doubt, left.as_deref());
        Delivery { queue, ..self.delivery(None, outcome) }
    }

    fn incomplete(&self, pursuit: &Pursuit, gap: &Gap) -> Delivery {
        let ((queue, left), (file, by_hand)) = (self.in_queue(pursuit), pursuit.file());
        Delivery { queue, ..self.delivery(None, fate::incomplete(gap, &file, by_hand, left.as_deref())) }
    }

    /// What the queue has of a message whose fate is in doubt, and how postsuper(1) knows it. If the queue cannot be read,
    /// the message may be there.
    fn in_queue(&self, pursuit: &Pursuit) -> (InQueue, Option<String>) {
        let standing = pursuit.standing();
        let dropped = standing.as_ref().ok().and_then(|standing| standing.given_back());
        match dropped {
            Some(name) => (InQueue::Left, Some(format!("{name} maildrop"))),
            None if standing.as_ref().is_ok_and(Standing::is_done) => (InQueue::Nothing, None),
            None => (InQueue::Left, self.queue_id.clone()),
        }
    }

    /// Takes a test message that failed out of the queue, if its recipient is still to be done there: otherwise it would
    /// arrive, or bounce, days later. Copies that Postfix made for others stay where the recipient is done.
    fn clear_queue(mut delivery: Delivery, pursuit: &Pursuit) -> Result<Delivery> {
        if matches!(delivery.outcome, Outcome::Failed(_)) {
            delivery.queue = pursuit.take_out()?;
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
            outcome: self.to_whom(outcome),
            sent: self.sent.clone(),
            arrival: None,
        }
    }
}
