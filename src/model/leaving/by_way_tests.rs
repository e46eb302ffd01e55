use super::super::alerts::Alerts;
use super::super::record::{Record, Source};
use super::super::relay::Relay;
use super::super::tally::Tallies;
use super::super::ways::ways;
use super::super::{InQueue, Leaving, Limits};
use crate::model::answers::Answers;
use crate::model::answers::complete::{Secrets, complete};
use crate::model::desired::Desired;
use crate::model::inspection::queue::{Recipient, Waiting};
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::plan::{Finding, Remedy};
use crate::model::postfix::own_names::OwnNames;
use crate::model::secret::Secret;
use crate::model::state::last_probes::RefusedProbe;

/// 2026-11-24T08:00:00Z
const NOW: Seconds = 1_795_507_200;
const REFUSED: &str =
    "SASL authentication failed; server r.test[192.0.2.1] said: 535 5.7.8 Error: authentication failed";

/// Two accounts at the relay, a route, and a fallback relay.
fn desired(more: &str) -> Desired {
    let text = format!(
        "version = 1\n[relay]\nhost = \"r.test\"\nport = 587\ntls = \"encrypt\"\n[[relay.fallback]]\nhost = \"b.test\"\ntls = \"encrypt\"\n\
         [sender]\n[[routes]]\nto = [\"corp.test\"]\nvia = \"hub.test\"\n[[senders]]\nfrom = [\"a@x.test\"]\n\
         [[senders]]\nfrom = [\"@lists.test\"]\n{more}[verify]\nto = \"ops@example.net\"\n"
    );
    let answers = Answers::parse("answers.toml", text.as_bytes()).unwrap();
    let secret = |has_login: bool| has_login.then(|| Secret::new("p")).into();
    let logins = answers.tables.senders.iter().map(|one| one.get_ref().auth.username.is_some());
    let fallbacks = std::iter::once(false).chain(logins).map(secret).collect();
    complete(&answers, Secrets { fallbacks, ..Secrets::default() }).unwrap()
}

fn line(number: u32, from: &str, to: &str, relay: &str, status: &str, said: &str) -> String {
    let said = if said.is_empty() { "250 Ok" } else { said };
    format!(
        "Nov 24 07:00:00 h postfix/qmgr[1]: AAAA{number}: from=<{from}>, size=1, nrcpt=1 (queue active)\n\
         Nov 24 07:00:00 h postfix/smtp[1]: AAAA{number}: to=<{to}>, relay={relay}, delay=1, delays=0/0/0/1, dsn=2.0.0, status={status} ({said})\n"
    )
}

/// What is known after this log, with these messages waiting: sender, recipient, reason.
fn looked(desired: &Desired, log: &str, waiting: &[(&str, &str, &str)], is_certain: bool) -> Leaving {
    looked_since(desired, None, log, waiting, is_certain)
}

/// The same, of a configuration that is in force from this time on.
fn looked_since(
    desired: &Desired,
    begun: Option<Seconds>,
    log: &str,
    waiting: &[(&str, &str, &str)],
    is_certain: bool,
) -> Leaving {
    let (relay, calendar) = (Relay::of(desired), Calendar::utc(NOW));
    let alerts = Alerts::new(desired, "h.test", OwnNames::default());
    let names = ["h".to_owned()];
    let source = Source {
        relay: &relay,
        names: &names,
        calendar: &calendar,
        now: NOW,
        certain: is_certain,
        alerts: &alerts,
    };
    let mut record = Record { looked: NOW, begun, ..Record::default() };
    record.counted.begin(Some(NOW - 7200));
    record.fold(log.as_bytes(), &source);
    let mut queue = InQueue::new(None);
    queue.begun = begun;
    for (number, (sender, to, reason)) in waiting.iter().enumerate() {
        let recipients = vec![Recipient { address: (*to).into(), reason: (*reason).into() }];
        let (queue_id, sender) = (format!("BBBB{number}"), (*sender).to_owned());
        let one = Waiting { queue_id, sender, arrived: Some(NOW - 7000), held: false, recipients };
        queue.add(&one, &relay, &alerts, |_| false);
    }
    let leaving = Leaving::new(&relay, &record, queue, None, Limits::default(), Vec::new(), true);
    leaving.by_ways(desired, &alerts.ways, &record, is_certain)
}

