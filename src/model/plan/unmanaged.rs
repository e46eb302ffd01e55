//! The part of a plan about things that relayhost does not manage: edits by others, and settings that can lead mail
//! elsewhere. It adds findings only, no actions.

use super::action::changed_lines;
use super::parameters::is_local;
use super::{Plan, Remedy, State, fine_if};
use crate::error::shown as path_shown;
use crate::model::desired::Desired;
use crate::model::observed::{Postfix, Sendmail};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::{settings, shown};
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

    /// Adds settings that relayhost does not manage and that can lead mail elsewhere.
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
        let mut warn = |id: &str, found: String, remedy: &str| {
            self.add(id, State::Warning, found, Remedy::say(remedy));
        };
        for parameter in settings::leading_elsewhere() {
            let value = postfix.setting(parameter);
            if !value.is_empty() {
                let found = format!("`{}` can send mail another way than to the relay", shown::value(value));
                let remedy = format!("make sure that it does what you want, or `postconf -X {parameter}`");
                warn(&format!("routing.{parameter}"), found, &remedy);
            }
        }
        let transport = postfix.setting("default_transport");
        if !matches!(transport, "" | "smtp") {
            let found = format!("`{transport}`: mail for elsewhere does not go through smtp(8)");
            warn("routing.default_transport", found, "postconf -e default_transport=smtp");
        }
        if let Some(to) = desired.verify.to.as_ref().filter(|to| is_local(to, postfix)) {
            let domain = to.rsplit('@').next().unwrap_or_default();
            let found = format!("`{domain}` is in mydestination, so mail for {to} stays on this host");
            warn("routing.mydestination", found, "take the domain out of mydestination in main.cf");
        }
        if desired.password_in_clear() {
            let found = "the password may cross the network unencrypted".to_owned();
            warn("auth.clear_text", found, "set tls = \"encrypt\" under [relay] if the relay offers TLS");
        }
    }
}
