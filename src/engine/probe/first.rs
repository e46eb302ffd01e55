//! The probes of a run, before it changes anything: of the relay, which may stop the run, and of each other way of the answers,
//! which may not.

use std::time::{Duration, Instant};

use super::{TIMEOUT, try_answers, ways};
use crate::engine::{End, Progress, Silent};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::observed::Postfix;
use crate::model::postfix::settings::Settings;
use crate::model::probe::{Ending, Probe};
use crate::sys::{clock, signals};

/// Most ways of accounts and routes that are tried, and for how long all of them: there may be hundreds.
const MOST: usize = 20;
const LONGEST: Duration = Duration::from_secs(30);

/// What a run is told of one relay.
struct Asked<'a> {
    desired: &'a Desired,
    settings: Settings,
    /// As it was observed; `None`: the host says nothing of the way there.
    postfix: Option<&'a Postfix>,
    patience: Duration,
    /// What follows where the probe has no verdict.
    then: &'static str,
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
    let asked = Asked { desired, settings, postfix, patience, then: "the test message decides" };
    // Where there are others, it is not the end that nobody is at the first now.
    let waits = |found: &Probe| !desired.fallbacks.is_empty() && found.may_pass();
    let is_veto = |found: &Probe| found.is_veto(has_worked && !waits(found));
    let Some(mut first) = asked.stage(is_veto, progress)? else { return Ok(None) };
    if is_veto(&first) {
        return Ok(Some(first));
    }
    for one in ways::fallbacks(desired) {
        let settings = asked.settings.clone();
        let then = "only mail that the relay does not take leaves by it";
        let asked = Asked { desired: &one, settings, postfix: None, patience, then };
        if let Some(found) = asked.stage(|found| found.is_veto(false), progress)? {
            first.heed_fallback(found);
        }
    }
    asked.others(&mut first, progress)?;
    Ok(Some(first))
}

impl Asked<'_> {
    /// Tries the servers of accounts and routes. What they say stops nothing: all other mail takes other ways.
    fn others(&self, first: &mut Probe, progress: &mut dyn Progress) -> Result<()> {
        let (all, begin) = (ways::accounts_and_routes(self.desired), clock::now());
        let left = |begin: Instant| LONGEST.saturating_sub(begin.elapsed());
        for (number, (whose, one)) in all.iter().enumerate() {
            if number >= MOST || left(begin).is_zero() {
                progress.note(&format!(
                    "{} of {} accounts and routes were not probed: `relayhost probe --all` tries them",
                    all.len() - number,
                    all.len()
                ));
                break;
            }
            let then = "only its own mail leaves by it";
            let patience = self.patience.min(left(begin));
            let asked =
                Asked { desired: one, settings: self.settings.clone(), postfix: None, patience, then };
            if let Some(found) = asked.stage(|found| found.is_veto(false), progress)? {
                first.heed_other(whose, found);
            }
        }
        Ok(())
    }

    /// Tries it as one stage; `None`: no probe could be made.
    fn stage(&self, is_veto: impl Fn(&Probe) -> bool, progress: &mut dyn Progress) -> Result<Option<Probe>> {
        let begin = clock::now();
        progress.begin("probe");
        let (settings, patience) = (self.settings.clone(), TIMEOUT.min(self.patience));
        let result = try_answers(self.desired, settings, self.postfix, patience, &mut Silent);
        let (end, text) = match &result {
            Ok(found) => match (&found.ending, found.stages.last()) {
                (Ending::Willing, _) => (End::Good, format!("{} would take the message", found.relayhost)),
                (Ending::Failed(failure), Some(stage)) if is_veto(found) => {
                    (End::Bad, format!("{}: {}: {}", found.relayhost, stage.name, failure.cause))
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
