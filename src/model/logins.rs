//! Which local login may hand in mail of which sender by sendmail(1): the rules of `local_login_sender_maps`, a table of type
//! regexp. Postfix looks up the login, and compares the sender with a list: an address, `@domain`, `<>` or `*` for all
//! (login_sender_match.c). So it can say what a login may be, and not "all but these"; the list is as long as can be said
//! without the senders of accounts that are for some logins alone.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::accounts::{Account, Users, account_of};
use super::postfix::own_names::OwnNames;
use super::postfix::settings::{Settings, value};
use super::postfix::tables::items;
use super::text::{domain_of, few};

/// What the rules are made of.
#[derive(Debug)]
pub struct Limits<'a> {
    /// The accounts.
    pub accounts: &'a [Account],
    /// Other addresses that the answers name: `user@host`, `user` or `@host`.
    pub known: Vec<&'a str>,
    /// Postfix's parameters.
    pub settings: &'a Settings,
}

/// The domains of senders that have no account of some logins, and those that have.
struct Domains {
    open: Vec<String>,
    closed: Vec<String>,
}

impl Limits<'_> {
    /// The text of the table.
    pub fn text(&self) -> String {
        let mut text =
            "# Written by relayhost: local_users of [[senders]] in its answers decides these lines.\n\
            # The owner of Postfix, and root.\n"
                .to_owned();
        let owners = BTreeSet::from(["root", value(self.settings, "mail_owner")]);
        for owner in owners.iter().filter(|owner| !owner.is_empty()) {
            let _ = writeln!(text, "/^{}$/i *", pattern(owner));
        }
        let domains = self.domains();
        for login in self.logins().filter(|login| !owners.contains(login)).collect::<BTreeSet<_>>() {
            let _ = writeln!(text, "/^{}$/i {}", pattern(login), self.senders(login, true, &domains));
        }
        // A login whose own address is the sender of an account may not be that, in capital letters neither.
        for user in self.taken(&domains) {
            let _ = writeln!(text, "/^{}$/ {}", pattern(&user), self.senders(&user, false, &domains));
        }
        // Nor may one that is called like an address of such a domain.
        for domain in self.taken_domains() {
            let _ = writeln!(text, "/^.+@{}$/ {}", pattern(&domain), list(&self.common(&domains)));
        }
        // Of a domain of Windows: `DOMAIN\\user`, which sendmail(1) makes a quoted address of (RFC 5321 4.1.2).
        let _ = writeln!(text, r"/^(.+)\\(.+)$/ {}", self.everybody("\"${1}\\\\${2}\"", &domains));
        let _ = writeln!(text, "/^(.+)$/ {}", self.everybody("${1}", &domains));
        text
    }

    /// The domains of which every address has an account of some logins.
    fn taken_domains(&self) -> BTreeSet<String> {
        let limited = self.accounts.iter().filter(|account| account.users.is_some());
        let whole = limited.flat_map(|account| &account.from).filter_map(|from| from.strip_prefix('@'));
        whole.map(str::to_lowercase).collect()
    }

    /// The logins that the answers name.
    fn logins(&self) -> impl Iterator<Item = &str> {
        let users = self.accounts.iter().filter_map(|account| account.users.as_ref());
        users.flat_map(|users| &users.logins).map(String::as_str)
    }

    /// Who may hand in mail of this sender, in words; `None`: everybody.
    pub fn who_may(&self, sender: &str) -> Option<String> {
        let owners = "root and Postfix's own";
        if let Some(users) = self.limited(sender).and_then(|account| account.users.as_ref()) {
            let named = few(&users.logins);
            return Some(if named.is_empty() { owners.to_owned() } else { format!("{named}, {owners}") });
        }
        let domains = self.domains();
        if self.lets(&list(&self.common(&domains)), sender) {
            return None;
        }
        let is_own = domains.closed.contains(&domain_of(sender).to_lowercase());
        Some(if is_own { format!("a login of that name, {owners}") } else { owners.to_owned() })
    }

    /// The table in the answers of a sender that is for some logins alone.
    pub fn table_of(&self, sender: &str) -> Option<String> {
        self.limited(sender).and_then(|account| account.way.table.clone())
    }

    /// The account of a sender that is for some logins alone, however the address is written.
    fn limited(&self, sender: &str) -> Option<&Account> {
        let of = |form: &String| account_of(self.accounts, form).filter(|account| account.users.is_some());
        self.forms(sender).iter().find_map(of)
    }

    /// An address as Postfix may write it before it looks for the account: with this host's domain, without an extension, and
    /// with the domain that stands for those below it.
    fn forms(&self, sender: &str) -> Vec<String> {
        let (local, domain) = match sender.rsplit_once('@') {
            Some((local, domain)) => (local, domain),
            None => (sender, value(self.settings, "myorigin")),
        };
        let domains = self.domains_of(domain);
        let locals = [local, self.without_extension(local)];
        domains.iter().flat_map(|domain| locals.map(|local| format!("{local}@{domain}"))).collect()
    }

    /// The domains that Postfix may make of one (append_dot_mydomain, masquerade_domains).
    fn domains_of(&self, domain: &str) -> Vec<String> {
        let domain = domain.trim_end_matches('.').to_lowercase();
        let mut all = vec![domain.clone()];
        let mine = value(self.settings, "mydomain");
        if !domain.contains('.') && !mine.is_empty() {
            all.push(format!("{domain}.{}", mine.to_lowercase()));
        }
        let parents = items(value(self.settings, "masquerade_domains")).into_iter().map(str::to_lowercase);
        let is_below = |parent: &String| {
            all.iter()
                .any(|domain| domain.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.')))
        };
        let parents: Vec<String> = parents.filter(is_below).collect();
        all.extend(parents);
        all
    }

    /// A local part without its extension (`recipient_delimiter`), which Postfix leaves out of the comparison.
    fn without_extension<'s>(&self, local: &'s str) -> &'s str {
        let delimiters = value(self.settings, "recipient_delimiter");
        match local.find(|c| delimiters.contains(c)) {
            Some(at) if at > 0 => local.get(..at).unwrap_or(local),
            _ => local,
        }
    }

    /// The domains of this host and of the answers.
    fn domains(&self) -> Domains {
        let own = OwnNames::new(self.settings);
        let named =
            self.known.iter().copied().chain(self.unlimited()).filter(|address| address.contains('@'));
        let all: Vec<String> =
            own.all().cloned().chain(named.map(|known| domain_of(known).to_lowercase())).collect();
        let limited: BTreeSet<String> = self
            .accounts
            .iter()
            .filter(|account| account.users.is_some())
            .flat_map(|account| &account.from)
            .map(|from| domain_of(from).to_lowercase())
            .collect();
        let mut seen = BTreeSet::new();
        let all = all.into_iter().filter(|domain| !domain.is_empty() && seen.insert(domain.clone()));
        let is_closed = |domain: &String| self.domains_of(domain).iter().any(|form| limited.contains(form));
        let (closed, open) = all.partition(is_closed);
        Domains { open, closed }
    }

    /// The senders of accounts that are for everybody.
    fn unlimited(&self) -> impl Iterator<Item = &str> {
        let all = self.accounts.iter().filter(|account| account.users.is_none());
        all.flat_map(|account| &account.from).map(String::as_str)
    }

    /// The logins whose own addresses have an account of some logins.
    fn taken(&self, domains: &Domains) -> BTreeSet<String> {
        let from =
            self.accounts.iter().filter(|account| account.users.is_some()).flat_map(|account| &account.from);
        // A login may be called like a whole address (realmd, SSSD).
        let names = from.filter_map(|from| from.rsplit_once('@')).flat_map(|(local, domain)| {
            let local = self.without_extension(local);
            if local.is_empty() { Vec::new() } else { vec![local.to_owned(), format!("{local}@{domain}")] }
        });
        let is_taken = |name: &String| own(name, domains).iter().any(|own| self.limited(own).is_some());
        names.filter(is_taken).collect()
    }

    /// What a login may be: its own addresses, the senders of its accounts, and what is everybody's. `is_named`: whether the
    /// answers mean this login, and not one that they do not name.
    fn senders(&self, login: &str, is_named: bool, domains: &Domains) -> String {
        let names_it = |users: &Users| users.logins.iter().any(|one| one == login);
        let may = |account: &Account| is_named && account.users.as_ref().is_some_and(names_it);
        let mut all: Vec<String> = own(login, domains);
        all.retain(|own| self.limited(own).is_none_or(may));
        let origin = value(self.settings, "myorigin").to_lowercase();
        for from in self.accounts.iter().filter(|account| may(account)).flat_map(|account| &account.from) {
            match from.rsplit_once('@') {
                Some((local, domain)) if !local.is_empty() => {
                    let local = self.without_extension(local);
                    all.push(format!("{local}@{domain}"));
                    all.extend((domain == origin).then(|| local.to_owned()));
                }
                _ => all.push(from.clone()),
            }
        }
        all.extend(self.common(domains));
        list(&all)
    }

    /// What a login without a line of its own may be. `itself`: its local part, by what the line's pattern has matched.
    fn everybody(&self, itself: &str, domains: &Domains) -> String {
        let is_open = |address: &String| self.limited(&format!("somebody{address}")).is_none();
        let mut all = Vec::new();
        let origin = format!("@{}", value(self.settings, "myorigin"));
        all.extend(is_open(&origin).then(String::new));
        all.extend(domains.closed.iter().map(|domain| format!("@{domain}")).filter(is_open));
        let all: Vec<String> = all.iter().map(|rest| format!("{itself}{}", escaped(rest))).collect();
        [all.join(" "), list(&self.common(domains))].join(" ").trim().to_owned()
    }

    /// What everybody may be: nobody, all of a domain in which no account is for some logins alone, and the other addresses of
    /// the answers.
    fn common(&self, domains: &Domains) -> Vec<String> {
        let is_closed = |address: &&str| {
            !address.starts_with('@')
                && (!address.contains('@') || !domains.open.contains(&domain_of(address).to_lowercase()))
        };
        let named = self.known.iter().copied().chain(self.unlimited()).filter(is_closed);
        let named = named.filter(|address| self.limited(address).is_none()).map(str::to_owned);
        let open = domains.open.iter().map(|domain| format!("@{domain}"));
        std::iter::once("<>".to_owned()).chain(open).chain(named).collect()
    }

    /// Whether a list of senders that another table has for a login lets it be a sender.
    pub fn lets(&self, senders: &str, sender: &str) -> bool {
        items(senders).into_iter().any(|one| match one.strip_prefix('@') {
            Some(domain) => domain_of(sender).eq_ignore_ascii_case(domain),
            None => one == "*" || self.forms(one).iter().any(|form| form.eq_ignore_ascii_case(sender)),
        })
    }
}

