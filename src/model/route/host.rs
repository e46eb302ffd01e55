//! What a route is made from: the parameters in force, the options of master.cf that override them for one service, and
//! the place in which each is written.

use std::collections::BTreeMap;

use super::written::Written;
use crate::model::observed::Version;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::mastercf::{MasterCf, Service};
use crate::model::postfix::settings::{self, Settings};

/// The configuration of a host's Postfix.
#[derive(Debug)]
pub struct Host {
    /// Its version.
    pub version: Version,
    /// The parameters in force, `$name` expanded.
    pub settings: Settings,
    /// The parameters that main.cf sets, each with the number of the line that counts.
    pub lines: BTreeMap<String, usize>,
    /// The parameters of main.cf as they stand there, for `$name` in master.cf.
    pub raw: BTreeMap<String, String>,
    /// The services.
    pub master: MasterCf,
    /// Whether a service in a chroot finds a name server: the queue directory has a copy of resolv.conf.
    pub jail_resolves: Option<bool>,
}

/// A parameter as one service reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Its value.
    pub text: String,
    /// Where it is written.
    pub at: Written,
}

impl Host {
    /// Takes the files as bytes, and the parameters in force.
    pub fn new(settings: Settings, main_cf: &MainCf, master_cf: &[u8]) -> Self {
        let (mut lines, mut raw) = (BTreeMap::new(), BTreeMap::new());
        for one in main_cf.all() {
            lines.insert(one.name.clone(), one.line);
            raw.insert(one.name, one.value);
        }
        let version = Version(settings::value(&settings, "mail_version").to_owned());
        Self { version, settings, lines, raw, master: MasterCf::new(master_cf), jail_resolves: None }
    }

    /// A parameter as main.cf has it.
    pub fn main(&self, name: &'static str) -> Value {
        let text = settings::value(&self.settings, name).to_owned();
        let at = match self.lines.get(name) {
            Some(line) => Written::Main { parameter: name, line: *line },
            None => Written::Default { parameter: name },
        };
        Value { text, at }
    }

    /// A parameter as a service of master.cf reads it: its option counts before main.cf (master(5), `-o`).
    pub fn of(&self, service: &str, name: &'static str) -> Value {
        self.option(self.master.find(service, "unix"), name).unwrap_or_else(|| self.main(name))
    }

    /// The parameter that an option of this service sets.
    fn option(&self, service: Option<&Service>, name: &'static str) -> Option<Value> {
        let service = service?;
        let set = service.option(name)?;
        let at = Written::Master { service: service.label(), line: set.line, option: Some(name) };
        Some(Value { text: self.expanded(&set.value, 0), at })
    }

    /// A value with each `$name`, `${name}` and `$(name)` replaced (postconf(5)). Ten levels are enough for any host.
    fn expanded(&self, text: &str, depth: u8) -> String {
        let mut parts = text.split('$');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let close = match part.chars().next() {
                Some('{') => Some('}'),
                Some('(') => Some(')'),
                _ => None,
            };
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let (name, rest) = match close {
                Some(close) => match part.get(1..).and_then(|inner| inner.split_once(close)) {
                    Some((name, rest)) if name.chars().all(is_name) => (name, rest),
                    // `${name?text}` and the like: shown as it stands.
                    _ => {
                        out.extend(["$", part]);
                        continue;
                    }
                },
                None => part.split_at(part.find(|c| !is_name(c)).unwrap_or(part.len())),
            };
            match (self.settings.get(name), self.raw.get(name)) {
                (Some(value), _) => out.push_str(value),
                (None, Some(value)) if depth < 10 => out.push_str(&self.expanded(value, depth + 1)),
                _ => {}
            }
            out.push_str(rest);
        }
        out
    }
}
