//! The part of a plan that is about packages: the missing ones, and the source to install them from.

use super::action::Install;
use super::{Finding, Plan, Remedy, State};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::observed::{Observed, PostfixPart};
use crate::model::packages::need::{Need, needs};
use crate::model::packages::supply::Supply;
use crate::model::postfix::managed::Managed;

impl Plan {
    /// The needs that the host does not meet.
    pub fn to_install(&self) -> &[Need] {
        self.actions.install.as_ref().map_or(&[], |install| &install.needs)
    }

    /// Adds the source of the missing packages, or the reason why there is none, after the findings about packages.
    pub fn supplied(&mut self, desired: &Desired, result: Result<Supply>) {
        let (state, found, remedy) = match &result {
            Ok(supply) => {
                let found = format!("{} has what is missing: {}", supply.directory, supply.files.join(", "));
                (State::Note, found, None)
            }
            Err(error) => {
                let found = error.to_string().replace("\n    ", " ");
                (State::Differs, found, Some(Remedy::say(error.hint("relayhost apply"))))
            }
        };
        let finding = Finding { id: "package.from".into(), state, found, remedy };
        self.findings.insert(needs(desired).len(), finding);
        if let Some(install) = &mut self.actions.install {
            install.from = result.ok();
        }
    }

    pub(super) fn packages(&mut self, desired: &Desired, observed: &Observed) {
        let mut missing = Vec::new();
        for need in needs(desired) {
            let (id, found) = match &need {
                Need::Package { name, plugin } => {
                    let found = match (observed.packages.get(name), plugin) {
                        (None, _) => Err("not installed".to_owned()),
                        (Some(nevra), _) if name == "postfix" && observed.lacks.is_some() => {
                            let part = observed.lacks.map(PostfixPart::name).unwrap_or_default();
                            Err(format!("{nevra} is installed, but {part} is not there: no mail leaves"))
                        }
                        (Some(nevra), Some(plugin)) if !observed.plugins.contains(*plugin) => Err(format!(
                            "{nevra} is installed, but its plugin lib{plugin}.so is not on the disk"
                        )),
                        (Some(nevra), _) => Ok(nevra.clone()),
                    };
                    (format!("package.{name}"), found)
                }
                Need::MailCommand => {
                    let found = observed.mail_command.as_ref().map(|path| path.display().to_string());
                    ("package.mail".to_owned(), found.ok_or_else(|| "no `mail` command".to_owned()))
                }
            };
            if !self.judge(id, found) {
                missing.push(need);
            }
        }
        let mut main_cf = None;
        if observed.lacks == Some(PostfixPart::MainCf) && observed.last.after.contains_key(&Managed::MainCf) {
            // As relayhost left it, with all that is the administrator's; the package has its own default alone.
            missing.retain(|need| need.label() != "postfix" || !observed.packages.contains_key("postfix"));
            main_cf = Some(observed.last.number);
        }
        let is_needed = !missing.is_empty() || main_cf.is_some();
        self.actions.install = is_needed.then_some(Install { needs: missing, from: None, main_cf });
    }
}
