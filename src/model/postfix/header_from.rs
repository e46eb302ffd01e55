//! The rules of smtp_header_checks that give the one sender to messages of this host (header_checks(5), regexp_table(5)).
//! canonical(5) would rewrite Reply-To and Mail-Followup-To with the other headers of a sender, so it has the envelope
//! alone. A rule sees one header as a whole, with the line ends in it, and the first one that fits decides.

use regex::bytes::{Captures, RegexBuilder};

use super::own_names::OwnNames;

/// A display name: text with `{user}` and `{host}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(pub String);

/// What the rules are made of.
#[derive(Debug)]
pub struct HeaderFrom<'a> {
    /// The address in the place of this host's own.
    pub address: &'a str,
    /// The name beside it; `None`: the sender's own stays.
    pub name: Option<&'a DisplayName>,
    /// The name of this host, for `{host}`.
    pub host: &'a str,
    /// The domains of this host.
    pub own: &'a OwnNames,
    /// The senders with a line of their own in smtp_generic_maps: `user@host`, `user` or `@host`.
    pub others: &'a [&'a str],
    /// Whether all mail comes from this host: then a From with `address` in it is this host's too.
    pub is_alone: bool,
}

/// A rule: a regular expression that is the same to POSIX and to the crate regex, and an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The expression, without its delimiters.
    pub pattern: String,
    /// The action, with `${1}` and so on for what the groups have matched.
    pub action: String,
}

/// The headers with a sender whose address relays look at (RFC 5322, 3.6.2 and 3.6.6). One group for each bracket.
const HEADERS: &str = "^((Resent-)?(From|Sender)):";
/// White space, also where a header goes on in the next line.
const SPACE: &str = "[[:space:]]*";
/// A quoted string: 1 group.
const QUOTED: &str = r#""([^"\\]|\\.)*""#;
/// A comment, which may have others in it: 2 groups.
const COMMENT: &str = r"\(([^()\\]|\\.|\(([^()\\]|\\.)*\))*\)";
/// A letter of a name that is not quoted, or white space.
const LETTER: &str = r#"[^]\[()<>@,:;\\"]"#;
/// A letter of a name that is not quoted.
const VISIBLE: &str = r#"[^]\[()<>@,:;\\"[:space:]]"#;
/// A word of RFC 2047: 1 group.
const ENCODED: &str = r"(=\?[^?[:space:]]+\?[bq]\?[^?[:space:]]*\?=)";

