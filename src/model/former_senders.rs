//! Mail that waits, and whose envelope sender the tables that are in force now would not give it: cleanup(8) rewrote it by tables
//! of before, or by none. What this host sends has one rule: mail that waits leaves as it would if it were handed in now. Postfix
//! applies that rule itself to a message that is put through its address rewriting once more (`-r` in postsuper(1)).

use std::collections::BTreeSet;

use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::tables::{items, path_of};
use crate::model::text::domain_of;

/// The parameter that names the tables for senders.
const MAPS: &str = "sender_canonical_maps";

/// The table of former senders. It is there for as long as mail moves, and no database is built of it (texthash, since Postfix 2.8).
pub const TABLE: &str = "/etc/postfix/relayhost_former";

/// Whether an item of a list of tables names the table of former senders.
pub fn is_former(item: &str) -> bool {
    path_of(item) == Some(TABLE)
}

/// The tables of relayhost's that decide of a sender, as they are in force, or were.
#[derive(Debug, Clone)]
pub struct SenderTables {
    /// Domains of this host → the one sender.
    pub senders: MapSource,
    /// Local sender → public sender.
    pub generic: MapSource,
    /// Senders with an account of their own.
    pub accounts: MapSource,
}

impl SenderTables {
    /// The addresses that stand for everybody who has no line of his own.
    fn defaults(&self) -> Vec<String> {
        let all = self.senders.numbered().filter(|(_, key, value)| key.starts_with('@') && key != value);
        all.map(|(_, _, value)| value.to_lowercase()).collect()
    }

    /// The address of the alerts: the one for everybody, or else that of the first line for one sender.
    fn present(&self) -> Option<String> {
        let generic = || self.generic.numbered().next().map(|(_, _, value)| value.to_lowercase());
        self.defaults().into_iter().next().or_else(generic)
    }
}

/// Whose mail is to be put through the tables that are in force.
#[derive(Debug, Clone)]
pub struct FormerSenders {
    /// The table of senders that is in force.
    senders: MapSource,
    /// Addresses that stood for everybody, and stand for nobody now.
    former: BTreeSet<String>,
    /// The address that their mail gets.
    present: String,
}

impl FormerSenders {
    /// Compares the tables in force with others that were before, or are to be no more. Where the tables in force give no sender an
    /// address, mail of a former sender keeps it.
    pub fn new(before: &SenderTables, now: &SenderTables) -> Self {
        let present = now.present().filter(|address| is_key(address)).unwrap_or_default();
        let is_former = |address: &String| {
            let has_account = |tables: &SenderTables| tables.accounts.get(address).is_some();
            *address != present && is_key(address) && !has_account(before) && !has_account(now)
        };
        let former = if present.is_empty() { Vec::new() } else { before.defaults() };
        let former = former.into_iter().filter(is_former).collect();
        Self { senders: now.senders.clone(), former, present }
    }

    /// Whether the tables in force would give mail of this envelope sender another one.
    pub fn has(&self, sender: &str) -> bool {
        let sender = sender.to_lowercase();
        let Some((user, domain)) = sender.rsplit_once('@') else { return false };
        let of_domain = || {
            let now = self.senders.get(&format!("@{domain}"))?;
            Some(if now.starts_with('@') { format!("{user}{now}") } else { now })
        };
        let now = self.senders.get(&sender).or_else(of_domain);
        self.former.contains(&sender) || now.is_some_and(|now| !now.eq_ignore_ascii_case(&sender))
    }

    /// The table of former senders.
    pub fn text(&self) -> String {
        let lines = self.former.iter().map(|former| [former, "\t", &self.present, "\n"].concat());
        lines.collect()
    }

    /// A main.cf by which former senders become the present one, and Postfix returns no mail.
    pub fn main_cf(&self, main_cf: &MainCf) -> MainCf {
        let mut file = main_cf.guarded().unwrap_or_else(|| main_cf.clone());
        if !self.former.is_empty() {
            let others = main_cf.get(MAPS).filter(|maps| !maps.is_empty());
            let others = others.map(|maps| format!(", {maps}")).unwrap_or_default();
            file.set(MAPS, &format!("texthash:{TABLE}{others}"));
        }
        file
    }

    /// Whether two main.cf name the same tables for senders.
    pub fn has_same_maps(one: &MainCf, other: &MainCf) -> bool {
        one.get(MAPS) == other.get(MAPS)
    }

