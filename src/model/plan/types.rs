//! The part of a plan about tables of a type that this Postfix does not have. Those that main.cf names no more when `apply`
//! has set its parameters are in the plan already; of the others each is named, with the commands that convert it.

use super::action::FileChange;
use super::{Plan, Remedy, State};
use crate::model::observed::Postfix;
use crate::model::postfix::types::Lacking;

impl Plan {
    pub(super) fn types(&mut self, postfix: &Postfix) {
        let changes = self.actions.files.iter().filter_map(|change| match change {
            FileChange::MainCf(change) => Some(&change.changes),
            _ => None,
        });
        let set: Vec<(String, String)> = changes.flatten().cloned().collect();
        let is_set = |one: &Lacking| set.iter().any(|(name, value)| one.ends_by(name, value));
        let to = postfix.map_kind.as_ref().map_or("lmdb", |kind| kind.name());
        for one in postfix.lacking.iter().filter(|one| !is_set(one)) {
            let remedy = Remedy::say(one.remedy(to, postfix.version.at_least(2, 11)));
            self.add(format!("table.{}", one.parameter), State::Warning, one.text(), remedy);
        }
    }
}
