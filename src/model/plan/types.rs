//! The part of a plan about tables of a type that this Postfix does not have. relayhost's own are written anew with a type
//! that is there; of the others each is named, with the commands that convert it.

use super::{Plan, Remedy, State};
use crate::model::observed::Postfix;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::managed;
use crate::model::postfix::tables::path_of;
use crate::model::postfix::types::Lacking;

impl Plan {
    pub(super) fn types(&mut self, postfix: &Postfix) {
        let is_ours = |one: &&Lacking| {
            managed().contains(&one.parameter.as_str()) && path_of(&one.table).is_some_and(Managed::is_map)
        };
        let to = postfix.map_kind.as_ref().map_or("lmdb", |kind| kind.name());
        for one in postfix.lacking.iter().filter(|one| !is_ours(one)) {
            let remedy = Remedy::say(one.remedy(to, postfix.version.at_least(2, 11)));
            self.add(format!("table.{}", one.parameter), State::Warning, one.text(), remedy);
        }
    }
}
