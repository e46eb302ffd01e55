use super::*;
use crate::model::leaving::{InQueue, Leaving, Limits};
use crate::model::postfix::own_names::OwnNames;

/// 2026-11-24T08:00:00Z
const NOW: Seconds = 1_795_507_200;

fn relay() -> Relay {
    Relay { host: "relay.test".into(), port: 587, fallbacks: Vec::new() }
}

fn sent(id: &str) -> String {
    format!(
        "Nov 24 07:00:00 h postfix/smtp[1]: {id}: to=<o@x>, relay=relay.test[192.0.2.1]:587, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)\n"
    )
}

fn failed(id: &str, status: &str, reason: &str) -> String {
    format!(
        "Nov 24 07:00:00 h postfix/smtp[1]: {id}: to=<o@x>, relay=none, delay=1, delays=0/0/0/1, dsn=4.0.0, status={status} ({reason})\n"
    )
}

fn stuck(queue_id: &str, arrived: Seconds) -> Stuck {
    Stuck { queue_id: queue_id.into(), reason: REFUSED.into(), arrived }
}

const REFUSED: &str = "connect to relay.test[192.0.2.1]:587: Connection refused";

fn fold(record: &mut Record, text: &str, certain: bool) {
    let (relay, calendar) = (relay(), Calendar::utc(NOW));
    let names = ["h".to_owned()];
    let source = Source {
        relay: &relay,
        names: &names,
        calendar: &calendar,
        now: NOW,
        certain,
        alerts: &Alerts::default(),
    };
    record.fold(text.as_bytes(), &source);
}

fn folded(text: &str) -> Record {
    let mut record = Record::default();
    fold(&mut record, text, false);
    record
}

fn id(word: Option<&Word>) -> &str {
    word.map_or("", |word| &word.queue_id)
}

#[test]
fn the_last_of_each_kind_stays_however_the_lines_are_cut_into_blocks() {
    let lines = [
        sent("AAAA1"),
        failed("AAAA2", "deferred", REFUSED),
        failed("AAAA3", "bounced", "host relay.test[192.0.2.1] said: 550 no such user"),
        sent("AAAA4"),
    ];
    let whole = folded(&lines.concat());
    let found = [&whole.taken, &whole.failed, &whole.refused, &whole.proven].map(|word| id(word.as_ref()));
    assert_eq!(found, ["AAAA4", "AAAA2", "AAAA3", ""]);
    let mut one_by_one = Record::default();
    for line in &lines {
        fold(&mut one_by_one, line, false);
    }
    assert_eq!(one_by_one, whole);
    // The same lines once more tell the same.
    let mut twice = whole.clone();
    fold(&mut twice, &lines.concat(), false);
    assert_eq!([&twice.taken, &twice.failed, &twice.refused].map(|word| id(word.as_ref())), found[..3]);
}

#[test]
fn what_another_relay_took_or_another_host_logged_is_not_this_relays_word() {
    // A transport of another name that is not there; the relay's own is a fault of the way.
    let unserved = folded(&failed("AAAA1", "deferred", "mail transport unavailable"));
    assert_eq!((unserved.refused, unserved.failed), (None, None));
    for line in [
        sent("AAAA1").replace(":587", ":25"),
        sent("AAAA1").replace(" h postfix", " other postfix"),
        sent("AAAA1").replace("relay.test", "other.test"),
        sent("AAAA1").replace("relay=relay.test[192.0.2.1]:587", "relay=local"),
        sent("AAAA1").replace("postfix/smtp[", "postfix/lmtp["),
        failed("AAAA1", "deferred", "lost connection with other.test[192.0.2.9] while sending RCPT TO"),
        failed("AAAA1", "deferred", "SASL authentication failed; server other.test[192.0.2.9] said: 535 no"),
        failed("AAAA1", "deferred", "connect to other.test[192.0.2.9]:25: Connection refused"),
        failed(
            "AAAA1",
            "deferred",
            "Host or domain name not found. Name service error for name=other.test type=A: Host not found",
        ),
    ] {
        assert_eq!(folded(&line), Record::default(), "{line}");
    }
    for reason in [
        REFUSED,
        "Host or domain name not found. Name service error for name=relay.test type=A: Host not found, try again",
    ] {
        assert_eq!(id(folded(&failed("AAAA1", "deferred", reason)).failed.as_ref()), "AAAA1", "{reason}");
    }
}

/// The test message of a run fails as they do, and is deleted.
#[test]
fn a_message_that_waits_is_no_news_because_another_one_was_deleted() {
    let first = |id: &str| {
        format!("Nov 24 07:00:00 h postfix/smtp[1]: {REFUSED}\n") + &failed(id, "deferred", REFUSED)
    };
    let mut record = folded(&first("AAAA1"));
    let ids = BTreeSet::from(["AAAA1".to_owned()]);
    record.compare(Some(&ids), &[stuck("AAAA1", NOW - 60)], NOW);
    let deleted = "Nov 24 07:00:00 h postfix/postsuper[9]: AAAA2: removed\nNov 24 07:00:00 h postfix/postsuper[9]: Deleted: 1 message\n";
    fold(&mut record, &(first("AAAA2") + deleted), false);
    record.compare(Some(&ids), &[stuck("AAAA1", NOW - 60)], NOW);
    for word in [&record.failed, &record.refused] {
        assert_eq!((id(word.as_ref()), word.as_ref().unwrap().beside.len()), ("AAAA2", 1));
    }
}

