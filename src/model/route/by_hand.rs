//! Ways on hosts that people made by hand: aliases, rules, policies and next hops as they are found there.

use super::tests::{World, fault, value, world};
use super::*;
use crate::model::answers::Answers;
use crate::model::answers::complete::complete;

fn notes(way: &Way, hop: &str) -> String {
    way.hop(hop).unwrap().notes.join("\n")
}

fn faults_of(way: &Way) -> Vec<(bool, String, String)> {
    let all = way.hops.iter().flat_map(|hop| &hop.faults);
    all.map(|fault| (fault.stops, fault.text.clone(), fault.remedy.clone())).collect()
}

const ALIASES: &str = "alias_maps = hash:/a\nmydestination = $myhostname, localhost, op5.localdomain\n";

#[test]
fn an_alias_that_forwards_leaves_by_the_relay() {
    let world =
        world(ALIASES, "", "hash:/a root admin\nhash:/a admin ops@example.org\nhash:/a owner-admin boss\n");
    let way = world.way_to("root@localhost");
    assert!(!way.is_blocked(), "{way:#?}");
    assert_eq!(way.seen.recipient, "ops@example.org");
    assert_eq!(way.seen.sender, "owner-admin@op5.localdomain");
    assert_eq!(way.relay.as_ref().unwrap().host, "smtp.example.com");
    let names: Vec<&str> = way.hops.iter().map(|hop| hop.name).take(4).collect();
    assert_eq!(names, ["rewrite", "filter", "alias", "transport"]);
    assert_eq!(value(&way, "alias"), "root@localhost → ops@example.org");
    assert!(
        way.hop("alias")
            .unwrap()
            .places()
            .starts_with("alias_maps, hash:/a, key root; alias_maps, hash:/a, key admin")
    );
}

#[test]
fn what_an_alias_keeps_here_stays_and_a_circle_is_named() {
    for stays in ["root", "/var/mail/alerts", "\"|/bin/false -f 'a, b@c'\"", "\\root", "root@localhost"] {
        let way = world(ALIASES, "", &format!("hash:/a root {stays}\n")).way_to("root@localhost");
        assert!(way.is_blocked() && way.relay.is_none(), "{stays}: {way:#?}");
        assert!(way.hop("transport").unwrap().faults[0].text.contains("stays here"), "{stays}");
    }
    let circle = world(ALIASES, "", "hash:/a root admin\nhash:/a admin root\n").way_to("root@localhost");
    let fault = &circle.hop("alias").unwrap().faults[0];
    assert!(fault.text.contains("circle") && fault.remedy.contains("postalias hash:/a"), "{fault:?}");
    // Of several the one that leaves counts; one through virtual aliases comes back, and ends.
    let several = world(ALIASES, "", "hash:/a root admin, ops@example.org\n").way_to("root@localhost");
    assert!(!several.is_blocked() && notes(&several, "alias").contains("2 addresses"));
    let endless = format!("{ALIASES}virtual_alias_maps = hash:/v\n");
    let way = world(&endless, "", "hash:/a root x@example.org\nhash:/v x@example.org root@localhost\n")
        .way_to("root@localhost");
    assert!(way.is_blocked());
}

#[test]
fn what_local_sends_on_by_other_files_is_followed_too() {
    let files = |text: &str| {
        let mut world = world(&format!("{ALIASES}luser_relay = lost@example.org\n"), "", text);
        let passwd = "root:x:0:0::/root:/bin/sh\nbob:x:1:1:Bob:/home/bob:/bin/sh\n";
        for (path, text) in [
            ("/etc/passwd", passwd),
            ("/home/bob/.forward", "# mine\n\\bob, ops@example.org\n"),
            ("/etc/list", "one@example.org\ntwo@example.org\n"),
        ] {
            world.tables.insert(path.into(), [("text".to_owned(), text.to_owned())].into());
        }
        world
    };
    let to = |to: &str| files("hash:/a list :include:/etc/list\n").way_to(to);
    let forward = to("bob@localhost");
    assert_eq!((forward.is_blocked(), forward.seen.recipient.as_str()), (false, "ops@example.org"));
    assert_eq!(forward.hop("alias").unwrap().places(), "forward_path, file:/home/bob/.forward, key bob");
    assert_eq!(to("list@localhost").seen.recipient, "one@example.org");
    assert_eq!(to("nobody-here@localhost").seen.recipient, "lost@example.org");
    assert!(to("root@localhost").is_blocked());
}

