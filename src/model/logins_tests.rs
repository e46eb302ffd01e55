//! Which local login may be which sender: the rules as Postfix reads them.

use super::*;
use crate::model::answers::Answers;
use crate::model::answers::complete::{Secrets, complete};
use crate::model::desired::Desired;
use crate::model::postfix::managed::Managed;
use crate::model::secret::Secret;

fn settings(more: &[(&str, &str)]) -> Settings {
    let base = [
        ("myhostname", "web1.example.com"),
        ("mydomain", "example.com"),
        ("myorigin", "web1.example.com"),
        ("mydestination", "localhost"),
        ("recipient_delimiter", "+"),
    ];
    base.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn text(senders: &str, more: &[(&str, &str)]) -> String {
    desired(senders).text(Managed::Logins, &settings(more)).unwrap_or_default()
}

fn desired(senders: &str) -> Desired {
    let text = format!(
        "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\nusername = \"u\"\n[sender]\n\
         default = \"alerts@example.com\"\nrewrite = {{ \"monitor@h.lan\" = \"monitor@example.com\" }}\n{senders}"
    );
    let answers = Answers::parse("answers", text.as_bytes()).unwrap();
    let some = || Some(Secret::new("p"));
    let secrets =
        Secrets { login: some(), fallbacks: (0..3).map(|_| some().into()).collect(), ..Secrets::default() };
    complete(&answers, secrets).unwrap()
}

fn account(from: &str, users: &str) -> String {
    let users = if users.is_empty() { String::new() } else { format!("local_users = [{users}]\n") };
    format!("[[senders]]\nfrom = [{from}]\n{users}auth = {{ username = \"v\", password = \"p\" }}\n")
}

/// Whether Postfix lets a login be a sender by this text, as login_sender_match does.
fn lets(text: &str, login: &str, sender: &str) -> bool {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (pattern, senders) = line.split_once(' ').unwrap();
        let (pattern, flags) = pattern.strip_prefix('/').unwrap().rsplit_once('/').unwrap();
        let regex = regex::RegexBuilder::new(pattern).case_insensitive(flags.is_empty()).build().unwrap();
        let Some(found) = regex.captures(login) else { continue };
        let one = found.get(1).map_or("", |group| group.as_str());
        let local = |sender: &str| match sender.split_once('@') {
            Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap()),
            None => sender.split('+').next().unwrap().to_owned(),
        };
        return senders.replace("${1}", one).replace("$$", "$").split(' ').any(|one| match one {
            "*" => true,
            "<>" => sender.is_empty(),
            one if one.starts_with('@') => sender.to_lowercase().ends_with(&one.to_lowercase()),
            one => one.eq_ignore_ascii_case(&local(sender)),
        });
    }
    false
}

#[test]
fn a_login_of_the_account_may_use_it_and_all_others_may_be_whatever_can_be_said() {
    let text = text(&account("\"backup@shop.example\", \"@lists.example\"", "\"backup\", \"web.1\""), &[]);
    for (login, sender, may) in [
        ("root", "backup@shop.example", true),
        ("postfix", "anybody@anywhere.example", true),
        ("backup", "backup@shop.example", true),
        ("backup", "BACKUP+x@shop.example", true),
        ("backup", "any@lists.example", true),
        ("backup", "backup", true),
        ("web.1", "backup@shop.example", true),
        ("webx1", "backup@shop.example", false),
        ("Backup", "backup@shop.example", false),
        ("mallory", "backup@shop.example", false),
        ("mallory", "backup+x@shop.example", false),
        ("mallory", "any@lists.example", false),
        ("mallory", "mallory", true),
        ("mallory", "root@localhost", true),
        ("mallory", "monitor@h.lan", true),
        ("mallory", "alerts@example.com", true),
        ("mallory", "anybody@example.com", true),
        ("mallory", "", true),
        ("mallory", "anybody@elsewhere.example", false),
    ] {
        assert_eq!(lets(&text, login, sender), may, "{login} as {sender}: {text}");
    }
}

