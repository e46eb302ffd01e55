//! Ways of messages on hosts that are described by their files and tables.

use std::collections::BTreeMap;

use super::host::Host;
use super::nexthop::Socket;
use super::tables::{Answer, Ask, Unasked, why_unasked};
use super::*;
use crate::model::answers::Answers;
use crate::model::answers::complete::complete;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::settings::routed;

const MASTER: &str = "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nrewrite unix - - n - - trivial-rewrite\n\
                      qmgr unix n - n 300 1 qmgr\nsmtp unix - - n - - smtp\nrelay unix - - n - - smtp\nerror unix - - n - - error\n\
                      discard unix - - n - - discard\nlocal unix - n n - - local\ntlsmgr unix - - n 1000? 1 tlsmgr\n";
const MAIN: &str = "myorigin = op5.localdomain\nmyhostname = op5.localdomain\nmydestination = localhost\nmail_version = 3.5.25\n\
                    relayhost = [smtp.example.com]:587\nsmtp_tls_security_level = secure\nsmtp_tls_CAfile = /ca\n\
                    compatibility_level = 2\nsmtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/p\nsmtp_generic_maps = hash:/g\n";

/// A host by what is added to main.cf, to master.cf, and by its tables: `table key value`, one a line.
pub struct World {
    pub host: Host,
    pub tables: BTreeMap<String, BTreeMap<String, String>>,
    listening: bool,
}

pub fn world(main: &str, master: &str, tables: &str) -> World {
    let main = MainCf::new(format!("{MAIN}{main}").into_bytes());
    let is_asked = |name: &str| routed().contains(&name);
    let settings =
        main.all().into_iter().filter(|one| is_asked(&one.name)).map(|one| (one.name, one.value)).collect();
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let own = "hash:/p [smtp.example.com]:587 u:p\nhash:/g root@op5.localdomain alerts@example.com\n";
    for line in own.lines().chain(tables.lines()) {
        let mut words = line.splitn(3, ' ');
        let mut next = || words.next().unwrap_or_default().to_owned();
        let (table, key, value) = (next(), next(), next());
        all.entry(table).or_default().insert(key, value);
    }
    let host = Host::new(settings, &main, format!("{master}{MASTER}").as_bytes());
    World { host: Host { jail_resolves: Some(false), ..host }, tables: all, listening: false }
}

impl World {
    pub fn way_to(&self, to: &str) -> Way {
        let mut table = |table: &str, keys: &[String]| -> Answer {
            let Some(found) = self.tables.get(table) else {
                let why = if why_unasked(table).is_none() { Unasked::Broken } else { Unasked::Unknown };
                return Err(why("no such table".into()));
            };
            let of = |key: &String| Some((key.clone(), found.get(key)?.clone()));
            Ok(keys.iter().filter_map(of).collect())
        };
        let mut listens = |_: &Socket| Some(self.listening);
        route(
            &self.host,
            "root",
            to,
            &mut Ask {
                table: &mut table,
                listens: &mut listens,
                source: &mut |_, _, _| Err(()),
                text: &mut |path, _| self.tables.get(path)?.get("text").cloned(),
                unbuilt: Vec::new(),
            },
        )
    }

    pub fn way(&self) -> Way {
        self.way_to("ops@example.org")
    }
}

pub fn value<'a>(way: &'a Way, hop: &str) -> &'a str {
    &way.hop(hop).unwrap().value
}

/// The only fault of the way, which stops the message: its text and its remedy.
pub fn fault(way: &Way) -> (String, String) {
    let all: Vec<&Fault> = way.hops.iter().flat_map(|hop| &hop.faults).collect();
    let [fault] = all.as_slice() else { panic!("{all:?}") };
    assert!(fault.stops, "{fault:?}");
    (fault.text.clone(), fault.remedy.clone())
}