fn found(leaving: &Leaving, id: &str) -> Vec<Finding> {
    let all = leaving.findings(&Calendar::utc(NOW));
    all.into_iter().filter(|finding| finding.id == id).collect()
}

#[test]
fn each_way_is_counted_by_its_own_messages() {
    let (relay, second, hub) = ("r.test[192.0.2.1]:587", "b.test[192.0.2.2]:25", "hub.test[192.0.2.3]:25");
    let log = [
        line(1, "root@h.test", "o@example.net", relay, "sent", ""),
        line(2, "A@x.test", "o@example.net", relay, "sent", ""),
        line(3, "a@x.test", "o@example.net", relay, "sent", ""),
        line(3, "a@x.test", "p@example.net", relay, "sent", ""),
        line(4, "any@lists.test", "o@example.net", relay, "sent", ""),
        line(5, "a@x.test", "o@corp.test", hub, "sent", ""),
        line(6, "root@h.test", "o@example.net", second, "sent", ""),
    ];
    let leaving = looked(&desired(""), &log.concat(), &[], true);
    let counts: Vec<_> =
        leaving.ways.iter().map(|told| (told.way.table.as_str(), told.tally.taken)).collect();
    assert_eq!(
        counts,
        [
            ("[relay]", 1),
            ("[[senders]] of a@x.test", 2),
            ("[[senders]] of @lists.test", 1),
            ("[[routes]] of corp.test", 1),
            ("[[relay.fallback]] number 1", 1)
        ]
    );
    let said = &found(&leaving, "mail.ways")[0].found;
    assert!(said.starts_with("in 2 h, [r.test]:587 took 1 message, the last 60 min ago; "), "{said}");
    assert!(said.contains("[[senders]] of a@x.test: 2, the last 60 min ago; "), "{said}");
    assert!(said.ends_with("; [b.test]:25: 1, the last 60 min ago"), "{said}");
}

#[test]
fn a_refused_account_is_named_with_its_own_table_until_it_takes_a_message() {
    let desired = desired("");
    let refused = line(1, "a@x.test", "o@example.net", "r.test[192.0.2.1]:587", "deferred", REFUSED);
    let leaving = looked(&desired, &refused, &[], true);
    assert_eq!(leaving.amiss(), ["mail.account"]);
    let one = &found(&leaving, "mail.account")[0];
    assert!(one.found.starts_with("mail of a@x.test does not leave through [r.test]:0587: "), "{one:?}");
    assert!(one.remedy.as_ref().map(Remedy::text).unwrap().contains("[[senders]] of a@x.test"), "{one:?}");
    let taken = line(2, "a@x.test", "o@example.net", "r.test[192.0.2.1]:587", "sent", "");
    assert!(looked(&desired, &(refused.clone() + &taken), &[], true).amiss().is_empty());
    // In a file that line can be anybody's, and what waits cannot.
    let waits = [("a@x.test", "o@example.net", REFUSED)];
    let file = looked(&desired, &(refused.clone() + &taken), &waits, false);
    assert!(file.amiss().contains(&"mail.account"), "{file:?}");
    let journal = looked(&desired, &(refused + &taken), &waits, true);
    assert!(!journal.amiss().contains(&"mail.account"), "{journal:?}");
    let unlogged = looked(&desired, "", &waits, true);
    let remedy =
        |leaving: &Leaving| found(leaving, "mail.account")[0].remedy.as_ref().map(|one| one.text().clone());
    assert!(remedy(&unlogged).unwrap().contains("`relayhost verify --all` and `postqueue -f` clear this"));
    assert!(unlogged.amiss().contains(&"mail.account"), "{unlogged:?}");
}