#[test]
fn a_line_of_a_file_alone_ends_no_failure_that_the_queue_has_shown() {
    let mut record = folded(&failed("AAAA1", "deferred", REFUSED));
    let queue = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    record.compare(Some(&queue(&["AAAA1"])), &[stuck("AAAA1", NOW - 60)], NOW);
    assert_eq!(id(record.proven.as_ref()), "AAAA1");
    // Forged: of a message that never was, and of the one that still waits.
    fold(&mut record, &(sent("FFFF1") + &sent("AAAA1")), false);
    record.compare(Some(&queue(&["AAAA1"])), &[stuck("AAAA1", NOW - 60)], NOW);
    assert_eq!(record.certain, None);
    // A queue that was not listed to its end proves nothing.
    record.compare(None, &[], NOW);
    assert_eq!(record.certain, None);
    let mut given_up = record.clone();
    fold(&mut given_up, &failed("AAAA1", "bounced", REFUSED), false);
    given_up.compare(Some(&queue(&[])), &[], NOW);
    assert_eq!(given_up.certain, None);
    let mut emptied = record.clone();
    fold(&mut emptied, "Nov 24 07:00:00 h postfix/postsuper[1]: Deleted: 3 messages\n", false);
    emptied.compare(Some(&queue(&[])), &[], NOW);
    assert_eq!(emptied.certain, None);
    record.compare(Some(&queue(&[])), &[], NOW);
    assert_eq!(id(record.certain.as_ref()), "AAAA1");
}

#[test]
fn the_journal_is_certain_and_what_is_kept_is_bounded() {
    let mut record = folded(&failed(
        "AAAA1",
        "bounced",
        "SASL authentication failed; server relay.test[192.0.2.1] said: 535 no",
    ));
    assert_eq!(id(record.proven.as_ref()), "AAAA1");
    fold(&mut record, &sent("AAAA2"), true);
    assert_eq!(id(record.certain.as_ref()), "AAAA2");
    for number in 0..1000 {
        let stuck = Stuck { reason: REFUSED.repeat(100), ..stuck(&format!("AAAA{number}"), NOW) };
        record.compare(None, &[stuck], NOW);
        fold(&mut record, &failed("BBBB1", "deferred", &"x".repeat(100_000)), false);
    }
    assert!(serde_json::to_vec(&record).unwrap().len() < 8 * 1024);
}

#[test]
fn a_message_that_came_since_and_is_stuck_is_a_failure_though_its_line_is_lost() {
    let settled = || {
        let mut record = folded(&failed("AAAA1", "deferred", REFUSED));
        record.compare(
            Some(&BTreeSet::from(["AAAA1".to_owned()])),
            &[stuck("AAAA1", NOW - 7200)],
            NOW - 3600,
        );
        // As the journal tells it: certain.
        fold(&mut record, &sent("AAAA1"), true);
        record.compare(Some(&BTreeSet::new()), &[], NOW - 1800);
        record
    };
    let is_over = |record: &Record| {
        record.certain.as_ref().map(|word| word.order) > record.proven.as_ref().map(|word| word.order)
    };
    assert!(is_over(&settled()));
    let ids = BTreeSet::from(["BBBB1".to_owned()]);
    for (arrived, over) in [(NOW, false), (NOW - 86_400, true)] {
        let mut record = settled();
        record.compare(Some(&ids), &[stuck("BBBB1", arrived)], NOW);
        assert_eq!(is_over(&record), over, "{arrived}: {record:#?}");
        // It is told once: what the relay takes afterwards ends it.
        fold(&mut record, &sent("CCCC1"), true);
        record.compare(Some(&ids), &[stuck("BBBB1", arrived)], NOW + 60);
        assert!(is_over(&record), "{record:#?}");
    }
}

#[test]
fn a_message_that_left_another_way_proves_nothing_of_the_relay() {
    let local = sent("AAAA1").replace("smtp[", "local[").replace("relay.test[192.0.2.1]:587", "local");
    for lines in [sent("AAAA1") + &local, local.clone() + &sent("AAAA1")] {
        let mut record = folded(&failed("AAAA1", "deferred", REFUSED));
        record.compare(Some(&BTreeSet::from(["AAAA1".to_owned()])), &[stuck("AAAA1", NOW - 60)], NOW);
        fold(&mut record, &lines, false);
        record.compare(Some(&BTreeSet::new()), &[], NOW);
        assert_eq!(record.certain, None, "{lines}");
    }
}

