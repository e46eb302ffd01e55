//! The part of a plan about the plugin for access tokens: the link that puts it in force, and other plugins for the same
//! mechanisms.

use super::action::{FileChange, LinkChange};
use super::{Plan, Remedy, State};
use crate::error::Error;
use crate::model::desired::Desired;
use crate::model::observed::Observed;
use crate::model::packages::plugin::RIVALS;
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::sha256;

impl Plan {
    /// Compares the link with the answers: it is there only while they ask for an access token.
    pub(super) fn link(&mut self, desired: &Desired, observed: &Observed) {
        let (file, before) = (Managed::Plugin, &observed.link);
        let Some(target) = file.target() else { return };
        let wanted = sha256(target.as_bytes());
        let is_ours = before.as_ref().is_some_and(|inode| inode.is_link() && inode.sha256 == wanted);
        let path = file.path();
        let path = path.display();
        let (target, found) = if desired.any_mechanism().takes_token() {
            let found = before.as_ref().map(|inode| inode.sha256.as_str());
            let shown = if before.is_some() { "something else" } else { "not there" };
            self.foreign_edit(file.name(), found, &wanted, &observed.last, shown);
            self.wrote.insert(file.name().to_owned(), wanted);
            let amiss = || format!("{path}: {shown}, so Cyrus SASL does not load the plugin");
            (Some(target), if is_ours { Ok(format!("{path} leads to the plugin")) } else { Err(amiss()) })
        } else if is_ours {
            (None, Err(format!("{path} puts the plugin in force, and the answers ask for no access token")))
        } else {
            return;
        };
        if !self.judge("plugin.link", found) {
            self.actions.files.push(FileChange::Link(LinkChange { file, before: before.clone(), target }));
        }
    }

    /// Adds another plugin for access tokens, if the answers ask for one.
    pub(super) fn rivals(&mut self, desired: &Desired, observed: &Observed) {
        if !desired.any_mechanism().takes_token() {
            return;
        }
        let Some(plugin) = RIVALS.into_iter().find(|plugin| observed.plugins.contains(*plugin)) else {
            return;
        };
        let rival = Error::Rival(plugin.to_owned());
        self.add(
            "plugin.rival",
            State::Differs,
            rival.to_string(),
            Remedy::say(rival.hint("relayhost apply")),
        );
        self.rival = Some(plugin.to_owned());
    }
}