#[test]
fn what_is_said_of_one_recipient_or_of_anybodys_sender_stops_no_way() {
    let relay = "r.test[192.0.2.1]:587";
    let unknown = "host r.test[192.0.2.1] said: 550 5.1.1 <o@example.net>: Recipient address rejected: User unknown (in reply to RCPT TO command)";
    let sender = "host r.test[192.0.2.1] said: 553 5.7.1 <x@y>: Sender address rejected: not owned by user u (in reply to MAIL FROM command)";
    for (from, said, amiss) in [
        ("a@x.test", unknown, &[][..]),
        ("any@lists.test", sender, &[]),
        ("a@x.test", sender, &["mail.account"]),
    ] {
        let log = line(1, from, "o@example.net", relay, "bounced", said);
        assert_eq!(looked(&desired(""), &log, &[], true).amiss(), amiss, "{from} {said}");
    }
    let down = "connect to hub.test[192.0.2.3]:25: Connection refused";
    let route =
        looked(&desired(""), &line(1, "root@h.test", "o@corp.test", "none", "deferred", down), &[], true);
    assert_eq!(route.amiss(), ["mail.route"]);
    // Anybody can write to a name below such a domain that is not there.
    let many = desired("[[routes]]\nto = [\".lab.test\"]\nvia = \"direct\"\n");
    let nowhere = "connect to dead.lab.test[192.0.2.3]:25: No route to host";
    let log = line(1, "root@h.test", "o@dead.lab.test", "none", "deferred", nowhere);
    assert_eq!(looked(&many, &log, &[], true).amiss(), [""; 0]);
    // By a server too, which does not take mail to that name; that it is not there is told all the same.
    let many = desired("[[routes]]\nto = [\".lab.test\"]\nvia = \"hub.test\"\n");
    let denied = "host hub.test[192.0.2.3] said: 554 5.7.1 <o@dead.lab.test>: Relay access denied (in reply to RCPT TO command)";
    for (said, amiss) in [(denied, &[][..]), (down, &["mail.route"])] {
        let log = line(1, "root@h.test", "o@dead.lab.test", "hub.test[192.0.2.3]:25", "bounced", said);
        assert_eq!(looked(&many, &log, &[], true).amiss(), amiss, "{said}");
    }
}

/// A route has mail to its own domain alone, and an account without a login is known by its host: each recipient meets the same.
#[test]
fn a_server_that_relays_for_nobody_stops_a_route_and_an_account_without_a_login() {
    let denied = |host: &str, to: &str| {
        format!(
            "host {host}[192.0.2.3] said: 554 5.7.1 <{to}>: Relay access denied (in reply to RCPT TO command)"
        )
    };
    let open = "[[senders]]\nfrom = [\"open@x.test\"]\nhost = \"hub.test\"\nport = 26\n";
    let login = "[[senders]]\nfrom = [\"login@x.test\"]\nhost = \"hub.test\"\nport = 27\ntls = \"encrypt\"\n\
                 [senders.auth]\nusername = \"u\"\npassword_file = \"/p\"\n";
    let desired = desired(&format!("{open}{login}"));
    for (from, to, port, amiss) in [
        ("root@h.test", "o@corp.test", 25, &["mail.route"][..]),
        ("open@x.test", "o@example.org", 26, &["mail.account"]),
        ("login@x.test", "o@example.org", 27, &[]),
    ] {
        let said = denied("hub.test", to);
        let log = line(1, from, to, &format!("hub.test[192.0.2.3]:{port}"), "bounced", &said);
        let leaving = looked(&desired, &log, &[], true);
        assert_eq!(leaving.amiss(), amiss, "{from}");
        let words = |id| found(&leaving, id).pop().map_or_else(String::new, |one| one.found);
        let told = amiss.first().map_or_else(String::new, |id| words(id));
        assert_eq!(told.contains("Postfix returned the message to its sender"), !amiss.is_empty(), "{told}");
        let waits = [(from, to, said.as_str())];
        assert_eq!(looked(&desired, "", &waits, true).amiss().contains(&"mail.route"), from == "root@h.test");
    }
}

