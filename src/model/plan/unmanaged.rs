//! The part of a plan about things that relayhost does not manage: edits by others, and settings that can lead mail
//! elsewhere. It adds findings only, no actions.

use super::action::changed_lines;
use super::{Plan, Remedy, State, fine_if};
use crate::error::shown as path_shown;
use crate::model::desired::Desired;
use crate::model::observed::{Postfix, Sendmail};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::state::generation::LastRun;

impl Plan {
    /// Adds each part of relayhost's state that cannot be used: less can be undone, and passwords may be readable.
    pub fn damaged(&mut self, lines: &[String]) {
        for line in lines {
            self.add("state.damaged", State::Warning, line.clone(), Remedy::Repair);
        }
    }

    /// Adds the files that differ from what the last run left, with the differences. Not a fault: relayhost does not
    /// manage other lines.
    pub(super) fn drift(&mut self, postfix: &Postfix, last: &LastRun) {
        let now = |file: Managed| match file {
            Managed::MainCf => Some(postfix.main_cf.bytes()),
            _ => postfix.maps.get(&file).and_then(|map| map.source.as_ref()).map(MapSource::bytes),
        };
        for (file, ours) in &last.after {
            let now = now(*file).unwrap_or_default();
            if now != ours.as_slice() {
                let keys: Vec<String> = last.entries(*file).map(|(key, _)| key.to_owned()).collect();
                let changes = changed_lines(*file, ours, now, &keys);
                let text = format!("changed since our run of {}: {changes}", last.time);
                self.add(format!("drift.{}", file.name()), State::Note, text, None);
            }
        }
    }

    /// Adds the program behind sendmail, and a password that others could read on the way.
    pub(super) fn routing(&mut self, desired: &Desired, postfix: &Postfix) {
        let elsewhere = match &postfix.sendmail {
            Sendmail::Postfix => None,
            Sendmail::Missing => Some("there is no /usr/sbin/sendmail".to_owned()),
            Sendmail::Other(path) => {
                Some(format!("/usr/sbin/sendmail is {}, so mail goes around Postfix", path_shown(path)))
            }
        };
        let set = Remedy::say("alternatives --set mta /usr/sbin/sendmail.postfix");
        self.add(
            "sendmail",
            fine_if(elsewhere.is_none()),
            elsewhere.unwrap_or_else(|| "Postfix's".into()),
            set,
        );
        if desired.password_in_clear() {
            let set = Remedy::say("set tls = \"encrypt\" under [relay] if the relay offers TLS");
            self.add(
                "auth.clear_text",
                State::Warning,
                "the password may cross the network unencrypted",
                set,
            );
        }
    }
}