#[test]
fn a_filter_that_is_another_host_is_the_way() {
    let to = "content_filter = smtp:[scan.example.net]:2525\n";
    let way = world(to, "", "hash:/p scan.example.net u:p\n").way();
    assert_eq!(way.relay.as_ref().unwrap().text, "[scan.example.net]:2525");
    assert_eq!(way.hop("transport").unwrap().places(), "content_filter, main.cf line 12");
    let mut rule = world("header_checks = regexp:/h\n", "", "");
    let entry = |action: &str| [("Subject: relayhost test message".to_owned(), action.to_owned())].into();
    rule.tables.insert("regexp:/h".into(), entry("FILTER smtp:[smtp.example.com]:587"));
    assert_eq!(rule.way().relay.unwrap().host, "smtp.example.com");
    rule.tables.insert("regexp:/h".into(), entry("FILTER discard:"));
    assert!(rule.way().is_blocked());
}

#[test]
fn literals_and_virtual_domains_are_this_hosts_as_everywhere() {
    let main = "virtual_alias_domains = alias.example\nvirtual_mailbox_domains = hash:/b\nvirtual_alias_maps = hash:/v\n\
                transport_maps = hash:/t\n";
    let tables =
        "hash:/b box.example x\nhash:/v ops@alias.example ops@example.org\nhash:/t alias.example smtp:[a]\n";
    let world = world(main, "virtual unix - n n - - virtual\n", tables);
    for (to, leaves) in [
        ("root@[127.0.0.1]", false),
        ("a@alias.example", false),
        ("a@box.example", false),
        ("ops@alias.example", true),
        ("a@[192.0.2.7]", true),
        ("a@sub.localhost", true),
    ] {
        assert_eq!(world.way_to(to).relay.is_some(), leaves, "{to}");
    }
}

#[test]
fn rules_that_change_the_way_are_followed() {
    let rule = |action: &str| {
        let mut world = world("header_checks = regexp:/h\nmydestination = localhost\n", "", "");
        let entry = [("Subject: relayhost test message".to_owned(), action.to_owned())].into();
        world.tables.insert("regexp:/h".into(), entry);
        world.way()
    };
    let way = rule("REDIRECT other@example.net");
    assert_eq!((way.seen.recipient.as_str(), way.is_blocked()), ("other@example.net", false));
    let (stops, text, remedy) = faults_of(&way).remove(0);
    assert!(!stops && text.contains("another recipient (header_checks, regexp:/h, key Subject"), "{text}");
    assert!(remedy.contains("out of /h"), "{remedy}");
    assert!(rule("REDIRECT root@localhost").is_blocked());
    assert_eq!(rule("REPLACE From: <other@example.net>").seen.header, "other@example.net");
    for (action, words) in
        [("BCC x@y", "a copy to x@y"), ("REDIRECT nobody", "no effect"), ("FILTER smtp", "no effect")]
    {
        let way = rule(action);
        assert!(notes(&way, "filter").contains(words) && faults_of(&way).is_empty(), "{action}: {way:#?}");
    }
    for harmless in ["PASS", "WARN x", "PREPEND X-A: b", "DUNNO", "info"] {
        assert_eq!(faults_of(&rule(harmless)), [], "{harmless}");
    }
    assert!(rule("Hold").is_blocked() && rule("reject no").is_blocked() && rule("DISCARD").is_blocked());
}

