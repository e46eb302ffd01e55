//! What a route is made from: the parameters in force, the options of master.cf that override them for one service, and
//! the place in which each is written.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The parameters that are not in force, and that the answers ask for.
    pub to_come: BTreeSet<&'static str>,
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
        Self {
            version,
            settings,
            lines,
            raw,
            master: MasterCf::new(master_cf),
            to_come: BTreeSet::new(),
            jail_resolves: None,
        }
    }

    /// A parameter as main.cf has it.
    pub fn main(&self, name: &'static str) -> Value {
        let text = settings::value(&self.settings, name).to_owned();
        let at = match self.lines.get(name) {
            _ if self.to_come.contains(name) => Written::Answers { parameter: name },
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

    /// A value with each `$name`, `${name}`, `$(name)`, `${name?text}` and `${name:text}` replaced (postconf(5),
    /// mac_expand(3)). Ten levels are enough for any host.
    fn expanded(&self, text: &str, depth: u8) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((head, tail)) = rest.split_once('$') {
            out.push_str(head);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = |text: &str| text.find(|c| !is_name(c)).unwrap_or(text.len());
            if let Some(after) = tail.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some((inner, after)) = enclosed(tail) {
                let (name, then) = inner.split_at(end(inner));
                out.push_str(&self.conditional(name, then, depth).unwrap_or_else(|| format!("${{{inner}}}")));
                rest = after;
            } else {
                let (name, after) = tail.split_at(end(tail));
                out.push_str(&self.named(name, depth));
                rest = after;
            }
        }
        out + rest
    }

    /// The value of a parameter, whoever defined it.
    fn named(&self, name: &str, depth: u8) -> String {
        match (self.settings.get(name), self.raw.get(name)) {
            (Some(value), _) => value.clone(),
            (None, Some(value)) if depth < 10 => self.expanded(value, depth + 1),
            _ => String::new(),
        }
    }

    /// `name`, and what follows it within the brackets. `None` for a comparison, which is left as it stands.
    fn conditional(&self, name: &str, then: &str, depth: u8) -> Option<String> {
        let value = self.named(name, depth);
        let text = |text: &str| match enclosed(text.trim()) {
            Some((inner, "")) => inner.trim().to_owned(),
            _ => text.to_owned(),
        };
        let chosen = if then.is_empty() {
            return Some(value);
        } else if let Some(is_set) = then.strip_prefix('?') {
            // `?{one}:{other}`, or `?one` alone.
            match enclosed(is_set.trim_start()).map(|(one, rest)| (one.trim(), rest.trim_start())) {
                Some((one, rest)) if rest.starts_with(':') => {
                    if value.is_empty() {
                        text(rest.get(1..)?)
                    } else {
                        one.to_owned()
                    }
                }
                _ if value.is_empty() => String::new(),
                _ => text(is_set),
            }
        } else {
            let unset = then.strip_prefix(':')?;
            if value.is_empty() { text(unset) } else { String::new() }
        };
        Some(if depth < 10 { self.expanded(&chosen, depth + 1) } else { chosen })
    }
}

/// The text within the bracket at the beginning, and what follows the bracket that closes it.
fn enclosed(text: &str) -> Option<(&str, &str)> {
    let (open, close) = match text.chars().next()? {
        '{' => ('{', '}'),
        '(' => ('(', ')'),
        _ => return None,
    };
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some((text.get(1..at)?, text.get(at + 1..)?));
            }
        }
    }
    None
}
