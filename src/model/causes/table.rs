//! The table of the answers that a remedy names: texts of the catalogue name the keys of the first relay, and a failure at
//! another relay is mended in that one's own table.

/// What stands before `the answers` where the keys are those of other tables than a relay's.
const OTHERS: [&str; 3] = ["under [sender] in ", "under [verify] in ", "sender.rewrite in "];

/// The text, for a relay that has this table: `[[relay.fallback]] number 1`, `[[senders]] of a@example.com`.
pub fn of_table(text: &str, table: &str) -> String {
    let verify = match table {
        _ if table.starts_with("[[senders]]") => "`relayhost verify --all`",
        _ if table.starts_with("[[routes]]") => "`relayhost verify --to ADDRESS`",
        _ => "`relayhost drill`",
    };
    let text =
        text.replace("`relayhost probe`", "`relayhost probe --all`").replace("`relayhost verify`", verify);
    let text = text.replace("[auth", "[its auth");
    let text =
        text.replace("[its auth]", "its auth table").replace("[its auth.oauth]", "its auth.oauth table");
    let key = if table.starts_with("[[routes]]") { "via" } else { "host" };
    if text.contains("relay.host") {
        return text.replace("relay.host", &format!("{key} of {table}"));
    }
    let text = text.replace("under [relay] in the answers", "in the answers");
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
                "[relay]",
                "[auth",
                "username and password in the answers",
                "`relayhost probe`",
                "`relayhost verify`",
            ] {
                assert!(!text.contains(first), "{}: {text}", entry.id);
            }
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
}