#[test]
fn a_policy_that_smtp_does_not_take_stops_the_message() {
    let way = |policy: &str, more: &str| {
        let main = format!("smtp_tls_policy_maps = hash:/l\n{more}");
        world(&main, "", &format!("hash:/l [smtp.example.com]:587 {policy}\n")).way()
    };
    for (policy, words) in [
        ("may bogus=1", "no attribute `bogus`"),
        ("fingerprint", "wants `match=`"),
        ("dane-only", "smtp_dns_support_level = dnssec"),
        ("encrypt protocols=TLSv9", "`TLSv9` is no protocol"),
        ("may protocols=TLSv9", "`TLSv9` is no protocol"),
        ("may match=x", "takes no attribute `match`"),
        ("encrypt ciphers=strong", "no grade of ciphers"),
    ] {
        let (text, remedy) = fault(&way(policy, ""));
        assert!(text.contains(words) && remedy.contains("hash:/l"), "{policy}: {text} -> {remedy}");
    }
    for (policy, more) in [
        ("fingerprint match=aa:bb", ""),
        ("fingerprint", "smtp_tls_fingerprint_cert_match = aa:bb\n"),
        ("dane-only", "smtp_dns_support_level = dnssec\n"),
        ("dane", ""),
        ("none match=x", ""),
    ] {
        assert!(!way(policy, more).is_blocked(), "{policy}");
    }
    let bad = world("smtp_tls_security_level = tls\n", "", "").way();
    assert!(fault(&bad).0.contains("smtp(8) ends at once"));
}

#[test]
fn another_name_than_the_relays_own_is_not_what_the_answers_say() {
    let answers = "version = 1\n[relay]\nhost = \"smtp.example.com\"\nport = 587\ntls = \"secure\"\n[sender]\nrewrite = { \"root@op5.localdomain\" = \"alerts@example.com\" }\n";
    let desired = complete(&Answers::parse("answers.toml", answers.as_bytes()).unwrap(), None).unwrap();
    let tls = |main: &str, policy: &str| {
        let table = format!("hash:/l [smtp.example.com]:587 {policy}\n");
        let world = world(&format!("smtp_sasl_auth_enable = no\n{main}"), "", &table);
        let all = judge::faults(&world.way(), &desired, &world.host.version);
        all.into_iter().filter(|(hop, _)| *hop == "tls").map(|(_, fault)| fault.text).collect::<Vec<_>>()
    };
    let policy = "smtp_tls_policy_maps = hash:/l\n";
    for other in ["secure match=other.example.net", "secure match=dot-nexthop", "secure match=.net:x"] {
        let found = tls(policy, other);
        assert!(found.len() == 1 && found[0].contains("must have the name of"), "{other}: {found:?}");
    }
    for own in [
        "secure",
        "secure match=nexthop",
        "secure match=other:smtp.example.com",
        "secure match=.example.com",
        "secure match=hostname",
    ] {
        assert_eq!(tls(policy, own), [""; 0], "{own}");
    }
    assert_eq!(tls("smtp_tls_secure_cert_match = other.example.net\n", "").len(), 1);
    assert_eq!(tls("smtp_tls_secure_cert_match = nexthop, dot-nexthop\n", ""), [""; 0]);
}

#[test]
fn an_entry_without_a_password_says_so() {
    for entry in ["alerts@example.com", "alerts@example.com:"] {
        let way = world("", "", &format!("hash:/p [smtp.example.com]:587 {entry}\n")).way();
        let (text, remedy) = fault(&way);
        assert_eq!(value(&way, "login"), "alerts@example.com");
        assert!(text.contains("has no password"), "{text}");
        assert_eq!(
            remedy,
            "write `[smtp.example.com]:587 alerts@example.com:PASSWORD` in /p, and build it (`postmap hash:/p`)"
        );
    }
}

/// As long as a token has not come, relayhost writes an entry without one: nobody is to write a password there.
#[test]
fn an_entry_that_waits_for_its_access_token_says_so() {
    let entry = "hash:/p [smtp.example.com]:587 alerts@example.com:\n";
    for filter in ["xoauth2", "plain, oauthbearer"] {
        let way = world(&format!("smtp_sasl_mechanism_filter = {filter}\n"), "", entry).way();
        let (text, remedy) = fault(&way);
        assert!(text.contains("has no access token yet"), "{text}");
        assert!(remedy.starts_with("`relayhost token`"), "{remedy}");
    }
}

