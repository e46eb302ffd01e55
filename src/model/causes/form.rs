//! Forms that a value from a log, a reply or the answers must have to stand in a command that root is to type. Anybody
//! may have written the value: each local user can write to the log, and each relay writes its replies. A value that
//! does not fit is shown in quotes, and in the command a word in capitals takes its place.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::model::text::quoted;

/// Greatest number of bytes of a value that fits.
const MOST: usize = 253;

/// The form of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Any text. It is always shown in quotes.
    Text,
    /// A name of a host, or an address.
    Host,
    /// An address of a host.
    Address,
    /// `[HOST]:PORT`, as in relayhost.
    Relay,
    /// A mail address.
    Mail,
    /// The name of a login.
    Login,
    /// A user of this host.
    User,
    /// The number of a login of this host.
    Uid,
    /// A parameter of main.cf.
    Parameter,
    /// main.cf or master.cf.
    Configuration,
    /// The source or the database of a lookup table, below /etc/postfix, or the aliases.
    Table,
    /// A type of lookup tables, which a package of Postfix has, or had.
    TableType,
    /// A plugin of Cyrus SASL.
    Plugin,
    /// A file with a token, in a directory that is made for such files.
    Token,
    /// A service of master.cf.
    Service,
    /// A program of Postfix.
    Program,
    /// A package.
    Package,
    /// Names of login mechanisms (RFC 4422 §3.1).
    Mechanisms,
    /// Any path.
    Path,
    /// Any path, and the number of a line.
    Place,
    /// A TCP port.
    Port,
}

/// For each form: the expression that a value must match as a whole, the word that stands in a command for a value that
/// does not (empty: the form may not stand in a command), and the noun for what such a value is not.
const fn rule(form: Form) -> (&'static str, &'static str, &'static str) {
    match form {
        // Nothing matches this.
        Form::Text => ("[a&&b]", "", "plain text"),
        Form::Host => {
            ("[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", "HOST", "host")
        }
        Form::Address => ("[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", "ADDRESS", "address"),
        Form::Relay => (
            "\\[?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\\]?(:[a-z0-9]+)?|\\[(ipv6:)?[0-9A-Fa-f:.]+\\](:[a-z0-9]+)?",
            "RELAY",
            "relay",
        ),
        Form::Mail => {
            ("[A-Za-z0-9_][A-Za-z0-9._+=-]*@[A-Za-z0-9][A-Za-z0-9.-]*", "ADDRESS", "plain mail address")
        }
        Form::Login => ("[A-Za-z0-9][A-Za-z0-9._+=@-]*", "USER", "plain name of a login"),
        Form::User => ("[A-Za-z_][A-Za-z0-9_.-]{0,31}", "USER", "name of a user"),
        Form::Uid => ("[0-9]{1,10}", "NUMBER", "number of a login"),
        Form::Parameter => ("[A-Za-z][A-Za-z0-9_]{1,63}", "PARAMETER", "name of a parameter"),
        Form::Configuration => (
            "/etc/postfix(-[a-z0-9]+)?/(main|master)\\.cf",
            "FILE",
            "main.cf or master.cf below /etc/postfix",
        ),
        Form::Table => (
            "/etc/postfix(-[a-z0-9]+)?(/[A-Za-z0-9_][A-Za-z0-9._-]*)+|/etc/aliases(\\.[a-z]+)?",
            "FILE",
            "plain path of a table below /etc/postfix",
        ),
        Form::TableType => (
            "btree|cdb|dbm|hash|ldap|lmdb|mongodb|mysql|pcre|pgsql|sdbm|sqlite",
            "TYPE",
            "type that a package of Postfix has",
        ),
        Form::Plugin => (
            "/usr/lib(64|32)?(/[a-z0-9_]+-linux-gnu[a-z0-9]*)?/sasl2/[A-Za-z0-9_][A-Za-z0-9._-]*",
            "FILE",
            "plugin below /usr/lib64/sasl2",
        ),
        Form::Token => (
            "(/etc|/etc/postfix|/var/lib|/var/spool/postfix|/var/spool/postfix/etc)/(sasl-)?(tokens?|xoauth2?|oauth2?)(/[A-Za-z0-9_][A-Za-z0-9._@+-]*)+",
            "FILE",
            "file in a directory for tokens, such as /etc/tokens",
        ),
        Form::Service => ("[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", "SERVICE", "name of a service"),
        Form::Program => ("[a-z][a-z0-9-]{1,31}", "PROGRAM", "program of Postfix"),
        Form::Package => ("[A-Za-z0-9][A-Za-z0-9._+-]*", "PACKAGE", "name of a package"),
        Form::Mechanisms => {
            ("[A-Z0-9][A-Z0-9_-]{0,19}( [A-Z0-9][A-Z0-9_-]{0,19})*", "", "list of mechanisms")
        }
        Form::Path => ("(/\\.?([A-Za-z0-9_][A-Za-z0-9._@+-]*)?)+", "", "plain path"),
        Form::Place => ("(/[A-Za-z0-9_][A-Za-z0-9._@+-]*)+, line [0-9]{1,9}", "", "line of a file"),
        Form::Port => ("[1-9][0-9]{0,4}", "PORT", "port"),
    }
}

