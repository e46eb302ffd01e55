//! The probes of a run, before it changes anything: of the relay, which may stop the run, and of each other way of the answers,
//! which may not.

use std::time::Duration;

use super::{Bounds, TIMEOUT, try_answers, ways};
use crate::engine::{End, Progress, Silent};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::exits::{FALLBACK, named};
use crate::model::observed::Postfix;
use crate::model::postfix::settings::Settings;
use crate::model::probe::{Ending, Probe};
use crate::sys::{clock, signals};

/// What a run is told of one relay.
struct Asked<'a> {
    desired: &'a Desired,
    settings: Settings,
    /// As it was observed; `None`: the host says nothing of the way there.
    postfix: Option<&'a Postfix>,
    patience: Duration,
    /// What follows where the probe has no verdict.
    then: &'static str,
    /// The sender, if it is not that of everybody's mail.
    from: Option<String>,
}

/// Probes as one stage of a command that goes on afterwards, unless the probe is a veto, which `has_worked` decides too:
/// whether the configuration in force has worked. A probe that cannot be made stops nothing: the test message says more.
/// `postfix`: as it was observed. Unless the relay is one that refuses, the fallback relays, the servers of accounts and those of
/// routes are probed too, each as a stage; a login that is there twice is tried once.
pub fn probe_first(
    desired: &Desired,
    postfix: Option<&Postfix>,
    patience: Duration,
    has_worked: bool,
    progress: &mut dyn Progress,
) -> Result<Option<Probe>> {
    let settings = postfix.map(|postfix| postfix.settings.clone()).unwrap_or_default();
    let asked = Asked { desired, settings, postfix, patience, then: "the test message decides", from: None };
    // Where there are others, it is not the end that nobody is at the first now.
    let waits = |found: &Probe| !desired.fallbacks.is_empty() && found.may_pass();
    let is_veto = |found: &Probe| found.is_veto(has_worked && !waits(found));
    let Some(mut first) = asked.stage(is_veto, progress)? else { return Ok(None) };
    if is_veto(&first) {
        return Ok(Some(first));
    }
    let mut willing = Vec::new();
    for one in ways::fallbacks(desired) {
        let then = "only mail that the relay does not take leaves by it";
        if let Some(found) = asked.of(&one, patience, then).stage(|found| found.is_veto(false), progress)? {
            first.ways.extend(ways::verdicts(desired, &one, &found));
            willing.extend(matches!(found.ending, Ending::Willing).then_some(one));
            first.heed_fallback(found);
        }
    }
    asked.others(&mut first, progress)?;
    asked.senders(&willing, &mut first, progress)?;
    Ok(Some(first))
}

impl Asked<'_> {
    /// The same host, and other answers.
    fn of<'d>(&'d self, desired: &'d Desired, patience: Duration, then: &'static str) -> Asked<'d> {
        let from = None;
        Asked { desired, settings: self.settings.clone(), postfix: None, patience, then, from }
    }

    /// Tries the servers of accounts and routes. What they say stops nothing: all other mail takes other ways.
    fn others(&self, first: &mut Probe, progress: &mut dyn Progress) -> Result<()> {
        let mut bounds = Bounds::of_run();
        for (whose, one) in &ways::accounts_and_routes(self.desired) {
            let Some(left) = bounds.time_for(whose, &one.relayhost()) else { continue };
            let asked = self.of(one, self.patience.min(left), "only its own mail leaves by it");
            if let Some(found) = asked.stage_in_time(&mut bounds, progress)? {
                first.ways.extend(ways::verdicts(self.desired, one, &found));
                first.heed_other(whose, found);
            }
        }
        tell_of_untried(&bounds, progress);
        Ok(())
    }

    /// Tries a sender of each account at these fallback relays, which would take mail of everybody.
    fn senders(&self, willing: &[Desired], first: &mut Probe, progress: &mut dyn Progress) -> Result<()> {
        let mut all = Vec::new();
        for fallback in willing {
            let senders = ways::senders_at(self.desired, &fallback.first);
            all.extend(senders.into_iter().map(|of| (fallback, of)));
        }
        let mut bounds = Bounds::of_run();
        for (fallback, (account, one)) in &all {
            let whose = format!("{FALLBACK}, of {}", named(account));
            let Some(left) = bounds.time_for(&whose, &one.relayhost()) else { continue };
            let then = "only mail that the account's relay does not take leaves by it";
            let asked = Asked { from: account.somebody(), ..self.of(one, self.patience.min(left), then) };
            if let Some(found) = asked.stage_in_time(&mut bounds, progress)? {
                first.heed_sender(account, &fallback.first, &found);
            }
        }
        tell_of_untried(&bounds, progress);
        Ok(())
    }

    /// Tries it as one stage; `None` also where it had no answer within less time than a relay may take: that says nothing of it.
    fn stage_in_time(&self, bounds: &mut Bounds, progress: &mut dyn Progress) -> Result<Option<Probe>> {
        let begin = clock::now();
        let found = self.stage(|found| found.is_veto(false), progress)?;
        if let Some(found) = &found {
            bounds.heed(&self.desired.relayhost(), found);
        }
        if self.patience >= TIMEOUT || begin.elapsed() < self.patience {
            return Ok(found);
        }
        let seconds = self.patience.as_secs();
        progress.note(&format!(
            "{} had no answer within {seconds} s: `relayhost probe --all` waits longer",
            self.desired.relayhost()
        ));
        Ok(None)
    }

    /// Tries it as one stage; `None`: no probe could be made.
    fn stage(&self, is_veto: impl Fn(&Probe) -> bool, progress: &mut dyn Progress) -> Result<Option<Probe>> {
        let begin = clock::now();
        progress.begin("probe");
        let (settings, patience) = (self.settings.clone(), TIMEOUT.min(self.patience));
        let from = self.from.as_ref().map_or_else(String::new, |from| format!(", from {from}"));
        let result = try_answers(self.desired, settings, self.postfix, patience, &mut Silent);
        let (end, text) = match &result {
            Ok(found) => match (&found.ending, found.stages.last()) {
                (Ending::Willing, _) => {
                    (End::Good, format!("{} would take the message{from}", found.relayhost))
                }
                (Ending::Failed(failure), Some(stage)) if is_veto(found) => {
                    (End::Bad, format!("{}: {}{from}: {}", found.relayhost, stage.name, failure.cause))
                }
                (_, Some(stage)) => {
                    let (name, text) = (&stage.name, &stage.text);
                    (End::Open, format!("no verdict of {}, {}: {name}: {text}", found.relayhost, self.then))
                }
                (_, None) => (End::Open, format!("no verdict of {}, {}", found.relayhost, self.then)),
            },
            Err(error) if error.interruption().is_some() => (End::Open, "cut off".to_owned()),
            Err(error) => (End::Open, format!("could not be made, {}: {error}", self.then)),
        };
        let cut_off = signals::check();
        progress.end(if cut_off.is_ok() { end } else { End::Open }, &text, begin.elapsed());
        cut_off.map(|()| result.ok())
    }
}

/// Tells which ways the bounds have left out.
fn tell_of_untried(bounds: &Bounds, progress: &mut dyn Progress) {
    for line in bounds.untried() {
        progress.note(&format!("{line}; `relayhost probe --all` tries more"));
    }
}
