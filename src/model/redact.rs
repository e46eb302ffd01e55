//! A diagnosis for others to read: names of hosts, addresses, users and tokens are replaced, each one always by the same
//! name. Ports, codes, and the words around them stay.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::model::causes::Cause;
use crate::model::ended::{Diagnosed, FromLog};
use crate::model::plan::Remedy;
use crate::model::secret::named;

/// What to look for in the words of a log: mail addresses, addresses of hosts and their names, users, tokens.
#[expect(clippy::unwrap_used, reason = "a test compiles it")]
static PRIVATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?P<mail>(?P<local>"[^"@]+"|[\w.%+'=*-]+)@(?P<domain>[\w.-]*\w))"#,
        r"|(?P<name>[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,})",
        r"|(?P<token>[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}|[A-Za-z0-9+_=-][A-Za-z0-9+/_=-]{23,}|[A-Za-z0-9+/]{6,}={1,2})",
        r"|(?P<six>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})",
        r"|(?P<four>\d{1,3}(?:\.\d{1,3}){3})",
        r"|(?P<bare>[A-Za-z0-9_-]+)\[[0-9A-Fa-f.:]{3,}\]",
        r#"|(?:unknown user: "|sasl_username=|user=<?|[Uu]ser '?|uid=|\\|/home/|=<)(?P<user>[A-Za-z0-9._+-]+)(?:[",>( /']|$)"#,
    ))
    .unwrap()
});

/// Endings of names of files, which are no hosts; those of `COUNTRIES` in a path alone.
const FILES: [&str; 14] =
    ["cf", "toml", "service", "timer", "log", "db", "lmdb", "cdb", "conf", "gz", "xz", "pem", "crt", "key"];
const COUNTRIES: [&str; 3] = ["py", "cc", "so"];
/// Names that every host has.
const COMMON: [&str; 12] = [
    "localhost",
    "localhost.localdomain",
    "root",
    "postfix",
    "nobody",
    "daemon",
    "mail",
    "postmaster",
    "mailer-daemon",
    "unknown",
    "none",
    "local",
];

/// Words behind `user` that are no user.
const WORDS: [&str; 18] = [
    "account",
    "agent",
    "and",
    "authentication",
    "cannot",
    "credentials",
    "does",
    "has",
    "id",
    "is",
    "mailbox",
    "name",
    "names",
    "not",
    "or",
    "password",
    "unknown",
    "with",
];

