//! The table of the answers that a remedy names: texts of the catalogue name the keys of the first relay, and a failure at
//! another relay is mended in that one's own table.

/// What stands before `the answers` where the keys are those of other tables than a relay's, or are there once for all relays
/// (`ip` under [relay]).
const OTHERS: [&str; 4] =
    ["under [sender] in ", "under [verify] in ", "sender.rewrite in ", "under [relay] in "];

/// The table of a route, which has neither a login nor keys for one.
const ROUTE: &str = "[[routes]]";

/// What wants a login at the relay: the key of one, or words for it.
const LOGINS: [&str; 4] = ["[auth", "auth.mechanism", "username and password", "the password table"];

/// The same beside another way on, which holds for a route too.
const BESIDE: [&str; 2] = [
    "(relay.host and [auth] in the answers, `relayhost apply`)",
    ", or use a login: [auth] in the answers, `relayhost apply`",
];

/// A step before others that is about the first relay alone.
const FIRST_ALONE: &str =
    "`relayhost init --new-password` (asks for another password, tries it and applies it); or ";

/// The key that names the host of a relay with this table; `None`: the first relay's.
pub fn host_key(table: Option<&str>) -> String {
    match table {
        None => "relay.host".to_owned(),
        Some(route) if route.starts_with(ROUTE) => format!("via of {route}"),
        Some(table) => format!("host of {table}"),
    }
}

/// A text about a login, for a route: `None` if it wants none.
fn without_login(text: &str, table: &str) -> Option<String> {
    let elsewhere = format!(
        "take {table} out of the answers, so that its mail goes to the relay or the account of its sender, and run `relayhost apply`"
    );
    let beside = BESIDE.into_iter().find(|clause| text.contains(clause));
    if let Some(clause) = beside {
        let other =
            if clause.starts_with('(') { format!("({elsewhere})") } else { format!(", or {elsewhere}") };
        return Some(text.replace(clause, &other));
    }
    let wants = LOGINS.iter().any(|words| text.contains(words));
    wants.then(|| format!("a route has no login: have whoever runs that server take mail of this host without one, or {elsewhere}"))
}

/// The text, for a relay that has this table: `[[relay.fallback]] number 1`, `[[senders]] of a@example.com`.
pub fn of_table(text: &str, table: &str) -> String {
    let verify = match table {
        _ if table.starts_with("[[senders]]") => "`relayhost verify --all`",
        _ if table.starts_with(ROUTE) => "`relayhost verify --to ADDRESS`",
        _ => "`relayhost drill`",
    };
    let text = text.strip_prefix(FIRST_ALONE).unwrap_or(text);
    let routed = if table.starts_with(ROUTE) { without_login(text, table) } else { None };
    if let Some(text) = routed {
        return text;
    }
    // The address of all other mail; a sender with an account keeps its own.
    let text = if table.starts_with("[[senders]]") {
        text.replace("sender.default or sender.rewrite", "sender.rewrite")
    } else {
        text.to_owned()
    };
    let text =
        text.replace("`relayhost probe`", "`relayhost probe --all`").replace("`relayhost verify`", verify);
    let text = text.replace("[auth", "[its auth");
    let text =
        text.replace("[its auth]", "its auth table").replace("[its auth.oauth]", "its auth.oauth table");
    if text.contains("relay.host") {
        return text.replace("relay.host", &host_key(Some(table)));
    }
    let (mut named, mut rest) = (String::new(), text.as_str());
    while let Some((before, after)) = rest.split_once("the answers") {
        named.push_str(before);
        let is_key = ["in ", "into ", "to "].iter().any(|word| before.ends_with(word));
        let is_others = OTHERS.iter().any(|other| before.ends_with(other));
        if is_key && !is_others {
            named.push_str(table);
            named.push_str(" of ");
        }
        named.push_str("the answers");
        rest = after;
    }
    named + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::catalogue::catalogue;

    #[test]
    fn no_remedy_of_another_relay_names_the_first_ones_keys() {
        let table = "[[relay.fallback]] number 1";
        for entry in catalogue() {
            let text = of_table(&entry.remedy, table);
            for first in [
                "relay.host",
                "[auth",
                "username and password in the answers",
                "`relayhost probe`",
                "`relayhost verify`",
                "--new-password",
            ] {
                assert!(!text.contains(first), "{}: {text}", entry.id);
            }
            assert!(!text.contains("[relay]") || text.contains("set ip = "), "{}: {text}", entry.id);
        }
        let of = |text: &str| of_table(text, table);
        assert_eq!(
            of("correct username and password in the answers, and run `relayhost apply`"),
            "correct username and password in [[relay.fallback]] number 1 of the answers, and run `relayhost apply`"
        );
        assert_eq!(
            of("correct relay.host in the answers"),
            "correct host of [[relay.fallback]] number 1 in the answers"
        );
        let others = "add `rewrite` under [sender] in the answers";
        assert_eq!(of(others), others);
        let again = "wait some minutes, and run `relayhost verify`";
        assert_eq!(of(again), "wait some minutes, and run `relayhost drill`");
        assert_eq!(
            of_table(again, "[[senders]] of a@b.test"),
            "wait some minutes, and run `relayhost verify --all`"
        );
        assert_eq!(
            of_table(again, "[[routes]] of b.test"),
            "wait some minutes, and run `relayhost verify --to ADDRESS`"
        );
        assert_eq!(of_table("set relay.host", "[[routes]] of a.test"), "set via of [[routes]] of a.test");
    }

    #[test]
    fn no_remedy_of_a_route_wants_a_login_and_none_of_an_account_the_sender_of_all_others() {
        for entry in catalogue() {
            let text = of_table(&entry.remedy, "[[routes]] of a.test");
            for login in
                ["auth table", "auth.oauth table", "[auth", "auth.mechanism", "username and password"]
            {
                assert!(!text.contains(login), "{}: {text}", entry.id);
            }
            let text = of_table(&entry.remedy, "[[senders]] of a@b.test");
            assert!(!text.contains("sender.default"), "{}: {text}", entry.id);
        }
        let route = of_table("add [auth] with username to the answers", "[[routes]] of a.test");
        assert!(
            route.starts_with("a route has no login: have whoever runs that server take mail"),
            "{route}"
        );
        assert!(route.contains("or take [[routes]] of a.test out of the answers"), "{route}");
        let kept = of_table(
            "make a connector, or use a login: [auth] in the answers, `relayhost apply`",
            "[[routes]] of a.test",
        );
        assert!(kept.starts_with("make a connector, or take [[routes]] of a.test out"), "{kept}");
    }
}
