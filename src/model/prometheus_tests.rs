use std::collections::BTreeSet;

use super::*;
use crate::error::Error;
use crate::model::leaving::record::{Record, Word};
use crate::model::leaving::relay::Relay;
use crate::model::leaving::{Limits, Taken, Test};
use crate::model::plan::{Finding, Plan, State};

const NOW: Seconds = 1_000_000;

/// What a relay, a local user and somebody who names things may have said.
const HOSTILE: &str =
    "550 \"no\" \\ | ; {x=\"y\"} 1\nrelayhost_mail_leaves{state=\"yes\"} 1\r\u{202e}ü\u{1b}[0m";

fn word(text: &str) -> Word {
    Word {
        order: 1,
        time: NOW - 7,
        queue_id: "AAAA1".into(),
        to: text.into(),
        text: text.into(),
        beside: Vec::new(),
    }
}

fn leaving(record: &Record, queue: InQueue, proof: Option<Taken>) -> Leaving {
    let relay = Relay { host: "relay.test".into(), port: 587, fallbacks: Vec::new() };
    Leaving::new(&relay, record, queue, proof, Limits::default(), vec![HOSTILE.into()], true)
}

fn compared(leaving: Option<Leaving>) -> Compared {
    let mut plan = Plan::empty();
    let state = State::Warning;
    plan.findings.push(Finding { id: "x".into(), state, found: HOSTILE.into(), remedy: None });
    let token = Ending { what: "token", login: None, ends: Some(NOW + 60), now: NOW };
    plan.endings = vec![token, Ending { what: "certificate", login: None, ends: None, now: NOW }];
    let (summary, leaving) = (HOSTILE.into(), leaving.map(Box::new));
    Compared { summary, plan, recovered: Some(HOSTILE.into()), leaving, mail: Vec::new(), saved: None }
}

fn of(leaving: Option<Leaving>) -> String {
    figures(&Ended::Checked(compared(leaving)), NOW)
}

/// The samples, after a look at the form: each family has its head once, before its samples, and each line is one of them.
fn samples(page: &str) -> Vec<&str> {
    let (mut seen, mut current, mut samples) = (BTreeSet::new(), "", Vec::new());
    assert!(page.ends_with('\n') && !page.contains('\r'), "{page}");
    for line in page.lines() {
        if let Some(head) = line.strip_prefix("# HELP ") {
            current = head.split_once(' ').unwrap().0;
            assert!(seen.insert(current), "twice: {line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{current} gauge"));
        } else {
            let rest = line.strip_prefix(current).unwrap_or_else(|| panic!("not of {current}: {line}"));
            assert!(rest.starts_with([' ', '{']), "{line}");
            line.rsplit_once(' ').unwrap().1.parse::<i64>().unwrap();
            samples.push(line);
        }
    }
    assert_eq!(samples.iter().collect::<BTreeSet<_>>().len(), samples.len(), "{page}");
    samples
}

fn has(page: &str, sample: &str) -> bool {
    samples(page).contains(&sample)
}

#[test]
fn a_host_that_sends_has_all_that_an_alert_rule_asks_for() {
    let record = Record { looked: NOW, taken: Some(word("250 Ok")), ..Record::default() };
    let proof = Taken { time: NOW - 60, to: "o@x".into(), reply: "250 Ok".into(), certain: true };
    let page = of(Some(leaving(&record, InQueue::default(), Some(proof))));
    for sample in [
        "relayhost_check_timestamp_seconds 1000000",
        "relayhost_check_exit_status 0",
        "relayhost_host_in_order 1",
        "relayhost_findings{state=\"fine\"} 0",
        "relayhost_findings{state=\"warning\"} 1",
        "relayhost_findings{state=\"differs\"} 0",
        "relayhost_credential_end_timestamp_seconds{credential=\"token\"} 1000060",
        "relayhost_mail_leaves{state=\"yes\"} 1",
        "relayhost_mail_leaves{state=\"no\"} 0",
        "relayhost_mail_leaves{state=\"unknown\"} 0",
        "relayhost_relay_info{relay=\"[relay.test]:587\"} 1",
        "relayhost_message_taken_timestamp_seconds 999993",
        "relayhost_test_message_timestamp_seconds{result=\"taken\"} 999940",
        "relayhost_queue_listed 1",
        "relayhost_queue_messages{state=\"waiting\"} 0",
        "relayhost_queue_messages{state=\"held\"} 0",
        "relayhost_queue_messages{state=\"unserved\"} 0",
    ] {
        assert!(has(&page, sample), "no {sample} in:\n{page}");
    }
    assert!(
        page.contains(&format!("\nrelayhost_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION")))
    );
    for absent in ["certificate", "failure", "oldest", "failed"] {
        assert!(
            !page.contains(&format!("relayhost_{absent}")) && !page.contains(&format!("\"{absent}\"")),
            "{absent}: {page}"
        );
    }
}