#[test]
fn a_source_that_was_not_built_is_named_at_its_hop() {
    let World { host, tables, .. } = world("transport_maps = hash:/t\n", "", "hash:/t x y\n");
    let mut table = |table: &str, keys: &[String]| -> tables::Answer {
        let of = |key: &String| Some((key.clone(), tables.get(table)?.get(key)?.clone()));
        Ok(keys.iter().filter_map(of).collect())
    };
    let mut source = |table: &str, key: &str, found: Option<&str>| match (table, key) {
        ("hash:/p", "[smtp.example.com]:587") => Ok(Some((3, "u:new".to_owned()))),
        ("hash:/t", "example.org") => Ok(Some((9, "smtp:[other]".to_owned()))),
        _ => Ok(found.map(|value| (1, value.to_owned()))),
    };
    let mut ask = Ask {
        table: &mut table,
        listens: &mut |_| None,
        source: &mut source,
        text: &mut |_, _| None,
        unbuilt: Vec::new(),
    };
    let way = route(&host, "root", "ops@example.org", &mut ask);
    for (hop, path, line) in [("login", "/p", 3), ("transport", "/t", 9)] {
        let [fault] = way.hop(hop).unwrap().faults.as_slice() else { panic!("{way:#?}") };
        assert!(
            !fault.stops && fault.text.contains(&format!("{path} line {line} has another entry")),
            "{fault:?}"
        );
        assert_eq!(fault.remedy, ["`postmap hash:", path, "`"].concat());
    }
    assert!(!format!("{way:?}").contains("u:new"));
}

#[test]
fn values_of_master_cf_are_expanded_as_postfix_does() {
    let options = "to unix - - n - - smtp -o smtp_tls_security_level=${level?{encrypt}:{none}} -o smtp_sasl_auth_enable=${login:no} \
                   -o smtp_bind_address=${nothing?192.0.2.1}\n";
    let way = world("default_transport = to\nlevel = x\n", options, "").way();
    assert_eq!((value(&way, "tls"), value(&way, "login"), value(&way, "address")), ("encrypt", "—", "all"));
    let way = world("default_transport = to\nlogin = yes\n", options, "").way();
    assert_eq!(value(&way, "tls"), "none");
}

#[test]
fn parent_domains_are_matched_as_the_style_says() {
    let to = |main: &str, tables: &str| {
        value(&world(main, "", tables).way_to("a@m.example.org"), "transport").to_owned()
    };
    let maps = "transport_maps = hash:/t\n";
    assert_eq!(to(maps, "hash:/t .example.org smtp:[a]\n"), "smtp → [a]");
    assert_eq!(to(maps, "hash:/t example.org smtp:[a]\n"), "smtp → [smtp.example.com]:587");
    let style = "parent_domain_matches_subdomains = transport_maps\n";
    assert_eq!(to(&format!("{maps}{style}"), "hash:/t example.org smtp:[a]\n"), "smtp → [a]");
    assert_eq!(to("relay_domains = example.org\n", ""), "relay → [smtp.example.com]:587");
    assert_eq!(to(&format!("relay_domains = example.org\n{style}"), ""), "smtp → [smtp.example.com]:587");
    assert_eq!(to("relay_domains = hash:/r\n", "hash:/r example.org x\n"), "relay → [smtp.example.com]:587");
    let fallback = world("smtp_fallback_relay = [b]\n", "", "").way();
    assert!(notes(&fallback, "transport").contains("tries [b] next (smtp_fallback_relay"));
    assert_eq!(value(&fallback, "transport"), "smtp → [smtp.example.com]:587, then [b]");
    assert_eq!(fallback.fallback.as_ref().map(|value| value.text.as_str()), Some("[b]"));
    let mut wanted = world("smtp_fallback_relay = [b]\n", "", "");
    wanted.host.to_come.insert("smtp_fallback_relay");
    assert!(notes(&wanted.way(), "transport").contains("(smtp_fallback_relay, by the answers; not in force"));
    let relay = "relay unix - - n - - smtp\n -o smtp_fallback_relay=\n";
    let main = "smtp_fallback_relay = [b]\nrelay_domains = example.org\n";
    assert!(world(main, relay, "").way_to("a@example.org").fallback.is_none(), "relay/unix has none");
}

#[test]
fn the_null_sender_and_a_stopped_postfix_are_said() {
    let mut way = world("", "", "").way();
    way.stopped();
    assert!(fault(&way).0.contains("not running") && way.is_blocked());
    assert_eq!((shown(""), shown("a@b")), ("<>", "a@b"));
}