/// Whether the letter behind a backslash stands for white space, and a code of a reply follows.
fn is_escape(text: &str) -> bool {
    text.strip_prefix(['n', 'r', 't']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The names that were met, and what stands in their place.
#[derive(Debug, Default)]
pub struct Redactor {
    hosts: BTreeMap<String, String>,
    fours: BTreeMap<String, String>,
    sixes: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
    tokens: BTreeMap<String, String>,
}

/// The replacement for a name, which is the same each time.
fn stand_in(known: &mut BTreeMap<String, String>, name: &str, make: impl Fn(usize) -> String) -> String {
    let next = make(known.len() + 1);
    known.entry(name.to_lowercase()).or_insert(next).clone()
}

fn is_common(name: &str) -> bool {
    COMMON.contains(&name.to_lowercase().as_str())
}

impl Redactor {
    fn host(&mut self, name: &str) -> String {
        let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
        // Files are named in remedies and causes, and classes of programs in their messages: both belong to no owner.
        let is_class = name.contains('.') && ["error", "exception"].iter().any(|end| ending.ends_with(end));
        if name.is_empty() || is_common(name) || is_class || FILES.contains(&ending.as_str()) {
            return name.to_owned();
        }
        stand_in(&mut self.hosts, name, |number| format!("host-{number}.example"))
    }

    fn user(&mut self, name: &str) -> String {
        if is_common(name) {
            name.to_owned()
        } else {
            stand_in(&mut self.users, name, |number| format!("user-{number}"))
        }
    }

    /// Words of a log with all that is private replaced.
    pub fn words(&mut self, text: &str) -> String {
        let text = &named::hide(text);
        let replace = |found: &Captures<'_>| {
            let before = found.get(0).and_then(|all| text.get(..all.start())).unwrap_or_default();
            let end = found.name("name").and_then(|name| name.as_str().rsplit('.').next());
            let is_file = before.ends_with('/') && end.is_some_and(|end| COUNTRIES.contains(&end));
            if is_file { found[0].to_owned() } else { self.one(found) }
        };
        let found = PRIVATE.replace_all(text, replace).into_owned();
        self.known_in(&found)
    }

    /// A sentence of relayhost's with what was filled into it replaced: its own words have names with dots too, such as
    /// `relay.host`, so a name has to be one that was met, or to stand where a relay does.
    pub fn sentence(&mut self, text: &str) -> String {
        let replace = |found: &Captures<'_>| {
            let (Some(all), name) = (found.get(0), found.name("name")) else { return String::new() };
            let before = text.get(..all.start()).unwrap_or_default();
            let after = text.get(all.end()..).unwrap_or_default();
            let is_page = before.ends_with("://") || all.as_str() == "YOUR@PUBLIC.ADDRESS";
            let port = after.strip_prefix(']').unwrap_or(after).strip_prefix(':');
            let is_relay = port.is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
            let is_known = name.is_none_or(|name| self.hosts.contains_key(&name.as_str().to_lowercase()));
            if is_page || !(is_known || is_relay) { all.as_str().to_owned() } else { self.one(found) }
        };
        let found = PRIVATE.replace_all(text, replace).into_owned();
        self.known_in(&found)
    }

    /// What stands in the place of one thing that was found.
    fn one(&mut self, found: &Captures<'_>) -> String {
        let all = found.get(0).map_or("", |all| all.as_str());
        let of = |name: &str| found.name(name).map(|part| part.as_str());
        if let (Some(local), Some(domain)) = (of("local"), of("domain")) {
            return format!("{}@{}", self.user(local), self.host(domain));
        }
        if let Some(token) = of("token") {
            let kinds: [fn(&u8) -> bool; 2] = [u8::is_ascii_digit, u8::is_ascii_alphabetic];
            let is_coded = token.ends_with('=') && token.bytes().any(|c| c.is_ascii_uppercase());
            let is_token = is_coded || kinds.iter().all(|kind| token.bytes().any(|c| kind(&c)));
            return if is_token {
                stand_in(&mut self.tokens, token, |number| format!("token-{number}"))
            } else {
                all.to_owned()
            };
        }
        if let Some(six) = of("six") {
            let is_own = six.parse::<Ipv6Addr>().is_ok_and(|six| !six.is_loopback() && !six.is_unspecified());
            return if is_own {
                stand_in(&mut self.sixes, six, |number| format!("2001:db8::{number:x}"))
            } else {
                all.to_owned()
            };
        }
        if let Some(four) = of("four") {
            let is_own =
                four.parse::<Ipv4Addr>().is_ok_and(|four| !four.is_loopback() && !four.is_unspecified());
            return if is_own {
                stand_in(&mut self.fours, four, |number| format!("192.0.2.{number}"))
            } else {
                all.to_owned()
            };
        }
        if let Some(name) = of("name") {
            return self.host(name);
        }
        if let Some(bare) = of("bare") {
            let host = self.host(bare);
            // The address after it is another match.
            let rest = self.words(all.strip_prefix(bare).unwrap_or_default());
            return format!("{host}{rest}");
        }
        match of("user") {
            // `user name` and `user or password` are words of a sentence, and `\n550` begins a line of a reply.
            Some(user) if WORDS.contains(&user) || all.starts_with('\\') && is_escape(user) => all.to_owned(),
            Some(user) if all.len() > user.len() + 1 => all.replacen(user, &self.user(user), 1),
            _ => all.to_owned(),
        }
    }

    /// A text in which names that were met are replaced where they stand alone as a name of a host: before a bracket or a
    /// port, or as the whole text.
    fn known_in(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, stand) in self.hosts.iter().filter(|(name, _)| !name.contains('.')) {
            if text.eq_ignore_ascii_case(name) {
                return stand.clone();
            }
            for (end, before) in [("[", ""), (":", ""), (" ", "host "), (" ", "server "), (": ", "")] {
                text = text.replace(&format!("{before}{name}{end}"), &format!("{before}{stand}{end}"));
            }
        }
        text
    }

    /// The name of a host.
    pub fn name(&mut self, name: &str) -> String {
        match name.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|c| c.is_ascii_digit()) && !host.contains(':') => {
                format!("{}:{port}", self.name(host))
            }
            _ if name.parse::<std::net::IpAddr>().is_ok() => self.words(name),
            _ => self.host(name),
        }
    }
}

/// What a text of a diagnosis is.
enum Text {
    /// The name of a host.
    Name,
    /// Words of a log.
    Words,
    /// A sentence of relayhost's, in which words of a log may stand.
    Sentence,
}

