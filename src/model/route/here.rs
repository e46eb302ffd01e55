//! Why the mail of a local recipient stays on this host, and what has it leave: an alias (aliases(5)).

use super::host::Host;
use super::written::Written;
use super::{FaultKind, Hop, build};
use crate::error::typed;
use crate::model::postfix::tables::{is_built, named, path_of};
use crate::model::text::domain_of;

/// An address in a remedy, in place of which the administrator writes one.
const SOMEBODY: &str = "ops@example.com";
/// The file that newaliases(1) builds by default.
const ALIASES: &str = "/etc/aliases";

/// Why local(8) does not send a message on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stays {
    /// No alias and no other file sends the mail of this user on.
    NoAlias(String),
    /// There is no user of this name, and no alias.
    Unknown(String),
    /// This item of the entry for a user at a place: a command, a file, a mailbox.
    Item(String, String, Box<Written>),
    /// A fault of the hop says why.
    Said,
}

/// The part of an address before the `@`.
pub fn user_of(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(user, _)| user)
}

/// Puts the reason and the remedy into the fault of a transport by which a message stays here.
pub fn explain(host: &Host, recipient: &str, stays: &Stays, transport: &mut Hop) {
    let said = match stays {
        Stays::Said => {
            transport.faults.retain(|fault| fault.kind != FaultKind::Here);
            return;
        }
        Stays::NoAlias(user) => (format!("no alias sends {user} on"), aliased(host, user)),
        Stays::Unknown(user) => {
            let remedy = aliased(host, user).map(|alias| format!("correct the address; or {alias}"));
            (format!("no user and no alias has the name {user}, so that local(8) returns it"), remedy)
        }
        Stays::Item(user, item, at) => {
            (format!("{} ({at})", done(user, item)), Some(added(host, user, item, at)))
        }
    };
    let (why, Some(remedy)) = said else { return };
    let domain = domain_of(recipient);
    let is_this_host = domain.eq_ignore_ascii_case(&host.main("myhostname").text)
        || domain.split('.').next().is_some_and(|name| name.eq_ignore_ascii_case("localhost"))
        || domain.starts_with('[');
    for fault in transport.faults.iter_mut().filter(|fault| fault.kind == FaultKind::Here) {
        fault.text = format!("{}, since {why}", fault.text);
        fault.remedy = if is_this_host {
            remedy.clone()
        } else {
            format!("if the mail of {domain} is to leave, {}; if not, {remedy}", fault.remedy)
        };
    }
}

/// What an alias, or a file .forward, does with the mail.
fn done(user: &str, item: &str) -> String {
    if let Some(command) = item.strip_prefix('|') {
        return format!("the entry of {user} hands it to the command `{}`", command.trim());
    }
    if item.starts_with('/') {
        return format!("the entry of {user} writes it to {item}");
    }
    format!("the entry of {user} leaves it to the mailbox of {}", user_of(item.trim_start_matches('\\')))
}

/// The remedy that gives a user an alias; `None`: local(8) asks no table that is a file.
fn aliased(host: &Host, user: &str) -> Option<String> {
    let list = host.of("local", "alias_maps").text;
    let table = named(&list).into_iter().find(|table| is_built(table) && path_of(table).is_some())?;
    let path = path_of(table)?;
    let entry = format!("{user}: {SOMEBODY}");
    Some(format!(
        "write `{entry}` (whoever is to have the mail) in {}, then {}",
        typed(path),
        built(path, table)
    ))
}

fn built(path: &str, table: &str) -> String {
    if path == ALIASES { "`newaliases`".into() } else { build("alias_maps", table) }
}

/// The remedy that sends the mail on, and leaves in place what the entry does with it now.
fn added(host: &Host, user: &str, item: &str, at: &Written) -> String {
    let Written::Table { parameter, table, .. } = at else { return at.undo(&host.version) };
    let Some(path) = path_of(table) else { return at.undo(&host.version) };
    let quoted = if item.contains([' ', ',']) { format!("\"{item}\"") } else { item.to_owned() };
    if *parameter == "alias_maps" {
        let built = if is_built(table) { built(path, table) } else { "`postfix reload`".into() };
        format!(
            "have that entry name an address too (`{user}: {quoted}, {SOMEBODY}` in {}), then {built}",
            typed(path)
        )
    } else {
        format!("have {} name an address too (`{quoted}, {SOMEBODY}`)", typed(path))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fault, world};

    const MAIN: &str =
        "alias_maps = hash:/etc/aliases\nmydestination = $myhostname, localhost, op5.localdomain\n";

    /// Text and remedy for a recipient, by the entries of /etc/aliases.
    fn of(to: &str, aliases: &str) -> (String, String) {
        let entries: Vec<String> = aliases.lines().map(|line| format!("hash:/etc/aliases {line}")).collect();
        let mut world = world(
            &format!("{MAIN}mydestination = op5.localdomain, localhost, example.com\n"),
            "",
            &entries.join("\n"),
        );
        world.tables.entry("hash:/etc/aliases".into()).or_default();
        let passwd = "root:x:0:0::/root:/bin/sh\n".to_owned();
        world.tables.insert("/etc/passwd".into(), [("text".to_owned(), passwd)].into());
        let way = world.way_to(to);
        assert!(way.is_blocked(), "{to} {aliases}");
        fault(&way)
    }

    #[test]
    fn a_local_recipient_gets_an_alias_and_nobody_is_led_in_a_circle() {
        for to in ["root", "root@localhost", "root@op5.localdomain", "root@[127.0.0.1]"] {
            let (text, remedy) = of(to, "");
            assert!(text.ends_with("stays here, since no alias sends root on"), "{to}: {text}");
            assert_eq!(
                remedy,
                "write `root: ops@example.com` (whoever is to have the mail) in /etc/aliases, then `newaliases`"
            );
        }
        let (_, remedy) = of("root@example.com", "");
        assert!(
            remedy.starts_with("if the mail of example.com is to leave, take the domain out"),
            "{remedy}"
        );
        assert!(remedy.contains("if not, write `root: "), "{remedy}");
    }

    #[test]
    fn what_an_entry_does_is_said() {
        for (aliases, does, mends) in [
            (
                "root \"|/bin/x -f a\"",
                "hands it to the command `/bin/x -f a` (alias_maps, hash:/etc/aliases",
                "`root: \"|/bin/x -f a\", ops@example.com` in /etc/aliases",
            ),
            ("root /var/mail/x", "writes it to /var/mail/x", "`root: /var/mail/x, ops@example.com`"),
            ("root root", "leaves it to the mailbox of root", "`root: root, ops@example.com`"),
            ("root \\root", "leaves it to the mailbox of root", "`root: \\root, ops@example.com`"),
            ("root gone", "no user and no alias has the name gone", "correct the address; or write `gone: "),
        ] {
            let (text, remedy) = of("root", aliases);
            assert!(text.contains(does) && remedy.contains(mends), "{aliases}: {text} -> {remedy}");
        }
        let (text, remedy) = of("root", "root a\na root");
        assert!(text.contains("circle") && remedy.contains("take the entry"), "{text} -> {remedy}");
    }
}