#[test]
fn a_next_hop_or_a_service_that_is_not_there_is_named_with_what_mends_it() {
    let table = "transport_maps = hash:/t\n";
    for (main, tables, words, mends) in [
        (
            "relayhost = [smtp.example.com:587]\n",
            "",
            "inside the brackets",
            "postconf -e 'relayhost=[smtp.example.com]:587'",
        ),
        (
            "relayhost = smtps://smtp.example.com\n",
            "",
            "cannot read",
            "postconf -e 'relayhost=[smtp.example.com]:465'",
        ),
        (
            "relayhost = \"[smtp.example.com]:587\"\n",
            "",
            "cannot read",
            "postconf -e 'relayhost=[smtp.example.com]:587'",
        ),
        (
            "mail_version = 2.10.1\nrelayhost = [a]:25, [b]:25\n",
            "",
            "cannot read",
            "postconf -e 'relayhost=[a]:25'",
        ),
        (
            table,
            "hash:/t example.org smtp:[a:587]\n",
            "cannot read",
            "write [a]:587 there; or take the entry",
        ),
        ("default_transport = lmtp\n", "", "no service lmtp/unix", "postconf -M 'lmtp/unix=lmtp unix"),
        (
            table,
            "hash:/t example.org nosuch:[smtp.example.com]:587\n",
            "no service nosuch/unix",
            "take the entry `example.org` out of /t",
        ),
    ] {
        let (text, remedy) = fault(&world(main, "", tables).way());
        assert!(text.contains(words) && remedy.contains(mends), "{main}: {text} -> {remedy}");
    }
}

#[test]
fn an_argument_that_a_service_cannot_read_stops_the_way() {
    let old = "mail_version = 2.10.1\n";
    for (main, service, options, words, mends) in [
        (
            "",
            "smtp",
            "-o smtp_tls_security_level = none",
            "`-o smtp_tls_security_level`",
            "`-o smtp_tls_security_level=none` in line 2",
        ),
        (
            "",
            "smtp",
            "-o smtp_bind_address= 192.0.2.1",
            "`192.0.2.1`",
            "`-o smtp_bind_address=192.0.2.1` in line 2",
        ),
        ("", "smtp", "-o smtp_helo_name", "`-o smtp_helo_name`", "`-o NAME=VALUE`"),
        ("", "smtp", "-v -o", "`-o` (line 2", "take it out of line 2"),
        ("", "smtp", "-o a = b, c", "`-o a`", "`-o { a = b, c }` in line 2"),
        (old, "smtp", "-o a = b, c", "`-o a`", "`-o a=b,c` in line 2"),
        (old, "smtp", "-o { a = b }", "from 3.0", "`-o a=b` in line 2"),
        ("", "cleanup", "-o a", "cleanup(8) of the service cleanup/unix", "`-o NAME=VALUE`"),
    ] {
        let way = world(main, &format!("{service} unix - - n - - {service}\n  {options}\n"), "").way();
        let (text, remedy) = fault(&way);
        assert!(
            way.is_blocked() && text.contains(words) && remedy.contains(mends),
            "{options}: {text} -> {remedy}"
        );
    }
    for (main, options) in [("", "-o { a = b }"), ("", "-v -o a=b"), (old, "-vo a=b")] {
        let way = world(main, &format!("smtp unix - - n - - smtp\n  {options}\n"), "").way();
        assert!(!way.is_blocked(), "{options}: {way:#?}");
    }
}

/// smtp(8) has the rules look at From as the message has it, and generic(5) at what they make of it (smtp_proto.c).
#[test]
fn a_rule_for_from_sees_it_before_generic_rewrites_it() {
    let of = |rule: &str, made: &str| {
        let mut world =
            world("smtp_header_checks = regexp:/h\n", "", "hash:/g b@op5.localdomain c@example.com\n");
        world.tables.insert("regexp:/h".into(), [(rule.to_owned(), made.to_owned())].into());
        world.way().seen
    };
    let seen = of("From: root@op5.localdomain", "REPLACE From: b@op5.localdomain");
    assert_eq!((seen.sender.as_str(), seen.header.as_str()), ("alerts@example.com", "c@example.com"));
    assert_eq!(of("From: alerts@example.com", "REPLACE From: x@example.com").header, "alerts@example.com");
}