impl Diagnosed {
    /// The same without what belongs to the owner of the log.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        let mut all = Redactor::default();
        self.each(&mut |kind, text| match kind {
            Text::Name => all.name(text),
            Text::Words => all.words(text),
            Text::Sentence => all.sentence(text),
        });
        self
    }

    /// The same without passwords that stand in it behind their names: logs of other programs have those.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.each(&mut |kind, text| match kind {
            Text::Name => text.to_owned(),
            Text::Words | Text::Sentence => named::hide(text),
        });
        self
    }

    /// Puts something in the place of each text.
    fn each(&mut self, instead: &mut dyn FnMut(Text, &str) -> String) {
        let mut put = |kind, text: &mut String| *text = instead(kind, text);
        let explained = |cause: &mut Cause, put: &mut dyn FnMut(Text, &mut String)| {
            put(Text::Sentence, &mut cause.cause);
            let mut remedy = cause.remedy.text();
            put(Text::Sentence, &mut remedy);
            if remedy != cause.remedy.text() {
                cause.remedy = remedy.into();
            }
            cause.alternatives.iter_mut().for_each(|other| put(Text::Sentence, &mut other.cause));
        };
        match &mut self.log {
            FromLog::All(report) => {
                report.hosts.iter_mut().for_each(|host| put(Text::Name, host));
                for failure in &mut report.failures {
                    failure.host.iter_mut().for_each(|host| put(Text::Name, host));
                    failure.relays.iter_mut().for_each(|relay| put(Text::Name, relay));
                    failure.taken.iter_mut().for_each(|taken| put(Text::Name, &mut taken.relay));
                    put(Text::Words, &mut failure.words);
                    if let Some(example) = &mut failure.example {
                        put(Text::Words, &mut example.to);
                        put(Text::Words, &mut example.words);
                    }
                    explained(&mut failure.cause, &mut put);
                }
            }
            FromLog::One(story) => {
                for step in &mut story.steps {
                    put(Text::Words, &mut step.text);
                    step.cause.iter_mut().for_each(|cause| explained(cause, &mut put));
                }
            }
        }
        let texts = [&mut self.trouble, &mut self.notes, &mut self.sources].into_iter().flatten();
        texts.for_each(|text| put(Text::Sentence, text));
        for finding in &mut self.findings {
            put(Text::Sentence, &mut finding.found);
            if let Some(Remedy::Say(advice)) = &mut finding.remedy {
                let mut text = advice.text();
                put(Text::Sentence, &mut text);
                if text != advice.text() {
                    *advice = text.into();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_replaced_by_the_same_and_nothing_private_stays() {
        let mut all = Redactor::default();
        let text = "host mail.corp.test[198.51.100.7] said: 550 5.1.1 <bob@corp.test>: user bob@corp.test unknown; see mail.corp.test, [2001:db8:77::1]:587 and 127.0.0.1 (in reply to RCPT TO command)";
        let shown = all.words(text);
        assert_eq!(
            shown,
            "host host-1.example[192.0.2.1] said: 550 5.1.1 <user-1@host-2.example>: user user-1@host-2.example unknown; see host-1.example, [2001:db8::1]:587 and 127.0.0.1 (in reply to RCPT TO command)"
        );
        let text = "535 5.7.3 Authentication unsuccessful [AB1P123CA0094.TEST.PROD.OUTLOOK.COM] eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9 0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(all.words(text), "535 5.7.3 Authentication unsuccessful [host-3.example] token-1 token-2");
        for (text, shown) in [
            ("j\u{fc}rgen@firma-m\u{fc}nchen.example no", "user-2@host-4.example no"),
            ("connect to corp.py[192.0.2.9]:25", "connect to host-5.example[192.0.2.2]:25"),
            ("535 bad password hunter2", "535 bad password ********"),
            ("550 x password=hunter2, y", "550 x password=********, y"),
            ("535 failed: aHVudGVyMg==", "535 failed: token-3"),
            ("static:alerts:hunter2 is no table", "static:******** is no table"),
            ("Authorization: Bearer abc.def-1", "Authorization: Bearer ********"),
            ("535 user 'jdoe' is locked", "535 user 'user-3' is locked"),
            ("curl smtp://alerts:hunter2@x", "curl smtp://alerts:user-4@host-6.example"),
            ("535 CORP\\jdoe is locked", "535 CORP\\user-3 is locked"),
        ] {
            assert_eq!(all.words(text), shown);
        }
    }

    #[test]
    fn words_of_postfix_and_names_of_files_stay() {
        let mut all = Redactor::default();
        for text in [
            "fatal: open /etc/postfix/main.cf: Permission denied",
            "warning: TLS library problem: error:0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:354:",
            "connect to localhost[127.0.0.1]:10024: Connection refused",
            "error: open database /etc/postfix/sasl_passwd.db: No such file or directory",
            "chown root:root /etc/postfix/main.cf",
            "535 5.7.8 Username and Password not accepted",
            "unable to dlopen /lib/libplain.so: x",
            "smtplib.SMTPAuthenticationError: no",
            "refused the user name or the password",
            r"550 5.1.1 no\n550 5.1.1 such",
        ] {
            assert_eq!(all.words(text), text);
        }
        assert_eq!(all.words("unknown user: \"alice\""), "unknown user: \"user-1\"");
        assert_eq!(
            all.words("connect to queue[198.51.100.9]:2525: x"),
            "connect to host-1.example[192.0.2.1]:2525: x"
        );
        assert_eq!(all.words("queue:2525 does not answer"), "host-1.example:2525 does not answer");
        let text = "write [auth.oauth], or set relay.host";
        assert_eq!(all.sentence(text), text);
        let text = "set relay.host to [mx.b.test]:25; get one at https://accounts.google.com/x for a@b.test";
        let shown = "set relay.host to [host-2.example]:25; get one at https://accounts.google.com/x for user-2@host-3.example";
        assert_eq!(all.sentence(text), shown);
    }
}