#[test]
fn each_of_several_logins_has_its_own_line() {
    let mut compared = compared(None);
    let of = |login: &str, ends| Ending { what: "token", login: Some(login.into()), ends, now: NOW };
    compared.plan.endings = vec![of("a@x", Some(1)), of("b\"@x", Some(2))];
    let page = figures(&Ended::Checked(compared), NOW);
    for sample in [
        "relayhost_credential_end_timestamp_seconds{credential=\"token\",login=\"a@x\"} 1",
        "relayhost_credential_end_timestamp_seconds{credential=\"token\",login=\"b\\\"@x\"} 2",
    ] {
        assert!(has(&page, sample), "no {sample} in:\n{page}");
    }
}

#[test]
fn a_failure_has_its_time_and_a_cause_of_the_catalogue_whatever_the_relay_said() {
    let known = "connect to relay.test[192.0.2.1]:587: Connection refused";
    for (text, cause) in [(known, "connection-refused"), (HOSTILE, "unknown")] {
        let record =
            Record { looked: NOW, failed: Some(word(text)), refused: Some(word(text)), ..Record::default() };
        let page = of(Some(leaving(&record, InQueue::default(), None)));
        assert!(has(&page, "relayhost_mail_leaves{state=\"no\"} 1"), "{page}");
        assert!(
            has(&page, &format!("relayhost_failure_timestamp_seconds{{cause=\"{cause}\"}} 999993")),
            "{page}"
        );
        assert!(has(&page, "relayhost_check_exit_status 3"), "{page}");
        assert!(!page.contains("550") && !page.contains('ü') && !page.contains("192.0.2.1"), "{page}");
    }
}

#[test]
fn what_is_not_known_has_no_line() {
    let unlisted = || InQueue::new(Some("it was looked at for 2 s".into()));
    let record = Record { looked: NOW, ..Record::default() };
    let page = of(Some(leaving(&record, unlisted(), None)));
    assert!(has(&page, "relayhost_mail_leaves{state=\"unknown\"} 1"), "{page}");
    assert!(has(&page, "relayhost_queue_listed 0") && !page.contains("relayhost_queue_messages"), "{page}");
    assert!(!page.contains("taken"), "{page}");
    let mut some = unlisted();
    (some.waiting, some.oldest) = (3, Some(NOW - 9));
    let page = of(Some(leaving(&record, some, None)));
    assert!(has(&page, "relayhost_queue_messages{state=\"waiting\"} 3"), "{page}");
    assert!(
        !page.contains("held\"") && has(&page, "relayhost_queue_oldest_message_timestamp_seconds 999991"),
        "{page}"
    );
}

#[test]
fn a_test_message_that_came_to_nothing_is_told() {
    let record = Record { looked: NOW, ..Record::default() };
    let tested =
        Test { time: NOW - 5, exit: 4, cause: HOSTILE.into(), cause_id: String::new(), remedy: "x".into() };
    let page = of(Some(leaving(&record, InQueue::default(), None).after_test(Some(tested))));
    assert!(has(&page, "relayhost_test_message_timestamp_seconds{result=\"failed\"} 999995"), "{page}");
    assert!(has(&page, "relayhost_mail_leaves{state=\"unknown\"} 1"), "{page}");
}

/// A file that stays as it was would tell of a host that is in order.
#[test]
fn a_check_that_could_not_look_has_figures_too() {
    let failed = |error| figures(&Ended::Failed { error, command: "relayhost check".into() }, NOW);
    let page = failed(Error::Timeout {
        command: HOSTILE.into(),
        after: std::time::Duration::from_secs(1),
        stderr: HOSTILE.into(),
    });
    assert!(
        has(&page, "relayhost_check_exit_status 1")
            && has(&page, "relayhost_mail_leaves{state=\"unknown\"} 1"),
        "{page}"
    );
    assert!(!page.contains("host_in_order"), "{page}");
    let page = of(None);
    assert!(has(&page, "relayhost_mail_leaves{state=\"no\"} 1"), "{page}");
}

#[test]
fn a_label_is_one_line_in_quotes_that_do_not_end_early() {
    assert_eq!(escaped("a\"b\\c\nd|é;\u{202e}"), "a\\\"b\\\\c?d|é;?");
}
