//! The tables `[[senders]]`: senders that leave with another login, or by another relay.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::complete::NamedSecret;
use super::reader::Reader;
use super::values::{Checked, address, refuse};
use super::{Answers, Auth};
use crate::error::Result;
use crate::model::accounts::{Account, Users};
use crate::model::desired::{Rewrite, Tls, WayOut};
use crate::model::one_sender::OneSender;
use crate::model::text::{is_address, one_line};

/// One `[[senders]]`, as typed. The keys of the relay and of the login mean what they mean in `[relay]` and `[auth]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypedAccount {
    /// The senders.
    pub from: Vec<Spanned<String>>,
    /// The local logins that may send as them by sendmail(1).
    pub local_users: Option<Spanned<Vec<Spanned<String>>>>,
    /// Name of a preset.
    pub provider: Option<Spanned<String>>,
    /// Host name or address.
    pub host: Option<Spanned<String>>,
    /// TCP port.
    pub port: Option<Spanned<i64>>,
    /// Level of TLS.
    pub tls: Option<Spanned<Tls>>,
    /// TLS from the first byte.
    pub implicit_tls: Option<Spanned<bool>>,
    /// `[senders.auth]`.
    pub auth: Auth,
}

/// Most accounts. Each next hop at one port has one zero more than the one before it, and a key of LMDB has 511 bytes at most.
const MOST: usize = 200;

impl Answers {
    /// Refuses more accounts than there can be next hops.
    fn count_accounts(&self) -> Result<()> {
        let Some(beyond) = self.tables.senders.get(MOST) else { return Ok(()) };
        let problem = format!("there are more than {MOST} tables [[senders]]");
        let remedy = "write senders with the same login into one table: its `from` may have thousands";
        Err(self.error(Some(beyond.span()), &problem, remedy))
    }
}

impl Reader<'_> {
    /// Whoever may send as the senders of an account; `None`: everybody.
    fn users(&self, typed: &TypedAccount) -> Result<Option<Users>> {
        let Some(list) = &typed.local_users else { return Ok(None) };
        let logins = list.get_ref().iter().map(|one| self.of(one, login)).collect::<Result<_>>()?;
        let said = self.answers.place_of(list.span());
        Ok(Some(Users { logins, said }))
    }

    /// The accounts. `ways`: those that mail of all others takes; the secrets are those of the logins.
    pub(super) fn accounts(
        &self,
        ways: &[&WayOut],
        rewrites: &[Rewrite],
        one: Option<&OneSender>,
        secrets: impl Iterator<Item = NamedSecret>,
    ) -> Result<Vec<Account>> {
        self.answers.count_accounts()?;
        let (mut accounts, mut known): (Vec<Account>, _) = (Vec::new(), BTreeSet::new());
        let made: BTreeMap<String, &Rewrite> =
            rewrites.iter().rev().map(|rewrite| (rewrite.public.to_lowercase(), rewrite)).collect();
        for (table, secret) in self.answers.tables.senders.iter().zip(secrets) {
            let typed = table.get_ref();
            if typed.from.is_empty() {
                let remedy = "write its senders, such as from = [\"backup@example.com\"]";
                return self.at(table.span(), refuse("this account has no `from`", remedy));
            }
            let mut from = Vec::new();
            for one_of in &typed.from {
                let sender = self.of(one_of, |name: &str| sender(name, &made, &typed.from, one))?;
                if !known.insert(sender.clone()) {
                    let problem = format!("`{sender}` has two accounts");
                    return self.at(one_of.span(), refuse(problem, "keep one of the two"));
                }
                from.push(sender);
            }
            let mut way = self.account_way(table, secret)?;
            let is_there =
                |other: &&WayOut| other.relay.host == way.relay.host && other.relay.port == way.relay.port;
            let before = || ways.iter().copied().chain(accounts.iter().map(|account| &account.way));
            way.table = from.first().map(|from| format!("[[senders]] of {from}"));
            way.nth = before().filter(is_there).count();
            self.at(table.span(), way.fits(before()))?;
            accounts.push(Account { from, way, users: self.users(typed)? });
        }
        Ok(accounts)
    }
}

