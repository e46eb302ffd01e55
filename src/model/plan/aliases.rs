//! The part of a plan about the aliases of the system (aliases(5)): the entry that sends root's mail to a person.

use super::{Finding, Plan, Remedy, State};
use crate::model::desired::Desired;
use crate::model::observed::Postfix;
use crate::model::postfix::aliases::PATH;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::recipients::{self, Judged};
use crate::model::state::generation::LastRun;

/// Lines that are named one by one; of more only the number is.
const NAMED: usize = 3;

impl Plan {
    /// Compares the entry of root, if the answers ask for one, or the last run wrote one.
    pub(super) fn aliases(&mut self, desired: &Desired, postfix: &Postfix, last: &LastRun) {
        let file = Managed::Aliases;
        if !recipients::is_asked(desired, last) {
            return;
        }
        // Where Postfix does not read the file, what is said of root's mail says why.
        let Ok(kind) = recipients::kind(&postfix.settings, &postfix.lacking) else { return };
        self.map(file, &kind, desired, postfix, last);
        let source = postfix.maps.get(&file).and_then(|map| map.source.as_ref());
        let wrong = source.filter(|_| !desired.root.is_empty()).map(MapSource::passed_over);
        let wrong = wrong.unwrap_or_default();
        if !wrong.is_empty() {
            let lines: Vec<String> =
                wrong.iter().take(NAMED).map(|(line, why)| format!("line {line}: {why}")).collect();
            let more = wrong.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let text = format!("{PATH} has lines that postalias(1) passes over: {}{more}", lines.join(", "));
            let remedy = format!("correct or remove them in {PATH}, then `newaliases`");
            self.add("map.aliases.lines", State::Warning, text, Remedy::say(remedy));
        }
    }

    /// Adds what becomes of root's mail with the answers in force. `forward`: a file of addresses of root's own, which local(8)
    /// does not read where there is an alias.
    pub fn root(&mut self, judged: Option<Judged>, forward: Option<String>) {
        let is_to_be_set =
            |finding: &Finding| finding.id.starts_with("map.aliases") && finding.state == State::Differs;
        match judged {
            None => return,
            // The judgement is about the entry that `apply` is to set.
            Some(Ok(_)) if self.findings.iter().any(is_to_be_set) => {}
            Some(Ok(text)) => self.add("recipients.root", State::Fine, text, None),
            Some(Err(complaint)) => {
                let remedy = Remedy::Say(complaint.remedy);
                self.add("recipients.root", State::Differs, complaint.problem, remedy);
            }
        }
        if let Some(path) = forward {
            let text = format!(
                "{path} has no effect: local(8) goes by the alias of root first (recipients.root of the answers)"
            );
            self.add("recipients.forward", State::Note, text, None);
        }
    }
}