/// The user of an address, plain or in quotes, in which the group is what is quoted: it stands in the name's own quotes.
const USERS: [&str; 2] = [r#"([^]\[()<>@,:;\\"[:space:]]+)"#, r#""(([^"\\]|\\.)*)""#];

/// Most senders in one rule, so that no expression is long.
const AT_ONCE: usize = 50;

/// The action for a header that is left to smtp_generic_maps.
const LEAVE: &str = "DUNNO";

impl HeaderFrom<'_> {
    /// The rules, in their order.
    pub fn rules(&self) -> Vec<Rule> {
        let domains = self.domains();
        let mut rules = self.exceptions();
        rules.extend(self.name.filter(|_| self.is_alone).into_iter().flat_map(|name| self.renamed(name)));
        if !domains.is_empty() {
            rules.extend(self.single(&any_of(&domains)));
            rules.extend(self.listed(&any_of(&domains)));
        }
        rules
    }

    /// The text of the table.
    pub fn text(&self) -> String {
        let line = |Rule { pattern, action }: Rule| format!("/{pattern}/ {action}\n");
        "# Written by relayhost: [sender] of its answers decides these lines.\n".to_owned()
            + &self.rules().into_iter().map(line).collect::<String>()
    }

    /// This host's domains of which not all senders have a line of their own.
    fn domains(&self) -> Vec<&str> {
        let is_taken = |name: &str| self.others.iter().any(|other| is_domain(other, name));
        self.own.all().map(String::as_str).filter(|name| !is_taken(name)).collect()
    }

    /// Rules by which senders with lines of their own are left to smtp_generic_maps, which comes after these rules. It looks
    /// up a bare name for the domains in mydestination alone.
    fn exceptions(&self) -> Vec<Rule> {
        let local: Vec<&str> = self.own.local.iter().map(String::as_str).collect();
        let sender = |other: &&str| match other.rsplit_once('@') {
            Some(("", _)) => None,
            Some((user, domain)) => {
                self.own.has(domain).then(|| format!("{}@{}", escaped(user), escaped(domain)))
            }
            None if local.is_empty() => None,
            None => Some(format!("{}@{}", escaped(other), any_of(&local))),
        };
        let all: Vec<String> = self.others.iter().filter_map(sender).collect();
        let rule = |some: &[String]| Rule {
            pattern: format!(
                "{HEADERS}(({LETTER}|{QUOTED}|{COMMENT})*<|([[:space:]]|{COMMENT})*){SPACE}({}){SPACE}>?([[:space:]]|{COMMENT})*$",
                some.join("|")
            ),
            action: LEAVE.into(),
        };
        all.chunks(AT_ONCE).map(rule).collect()
    }

    /// Rules for one address of this host, with a name or without. A bare name counts too: of local mail Postfix has
    /// completed it.
    fn single(&self, domains: &str) -> Vec<Rule> {
        let tail = format!("(([[:space:]]|{COMMENT})*)$");
        // Groups: 1 to 3 of HEADERS, 4 the name and 5 to 8 in it, 9 the user.
        let named = |user: &str| {
            format!("{HEADERS}(({LETTER}|{QUOTED}|{COMMENT})*)<{SPACE}{user}(@{domains})?{SPACE}>{tail}")
        };
        // Groups: 1 to 3 of HEADERS, 4 comments and 5 to 7 in them, 8 the user.
        let bare = |user: &str| format!("{HEADERS}(([[:space:]]|{COMMENT})*){user}(@{domains})?{tail}");
        let Some(name) = self.name else {
            // After the user: 1 in it, 2 of the domain, and then the tail.
            let (address, user) = (literal(self.address), format!("({VISIBLE}+|{QUOTED})"));
            return vec![
                rule(named(&user), format!("REPLACE ${{1}}:${{4}}<{address}>${{13}}")),
                rule(bare(&user), format!("REPLACE ${{1}}:${{4}}{address}${{12}}")),
            ];
        };
        let of = |user: &str| {
            [rule(named(user), self.replaced(name, "${9}")), rule(bare(user), self.replaced(name, "${8}"))]
        };
        USERS.iter().flat_map(|user| of(user)).collect()
    }

    /// The rules for several addresses, one of which is this host's: the one sender is alone then, since a rule can put one
    /// text in the place of a header, and relays refuse what has another sender in it.
    fn listed(&self, domains: &str) -> Vec<Rule> {
        let any = format!(r#"([^"()\\]|{QUOTED}|{COMMENT})*"#);
        let gap = format!("([[:space:]]|{COMMENT})*");
        // Groups: 1 to 3 of HEADERS, 4 what stands before and 5 to 8 in it, 9 to 11 of the gap, 12 the user.
        let pattern =
            |user: &&str| format!("{HEADERS}({any}[,:;<])?{gap}{user}@{domains}{gap}([>,;]{any})?$");
        let action = || match self.name {
            None => format!("REPLACE ${{1}}: {}", literal(self.address)),
            Some(name) => self.replaced(name, "${12}"),
        };
        USERS.iter().map(|user| rule(pattern(user), action())).collect()
    }

    /// Rules for a From that has the one sender already: Postfix writes it where a program gave none, with the full name of
    /// the user. One with this name stays: a message may pass smtp(8) twice, by way of a filter.
    fn renamed(&self, name: &DisplayName) -> Vec<Rule> {
        let address = escaped(self.address);
        let done = name.parts(r#"([^"\\]|\\.)*"#, &escaped(self.host), |text| escaped(&inner(text)));
        let mut rules = vec![rule(format!(r#"{HEADERS}{SPACE}"{done}"{SPACE}<{address}>{SPACE}$"#), LEAVE)];
        // Encoded words cannot stand within quotation marks.
        let (before, after) = name.around_user(self.host);
        let quoted = |text: &str| match text.trim() {
            "" => String::new(),
            text => format!("\"{}\"", literal(&inner(text))),
        };
        let encoded = format!("{} ${{4}} {}", quoted(&before), quoted(&after));
        let encoded = format!("REPLACE ${{1}}: {} <{}>", encoded.trim(), literal(self.address));
        rules.extend([
            rule(
                format!("{HEADERS}{SPACE}({ENCODED}({SPACE}{ENCODED})*){SPACE}<{address}>{SPACE}$"),
                encoded,
            ),
            rule(
                format!(r#"{HEADERS}{SPACE}"(([^"\\]|\\.)*)"{SPACE}<{address}>{SPACE}$"#),
                self.replaced(name, "${4}"),
            ),
            rule(
                format!("{HEADERS}{SPACE}({VISIBLE}({LETTER}*{VISIBLE})?){SPACE}<{address}>{SPACE}$"),
                self.replaced(name, "${4}"),
            ),
            rule(
                format!(r#"{HEADERS}{SPACE}{address}{SPACE}\(([^()\\"]*)\){SPACE}$"#),
                self.replaced(name, "${4}"),
            ),
        ]);
        rules
    }

    /// The action that writes name and address.
    fn replaced(&self, name: &DisplayName, user: &str) -> String {
        let name = name.parts(user, &literal(&inner(self.host)), |text| literal(&inner(text)));
        format!("REPLACE ${{1}}: \"{name}\" <{}>", literal(self.address))
    }
}

impl DisplayName {
    /// The name with its places filled, and its text as `text` makes it.
    fn parts(&self, user: &str, host: &str, text: impl Fn(&str) -> String) -> String {
        let mut all = String::new();
        let mut rest = self.0.as_str();
        while let Some((at, place)) = ["{user}", "{host}"]
            .into_iter()
            .filter_map(|place| Some((rest.find(place)?, place)))
            .min_by_key(|(at, _)| *at)
        {
            let (before, after) = rest.split_at(at);
            all += &text(before);
            all += if place == "{user}" { user } else { host };
            rest = after.get(place.len()..).unwrap_or_default();
        }
        all + &text(rest)
    }

    /// The text before and after the user.
    fn around_user(&self, host: &str) -> (String, String) {
        let (before, after) = self.0.split_once("{user}").unwrap_or((&self.0, ""));
        (before.replace("{host}", host), after.replace("{host}", host).replace("{user}", ""))
    }
}

fn rule(pattern: String, action: impl Into<String>) -> Rule {
    Rule { pattern, action: action.into() }
}

/// Whether a sender with a line of its own stands for all of this domain.
fn is_domain(other: &str, name: &str) -> bool {
    other.strip_prefix('@').is_some_and(|domain| domain.eq_ignore_ascii_case(name))
}

/// One of these domains: 1 group.
fn any_of(domains: &[&str]) -> String {
    format!("({})", domains.iter().map(|name| escaped(name)).collect::<Vec<_>>().join("|"))
}

/// A text that stands for itself in an expression.
fn escaped(text: &str) -> String {
    let mut all = String::new();
    for c in text.chars() {
        if r"\^$.[]|()*+?{}/".contains(c) {
            all.push('\\');
        }
        all.push(c);
    }
    all
}

/// A text that stands for itself within a quoted string (RFC 5322, 3.2.4).
fn inner(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"")
}

/// A text that stands for itself in an action, where `$1` is a group.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// What the first rule that fits a header makes of it, as Postfix would find it.
pub fn found(rules: &[Rule], header: &str) -> Option<String> {
    rules.iter().find_map(|rule| {
        let mut expression = RegexBuilder::new(&rule.pattern);
        // Bytes, as to Postfix.
        let expression = expression.unicode(false).case_insensitive(true).dot_matches_new_line(true);
        let expression = expression.build().ok()?;
        let groups = expression.captures(header.as_bytes())?;
        Some(filled(&rule.action, &groups))
    })
}

/// An action with its groups filled in.
fn filled(action: &str, groups: &Captures) -> String {
    let mut all = String::new();
    let mut rest = action;
    while let Some((before, after)) = rest.split_once('$') {
        all += before;
        if let Some(after) = after.strip_prefix('$') {
            all.push('$');
            rest = after;
            continue;
        }
        let (number, after) =
            after.strip_prefix('{').and_then(|text| text.split_once('}')).unwrap_or(("", after));
        let group = number.parse().ok().and_then(|number: usize| groups.get(number));
        all += &group.map_or_else(Default::default, |group| String::from_utf8_lossy(group.as_bytes()));
        rest = after;
    }
    all + rest
}

#[cfg(test)]
#[path = "header_from_tests.rs"]
mod tests;
