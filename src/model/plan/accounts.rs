//! The part of a plan about the accounts of senders: whether mail of each leaves by its relay, with its login.

use super::{Plan, Remedy, State};
use crate::error::Complaint;
use crate::model::desired::Desired;
use crate::model::exits::named;
use crate::model::route::host::Host;
use crate::model::route::judge::deviations;
use crate::model::route::{Hop, Way};

impl Plan {
    /// Adds what each account is for, and the complaints about accounts.
    pub fn accounts(&mut self, desired: &Desired, complaints: Vec<Complaint>) {
        if complaints.is_empty() {
            for account in &desired.accounts {
                let text = format!("mail from {} leaves by {}", named(account), account.way.summary());
                self.add("senders.way", State::Fine, text, None);
            }
        }
        for Complaint { problem, remedy } in complaints {
            self.add("senders.way", State::Differs, problem, Remedy::Say(remedy));
        }
        if !desired.accounts.is_empty() {
            let text = "any user of this host can send as a sender of [[senders]] (`sendmail -f`), and so by that account";
            self.add("senders.anybody", State::Note, text, None);
        }
    }
}

/// The complaint about an account by the way of a message from its sender; `None`: it leaves as the answers say.
pub fn judge(from: &str, way: &Way, desired: &Desired, host: &Host) -> Option<Complaint> {
    if !way.queued.eq_ignore_ascii_case(from) {
        let hop = way.hop("rewrite");
        let places = hop.map(Hop::places).unwrap_or_default();
        let problem = format!(
            "mail from {from} is queued as mail from {} ({places}), so its account in [[senders]] is not used",
            way.queued
        );
        let undo = hop.and_then(|hop| hop.at.first()).map(|at| at.undo(&host.version)).unwrap_or_default();
        return Some(Complaint::new(problem, format!("{undo}; or write {} in [[senders]]", way.queued)));
    }
    let (_, fault) = deviations(way, desired, &host.version).into_iter().find(|(_, fault)| fault.stops)?;
    Some(Complaint::new(format!("[[senders]]: {}", fault.text), fault.remedy))
}