/// The expression of each form, by its number, compiled when it is used.
static EXPRESSIONS: [OnceLock<Regex>; Form::Port as usize + 1] =
    [const { OnceLock::new() }; Form::Port as usize + 1];

impl Form {
    /// Whether each value of this form is a thing of its own on the host: a table, a line of a file, a service.
    pub fn is_of_host(self) -> bool {
        matches!(
            self,
            Self::Uid
                | Self::Parameter
                | Self::Configuration
                | Self::Table
                | Self::TableType
                | Self::Plugin
                | Self::Service
                | Self::Path
                | Self::Place
        )
    }

    /// Whether a value has this form: then it is one word of a shell, names nothing above or beside what it may name,
    /// and cannot be taken for an option.
    pub fn fits(self, value: &str) -> bool {
        let expression = EXPRESSIONS.get(self as usize).map(|cell| cell.get_or_init(|| self.compile()));
        value.len() <= MOST
            && !value.contains("..")
            && expression.is_some_and(|expression| expression.is_match(value))
    }

    #[expect(clippy::unwrap_used, reason = "a test compiles each of them")]
    fn compile(self) -> Regex {
        RegexBuilder::new(&format!("\\A(?:{})\\z", rule(self).0)).unicode(false).build().unwrap()
    }
}

/// A value to fill into a text.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    /// The name in braces.
    pub name: &'a str,
    /// The value itself; empty if it is not known.
    pub text: &'a str,
    /// Text in a sentence if the value is not known.
    pub unknown: &'a str,
    /// The form that it must have.
    pub form: Form,
}

impl Value<'_> {
    /// The value in a sentence.
    fn said(&self) -> String {
        match self.text {
            "" => self.unknown.to_owned(),
            text if self.form.fits(text) => text.to_owned(),
            text => quoted(text),
        }
    }

    /// The value in a command, or the word in its place, with a note that says so.
    fn typed(&self) -> (String, Option<String>) {
        let (_, stand_in, noun) = rule(self.form);
        match self.text {
            "" => (stand_in.to_owned(), None),
            text if self.form.fits(text) => (text.to_owned(), None),
            text => {
                let note = format!(
                    "{stand_in} is not filled in: {} stands in its place, and that is no {noun}; see who wrote that line before you follow it",
                    quoted(text)
                );
                (stand_in.to_owned(), Some(note))
            }
        }
    }
}