#[test]
fn a_recipient_that_stays_here_is_blamed_on_what_made_it() {
    let world = world("virtual_alias_maps = hash:/v\n", "", "hash:/v ops@example.org root@localhost\n");
    let way = world.way();
    let fault = &way.hop("transport").unwrap().faults[0];
    assert!(fault.text.contains("virtual_alias_maps, hash:/v, key ops@example.org"), "{}", fault.text);
    assert!(fault.remedy.contains("out of /v"), "{}", fault.remedy);
}

#[test]
fn a_plain_host() {
    let way = world("", "", "").way();
    let all: Vec<_> = way.hops.iter().map(|hop| (hop.name, hop.value.as_str())).collect();
    assert_eq!(
        all,
        [
            ("rewrite", "—"),
            ("filter", "—"),
            ("transport", "smtp → [smtp.example.com]:587"),
            ("service", "smtp/unix, no options"),
            ("address", "all"),
            ("tls", "secure"),
            ("login", "u"),
            ("sender", "alerts@example.com"),
        ]
    );
    assert_eq!(way.hop("transport").unwrap().places(), "relayhost, main.cf line 5");
    assert_eq!(way.hop("service").unwrap().places(), "master.cf line 5");
    assert_eq!(way.hop("login").unwrap().places(), "hash:/p, key [smtp.example.com]:587");
    assert_eq!(way.login.as_ref().unwrap().password.expose(), "p");
    assert!(!way.is_blocked());
}

#[test]
fn the_bare_name_counts_before_the_next_hop_and_the_sender_before_both() {
    let bare = "hash:/p smtp.example.com old:x\n";
    assert_eq!(value(&world("", "", bare).way(), "login"), "old");
    let by_sender = format!("{bare}hash:/p root@op5.localdomain mine:y\n");
    let on = "smtp_sender_dependent_authentication = yes\n";
    assert_eq!(value(&world("", "", &by_sender).way(), "login"), "old");
    assert_eq!(value(&world(on, "", &by_sender).way(), "login"), "mine");
}

#[test]
fn an_option_of_master_cf_counts_before_main_cf_for_its_service_alone() {
    let options =
        "to unix - - n - - smtp\n -o smtp_tls_security_level=none\n -o smtp_sasl_auth_enable=no -o x=y\n";
    let way = world("default_transport = to\n", options, "").way();
    assert_eq!((value(&way, "tls"), value(&way, "login")), ("none", "—"));
    assert_eq!(way.hop("tls").unwrap().places(), "-o smtp_tls_security_level, master.cf line 2");
    assert_eq!(
        way.tls.at.undo(&world("", "", "").host.version),
        "`postconf -PX to/unix/smtp_tls_security_level`, then `postfix reload`"
    );
    assert_eq!(value(&world("", options, "").way(), "tls"), "secure");
    // A name in it is looked up in main.cf.
    let named = "to unix - - n - - smtp -o smtp_tls_security_level=$mine\n";
    let way = world("default_transport = to\nmine = ${other}\nother = may\n", named, "").way();
    assert_eq!(value(&way, "tls"), "may");
    // `relayhost` is not smtp(8)'s: trivial-rewrite(8) reads it.
    let way = world("", "x unix - - n - - smtp -o relayhost=[other]\n", "").way();
    assert_eq!(way.relay.unwrap().host, "smtp.example.com");
}