/// The name of a local login, or `uid:NUMBER` for one without a name (local_login_sender_maps in postconf(5)).
fn login(typed: &str) -> Checked<String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "_.-@+$\\".contains(c);
    let number = typed.strip_prefix("uid:");
    let is_number = number.is_some_and(|number| number.parse::<u32>().is_ok());
    let is_name =
        !typed.is_empty() && !typed.starts_with('-') && typed.len() <= 256 && typed.chars().all(is_good);
    if is_name || is_number {
        return Ok(typed.to_owned());
    }
    let remedy =
        "write the name of a login of this host, as `id -un` shows it, or uid:NUMBER for one without a name";
    refuse(format!("`{}` is not the name of a local login", one_line(typed)), remedy)
}

/// A sender that can have an account. `made`: the rewrites by the address that they make; `all`: the senders of its account.
fn sender(
    typed: &str,
    made: &BTreeMap<String, &Rewrite>,
    all: &[Spanned<String>],
    one: Option<&OneSender>,
) -> Checked<String> {
    let is_domain = typed.starts_with('@') && is_address(&format!("x{typed}"));
    let remedy = "write user@domain, or @domain for all senders of a domain, as programs on this host send";
    let sender = address(typed, is_domain || is_address(typed), remedy)?.to_lowercase();
    if !sender.is_ascii() {
        let problem = format!("`{}` has letters that are not ASCII", one_line(typed));
        let is_domain = typed.rsplit_once('@').is_none_or(|(user, _)| user.is_ascii());
        let remedy = if is_domain {
            "write the domain as xn--…"
        } else {
            "give the program a sender with ASCII letters before the @, and write that here"
        };
        return refuse(problem, remedy);
    }
    if one.is_some_and(|one| one.address.eq_ignore_ascii_case(&sender)) {
        let problem = format!("`{sender}` is sender.default, as which all senders of this host leave");
        let remedy = "write that account into [auth], or take the address out of this table";
        return refuse(problem, remedy);
    }
    // A program may send as the address of the login, beside others that are rewritten to it and have the same account.
    let has = |name: &str| all.iter().any(|one| one.get_ref().eq_ignore_ascii_case(name));
    let made = made.get(&sender).filter(|rewrite| {
        let domain = rewrite.local.rfind('@').and_then(|at| rewrite.local.get(at..));
        !rewrite.local.eq_ignore_ascii_case(&sender) && !has(&rewrite.local) && !domain.is_some_and(has)
    });
    if let Some(Rewrite { local, .. }) = made {
        let problem = format!(
            "`{sender}` is what sender.rewrite makes of `{local}`, and an account is chosen before that: nobody would use it"
        );
        return refuse(problem, format!("write `{local}` here, as the program sends"));
    }
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use crate::model::answers::Answers;
    use crate::model::answers::complete::{Secrets, complete};
    use crate::model::desired::Desired;
    use crate::model::postfix::managed::Managed;
    use crate::model::postfix::settings::Settings;
    use crate::model::secret::Secret;

    fn with(sender: &str, accounts: &str) -> Result<Desired, String> {
        let text = format!(
            "version = 1\n[relay]\nhost = \"smtp.example.com\"\n[auth]\nusername = \"u\"\n[sender]\n{sender}\n{accounts}\n"
        );
        let answers = Answers::parse("answers", text.as_bytes()).map_err(|error| error.to_string())?;
        let some = || Some(Secret::new("p"));
        let secrets = Secrets {
            login: some(),
            fallbacks: [some(), some(), some()].map(Into::into).into(),
            ..Secrets::default()
        };
        complete(&answers, secrets).map_err(|error| error.to_string())
    }

    const LOGIN: &str = "auth = { username = \"v\", password = \"p\" }";

    fn account(from: &str, more: &str) -> String {
        format!("[[senders]]\nfrom = {from}\n{LOGIN}\n{more}\n")
    }

    #[test]
    fn each_account_has_a_next_hop_of_its_own() {
        let accounts = account("[\"A@x.example\"]", "")
            + &account("[\"@y.example\", \"b@x.example\"]", "")
            + &account("[\"c@x.example\"]", "host = \"other.example\"");
        let desired = with("", &accounts).unwrap();
        let keys = |file| desired.entries(file, &Settings::new());
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let (second, third) = ("[smtp.example.com]:0587", "[smtp.example.com]:00587");
        let relays = [
            ("a@x.example", second),
            ("@y.example", third),
            ("b@x.example", third),
            ("c@x.example", "[other.example]:587"),
        ];
        assert_eq!(keys(Managed::Accounts), relays.map(pair));
        let logins: Vec<String> = keys(Managed::SaslPasswd).into_iter().map(|(key, _)| key).collect();
        assert_eq!(logins, ["[smtp.example.com]:587", second, third, "[other.example]:587"]);
        for (sender, hop) in
            [("B@X.example", third), ("z@y.example", third), ("root", "[smtp.example.com]:587")]
        {
            assert_eq!(desired.way_of(sender).next_hop(), hop, "{sender}");
        }
    }

    #[test]
    fn a_sender_may_be_rewritten_to_another_of_its_account() {
        for from in ["[\"a@x.example\", \"b@x.example\"]", "[\"a@x.example\", \"@x.example\"]"] {
            let desired =
                with("rewrite = { \"b@x.example\" = \"a@x.example\" }", &account(from, "")).unwrap();
            assert_eq!(desired.way_of("b@x.example").next_hop(), "[smtp.example.com]:0587", "{from}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        let default = "default = \"all@x.example\"";
        let rewrite = "rewrite = { \"monitor@h.lan\" = \"alerts@x.example\" }";
        let many: String = (0..200).map(|n| account(&format!("[\"a{n}@x.example\"]"), "")).collect();
        for (sender, accounts, place, words) in [
            ("", account("[]", ""), "line 8, column 1", "has no `from`"),
            ("", account("\"a@x.example\"", ""), "line 9, column 8", "a list"),
            ("", account("[\"İ@x.example\"]", ""), "line 9, column 9", "not ASCII"),
            ("", account("[\"\"]", ""), "line 9, column 9", "is not a mail address"),
            ("", account("[\"backup\"]", ""), "line 9, column 9", "is not a mail address"),
            ("", account("[\"*\"]", ""), "line 9, column 9", "is not a mail address"),
            ("", account("[\"a@x.example\", \"A@x.example\"]", ""), "line 9, column 24", "has two accounts"),
            (
                "",
                account("[\"a@x.example\"]", "") + &account("[\"a@x.example\"]", ""),
                "line 13, column 9",
                "has two accounts",
            ),
            (default, account("[\"all@x.example\"]", ""), "line 9, column 9", "is sender.default"),
            (rewrite, account("[\"alerts@x.example\"]", ""), "line 9, column 9", "nobody would use it"),
            ("", account("[\"a@x.example\"]", "") + &many, "line 808, column 1", "more than 200 tables"),
            (
                "",
                account("[\"a@x.example\"]", "port = 465"),
                "line 8, column 1",
                "with the first byte at smtp.example.com:465 of [[senders]] of a@x.example and after STARTTLS at \
                 smtp.example.com:587 of [relay]: Postfix has one setting for all relays (smtp_tls_wrappermode)",
            ),
            ("", account("[\"a@x.example\"]", "nosuch = 1"), "line 11, column 1", "no key of the answers"),
            (
                "",
                "[[senders]]\nfrom = [\"a@x.example\"]\n[senders.auth]\nusername = \"v\"\n[senders.auth.oauth]\n".to_owned(),
                "line 12",
                "[senders.auth.oauth] has no `provider`",
            ),
        ] {
            let said = with(sender, &accounts).unwrap_err();
            assert!(said.contains(place) && said.contains(words), "{accounts}: {said}");
        }
        assert!(with(rewrite, &account("[\"monitor@h.lan\"]", "")).is_ok());
    }
}