    /// A file without what relayhost has written into an `earlier` one for as long as it changes. `None`: it has nothing of that.
    pub fn taken_out(file: &MainCf, earlier: &MainCf) -> Option<MainCf> {
        let mut out = file.unguarded(earlier).unwrap_or_else(|| file.clone());
        let maps = out.get(MAPS).unwrap_or_default();
        let rest: Vec<&str> = items(&maps).into_iter().filter(|item| !is_former(item)).collect();
        if rest.len() < items(&maps).len() {
            if items(&earlier.get(MAPS).unwrap_or_default()) == rest {
                out.put_back(MAPS, Some(earlier));
            } else {
                out.set(MAPS, &rest.join(", "));
            }
        }
        (out != *file).then_some(out)
    }
}

/// Whether an address can be a key of a table: `#` begins a comment, a blank ends the key, and quotation marks are not read.
fn is_key(address: &str) -> bool {
    !domain_of(address).is_empty() && !address.starts_with('#') && !address.contains([' ', '\t', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(senders: &str, generic: &str, accounts: &str) -> SenderTables {
        let table = |text: &str| MapSource::new(text.as_bytes().to_vec());
        SenderTables { senders: table(senders), generic: table(generic), accounts: table(accounts) }
    }

    fn default(address: &str) -> SenderTables {
        tables(
            &format!(
                "backup@web1\tbackup@web1\n@localhost\t@localhost\n@web1\t{address}\n@web1.lan\t{address}\n"
            ),
            "",
            "",
        )
    }

    #[test]
    fn mail_has_a_former_sender_if_the_tables_in_force_give_it_another() {
        let old = default("old@example.com");
        let new = default("New@example.com");
        let moved = FormerSenders::new(&old, &new);
        for sender in ["old@example.com", "OLD@example.com", "root@web1", "root@WEB1.lan"] {
            assert!(moved.has(sender), "{sender}");
        }
        for sender in
            ["new@example.com", "backup@web1", "x@localhost", "x@elsewhere.example", "MAILER-DAEMON", ""]
        {
            assert!(!moved.has(sender), "{sender}");
        }
        let main_cf = MainCf::new(
            b"a = 1\nsender_canonical_maps = hash:/x,\n  hash:/etc/postfix/relayhost_senders\n".to_vec(),
        );
        let while_it_moves = moved.main_cf(&main_cf);
        assert_eq!(
            while_it_moves.get(MAPS).as_deref(),
            Some("texthash:/etc/postfix/relayhost_former, hash:/x,  hash:/etc/postfix/relayhost_senders")
        );
        assert_eq!(moved.text(), "old@example.com\tnew@example.com\n");
        assert_eq!(while_it_moves.get("soft_bounce").as_deref(), Some("yes"));
        assert_eq!(FormerSenders::taken_out(&while_it_moves, &main_cf), Some(main_cf.clone()));
        // Somebody has edited it, or taken a part of it out.
        let mut edited = while_it_moves.clone();
        edited.set("a", "2");
        edited.put_back("soft_bounce", None);
        let out = FormerSenders::taken_out(&edited, &main_cf).unwrap();
        assert_eq!(out.get(MAPS), main_cf.get(MAPS));
        assert_eq!((out.get("a").as_deref(), out.get("soft_bounce")), (Some("2"), None));
        assert_eq!(FormerSenders::taken_out(&out, &main_cf), None);
        // The domain of the sender for all is this host's own, too.
        let own = tables("@example.com\talerts@example.com\n@localhost\t@localhost\n", "", "");
        let same = FormerSenders::new(&own, &own);
        assert!(!same.has("Alerts@example.com") && same.has("root@example.com") && !same.has("x@localhost"));
    }

    #[test]
    fn a_former_sender_follows_to_the_alerts() {
        let old = default("old@example.com");
        let of = |now: &SenderTables| {
            let moved = FormerSenders::new(&old, now);
            (moved.has("old@example.com"), moved.present)
        };
        let single = "monitor@web1\talerts@example.com\nroot\talerts@example.com\n";
        assert_eq!(of(&tables("", single, "")), (true, "alerts@example.com".into()));
        let two = "monitor@web1\talerts@example.com\nroot\troot@example.com\n";
        assert_eq!(of(&tables("", two, "")), (true, "alerts@example.com".into()));
        assert_eq!(of(&tables("", "", "")), (false, String::new()));
        assert_eq!(of(&old), (false, "old@example.com".into()));
        let account = tables("@web1\tnew@example.com\n", "", "old@example.com\t[smtp.example.com]\n");
        assert_eq!(of(&account), (false, "new@example.com".into()));
        let odd = default("a=b@example.com");
        assert!(FormerSenders::new(&odd, &default("new@example.com")).has("a=b@example.com"));
    }
}