#[test]
fn an_account_in_a_domain_of_the_host_closes_that_domain_however_it_is_written() {
    let senders =
        account("\"backup@web1.example.com\"", "\"ann\"") + &account("\"shop@web1.example.com\"", "");
    let text = text(&senders, &[("masquerade_domains", "example.com")]);
    for (login, sender, may) in [
        ("ann", "backup@web1.example.com", true),
        ("ann", "backup", true),
        ("backup", "backup", false),
        ("Backup", "backup", false),
        ("backup", "backup@web1", false),
        ("backup", "backup@localhost", true),
        ("mallory", "backup", false),
        ("mallory", "backup@web1", false),
        ("mallory", "mallory", true),
        ("mallory", "mallory@web1", true),
        ("mallory", "mallory@web1.example.com", true),
        ("mallory", "shop@web1.example.com", true),
        ("mallory", "root@localhost", true),
        ("ann", "anybody@web1.example.com", false),
    ] {
        assert_eq!(lets(&text, login, sender), may, "{login} as {sender}: {text}");
    }
    let masqueraded = super::tests::text(
        &account("\"backup@example.com\"", "\"ann\""),
        &[("masquerade_domains", "example.com")],
    );
    assert!(!lets(&masqueraded, "mallory", "backup@web1.example.com"), "{masqueraded}");
    assert!(!lets(&masqueraded, "mallory", "backup@localhost.example.com"), "{masqueraded}");
    assert!(lets(&masqueraded, "mallory", "mallory@web1.example.com"), "{masqueraded}");
}

#[test]
fn without_local_users_there_is_no_table_and_an_empty_list_leaves_root() {
    assert_eq!(text(&account("\"a@shop.example\"", ""), &[]), "");
    let none = text(
        "[[senders]]\nfrom = [\"a@shop.example\"]\nlocal_users = []\nauth = { username = \"v\", password = \"p\" }\n",
        &[],
    );
    assert!(lets(&none, "root", "a@shop.example") && !lets(&none, "a", "a@shop.example"), "{none}");
}

#[test]
fn who_may_be_a_sender_is_what_the_rules_say() {
    let of = account("\"backup@example.com\", \"@shop.example\"", "\"ann\"");
    let (desired, settings, rules) = (desired(&of), settings(&[]), text(&of, &[]));
    let own = "root and Postfix's own";
    for (sender, login, who) in [
        ("Backup+x@example.com", "ann", format!("ann, {own}")),
        ("x@shop.example", "ann", format!("ann, {own}")),
        ("joe@example.com", "joe", format!("a login of that name, {own}")),
        ("joe@elsewhere.example", "root", own.to_owned()),
    ] {
        assert_eq!(desired.limits(&settings).unwrap().who_may(sender), Some(who), "{rules}");
        assert!(!lets(&rules, "mallory", sender) && lets(&rules, login, sender), "{sender}: {rules}");
    }
    for sender in ["alerts@example.com", "monitor@h.lan", "any@localhost"] {
        assert_eq!(desired.limits(&settings).unwrap().who_may(sender), None, "{rules}");
        assert!(lets(&rules, "mallory", sender), "{sender}: {rules}");
    }
}

#[test]
fn what_is_no_login_is_refused() {
    let refused = |users: &str| {
        let text = format!(
            "version = 1\n[relay]\nhost = \"r.example.com\"\n{}",
            account("\"a@shop.example\"", users)
        );
        let answers = Answers::parse("answers", text.as_bytes()).unwrap();
        let secrets = Secrets { fallbacks: vec![Some(Secret::new("p")).into()], ..Secrets::default() };
        complete(&answers, secrets).unwrap_err().to_string()
    };
    for users in ["\"a b\"", "\"a\", \"\"", "\"-a\"", "\"uid:x\"", "\"a/b\"", "\"a,b\""] {
        let said = refused(users);
        assert!(
            said.contains("line 6, column") && said.contains("is not the name of a local login"),
            "{said}"
        );
    }
}