#[test]
fn the_transport_is_chosen_as_trivial_rewrite_does() {
    let to = |main: &str, tables: &str| value(&world(main, "", tables).way(), "transport").to_owned();
    assert_eq!(to("relay_transport = error\n", ""), "smtp → [smtp.example.com]:587");
    assert_eq!(to("relay_domains = example.org\n", ""), "relay → [smtp.example.com]:587");
    let maps = "transport_maps = hash:/t\n";
    assert_eq!(to(maps, "hash:/t example.org smtp:\n"), "smtp → example.org");
    assert_eq!(to(maps, "hash:/t example.org smtp:[a]:26\nhash:/t * error:\n"), "smtp → [a]:26");
    assert_eq!(to(maps, "hash:/t * :[b]\n"), "smtp → [b]");
    assert_eq!(to(maps, "hash:/t example.org :\nhash:/t * error:\n"), "smtp → [smtp.example.com]:587");
    let by_sender = "sender_dependent_relayhost_maps = hash:/s\n";
    assert_eq!(to(by_sender, "hash:/s @op5.localdomain [c]\n"), "smtp → [c]");
    assert_eq!(to(by_sender, "hash:/s @op5.localdomain DUNNO\n"), "smtp → [smtp.example.com]:587");
    let default = "sender_dependent_default_transport_maps = hash:/d\n";
    assert_eq!(to(default, "hash:/d root@op5.localdomain relay:[d]\n"), "relay → [d]");
    assert_eq!(to("default_transport = smtp:[e]\n", ""), "smtp → [e]");
}

#[test]
fn what_stops_a_message_is_named_with_its_place() {
    for (main, master, tables, text, remedy) in [
        ("default_transport = error\n", "", "", "the transport error", "postconf -X default_transport"),
        (
            "transport_maps = hash:/t\n",
            "",
            "hash:/t * discard:\n",
            "throws every message away",
            "take the entry `*`",
        ),
        ("defer_transports = smtp\n", "", "", "qmgr(8) keeps", "postconf -X defer_transports"),
        (
            "mydestination = localhost\nmydestination = example.org\n",
            "",
            "",
            "stays here",
            "take the domain out",
        ),
        ("default_transport = gone\n", "", "", "no service gone/unix", "postconf -X default_transport"),
        (
            "content_filter = smtp:[127.0.0.1]:10025\nsmtp_tls_security_level = may\n",
            "",
            "",
            "nothing listens",
            "start the filter",
        ),
        (
            "non_smtpd_milters = inet:localhost:1\n",
            "",
            "",
            "does not answer",
            "postconf -X non_smtpd_milters",
        ),
        (
            "header_checks = regexp:/h\n",
            "",
            "regexp:/h Subject:§relayhost§test§message HOLD\n",
            "holds",
            "take the line",
        ),
        (
            "canonical_maps = hash:/c\n",
            "",
            "hash:/c root@op5.localdomain a@b.c\nhash:/c a@b.c root@op5.localdomain\n",
            "circle",
            "take the entry",
        ),
        ("transport_maps = hash:/gone\n", "", "", "could not be asked", "build it (`postmap hash:/gone`)"),
        (
            "default_transport = jail\n",
            "jail unix - - y - - smtp\n",
            "",
            "chroot",
            "postconf -F jail/unix/chroot=n",
        ),
        ("smtp_tls_wrappermode = yes\nsmtp_tls_security_level = may\n", "", "", "first byte", "postconf"),
        (
            "smtp_tls_policy_maps = hash:/l\n",
            "",
            "hash:/l [smtp.example.com]:587 sekure\n",
            "no level of TLS",
            "out of /l",
        ),
    ] {
        let mut world = world(main, master, tables);
        // A key with spaces.
        world.tables.values_mut().for_each(|table| {
            *table = table.iter().map(|(key, value)| (key.replace('§', " "), value.clone())).collect();
        });
        let way = world.way();
        let (said, does) = fault(&way);
        assert!(said.contains(text) && does.contains(remedy), "{main}: {said} -> {does}");
        assert!(way.is_blocked());
    }
}

#[test]
fn a_filter_of_this_host_that_would_be_asked_for_tls_is_seen() {
    let filter = "content_filter = smtp:[127.0.0.1]:10025\n";
    let up = World { listening: true, ..world(filter, "", "") };
    let (text, remedy) = fault(&up.way());
    assert!(
        text.contains("TLS is a must") && remedy.contains("content_filter=filter:[127.0.0.1]:10025"),
        "{text} {remedy}"
    );
    let own = "filter unix - - n - - smtp -o smtp_tls_security_level=none\n";
    let up = World { listening: true, ..world("content_filter = filter:[127.0.0.1]:10025\n", own, "") };
    assert!(!up.way().is_blocked());
}

