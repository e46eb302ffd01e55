//! The part of a plan about things that relayhost does not manage: edits by others, and settings that can lead mail
//! elsewhere. It adds findings only, no actions.

use super::action::changed_lines;
use super::parameters::needs_ipv6;
use super::{Plan, Remedy, State, fine_if};
use crate::model::desired::{Auth, Desired, IpPolicy};
use crate::model::observed::{Postfix, Sendmail};
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::providers::with_host;
use crate::model::state::generation::LastRun;
use crate::model::state::mark::without_tokens;

/// The finding about a login with a password that the provider is going to end.
pub const ANNOUNCED: &str = "provider.password";

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
        // The guard of a run has a finding of its own where it was left, and is no edit.
        let left = last.after.get(&Managed::MainCf).map(|left| MainCf::new(left.clone()));
        let unguarded = left.and_then(|left| postfix.main_cf.unguarded(&left));
        let main_cf = unguarded.as_ref().unwrap_or(&postfix.main_cf);
        let now = |file: Managed| match file {
            Managed::MainCf => Some(main_cf.bytes()),
            _ => postfix.maps.get(&file).and_then(|map| map.source.as_ref()).map(MapSource::bytes),
        };
        // Of a link nothing is the administrator's; its own finding says what is amiss. Of a file of the system nothing is
        // relayhost's where it has no entry there.
        let is_ours = |file: Managed| !file.is_on_demand() || last.entries(file).next().is_some();
        let is_shown = |file: Managed| file.target().is_none() && is_ours(file);
        for (file, ours) in last.after.iter().filter(|(file, _)| is_shown(**file)) {
            let now = now(*file).unwrap_or_default();
            if now != ours && without_tokens(now, *file, last) != without_tokens(ours, *file, last) {
                let keys: Vec<String> = last.entries(*file).map(|(key, _)| key.to_owned()).collect();
                let changes = changed_lines(*file, ours, now, &keys);
                let text = format!("changed since our run of {}: {changes}", last.time);
                self.add(format!("drift.{}", file.name()), State::Note, text, None);
            }
        }
    }

    /// Adds files that were changed after Postfix last read its configuration: the findings are about the files, and daemons
    /// that run may go by the old ones. `changed`: each file, and the time of its last change. Times are whole seconds, so a
    /// change within two of them counts as read.
    pub fn unread(&mut self, changed: &[(&str, Option<i64>)], read: Option<i64>) {
        let Some(read) = read else { return };
        let is_later = |time: &Option<i64>| time.is_some_and(|time| time > read + 2);
        let names: Vec<&str> =
            changed.iter().filter(|(_, time)| is_later(time)).map(|(name, _)| *name).collect();
        if !names.is_empty() {
            let (names, verb) = (names.join(" and "), if names.len() == 1 { "was" } else { "were" });
            let text = format!(
                "{names} {verb} changed after Postfix last read its configuration, so some of it still goes by the old one"
            );
            self.add("service.reload", State::Note, text, Remedy::say("`postfix reload`"));
        }
    }

    /// Adds what the provider has announced about logging in with a password, if the answers have one for it.
    pub fn announced(&mut self, desired: &Desired) {
        if matches!(desired.first.auth, Auth::None) || desired.mechanism().takes_token() {
            return;
        }
        for (_, provider) in with_host(&desired.first.relay.host) {
            for warning in provider.warnings.iter().filter(|warning| warning.password) {
                let text = format!("{}: {}", provider.title, warning.text);
                let remedy = "log in by an access token: `relayhost init --force` asks for all that it needs";
                let remedy = provider.identity.map(|_| Remedy::say(remedy));
                self.add(ANNOUNCED, State::Note, text, remedy);
            }
        }
    }

    /// Adds why IPv6 stays on although the provider's IPv6 side refuses most hosts.
    pub(super) fn address_family(&mut self, desired: &Desired, postfix: &Postfix) {
        if desired.first.relay.ip != IpPolicy::PreferV4 {
            return;
        }
        if let Some(reason) = needs_ipv6(&postfix.settings, postfix.has_ipv4_route) {
            let text = format!(
                "left as it is, since {reason}; by IPv6 this relay refuses hosts without reverse DNS, and \
                 Postfix may take IPv6 first"
            );
            let remedy = "ip = \"ipv4\" under [relay] in the answers sets it all the same, ip = \"any\" ends this note";
            self.add("setting.inet_protocols", State::Note, text, Remedy::say(remedy));
        }
    }

    /// Adds the program behind sendmail, and a password that others could read on the way.
    pub(super) fn routing(&mut self, desired: &Desired, postfix: &Postfix) {
        let elsewhere = postfix.sendmail.fault();
        let set = Remedy::say(Sendmail::SET);
        self.add(
            "sendmail",
            fine_if(elsewhere.is_none()),
            elsewhere.unwrap_or_else(|| "Postfix's".into()),
            set,
        );
        for way in desired.in_clear() {
            let set = Remedy::say("set tls = \"encrypt\" under [relay] if the relay offers TLS");
            let text = format!("the password for {} may cross the network unencrypted", way.next_hop());
            self.add("auth.clear_text", State::Warning, text, set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_of_a_run_is_no_edit() {
        let drift = |ours: &str, now: &str| {
            let postfix = Postfix { main_cf: MainCf::new(now.into()), ..Postfix::with(&[]) };
            let mut last = LastRun::default();
            last.after.insert(Managed::MainCf, ours.into());
            let mut plan = Plan::empty();
            plan.drift(&postfix, &last);
            plan.findings.pop().map(|found| found.found)
        };
        assert_eq!(drift("a = 1\n", "a = 1\nsoft_bounce = yes\n"), None);
        assert_eq!(drift("soft_bounce = no\na = 1\n", "soft_bounce = yes\na = 1\n"), None);
        let edit = drift("a = 1\n", "a = 2\nsoft_bounce = yes\n").unwrap();
        assert!(edit.contains("+a = 2") && !edit.contains("soft_bounce"), "{edit}");
        assert!(drift("soft_bounce = yes\n", "a = 1\n").unwrap().contains("-soft_bounce"));
        assert!(drift("a = 1\n", "a = 1\nsoft_bounce = no\n").unwrap().contains("+soft_bounce"));
    }

    #[test]
    fn a_file_that_is_younger_than_the_last_reading_is_noted_and_what_is_not_known_is_not() {
        for (main_cf, master_cf, read, expected) in [
            (Some(110), Some(50), Some(100), Some("main.cf was ")),
            (Some(110), Some(111), Some(100), Some("main.cf and master.cf were ")),
            (Some(102), Some(100), Some(100), None),
            (Some(110), Some(110), None, None),
            (None, None, Some(100), None),
        ] {
            let mut plan = Plan::empty();
            plan.unread(&[("main.cf", main_cf), ("master.cf", master_cf)], read);
            let found = plan.findings.first();
            assert!(found.is_none_or(|found| found.state == State::Note), "{found:?}");
            let is_so = expected.is_none_or(|start| found.unwrap().found.starts_with(start));
            assert!(is_so && found.is_some() == expected.is_some(), "{found:?}");
        }
    }
}