/// Fills values into a text for a person, in which commands stand between backquotes.
pub fn fill(text: &str, values: &[Value<'_>]) -> String {
    let (mut filled, mut notes) = (String::with_capacity(text.len()), Vec::new());
    for (number, part) in text.split('`').enumerate() {
        let is_command = number % 2 == 1;
        if number > 0 {
            filled.push('`');
        }
        let mut rest = part;
        while let Some((before, value, after)) = next(rest, values) {
            filled.push_str(before);
            if is_command {
                let (word, note) = value.typed();
                filled.push_str(&word);
                notes.extend(note.filter(|note| !notes.contains(note)));
            } else {
                filled.push_str(&value.said());
            }
            rest = after;
        }
        filled.push_str(rest);
    }
    notes.insert(0, filled.trim_end().to_owned());
    notes.join("; ")
}

/// The first `{NAME}` in a text that is the name of a value, with the text before and after it.
fn next<'t, 'v, 'a>(text: &'t str, values: &'v [Value<'a>]) -> Option<(&'t str, &'v Value<'a>, &'t str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let close = open + text.get(open..)?.find('}')?;
        let name = text.get(open + 1..close)?;
        if let Some(value) = values.iter().find(|value| value.name == name) {
            return Some((text.get(..open)?, value, text.get(close + 1..)?));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Form {
        /// Whether values of this form may stand in a remedy.
        pub fn is_for_commands(self) -> bool {
            !rule(self).1.is_empty()
        }
    }

    const FORMS: [Form; 21] = [
        Form::Text,
        Form::Host,
        Form::Address,
        Form::Relay,
        Form::Mail,
        Form::Login,
        Form::User,
        Form::Uid,
        Form::Parameter,
        Form::Configuration,
        Form::Table,
        Form::TableType,
        Form::Plugin,
        Form::Token,
        Form::Service,
        Form::Program,
        Form::Package,
        Form::Mechanisms,
        Form::Path,
        Form::Place,
        Form::Port,
    ];

    #[test]
    fn each_form_has_an_expression_of_its_own() {
        assert_eq!(FORMS.len(), EXPRESSIONS.len());
        for (number, form) in FORMS.iter().enumerate() {
            assert_eq!(*form as usize, number, "{form:?}");
            assert!(!form.compile().is_match(""), "{form:?}");
        }
    }

    #[test]
    fn what_fits_and_what_does_not() {
        for (form, good) in [
            (Form::Host, "smtp.example.com"),
            (Form::Host, "::1"),
            (Form::Host, "192.0.2.1"),
            (Form::Address, "192.0.2.1"),
            (Form::Address, "2001:db8::1"),
            (Form::Relay, "[smtp.example.com]:587"),
            (Form::Relay, "smtp.example.com:587"),
            (Form::Relay, "[2001:db8::1]:25"),
            (Form::Mail, "monitor@op5-system.localdomain"),
            (Form::Login, "alerts@example.com"),
            (Form::Parameter, "smtp_tls_CAfile"),
            (Form::Configuration, "/etc/postfix/main.cf"),
            (Form::Table, "/etc/postfix/maps/generic.db"),
            (Form::Table, "/etc/aliases"),
            (Form::Plugin, "/usr/lib64/sasl2/libplain.so.3.0.0"),
            (Form::Plugin, "/usr/lib/x86_64-linux-gnu/sasl2/libplain.so"),
            (Form::Token, "/etc/tokens/alerts@example.com"),
            (Form::Token, "/var/spool/postfix/etc/tokens/a"),
            (Form::Mechanisms, "XOAUTH2 PLAIN"),
            (Form::Path, "/var/lib/postfix/."),
            (Form::Path, "/etc/postfix/./main.cf"),
            (Form::Place, "/etc/postfix/generic, line 3"),
        ] {
            assert!(form.fits(good), "{form:?} {good}");
        }
        for (form, bad) in [
            (Form::Text, "x"),
            (Form::Host, "-oA"),
            (Form::Host, "a..b"),
            (Form::Relay, "[a;b]"),
            (Form::Mail, "a b@c"),
            (Form::Login, "-x"),
            (Form::Parameter, "x;curl"),
            (Form::Parameter, "x\n"),
            (Form::Configuration, "/etc/shadow;/main.cf"),
            (Form::Configuration, "/etc/postfix/../main.cf"),
            (Form::Configuration, "/tmp/main.cf"),
            (Form::Table, "/etc/postfix"),
            (Form::Table, "/etc/shadow"),
            (Form::Table, "/etc/postfix/../shadow"),
            (Form::Table, "/etc/postfix/$(x)"),
            (Form::TableType, "evil"),
            (Form::Plugin, "$(curl${IFS}evil|sh)"),
            (Form::Plugin, "/usr/lib64/sasl2/a/../../bin"),
            (Form::Token, "/etc/sudoers.d/x"),
            (Form::Token, "/etc/postfix/main.cf"),
            (Form::Token, "/etc/tokens"),
            (Form::Mechanisms, "-PLAIN"),
            (Form::Mechanisms, "PLAIN  LOGIN"),
        ] {
            assert!(!form.fits(bad), "{form:?} {bad}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_in_quotes_and_in_no_command() {
        let value = |text| Value { name: "1", text, unknown: "it", form: Form::Plugin };
        let fill = |text, value| fill(text, &[value]);
        let path = "/usr/lib64/sasl2/x.so";
        assert_eq!(fill("{1} is `rpm -qf {1}`.", value(path)), format!("{path} is `rpm -qf {path}`."));
        assert_eq!(fill("{1} is `rpm -qf {1}`", value("")), "it is `rpm -qf FILE`");
        let bad = fill("{1} is `rpm -qf {1}` {2}", value("`x`{1}\"\n;{2}"));
        assert!(bad.starts_with("\"'x'{1}'?;{2}\" is `rpm -qf FILE` {2}; FILE is not filled in: "), "{bad}");
        assert_eq!(bad.matches('`').count(), 2);
    }
}
