//! Compares the host with the answers, for `check` and `plan`, and for the findings that a run leaves to a person.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use super::leaving::{Look, calendar};
use super::load::{Source, load};
use super::observe::observe;
use super::recover::{damages, recover_beside};
use super::root;
use super::route::{Answered, as_it_is, tables_of_senders};
use super::saved::is_saved;
use super::transaction::{links_of_others, trust_links};
use super::ways;
use super::{Place, Progress, defer, incidents, supply};
use crate::error::{Result, shown, typed};
use crate::model::desired::Desired;
use crate::model::ended::Compared;
use crate::model::leaving::Limits;
use crate::model::observed::{Observed, Postfix};
use crate::model::plan::token::{Sight, seconds};
use crate::model::plan::{Finding, Plan, Remedy, State};
use crate::model::postfix::managed::Managed;
use crate::model::route::{Way, judge};
use crate::sys::{clock, daemons, files, log_files, mail, postfix, state, tokens};

/// Clears up what a stopped run left, and compares the host with the answers in this file.
pub fn compare(answers: &Path, progress: &mut dyn Progress) -> Result<Compared> {
    let read = || {
        let source = Source::new(answers)?;
        let saved = source.text().map(|text| is_saved(&text));
        Ok((source.load()?, saved))
    };
    let ((desired, saved), recovered) = recover_beside(read(), progress)?;
    let (leaving, mail) = (None, Vec::new());
    Ok(Compared { summary: desired.summary(), plan: look(&desired)?, recovered, leaving, mail, saved })
}

/// Compares as `compare`, and looks whether mail leaves.
pub fn check(answers: &Path, limits: Limits, progress: &mut dyn Progress) -> Result<Compared> {
    let (desired, recovered) = recover_beside(load(answers), progress)?;
    let mut compared = look_at_all(&desired, || observe(&desired, Place::Host), limits)?;
    compared.mail.extend(incidents::findings(&desired));
    Ok(Compared { recovered, ..compared })
}

/// The comparison, and whether mail leaves. `observed` gives the host: it is called while the queue is listed.
pub fn look_at_all(
    desired: &Desired,
    observed: impl FnOnce() -> Result<Observed>,
    limits: Limits,
) -> Result<Compared> {
    // postqueue follows every link.
    trust_links()?;
    let (seen, begun) = thread::scope(|scope| {
        let begun = scope.spawn(|| Look::begin(desired));
        let seen = with_damages(observed).and_then(|(observed, damages)| see(desired, observed, &damages));
        (seen, begun.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let ((plan, observed, alert), begun) = (seen?, begun?);
    let postfix = observed.postfix.as_ref();
    let leaving = postfix.map(|postfix| {
        let obstacle = obstacle(desired, postfix, &plan, alert)?;
        Ok(begun.end(desired, postfix, limits)?.barred(obstacle))
    });
    let leaving = leaving.transpose()?;
    let mut mail: Vec<Finding> = leaving.iter().flat_map(|leaving| leaving.findings(&calendar())).collect();
    mail.extend(postfix.and_then(full_log));
    for finding in &mut mail {
        plan.allow(finding);
    }
    let (summary, leaving) = (desired.summary(), leaving.map(Box::new));
    Ok(Compared { summary, plan, recovered: None, leaving, mail, saved: None })
}

/// A warning if no line can be added to the mail log any more.
fn full_log(postfix: &Postfix) -> Option<Finding> {
    let path = log_files::file(postfix.setting("maillog_file")).ok()?;
    if !files::is_on_full_disk(&path) {
        return None;
    }
    let found = format!(
        "the disk of {} is full: the mail log has no new lines, so what is sent or refused from now on is not known",
        shown(&path)
    );
    let remedy = Remedy::say(format!("free some space there (`df -h {}`)", typed(&path)));
    Some(Finding { id: "log.full".into(), state: State::Warning, found, remedy: Some(remedy) })
}

/// Why no alert gets to the relay as the host is now; `None` if nothing keeps it. `alert`: the way of an alert with the
/// answers in force, which is the present way where no file differs from the answers.
fn obstacle(desired: &Desired, postfix: &Postfix, plan: &Plan, alert: Option<Way>) -> Result<Option<String>> {
    if !postfix.service.running {
        return Ok(Some("Postfix is not running".into()));
    }
    let way = match alert.filter(|_| plan.actions.files.is_empty()) {
        Some(way) => way,
        None => as_it_is(desired, postfix)?,
    };
    Ok(judge::obstacle(&way, desired, &postfix.version))
}

/// The plan for a host that was observed, with the faults of an alert's way.
pub fn with_way(desired: &Desired, observed: &Observed, alert: Option<&Way>) -> Result<Plan> {
    let mut plan = Plan::new(desired, observed)?;
    if let (Some(postfix), Some(way)) = (&observed.postfix, alert) {
        plan.route(desired, way, &postfix.version);
    }
    Ok(plan)
}

/// The plan for the host as it is now, with everything that a person should know besides.
pub fn look(desired: &Desired) -> Result<Plan> {
    let (observed, damages) = with_damages(|| observe(desired, Place::Host))?;
    see(desired, observed, &damages).map(|(plan, ..)| plan)
}

/// The host, and beside that what of relayhost's records cannot be used: that takes as long as there are generations.
fn with_damages(observed: impl FnOnce() -> Result<Observed>) -> Result<(Observed, Vec<String>)> {
    thread::scope(|scope| {
        let damages = scope.spawn(damages);
        let observed = observed();
        let damages = damages.join().unwrap_or_else(|panic| resume_unwind(panic));
        Ok((observed?, damages))
    })
}

/// The plan for a host that was observed, what it was made from, and the way of an alert with the answers in force.
fn see(desired: &Desired, observed: Observed, damages: &[String]) -> Result<(Plan, Observed, Option<Way>)> {
    let answered = observed.postfix.as_ref().map(|postfix| Answered::new(desired, postfix));
    let answered = answered.transpose()?.flatten();
    let mut plan = with_way(desired, &observed, answered.as_ref().map(|answered| &answered.alert))?;
    if let Some(postfix) = observed.postfix.as_ref().filter(|postfix| postfix.map_kind.is_some()) {
        plan.senders(desired, &tables_of_senders(&postfix.settings));
    }
    root::foresee(desired, &observed, &mut plan)?;
    ways::foresee(desired, &observed, answered.as_ref(), &mut plan)?;
    let main_cf = files::modified(&Managed::MainCf.path());
    let master_cf = files::modified(Path::new(postfix::MASTER_CF));
    plan.unread(&[("main.cf", main_cf), ("master.cf", master_cf)], daemons::last_reading(&plan.queue));
    plan.damaged(damages);
    supply::foresee(desired, &mut plan);
    plan.findings.extend(links_of_others(!desired.root.is_empty()));
    plan.findings.extend(defer::waiting()?);
    plan.clients(&mail::startup_files());
    let lifetime = observed.postfix.as_ref().map(|postfix| postfix.setting("maximal_queue_lifetime"));
    plan.token(
        desired,
        &Sight {
            kept: tokens::kept().ok().flatten().as_ref(),
            troubles: &tokens::troubles(),
            logins: tokens::logins().ok().flatten().as_ref(),
            now: clock::unix(),
            lifetime: lifetime.and_then(seconds),
            when: &|at| clock::moment(i64::try_from(at).unwrap_or_default()),
        },
    );
    plan.announced(desired);
    plan.proved(desired, state::proof().as_ref(), &observed.last.time);
    Ok((plan, observed, answered.map(|answered| answered.alert)))
}
