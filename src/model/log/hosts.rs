//! The hosts that wrote a log: one, or many in a central log. Each name gets a number, so that a group is small.

/// Hosts that have a number of their own.
const HOSTS: usize = 256;
/// Name that stands for all other hosts.
const MORE: &str = "more hosts";

/// The names, in the order in which they were met.
#[derive(Debug)]
pub struct Hosts {
    /// The first is for lines that name no host.
    names: Vec<String>,
    last: u16,
}

impl Default for Hosts {
    fn default() -> Self {
        Self { names: vec![String::new()], last: 0 }
    }
}

impl Hosts {
    /// The number of a name.
    pub fn number(&mut self, name: Option<&str>) -> u16 {
        let name = name.unwrap_or_default();
        if self.name(self.last) == name {
            return self.last;
        }
        let known = self.names.iter().position(|known| known == name);
        let number = known.unwrap_or_else(|| {
            match HOSTS - self.names.len() {
                0 => {}
                1 => self.names.push(MORE.to_owned()),
                _ => self.names.push(name.to_owned()),
            }
            self.names.len() - 1
        });
        self.last = u16::try_from(number).unwrap_or_default();
        self.last
    }

    /// The number of the only host so far, if there is only one.
    pub fn only(&self) -> Option<u16> {
        u16::try_from(self.names.len() - 1).ok().filter(|last| *last <= 1)
    }

    /// The name of a number; empty for lines that name no host.
    pub fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("", String::as_str)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).filter(|name| !name.is_empty())
    }
}

/// Whether a host's name in a log is one of these. A host that has not been given its name yet logs as `localhost`.
pub fn is_one_of(host: &str, names: &[String]) -> bool {
    host == "localhost" || names.iter().any(|name| is_same(name, host))
}

/// Whether two names are of one host: syslog may log the first label alone.
pub fn is_same(one: &str, other: &str) -> bool {
    let label = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    one.eq_ignore_ascii_case(other)
        || (label(one) == label(other) && (!one.contains('.') || !other.contains('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_and_are_bounded() {
        let mut hosts = Hosts::default();
        assert_eq!((hosts.number(None), hosts.number(Some("a")), hosts.number(Some("b"))), (0, 1, 2));
        assert_eq!((hosts.number(Some("a")), hosts.name(1)), (1, "a"));
        for number in 0..1000 {
            hosts.number(Some(&number.to_string()));
        }
        assert_eq!((hosts.names().count(), hosts.names().last()), (HOSTS - 1, Some(MORE)));
    }

    #[test]
    fn a_short_name_is_that_host() {
        assert!(is_same("mon", "mon.example.com") && is_same("MON", "mon"));
        assert!(!is_same("mon.a.com", "mon.b.com") && !is_same("mon", "mon2"));
    }
}