#[test]
fn the_level_of_tls_is_the_one_for_the_next_hop() {
    let level = |main: &str, tables: &str| world(main, "", tables).way().tls.word;
    let policy = "smtp_tls_policy_maps = hash:/l\n";
    assert_eq!(level(policy, "hash:/l [smtp.example.com]:587 may match=x\n"), "may");
    assert_eq!(level(policy, "hash:/l smtp.example.com may\n"), "secure");
    let sites = "smtp_tls_per_site = hash:/s\n";
    assert_eq!(level(sites, "hash:/s [smtp.example.com]:587 NONE\nhash:/s smtp.example.com MAY\n"), "may");
    assert_eq!(level(sites, "hash:/s smtp.example.com MUST_NOPEERMATCH\n"), "encrypt");
    assert_eq!(level("smtp_tls_security_level =\nsmtp_use_tls = yes\n", ""), "may");
    assert_eq!(level("smtp_tls_security_level =\nsmtp_enforce_tls = yes\n", ""), "verify");
}

#[test]
fn addresses_are_rewritten_in_postfixs_order() {
    let seen = |main: &str, tables: &str| world(main, "", tables).way().seen;
    let canonical = "sender_canonical_maps = hash:/c\n";
    let entry = "hash:/c root boss@example.net\n";
    let both = seen(canonical, entry);
    assert_eq!((both.sender.as_str(), both.header.as_str()), ("boss@example.net", "boss@example.net"));
    let envelope = seen(&format!("{canonical}sender_canonical_classes = envelope_sender\n"), entry);
    assert_eq!(
        (envelope.sender.as_str(), envelope.header.as_str()),
        ("boss@example.net", "alerts@example.com")
    );
    // masquerade_classes has the envelope sender by default, and generic(5) sees what masquerading left.
    let masqueraded = seen("masquerade_domains = localdomain\n", "hash:/g @localdomain @example.com\n");
    assert_eq!(masqueraded.sender, "root@example.com");
    let off = seen(&format!("{canonical}receive_override_options = no_address_mappings\n"), entry);
    assert_eq!(off.sender, "alerts@example.com");
    let alias = "virtual_alias_maps = hash:/v\n";
    assert_eq!(seen(alias, "hash:/v ops@example.org a@b.c, d@e.f\n").recipient, "a@b.c");
}

#[test]
fn a_table_of_a_server_is_unknown_and_no_fault() {
    let way = world("transport_maps = ldap:/etc/postfix/l\n", "", "").way();
    assert!(!way.is_blocked());
    assert!(way.hop("transport").unwrap().notes[0].contains("ldap:/etc/postfix/l"), "{way:?}");
}

