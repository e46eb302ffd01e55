//! The accounts of senders on this host: whether mail of each leaves by its relay, with its login.

use std::path::Path;
use std::time::Duration;

use super::route::{addresses, answered, asking};
use crate::error::{Complaint, Result, shown};
use crate::model::accounts::Account;
use crate::model::desired::Desired;
use crate::model::observed::{Observed, Postfix};
use crate::model::plan::Plan;
use crate::model::plan::accounts::judge;
use crate::model::route::route;
use crate::sys::clock;

/// Time for the look-ups of all accounts.
const ALL: Duration = Duration::from_secs(3);

/// Adds to a plan what becomes of mail from the senders with accounts, with the answers in force.
pub fn foresee(desired: &Desired, observed: &Observed, plan: &mut Plan) -> Result<()> {
    if let Some(postfix) = observed.postfix.as_ref().filter(|_| !desired.accounts.is_empty()) {
        plan.accounts(desired, judged(desired, postfix)?);
    }
    Ok(())
}

/// Refuses answers that this host cannot fulfil: whatever they say, mail of a sender would not leave by its account.
pub fn demand(desired: &Desired, observed: &Observed, answers: &Path) -> Result<()> {
    let Some(postfix) = &observed.postfix else { return Ok(()) };
    match judged(desired, postfix)?.into_iter().next() {
        Some(complaint) => Err(complaint.of(&shown(answers), None)),
        None => Ok(()),
    }
}

/// The complaints about the accounts. One that could not be looked at within the time has none.
fn judged(desired: &Desired, postfix: &Postfix) -> Result<Vec<Complaint>> {
    if desired.accounts.is_empty() {
        return Ok(Vec::new());
    }
    let Some((host, known)) = answered(desired, postfix)? else { return Ok(Vec::new()) };
    let (_, to) = addresses(Some(desired), &host.settings);
    let until = clock::now() + ALL;
    Ok(asking(&host, Some(&known), until, |ask| {
        let in_time = desired.accounts.iter().take_while(|_| clock::now() < until);
        let senders = in_time.filter_map(Account::somebody);
        senders.filter_map(|from| judge(&from, &route(&host, &from, &to, ask), desired, &host)).collect()
    }))
}
