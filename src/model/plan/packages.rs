//! The part of a plan that is about packages: what is missing, and where it comes from.

use super::action::Action;
use super::{APPLY, Finding, Plan, State};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::observed::{Observed, Presence};
use crate::model::packages::need::{Need, needs};
use crate::model::packages::supply::Supply;

impl Plan {
    /// What is missing from the host, if anything.
    pub fn to_install(&self) -> &[Need] {
        match self.actions.first() {
            Some(Action::Install(needs, _)) => needs,
            _ => &[],
        }
    }

    /// Adds where the missing packages come from, or why they cannot.
    pub fn supplied(&mut self, result: Result<Supply>) {
        let (state, found, remedy) = match &result {
            Ok(supply) => {
                let found = format!("{} has what is missing: {}", supply.directory, supply.files.join(", "));
                (State::Note, found, None)
            }
            Err(error) => (State::Differs, error.to_string().replace("\n    ", " "), Some(error.hint())),
        };
        let at = self.findings.iter().take_while(|finding| finding.id.starts_with("package.")).count();
        self.findings.insert(at, Finding { id: "package.from".into(), state, found, remedy });
        if let (Some(Action::Install(_, from)), Ok(supply)) = (self.actions.first_mut(), result) {
            *from = Some(supply);
        }
    }

    pub(super) fn packages(&mut self, desired: &Desired, observed: &Observed) {
        let mut missing = Vec::new();
        for need in needs(desired) {
            let (id, problem, found) = match &need {
                Need::Package { name, plugin } => {
                    let presence = observed.packages.get(name).unwrap_or(&Presence::Missing);
                    let (problem, found) = match (presence, plugin) {
                        (Presence::Missing, _) => (true, "not installed".to_owned()),
                        (Presence::Installed(nevra), Some(plugin)) if !observed.plugins.contains(*plugin) => {
                            (
                                true,
                                format!(
                                    "{nevra} is installed, but its plugin lib{plugin}.so is not on the disk"
                                ),
                            )
                        }
                        (Presence::Installed(nevra), _) => (false, nevra.clone()),
                    };
                    (format!("package.{name}"), problem, found)
                }
                Need::MailCommand => {
                    let found = observed.mail_command.as_ref().map(|path| path.display().to_string());
                    (
                        "package.mail".to_owned(),
                        found.is_none(),
                        found.unwrap_or_else(|| "no `mail` command".into()),
                    )
                }
            };
            self.add(id, if problem { State::Differs } else { State::Fine }, found, APPLY);
            if problem {
                missing.push(need);
            }
        }
        if !missing.is_empty() {
            self.actions.push(Action::Install(missing, None));
        }
    }
}