#[test]
fn the_answers_say_what_a_way_should_be() {
    let answers = "version = 1\n[relay]\nhost = \"smtp.example.com\"\nport = 587\ntls = \"secure\"\n[auth]\nmechanism = \"plain\"\n\
                   username = \"u\"\n[sender]\nrewrite = { \"root@op5.localdomain\" = \"alerts@example.com\" }\n";
    let answers = Answers::parse("answers.toml", answers.as_bytes()).unwrap();
    let desired = complete(&answers, Some(Secret::new("p"))).unwrap();
    let of = |main: &str, tables: &str| {
        let world = world(main, "", tables);
        let mut way = world.way();
        way.from = "root@op5.localdomain".into();
        let all = judge::deviations(&way, &desired, &world.host.version);
        all.into_iter().map(|(hop, fault)| (hop, fault.stops, fault.remedy)).collect::<Vec<_>>()
    };
    assert_eq!(of("", ""), []);
    let names = |main: &str, tables: &str| {
        of(main, tables).into_iter().map(|(hop, stops, _)| (hop, stops)).collect::<Vec<_>>()
    };
    assert_eq!(names("default_transport = smtp:[other]\n", ""), [("transport", true)]);
    assert_eq!(names("", "hash:/p smtp.example.com u:old\n"), [("login", true)]);
    assert_eq!(names("", "hash:/p smtp.example.com u:p\n"), []);
    for (entry, words) in [
        (
            "smtp.example.com old:x",
            "as old, and the answers say u: this entry counts before that of [smtp.example.com]:587",
        ),
        ("smtp.example.com u:x", "as u with another password than the answers say: this entry counts before"),
        (
            "[smtp.example.com]:587 u:x",
            "as u with another password than the answers say: the entry of [smtp.example.com]:587 was edited",
        ),
        ("[smtp.example.com]:587 old:x", "as old, and the answers say u: the entry of"),
    ] {
        let world = world("", "", &format!("hash:/p {entry}\n"));
        let all = judge::deviations(&world.way(), &desired, &world.host.version);
        let login: Vec<_> = all.iter().filter(|(hop, _)| *hop == "login").collect();
        assert!(login.len() == 1 && login[0].1.text.contains(words), "{entry}: {login:?}");
    }
    let policy = "smtp_tls_policy_maps = hash:/l\n";
    assert_eq!(names(policy, "hash:/l [smtp.example.com]:587 may\n"), [("tls", true)]);
    assert_eq!(names("smtp_sasl_auth_enable = no\n", ""), [("login", true)]);
    let canonical = "sender_canonical_maps = hash:/c\n";
    let found = of(canonical, "hash:/c root@op5.localdomain x@y.z\n");
    assert_eq!(
        found,
        [(
            "sender",
            true,
            "take the entry `root@op5.localdomain` out of /c, then `postmap hash:/c`".to_owned()
        )]
    );
    let header = format!("{canonical}sender_canonical_classes = header_sender\n");
    assert_eq!(names(&header, "hash:/c root@op5.localdomain x@y.z\n"), [("sender", false)]);
}

#[test]
fn strange_addresses_have_a_way_too() {
    for to in ["", "@", "a@", "\"a b\"@example.org", "a@b@c", "ü@example.org", "x@[192.0.2.1]"] {
        let way = world("transport_maps = hash:/t\n", "", "hash:/t x error:\n").way_to(to);
        assert!(way.hop("transport").is_some(), "{to}");
    }
}

#[test]
fn an_offer_of_the_relay_that_smtp_passes_over_is_named() {
    for (main, hops) in [
        ("smtp_never_send_ehlo = yes\n", &["tls", "login"][..]),
        ("smtp_discard_ehlo_keywords = dsn, STARTTLS\n", &["tls"]),
        ("smtp_discard_ehlo_keywords = auth\n", &["login"]),
        ("smtp_discard_ehlo_keywords = dsn, 8bitmime\n", &[]),
        ("smtp_discard_ehlo_keyword_address_maps = hash:/d\nsmtp_discard_ehlo_keywords = auth\n", &[]),
    ] {
        let way = world(
            &format!("smtp_tls_security_level = encrypt\n{main}"),
            "",
            "hash:/p [smtp.example.com]:587 u:p\n",
        )
        .way();
        let found: Vec<_> =
            way.hops.iter().filter(|hop| !hop.faults.is_empty()).map(|hop| hop.name).collect();
        assert_eq!(found, hops, "{main}: {way:#?}");
        for fault in way.hops.iter().flat_map(|hop| &hop.faults) {
            assert!(fault.remedy.starts_with("`postconf -X smtp_"), "{fault:?}");
        }
        let decided = judge::decisions(&way, &crate::model::observed::Version("3.7.0".into()));
        assert_eq!(
            decided.iter().any(|(name, _)| *name == "login.offer"),
            main.contains("address_maps"),
            "{main}"
        );
    }
}