/// The first relay and the fallback relay have changed places, and a host in the answers was mistyped.
#[test]
fn what_a_former_server_said_is_not_said_of_the_one_of_now() {
    let now = desired("");
    let (first, second) = ("r.test[192.0.2.1]:587", "b.test[192.0.2.2]:25");
    let of_former = REFUSED.replace("r.test[192.0.2.1]", "b.test[192.0.2.2]");
    let typo =
        "Host or domain name not found. Name service error for name=hbu.test type=AAAA: Host not found";
    let log = [
        line(1, "a@x.test", "o@example.net", second, "deferred", &of_former),
        line(2, "a@x.test", "o@example.net", second, "sent", ""),
        line(3, "root@h.test", "o@example.net", second, "sent", ""),
        line(4, "root@h.test", "o@corp.test", "none", "deferred", typo),
    ]
    .concat();
    let waits = [("a@x.test", "o@example.net", of_former.as_str()), ("root@h.test", "o@corp.test", typo)];
    // The lines are of 07:00, an hour ago.
    let leaving = looked_since(&now, Some(NOW - 60), &log, &waits, true);
    assert_eq!(leaving.amiss(), ["queue.elsewhere"], "{:#?}", leaving.findings(&Calendar::utc(NOW)));
    assert!(!found(&leaving, "queue.elsewhere")[0].found.contains("hbu"));
    // Of its own server the same is said, as what was before.
    let own = line(1, "a@x.test", "o@example.net", first, "deferred", REFUSED);
    let before = looked_since(&now, Some(NOW - 60), &own, &[], true);
    let one = &found(&before, "mail.account")[0];
    assert!(
        one.found.contains("did not leave through [r.test]:0587 before the configuration was"),
        "{one:?}"
    );
    let remedy = one.remedy.as_ref().map(Remedy::text).unwrap();
    assert!(remedy.starts_with("`relayhost verify --all` clears this, by a message that"), "{remedy}");
    // A record of the way with another server.
    let mut tallies = Tallies::default();
    let known = ways(&now);
    tallies.of(&known[1]).took("AAAA1", NOW, None);
    let renamed = Answers::parse("a", b"version = 1\n[relay]\nhost = \"n.test\"\nport = 587\n[sender]\n[[senders]]\nfrom = [\"a@x.test\"]\n[verify]\nto = \"o@example.net\"\n").unwrap();
    let secrets = Secrets { fallbacks: vec![None.into()], ..Secrets::default() };
    let renamed = complete(&renamed, secrets).unwrap();
    let there = ways(&renamed);
    assert_eq!((&there[1].table, tallies.known(&there[1]).taken), (&known[1].table, 0));
    assert_eq!(tallies.known(&known[1]).taken, 1);
    tallies.keep(&there, Some(NOW));
    assert_eq!((tallies.known(&known[1]).taken, tallies.known(&there[1]).taken), (0, 0));
    // It came with the configuration in force.
    assert!(!tallies.known(&there[1]).has_come(NOW - 1) && tallies.known(&there[1]).has_come(NOW));
}

#[test]
fn an_account_whose_mail_leaves_by_the_fallback_relay_is_named() {
    let log = line(1, "a@x.test", "o@example.net", "b.test[192.0.2.2]:25", "sent", "").replace(
        "Nov 24 07:00:00 h postfix/smtp[1]: AAAA1: to",
        &format!("Nov 24 07:00:00 h postfix/smtp[1]: AAAA1: {REFUSED}\nNov 24 07:00:00 h postfix/smtp[1]: AAAA1: to"),
    );
    let leaving = looked(&desired(""), &log, &[], true);
    let one = &found(&leaving, "mail.account")[0];
    assert!(
        one.found.starts_with("mail of a@x.test leaves by [b.test]:25, since [r.test]:0587 does not"),
        "{one:?}"
    );
    assert!(one.remedy.as_ref().map(Remedy::text).unwrap().contains("[[senders]] of a@x.test"), "{one:?}");
}

