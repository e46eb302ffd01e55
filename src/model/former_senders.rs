//! Mail that waits, and whose envelope sender the tables that are in force now would not give it: cleanup(8) rewrote it by tables
//! of before, or by none. What this host sends has one rule: mail that waits leaves as it would if it were handed in now. Postfix
//! applies that rule itself to a message that is put through its address rewriting once more (`-r` in postsuper(1)).

use std::collections::BTreeSet;

use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::postmap::MapSource;
use crate::model::text::domain_of;

/// The parameter that names the tables for senders.
const MAPS: &str = "sender_canonical_maps";

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
    fn defaults(&self) -> BTreeSet<String> {
        let all = self.senders.numbered().filter(|(_, key, value)| key.starts_with('@') && key != value);
        all.map(|(_, _, value)| value.to_lowercase()).collect()
    }

    /// The one address that senders of this host get, if there is one alone.
    fn only_one(&self) -> Option<String> {
        let generic = || self.generic.values().map(|value| value.to_lowercase()).collect();
        let defaults = self.defaults();
        let all: BTreeSet<String> = if defaults.is_empty() { generic() } else { defaults };
        let mut all = all.into_iter();
        all.next().filter(|_| all.next().is_none())
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
    /// Compares the tables in force with others that were before, or are to be no more. `has_inline`: Postfix knows tables that
    /// are written in main.cf itself (`inline`, since Postfix 3.0); without them mail of a former sender keeps it.
    pub fn new(before: &SenderTables, now: &SenderTables, has_inline: bool) -> Self {
        let present = now.only_one().filter(|address| has_inline && is_plain(address)).unwrap_or_default();
        let is_former = |address: &String| {
            let has_account = |tables: &SenderTables| tables.accounts.get(address).is_some();
            *address != present && is_plain(address) && !has_account(before) && !has_account(now)
        };
        let former = if present.is_empty() { BTreeSet::new() } else { before.defaults() };
        let former = former.into_iter().filter(is_former).collect();
        Self { senders: now.senders.clone(), former, present }
    }

    /// Whether the tables in force would give mail of this envelope sender another one.
    pub fn has(&self, sender: &str) -> bool {
        if !sender.contains('@') {
            return false;
        }
        let sender = sender.to_lowercase();
        let domain = format!("@{}", domain_of(&sender));
        let differs = |key: &String| self.senders.get(key).map(|now| !now.eq_ignore_ascii_case(key));
        self.former.contains(&sender) || differs(&sender).or_else(|| differs(&domain)).unwrap_or_default()
    }

    /// A main.cf by which former senders become the present one, and Postfix returns no mail.
    pub fn main_cf(&self, main_cf: &MainCf) -> MainCf {
        let mut file = main_cf.guarded().unwrap_or_else(|| main_cf.clone());
        if !self.former.is_empty() {
            let entry = |former: &String| format!("{{ {former} = {} }}", self.present);
            let entries: Vec<String> = self.former.iter().map(entry).collect();
            let others = main_cf.get(MAPS).filter(|maps| !maps.is_empty());
            let others = others.map(|maps| format!(", {maps}")).unwrap_or_default();
            file.set(MAPS, &format!("inline:{{ {} }}{others}", entries.join(", ")));
        }
        file
    }

    /// Whether two main.cf name the same tables for senders.
    pub fn has_same_maps(one: &MainCf, other: &MainCf) -> bool {
        one.get(MAPS) == other.get(MAPS)
    }

    /// A file without what [`Self::main_cf`] has changed of an `earlier` one. `None`: nothing is to be taken out, or the earlier one
    /// says the same itself.
    pub fn taken_out(file: &MainCf, earlier: &MainCf) -> Option<MainCf> {
        let mut out = file.unguarded(earlier)?;
        if out.get(MAPS).is_some_and(|maps| maps.starts_with("inline:{ {")) {
            out.put_back(MAPS, Some(earlier));
        }
        Some(out)
    }
}

/// Whether an address means in a value of main.cf what it says: no `$`, brace, comma, `=` or blank is in it.
fn is_plain(address: &str) -> bool {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"@.-_+".contains(&c);
    address.contains('@') && address.bytes().all(is_plain)
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
        let moved = FormerSenders::new(&old, &new, true);
        for sender in ["old@example.com", "OLD@example.com", "root@web1", "root@WEB1.lan"] {
            assert!(moved.has(sender), "{sender}");
        }
        for sender in
            ["new@example.com", "backup@web1", "x@localhost", "x@elsewhere.example", "MAILER-DAEMON", ""]
        {
            assert!(!moved.has(sender), "{sender}");
        }
        assert!(!FormerSenders::new(&old, &new, false).has("old@example.com"));
        assert!(FormerSenders::new(&old, &new, false).has("root@web1"));
        let main_cf = MainCf::new(
            b"a = 1\nsender_canonical_maps = hash:/x,\n  hash:/etc/postfix/relayhost_senders\n".to_vec(),
        );
        let while_it_moves = moved.main_cf(&main_cf);
        assert_eq!(
            while_it_moves.get(MAPS).as_deref(),
            Some(
                "inline:{ { old@example.com = new@example.com } }, hash:/x,  hash:/etc/postfix/relayhost_senders"
            )
        );
        assert_eq!(while_it_moves.get("soft_bounce").as_deref(), Some("yes"));
        assert_eq!(FormerSenders::taken_out(&while_it_moves, &main_cf), Some(main_cf));
    }

    #[test]
    fn a_former_sender_follows_to_the_only_one_that_there_is() {
        let old = default("old@example.com");
        let of = |now: &SenderTables| {
            let moved = FormerSenders::new(&old, now, true);
            (moved.has("old@example.com"), moved.present)
        };
        let single = "monitor@web1\talerts@example.com\nroot\talerts@example.com\n";
        assert_eq!(of(&tables("", single, "")), (true, "alerts@example.com".into()));
        let two = "monitor@web1\talerts@example.com\nroot\troot@example.com\n";
        assert_eq!(of(&tables("", two, "")), (false, String::new()));
        assert_eq!(of(&tables("", "", "")), (false, String::new()));
        assert_eq!(of(&old), (false, "old@example.com".into()));
        let account = tables("@web1\tnew@example.com\n", "", "old@example.com\t[smtp.example.com]\n");
        assert_eq!(of(&account), (false, "new@example.com".into()));
        let odd = default("a=b@example.com");
        assert!(!FormerSenders::new(&odd, &default("new@example.com"), true).has("a=b@example.com"));
    }
}
