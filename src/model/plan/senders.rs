//! The part of a plan about what the one sender means on this host, and what else gives its senders addresses.

use super::parameters::words;
use super::{Plan, Remedy, State};
use crate::model::desired::Desired;
use crate::model::observed::Postfix;
use crate::model::postfix::own_names::OwnNames;
use crate::model::text::domain_of;

impl Plan {
    /// Adds notes about the one sender. None is a fault: each may be meant so.
    pub(super) fn one_sender(&mut self, desired: &Desired, postfix: &Postfix) {
        let Some(one) = &desired.one_sender else { return };
        let own = OwnNames::new(&postfix.settings);
        if !own.unlisted.is_empty() {
            let text = format!(
                "mydestination names {}: what domains are in there is not known here, so sender.default does not stand for their senders",
                own.unlisted.join(", ")
            );
            let remedy = Remedy::say(
                "write those senders under sender.rewrite, if they are to leave as another address",
            );
            self.add("sender.domains", State::Note, text, remedy);
        }
        let domain = domain_of(&one.address);
        let is_here =
            words(postfix.setting("mydestination")).iter().any(|name| name.eq_ignore_ascii_case(domain));
        if is_here {
            let text = format!(
                "{} is at this host (mydestination has {domain}): what this host itself answers or returns to it stays here",
                one.address
            );
            self.add("sender.here", State::Note, text, None);
        }
        let is_set = |name| !postfix.setting(name).is_empty();
        let classes = words(postfix.setting("canonical_classes"));
        if is_set("canonical_maps") && classes.iter().any(|class| class.ends_with("_sender")) {
            let text = format!(
                "canonical_maps has {} for senders, too: of this host's envelope senders sender.default decides, which comes first, and in From the table",
                postfix.setting("canonical_maps")
            );
            let remedy = Remedy::say(
                "write the senders of that table under sender.rewrite, if both are to be the same",
            );
            self.add("sender.canonical", State::Note, text, remedy);
        }
    }
}