#[test]
fn mail_that_a_fallback_relay_refused_for_good_was_returned() {
    let no = "host b.test[192.0.2.2] said: 553 5.7.1 <a@x.test>: Sender address rejected: not owned by user u (in reply to RCPT TO command)";
    let told = |said_first: &str, relay, no: &str| {
        let log = line(1, "a@x.test", "o@example.net", relay, "bounced", no);
        let process = "Nov 24 07:00:00 h postfix/smtp[1]: AAAA1: ";
        let log = log.replace(&format!("{process}to"), &format!("{process}{said_first}\n{process}to"));
        found(&looked(&desired(""), &log, &[], true), "mail.account").pop().map(|one| one.found)
    };
    let by_fallback = told(REFUSED, "b.test[192.0.2.2]:25", no).unwrap();
    for said in [
        "mail of a@x.test does not leave through [r.test]:0587: the relay refused the user name",
        "; nor through [b.test]:25: the relay does not let this account send with this sender address (sender-refused); Postfix \
         returned the message to its sender ",
    ] {
        assert!(by_fallback.contains(said), "{by_fallback}");
    }
    // Its own server puts off one message, which says nothing of the way; that it was returned is the fallback's doing.
    let later = "host r.test[192.0.2.1] said: 450 4.2.0 <o@example.net>: Recipient address rejected: Greylisted (in reply to RCPT TO command)";
    assert!(told(later, "b.test[192.0.2.2]:25", no).unwrap().contains("returned the message to its sender"));
    let own =
        told("x", "r.test[192.0.2.1]:587", &no.replace("b.test[192.0.2.2]", "r.test[192.0.2.1]")).unwrap();
    assert!(own.contains("; Postfix returned the message to its sender ") && !own.contains("too"), "{own}");
}

#[test]
fn of_many_accounts_a_few_are_named() {
    let many =
        (0..150).map(|n| format!("[[senders]]\nfrom = [\"s{n}@x.test\"]\n")).collect::<Vec<_>>().concat();
    let desired = desired(&many);
    let refused =
        |n| line(n, &format!("s{n}@x.test"), "o@example.net", "r.test[192.0.2.1]:587", "deferred", REFUSED);
    let leaving = looked(&desired, &(0..150).map(refused).collect::<String>(), &[], true);
    let all = found(&leaving, "mail.account");
    assert_eq!((all.len(), leaving.amiss()), (4, vec!["mail.account"]));
    assert!(
        all[3].found.starts_with("147 more ways do not take mail: ")
            && all[3].found.ends_with("s22@x.test, 127 more"),
        "{all:?}"
    );
    let remedy = all[3].remedy.as_ref().map(Remedy::text).unwrap();
    assert!(remedy.contains("`relayhost verify --all` clears this"), "{remedy}");
    let ways = &found(&leaving, "mail.ways")[0].found;
    assert!(
        ways.contains("s19@x.test: none") && ways.contains("ways, 130 of them not in order: 0 together"),
        "{ways}"
    );
    // What does not take mail is named before what does.
    let taken =
        |n| line(n, &format!("s{n}@x.test"), "o@example.net", "r.test[192.0.2.1]:587", "sent", "250 ok");
    let log = (0..140).map(taken).collect::<String>() + &(140..150).map(refused).collect::<String>();
    let ways = &found(&looked(&desired, &log, &[], true), "mail.ways")[0].found;
    assert!((140..150).all(|n| ways.contains(&format!("s{n}@x.test: none"))), "{ways}");
    assert!(ways.contains("; 144 more ways: 140 together"), "{ways}");
}

/// No message has taken it while the relays before it are there.
#[test]
fn a_fallback_relay_that_a_probe_found_refused_has_words_of_its_own() {
    let desired = desired("");
    let probe = RefusedProbe { time: String::new(), relay: "[b.test]:25".into(), text: REFUSED.into() };
    let probes = [("[[relay.fallback]] number 1".to_owned(), (NOW - 60, probe))].into();
    let leaving = looked(&desired, "", &[], true).after_probes(&desired, &probes);
    assert_eq!(leaving.amiss(), ["mail.fallback-refuses"]);
    let one = &found(&leaving, "mail.fallback-refuses")[0];
    assert!(
        one.found.starts_with(
            "the fallback relay [b.test]:25 would not take what those before it cannot: the relay refused"
        ),
        "{one:?}"
    );
    let remedy = one.remedy.as_ref().map(Remedy::text).unwrap();
    assert!(
        remedy.ends_with("; `relayhost probe --all` clears this, once that relay would take mail"),
        "{remedy}"
    );
}
