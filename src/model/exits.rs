//! Who leaves by which relay, as whom: a line for each kind of mail that the answers tell apart.

use crate::model::accounts::Account;
use crate::model::desired::Desired;
use crate::model::routes::Route;
use crate::model::text::{NAMED, few};
use crate::model::way_out::WayOut;

/// Whose mail has no way of its own.
pub const EVERYBODY: &str = "everybody";
/// What a fallback relay is for.
pub const FALLBACK: &str = "whatever those cannot take";

/// One kind of mail, and how it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Whose mail, or mail to whom.
    pub whose: String,
    /// The next hop.
    pub by: String,
    /// The name of the login there; empty without one.
    pub login: String,
    /// The sender that the relay sees; empty where it stays as it is.
    pub sender: String,
}

/// The lines of the answers, the most general first. One line alone says no more than the summary.
pub fn exits(desired: &Desired) -> Vec<Exit> {
    let exit = |whose: String, way: &WayOut, sender: String| Exit {
        whose,
        by: way.next_hop(),
        login: way.username().to_owned(),
        sender,
    };
    let one = desired.one_sender.as_ref().map_or_else(String::new, |one| one.address.clone());
    let mut all = vec![exit(EVERYBODY.into(), &desired.first, one)];
    for rewrite in desired.rewrites.iter().take(NAMED) {
        // The account is chosen before the address is rewritten.
        all.push(exit(rewrite.local.clone(), desired.way_of(&rewrite.local), rewrite.public.clone()));
    }
    if let Some(more) = desired.rewrites.len().checked_sub(NAMED).filter(|more| *more > 0) {
        all.push(exit(format!("{more} more of sender.rewrite"), &desired.first, "each its own".into()));
    }
    let is_told = |from: &String| {
        desired.rewrites.iter().take(NAMED).any(|rewrite| rewrite.local.eq_ignore_ascii_case(from))
    };
    for account in &desired.accounts {
        let others: Vec<String> = account.from.iter().filter(|from| !is_told(from)).cloned().collect();
        if !others.is_empty() {
            all.push(exit(few(&others), &account.way, String::new()));
        }
    }
    all.extend(desired.routes.0.iter().map(|route| Exit {
        whose: routed(route),
        by: route.goal(),
        login: String::new(),
        sender: String::new(),
    }));
    for way in &desired.fallbacks {
        all.push(exit(FALLBACK.into(), way, String::new()));
    }
    all
}

/// The mail that a route is for.
pub fn routed(route: &Route) -> String {
    format!("mail to {}", route.domain)
}

/// The senders of an account.
pub fn named(account: &Account) -> String {
    few(&account.from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::{Secrets, complete};

    #[test]
    fn a_sender_that_is_rewritten_and_has_an_account_has_one_line() {
        let text = "version = 1
            [relay]
            host = \"smtp.example.com\"
            tls = \"encrypt\"
            [sender]
            rewrite = { \"a@h\" = \"a@example.com\", \"b@h\" = \"b@example.com\" }
            [[senders]]
            from = [\"a@h\"]
            host = \"other.example.com\"
            [[senders]]
            from = [\"b@h\", \"c@h\"]
            [verify]
            to = \"ops@example.net\"";
        let desired = complete(&Answers::parse("answers.toml", text.as_bytes()).unwrap(), None).unwrap();
        let shown: Vec<String> = exits(&desired)
            .iter()
            .map(|exit| format!("{} / {} / {}", exit.whose, exit.by, exit.sender))
            .collect();
        assert_eq!(
            shown,
            [
                "everybody / [smtp.example.com]:25 / ",
                "a@h / [other.example.com]:25 / a@example.com",
                "b@h / [smtp.example.com]:025 / b@example.com",
                "c@h / [smtp.example.com]:025 / ",
            ]
        );
    }

    #[test]
    fn each_kind_of_mail_has_a_line() {
        let text = "version = 1
            [relay]
            host = \"smtp.example.com\"
            tls = \"encrypt\"
            [[relay.fallback]]
            host = \"smtp2.example.com\"
            [sender]
            default = \"alerts@example.com\"
            rewrite = { \"a@h\" = \"a@example.com\", \"b@h\" = \"b@example.com\", \"c@h\" = \"c@example.com\", \"d@h\" = \"d@example.com\" }
            [[routes]]
            to = [\"corp.example.com\"]
            via = \"direct\"
            [verify]
            to = \"ops@example.net\"";
        let answers = Answers::parse("answers.toml", text.as_bytes()).unwrap();
        let secrets = Secrets { fallbacks: vec![None.into()], ..Secrets::default() };
        let desired = complete(&answers, secrets).unwrap();
        let shown: Vec<String> = exits(&desired)
            .iter()
            .map(|exit| format!("{} / {} / {}", exit.whose, exit.by, exit.sender))
            .collect();
        assert_eq!(
            shown,
            [
                "everybody / [smtp.example.com]:25 / alerts@example.com",
                "a@h / [smtp.example.com]:25 / a@example.com",
                "b@h / [smtp.example.com]:25 / b@example.com",
                "c@h / [smtp.example.com]:25 / c@example.com",
                "1 more of sender.rewrite / [smtp.example.com]:25 / each its own",
                "mail to corp.example.com / the mail servers of corp.example.com (MX) / ",
                "whatever those cannot take / [smtp2.example.com]:25 / ",
            ]
        );
    }
}