#[test]
fn kinds_of_failures_that_are_too_many_hide_none_that_stops_all() {
    let many: String = (0..KINDS)
        .map(|number| {
            let word: String = format!("{number:03}").bytes().map(|digit| char::from(digit + 49)).collect();
            failed("AAAA1", "deferred", &format!("host relay.test[192.0.2.1] said: 550 no such user {word}"))
        })
        .collect();
    let mut record = Record { taken: None, ..folded(&(sent("AAAA2") + &many)) };
    assert_eq!(record.failed, None);
    fold(&mut record, &(many + &failed("AAAA3", "deferred", REFUSED)), false);
    assert_eq!(id(record.failed.as_ref()), "AAAA3");
}

/// Only the alerts' own sender, refused, is a word about the alerts; a user's later refusal of the same kind does not hide
/// it.
#[test]
fn the_sender_of_a_refused_message_is_read_from_the_line_of_qmgr_before_it() {
    let text = "version = 1\n[relay]\nhost = \"relay.test\"\n[sender]\nrewrite = { \"monitor@h.local\" = \"a@x\" }\n[verify]\nto = \"o@x\"\n";
    let answers = crate::model::answers::Answers::parse("a", text.as_bytes()).unwrap();
    let desired = crate::model::answers::complete::complete(&answers, None).unwrap();
    let (relay, calendar, names) = (relay(), Calendar::utc(NOW), ["h".to_owned()]);
    let (alerts, now) = (Alerts::new(&desired, "h.local", OwnNames::default()), NOW);
    let source =
        Source { relay: &relay, names: &names, calendar: &calendar, now, certain: false, alerts: &alerts };
    let refusal = "host relay.test[192.0.2.1] said: 553 5.7.1 Sender address rejected: not owned (in reply to MAIL FROM command)";
    let lines = |id: &str, from: &str| {
        format!(
            "Nov 24 07:00:00 h postfix/qmgr[1]: {id}: from=<{from}>, size=1, nrcpt=1 (queue active)\n{}",
            failed(id, "bounced", refusal)
        )
    };
    let user = lines("AAAA2", "u@elsewhere.test");
    for (text, expected) in [(user.clone(), ""), (lines("AAAA1", "monitor@h.local") + &user, "AAAA1")] {
        let mut record = Record::default();
        record.fold(text.as_bytes(), &source);
        assert_eq!([&record.refused, &record.failed].map(|word| id(word.as_ref())), ["AAAA2", expected]);
    }
}

/// smtp(8) tries the addresses of the first relay, then those of the others, in one attempt.
#[test]
fn each_relay_has_its_own_cause_which_is_true_of_all_its_addresses() {
    let relay = Relay { fallbacks: vec![("b.test".into(), 25)], ..relay() };
    let smtp = |text: &str| format!("Nov 24 07:00:00 h postfix/smtp[1]: {text}\n");
    let v4 = smtp("connect to relay.test[192.0.2.1]:587: No route to host");
    let v6 = smtp("connect to relay.test[2001:db8::1]:587: Network is unreachable");
    let ends = |id: &str, hop: &str, end: &str| {
        smtp(&format!("{id}: to=<o@x>, relay={hop}, delay=1, delays=0/0/0/1, dsn=2.0.0, status={end}"))
    };
    let by_second = |id: &str| ends(id, "b.test[192.0.2.2]:25", "sent (250 Ok)");
    let look = |lines: &[&str]| {
        let (calendar, names) = (Calendar::utc(NOW), ["h".to_owned()]);
        let (alerts, now, certain) = (Alerts::default(), NOW, true);
        let source =
            Source { relay: &relay, names: &names, calendar: &calendar, now, certain, alerts: &alerts };
        let mut record = Record { looked: NOW, ..Record::default() };
        record.fold(lines.concat().as_bytes(), &source);
        Leaving::new(&relay, &record, InQueue::default(), None, Limits::default(), Vec::new(), true)
    };
    let (first, second) = (by_second("AAAA1"), by_second("AAAA2"));
    for (lines, expected) in [
        (vec![&v4, &v6, &first], "no-route"),
        (vec![&v6, &v4, &first], "no-route"),
        (vec![&v6, &first], "ipv6-unreachable"),
        (vec![&v4, &first, &v6, &second], "ipv6-unreachable"),
    ] {
        let lines: Vec<&str> = lines.into_iter().map(String::as_str).collect();
        let (_, cause) = look(&lines).fallen.unwrap();
        assert_eq!(cause.unwrap().id, expected, "{lines:?}");
    }
    let neither = ends("AAAA3", "none", "deferred (connect to b.test[192.0.2.2]:25: Connection refused)");
    let sentence = look(&[&v4, &v6, &neither]).sentence();
    let at = |text: &str| sentence.find(text).unwrap_or_else(|| panic!("{text}: {sentence}"));
    assert!(at("(no-route); nor through [b.test]:25: ") < at("(connection-refused)"), "{sentence}");
    let silent = look(&[&neither]).sentence();
    assert!(silent.contains("587, and the log does not say why; nor through [b.test]:25: "), "{silent}");
}
