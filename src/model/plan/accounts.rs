//! The part of a plan about the accounts of senders: whether mail of each leaves by its relay, with its login.

use std::collections::BTreeSet;
use std::path::Path;

use super::parameters::{LOGINS, words};
use super::{Plan, Remedy, State};
use crate::error::Complaint;
use crate::model::accounts::Account;
use crate::model::desired::Desired;
use crate::model::exits::named;
use crate::model::observed::Postfix;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::default;
use crate::model::postfix::shown::without_inline_tables;
use crate::model::postfix::tables::path_of;
use crate::model::route::host::Host;
use crate::model::route::judge::deviations;
use crate::model::route::{Hop, Way};
use crate::model::text::{few, plain};

impl Plan {
    /// Adds what each account is for, and the complaints about accounts. `missing`: logins of the answers that this host does not
    /// have.
    pub fn accounts(&mut self, desired: &Desired, complaints: Vec<Complaint>, missing: &BTreeSet<String>) {
        if complaints.is_empty() {
            for account in &desired.accounts {
                let text = format!("mail from {} leaves by {}", named(account), account.way.summary());
                self.add("senders.way", State::Fine, text, None);
            }
        }
        for Complaint { problem, remedy } in complaints {
            self.add("senders.way", State::Differs, problem, Remedy::Say(remedy));
        }
        for account in &desired.accounts {
            self.users(account, missing);
        }
        if desired.accounts.iter().any(|account| account.users.is_some()) {
            let text = "local_users holds for sendmail(1) and what calls it (mail, cron, PHP): whoever may send by SMTP to this host (localhost:25) can still send as these senders, and other logins may be only what Postfix can list: themselves, and all of a domain of this host or of the answers in which no account has local_users";
            self.add("senders.smtp", State::Note, text, None);
        }
        if desired.accounts.iter().any(|account| account.users.is_none()) {
            let text = "any user of this host can send as a sender of a [[senders]] without local_users (`sendmail -f`), and so by that account";
            self.add("senders.anybody", State::Note, text, None);
        }
    }
}

impl Plan {
    /// Adds who may send as the senders of an account, if not everybody. A login that is not there may come yet, so it is no
    /// difference; and what may be a slip is not called right.
    fn users(&mut self, account: &Account, missing: &BTreeSet<String>) {
        let (Some(users), whose) = (&account.users, named(account)) else { return };
        let (absent, there): (Vec<String>, Vec<String>) =
            users.logins.iter().cloned().partition(|login| missing.contains(login));
        let there = if there.is_empty() { String::new() } else { format!("{}, ", few(&there)) };
        let text =
            format!("of this host's logins {there}root and Postfix's own may send as {whose} by sendmail(1)");
        if absent.is_empty() {
            return self.add("senders.users", State::Fine, text, None);
        }
        let noun = if absent.len() == 1 { "login" } else { "logins" };
        let text = format!("local_users of [[senders]]: this host has no {noun} {}; {text}", few(&absent));
        let remedy = format!(
            "correct local_users of {whose} in the answers and run `relayhost apply`, or add the login"
        );
        self.add("senders.users", State::Note, text, Remedy::say(remedy));
    }
}

/// A login that no host has, and that a table knows only if it knows all.
pub const NOBODY: &str = "nobody-of-relayhost";

/// The tables that Postfix asks for a login before relayhost's, once the answers are in force.
pub fn before_ours(postfix: &Postfix) -> Vec<String> {
    let value = postfix.setting(LOGINS);
    let is_ours = |item: &String| {
        path_of(item).is_some_and(|path| Managed::map_at(Path::new(path)) == Some(Managed::Logins))
    };
    if value == default(LOGINS) {
        Vec::new()
    } else {
        words(value).into_iter().take_while(|item| !is_ours(item)).collect()
    }
}

/// The complaint about a table that decides for a login before relayhost's.
pub fn overruled(table: &str, login: &str, sender: &str) -> Complaint {
    let table = plain(without_inline_tables(table).as_str());
    let problem = if login == NOBODY {
        format!(
            "local_users of [[senders]]: {LOGINS} asks {table} first, and that lets every login send as {sender}"
        )
    } else {
        format!(
            "local_users of [[senders]]: {LOGINS} asks {table} first, and that does not let {login} send as {sender}"
        )
    };
    Complaint::new(
        problem,
        format!(
            "have {table} know single logins alone, with all their senders; or take it out of {LOGINS} in /etc/postfix/main.cf"
        ),
    )
}

/// The complaint about an account by the way of a message from its sender; `None`: it leaves as the answers say.
pub fn judge(from: &str, way: &Way, desired: &Desired, host: &Host) -> Option<Complaint> {
    if !way.queued.eq_ignore_ascii_case(from) {
        let hop = way.hop("rewrite");
        let places = hop.map(Hop::places).unwrap_or_default();
        let problem = format!(
            "mail from {from} is queued as mail from {} ({places}), so its account in [[senders]] is not used",
            way.queued
        );
        let undo = hop.and_then(|hop| hop.at.first()).map(|at| at.undo(&host.version)).unwrap_or_default();
        return Some(Complaint::new(problem, format!("{undo}; or write {} in [[senders]]", way.queued)));
    }
    let (_, fault) = deviations(way, desired, &host.version).into_iter().find(|(_, fault)| fault.stops)?;
    Some(Complaint::new(format!("[[senders]]: {}", fault.text), fault.remedy))
}