/// The addresses of a login itself, where all of a domain are not allowed anyway.
fn own(login: &str, domains: &Domains) -> Vec<String> {
    let local = if login.contains('\\') { quoted(login) } else { login.to_owned() };
    let whole = domains.closed.iter().map(|domain| format!("{local}@{domain}"));
    std::iter::once(local.clone()).chain(whole).collect()
}

/// A login with a backslash as a local part (RFC 5321 §4.1.2, Quoted-string).
fn quoted(login: &str) -> String {
    format!("\"{}\"", login.replace('\\', "\\\\"))
}

/// A list of senders, each once. One with white space or a comma cannot stand in it, in quotation marks neither.
fn list(senders: &[String]) -> String {
    let mut seen = BTreeSet::new();
    let is_good = |sender: &&String| !sender.contains([' ', ',', '\t']);
    let all = senders.iter().filter(is_good).filter(|sender| seen.insert(sender.to_lowercase()));
    all.map(|sender| escaped(sender)).collect::<Vec<_>>().join(" ")
}

/// A text in the value of a line, where `$` stands for what was matched.
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

/// A login as a regular expression.
fn pattern(login: &str) -> String {
    let mut text = String::new();
    for c in login.chars() {
        match c {
            '\\' => text.push_str(r"\\"),
            '.' | '+' | '$' => {
                let _ = write!(text, "[{c}]");
            }
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
#[path = "logins_tests.rs"]
mod tests;
