//! The part of a plan about things that relayhost does not manage: edits by others, and settings that can lead mail
//! elsewhere. It adds findings only, no actions.

use super::action::changed_lines;
use super::{Plan, Remedy, State};
use crate::error::shown as path_shown;
use crate::model::desired::Desired;
use crate::model::observed::{Postfix, Sendmail};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::state::generation::LastRun;

/// Tools that write Postfix's configuration, by the names in their comments.
const TOOLS: [&str; 13] = [
    "Puppet",
    "Ansible",
    "Chef",
    "SaltStack",
    "Salt",
    "CFEngine",
    "Plesk",
    "cPanel",
    "ISPConfig",
    "iRedMail",
    "Virtualmin",
    "Webmin",
    "DirectAdmin",
];

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
        let keys = |file: Managed| -> Vec<String> {
            let key = |name: &String| Some(name.strip_prefix(file.name())?.strip_prefix(' ')?.to_owned());
            last.wrote.keys().filter_map(key).collect()
        };
        let now = |file: Managed| match file {
            Managed::MainCf => Some(postfix.main_cf.bytes()),
            _ => postfix.maps.get(&file).and_then(|map| map.source.as_ref()).map(MapSource::bytes),
        };
        for (file, ours) in &last.after {
            let now = now(*file).unwrap_or_default();
            if now != ours.as_slice() {
                let changes = changed_lines(*file, ours, now, &keys(*file));
                self.add(
                    format!("drift.{}", file.name()),
                    State::Note,
                    format!("changed since our run of {}: {changes}", last.time),
                    None,
                );
            }
        }
    }

    /// Adds the tool that says in main.cf that it writes this file: it will overwrite what relayhost sets.
    pub(super) fn other_tool(&mut self, postfix: &Postfix) {
        let text = String::from_utf8_lossy(postfix.main_cf.bytes());
        let of_line = |line: &str| {
            let line = line.trim_start().strip_prefix('#')?.to_lowercase();
            let claims = ["manage", "generated", "edit", "maintained", "overwritten"];
            let tool = TOOLS.iter().find(|tool| line.contains(&tool.to_lowercase()))?;
            claims.iter().any(|claim| line.contains(claim)).then_some(*tool)
        };
        let found = text.lines().enumerate().find_map(|(index, line)| Some((index + 1, of_line(line)?)));
        if let Some((number, tool)) = found {
            let text = format!(
                "main.cf says in line {number} that {tool} writes it: its next run may overwrite what relayhost sets, so \
                 have {tool} set the same, or leave the file out there"
            );
            self.add("drift.other_tool", State::Note, text, None);
        }
    }

    /// Adds the program behind sendmail, and a password that others could read on the way.
    pub(super) fn routing(&mut self, desired: &Desired, postfix: &Postfix) {
        let set = || Remedy::say("alternatives --set mta /usr/sbin/sendmail.postfix");
        match &postfix.sendmail {
            Sendmail::Postfix => self.add("sendmail", State::Fine, "Postfix's", None),
            Sendmail::Missing => {
                self.add("sendmail", State::Differs, "there is no /usr/sbin/sendmail", set());
            }
            Sendmail::Other(path) => {
                let text = format!("/usr/sbin/sendmail is {}, so mail goes around Postfix", path_shown(path));
                self.add("sendmail", State::Differs, text, set());
            }
        }
        if desired.password_in_clear() {
            self.add(
                "auth.clear_text",
                State::Warning,
                "the password may cross the network unencrypted",
                Remedy::say("set tls = \"encrypt\" under [relay] if the relay offers TLS"),
            );
        }
    }
}
