//! The table of the answers that a remedy names: texts of the catalogue name the keys of the first relay, and a failure at
//! another relay is mended in that one's own table.

use crate::model::causes::catalogue::Stage;

/// What stands before `the answers` where the keys are those of other tables than a relay's, or are there once for all relays
/// (`ip` under [relay]).
const OTHERS: [&str; 4] =
    ["under [sender] in ", "under [verify] in ", "sender.rewrite in ", "under [relay] in "];

/// The table of a route, which has neither a login nor keys for one.
const ROUTE: &str = "[[routes]]";

/// What wants a login at the relay: the key of one, or words for it.
const LOGINS: [&str; 4] = ["[auth", "auth.mechanism", "username and password", "the password table"];

/// What names a server in other tables, and a route does by `via` alone. The presets have no server of a route.
const SERVERS: [(&str, &str); 11] = [
    ("correct relay.host and port in the answers", "correct relay.host in the answers"),
    ("correct host and port in the answers", "correct relay.host in the answers"),
    ("check host and port in the answers", "check relay.host in the answers"),
    ("check host and port (", "check relay.host in the answers ("),
    ("(port in the answers, ", "(relay.host in the answers, "),
    (
        " (relays usually listen on 587, 465 or 25; `relayhost providers` has them)",
        " (HOST:PORT; without a port it is 25)",
    ),
    (" (587 as a rule)", " (HOST:PORT; without a port it is 25)"),
    (" (`relayhost providers` has them)", " (HOST:PORT; without a port it is 25)"),
    (" (`relayhost providers` has each provider's)", " (HOST:PORT; without a port it is 25)"),
    (" (`relayhost providers` has the right ones)", ""),
    ("; `relayhost providers` has them)", ")"),
];

/// The same beside another way on, which holds for a route too.
const BESIDE: [&str; 2] = [
    "(relay.host and [auth] in the answers, `relayhost apply`)",
    ", or use a login: [auth] in the answers, `relayhost apply`",
];

/// A step before others (`; or`) that is about the first relay alone.
const FIRST_ALONE: &str = "`relayhost init --new-password`";

/// Whether it is the table of a route.
pub fn is_of_route(table: &str) -> bool {
    table.starts_with(ROUTE)
}

/// The key that names the host of a relay with this table; `None`: the first relay's.
pub fn host_key(table: Option<&str>) -> String {
    match table {
        None => "relay.host".to_owned(),
        Some(route) if is_of_route(route) => format!("via of {route}"),
        Some(table) => format!("host of {table}"),
    }
}

/// A text for a route, which has no key but `to`, `via` and `tls`. `stage`: where the cause lies.
fn of_route(text: &str, stage: Stage, table: &str) -> String {
    let elsewhere = format!(
        "take {table} out of the answers, so that its mail goes to the relay or the account of its sender, and run `relayhost apply`"
    );
    let beside = BESIDE.into_iter().find(|clause| text.contains(clause));
    if let Some(clause) = beside {
        let other =
            if clause.starts_with('(') { format!("({elsewhere})") } else { format!(", or {elsewhere}") };
        return text.replace(clause, &other);
    }
    let is_of_login = stage == Stage::Login && text.contains(" the answers");
    if is_of_login || LOGINS.iter().any(|words| text.contains(words)) {
        return format!(
            "a route has no login: have whoever runs that server take mail of this host without one, or {elsewhere}"
        );
    }
    if text.contains("implicit_tls") {
        return format!(
            "set {} in the answers to a port of that server at which TLS begins as at the relay (465: from the first byte, which \
             implicit_tls under [relay] says for all ways; else by STARTTLS), and run `relayhost apply`",
            host_key(Some(table))
        );
    }
    SERVERS.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The text about a cause at this stage, for a relay that has this table: `[[relay.fallback]] number 1`, `[[senders]] of
/// a@example.com`.
pub fn of_table(text: &str, stage: Stage, table: &str) -> String {
    let verify = match table {
        _ if table.starts_with("[[senders]]") => "`relayhost verify --all`",
        _ if is_of_route(table) => "`relayhost verify --to ADDRESS`",
        _ => "`relayhost drill`",
    };
    let others = text.strip_prefix(FIRST_ALONE).and_then(|rest| rest.split_once("; or "));
    let text = others.map_or(text, |(_, others)| others);
    let routed = is_of_route(table).then(|| of_route(text, stage, table));
    let text = routed.as_deref().unwrap_or(text);
    // Of whoever calls sendmail(1), and its own text names another table.
    if text.contains(table) || text.contains("[[senders]]") {
        return text.to_owned();
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
            let text = of_table(&entry.remedy, entry.stage, table);
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
        let of = |text: &str| of_table(text, Stage::Connect, table);
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
            of_table(again, Stage::Limit, "[[senders]] of a@b.test"),
            "wait some minutes, and run `relayhost verify --all`"
        );
        assert_eq!(
            of_table(again, Stage::Limit, "[[routes]] of b.test"),
            "wait some minutes, and run `relayhost verify --to ADDRESS`"
        );
        assert_eq!(
            of_table("set relay.host", Stage::Dns, "[[routes]] of a.test"),
            "set via of [[routes]] of a.test"
        );
    }

    #[test]
    fn no_remedy_of_a_route_wants_a_login_and_none_of_an_account_the_sender_of_all_others() {
        for entry in catalogue() {
            let text = of_table(&entry.remedy, entry.stage, "[[routes]] of a.test");
            for login in
                ["auth table", "auth.oauth table", "[auth", "auth.mechanism", "username and password"]
            {
                assert!(!text.contains(login), "{}: {text}", entry.id);
            }
            // It has `to`, `via` and `tls`, and no preset.
            for key in [
                "host and port",
                "port in the",
                "port in [[",
                "set port",
                "implicit_tls =",
                "relay.host",
                "`relayhost providers`",
            ] {
                assert!(!text.contains(key), "{}: {text}", entry.id);
            }
            let keys = text.split("[[routes]] of a.test of the answers").next().unwrap_or_default();
            let names = |key: &str| {
                ["password", "token", "client_secret", "tenant"].iter().any(|one| key.contains(one))
            };
            assert!(keys == text || !names(keys), "{}: {text}", entry.id);
            let text = of_table(&entry.remedy, entry.stage, "[[senders]] of a@b.test");
            assert!(!text.contains("sender.default"), "{}: {text}", entry.id);
        }
        let route = of_table("add [auth] with username to the answers", Stage::Login, "[[routes]] of a.test");
        assert!(
            route.starts_with("a route has no login: have whoever runs that server take mail"),
            "{route}"
        );
        assert!(route.contains("or take [[routes]] of a.test out of the answers"), "{route}");
        let kept = of_table(
            "make a connector, or use a login: [auth] in the answers, `relayhost apply`",
            Stage::Recipient,
            "[[routes]] of a.test",
        );
        assert!(kept.starts_with("make a connector, or take [[routes]] of a.test out"), "{kept}");
    }
}
