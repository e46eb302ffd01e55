use super::alerts::Alerts;
use super::*;
use crate::model::inspection::queue::Recipient;
use crate::model::inspection::queue::Waiting;
use crate::model::plan::State;

const NOW: Seconds = 1_000_000;
const REFUSED: &str = "connect to relay.test[192.0.2.1]:587: Connection refused";
const GREYLISTED: &str = "host relay.test[192.0.2.1] said: 450 4.2.0 <o@x>: Recipient address rejected: Greylisted (in reply to RCPT TO command)";
const LIMITS: Limits = Limits { queue: Duration::from_secs(900), proof: Duration::from_secs(86_400) };

fn relay() -> Relay {
    Relay { host: "relay.test".into(), port: 587, fallbacks: Vec::new() }
}

#[expect(clippy::unnecessary_wraps, reason = "fields take it so")]
fn word(order: u64, age: Seconds, text: &str) -> Option<Word> {
    Some(Word {
        order,
        time: NOW - age,
        queue_id: "AAAA1".into(),
        to: "o@x".into(),
        text: text.into(),
        beside: Vec::new(),
    })
}

fn record() -> Record {
    Record { looked: NOW, since: Some(NOW - 3600), ..Record::default() }
}

fn waiting(ages: &[Seconds], reason: &str) -> InQueue {
    let mut queue = InQueue::default();
    for (number, age) in ages.iter().enumerate() {
        let recipients = vec![Recipient { address: "o@x".into(), reason: reason.into() }];
        let queue_id = format!("AAAA{number}");
        queue.add(
            &Waiting { queue_id, sender: String::new(), arrived: Some(NOW - age), held: false, recipients },
            &relay(),
            &Alerts::default(),
            |address| address.ends_with("@here.test"),
        );
    }
    queue
}

fn leaving(record: &Record, queue: InQueue, proof: Option<Seconds>) -> Leaving {
    let proof =
        proof.map(|age| Taken { time: NOW - age, to: "o@x".into(), reply: "250 Ok".into(), certain: true });
    Leaving::new(&relay(), record, queue, proof, LIMITS, Vec::new(), true)
}

fn standing(record: &Record, queue: InQueue, proof: Option<Seconds>) -> (Standing, Vec<State>) {
    let leaving = leaving(record, queue, proof);
    let states = leaving.findings(&crate::model::log::stamp::Calendar::utc(NOW));
    (leaving.standing, states.iter().map(|finding| finding.state).collect())
}

#[test]
fn a_limit_that_is_passed_is_amiss_and_what_only_a_log_says_is_called_so() {
    let seen = |age| Record { taken: word(1, age, "250 Ok"), ..record() };
    for (record, ages, proof, expected) in [
        (seen(5), &[800][..], None, &[][..]),
        (seen(5), &[1000], None, &["queue.waiting"]),
        (seen(5000), &[1000], None, &["queue.waiting", "mail.leaves"]),
        (seen(90_000), &[], None, &["mail.leaves"]),
        (record(), &[], Some(90_000), &["mail.leaves"]),
        (record(), &[], None, &[]),
    ] {
        let found = leaving(&record, waiting(ages, GREYLISTED), proof);
        assert_eq!(found.amiss(), expected, "{record:?} {ages:?}");
        assert_eq!(
            found.sentence().contains("as the log says"),
            record.taken.is_some() && found.standing != Standing::Unseen
        );
    }
    let certain = Record { certain: word(1, 5, "250 Ok"), ..seen(5) };
    assert!(!leaving(&certain, InQueue::default(), None).sentence().contains("as the log says"));
}

#[test]
fn where_no_relay_takes_mail_it_does_not_leave_by_the_second() {
    let by_second = |failed| {
        let taken = word(1, 100, "250 Ok");
        let fallen = taken.clone().map(|word| Fallen { word, relay: "[b]:25".into(), why: String::new() });
        Record { taken, fallen, failed, ..record() }
    };
    let leaves = leaving(&by_second(None), InQueue::default(), None);
    assert_eq!(leaves.amiss(), ["mail.fallback"]);
    let stopped = leaving(&by_second(word(2, 50, REFUSED)), InQueue::default(), None);
    assert_eq!(stopped.amiss(), ["mail.leaves"]);
    assert!(stopped.fallen.is_none());
    let barred = leaves.barred(Some("the relay's table is missing".into()));
    assert_eq!(barred.amiss(), ["mail.leaves"]);
}

#[test]
fn what_is_for_this_host_alone_does_not_wait_for_the_relay() {
    let to = |addresses: &[&str]| {
        let recipient = |address: &&str| Recipient {
            address: (*address).to_owned(),
            reason: "cannot update mailbox".into(),
        };
        let recipients = addresses.iter().map(recipient).collect();
        let mut queue = InQueue::default();
        let message = Waiting {
            queue_id: "AAAA1".into(),
            sender: String::new(),
            arrived: Some(NOW),
            held: false,
            recipients,
        };
        queue.add(&message, &relay(), &Alerts::default(), |address| address.ends_with("@here.test"));
        (queue.waiting, queue.ids.len())
    };
    assert_eq!(to(&["root@here.test"]), (0, 1));
    assert_eq!(to(&["root@here.test", "o@x"]), (1, 1));
    assert_eq!(to(&[]), (1, 1));
}

#[test]
fn mail_leaves_only_if_it_was_seen_and_nothing_since_contradicts_it() {
    let none = InQueue::default;
    let (ok, bad) = (word(1, 100, "250 Ok"), word(2, 50, REFUSED));
    let cases = [
        (record(), None, Standing::Unseen),
        (Record { taken: ok.clone(), ..record() }, None, Standing::Leaves),
        // Lines are missing since then, and who has written so many may hide a failure among them.
        (Record { taken: ok.clone(), missed: Some(NOW), before_missed: 9, ..record() }, None, Standing::Old),
        (
            Record { taken: ok.clone(), missed: Some(NOW), before_missed: 0, ..record() },
            None,
            Standing::Leaves,
        ),
        (
            Record { taken: ok.clone(), missed: Some(NOW), before_missed: 9, ..record() },
            Some(0),
            Standing::Leaves,
        ),
        (Record { taken: ok.clone(), failed: bad.clone(), ..record() }, None, Standing::Fails),
        (Record { taken: word(3, 50, "250 Ok"), failed: bad.clone(), ..record() }, None, Standing::Leaves),
        (
            Record { taken: word(3, 50, "250 Ok"), failed: bad.clone(), proven: bad.clone(), ..record() },
            None,
            Standing::Claimed,
        ),
        (
            Record {
                taken: word(3, 50, "250 Ok"),
                certain: word(3, 50, "250 Ok"),
                failed: bad.clone(),
                proven: bad.clone(),
                ..record()
            },
            None,
            Standing::Leaves,
        ),
        (Record { failed: bad.clone(), proven: bad.clone(), ..record() }, Some(40), Standing::Leaves),
        (Record { failed: bad.clone(), proven: bad, ..record() }, Some(50), Standing::Fails),
        (Record { taken: word(1, 90_000, "250 Ok"), ..record() }, None, Standing::Old),
        (Record { since: Some(NOW - 90_000), ..record() }, None, Standing::Old),
    ];
    for (record, proof, expected) in cases {
        assert_eq!(standing(&record, none(), proof).0, expected, "{record:#?} {proof:?}");
    }
}

/// A relay that took a message two seconds ago is no sign that the next one gets there.
#[test]
fn what_closes_the_way_now_counts_more_than_what_left_before() {
    let ok = Record { taken: word(1, 2, "250 Ok"), ..record() };
    let bad = Record { failed: word(2, 1, REFUSED), ..ok.clone() };
    let old = Record { taken: word(1, 90_000, "250 Ok"), ..record() };
    for (record, expected) in [
        (&ok, Standing::Barred),
        (&record(), Standing::Barred),
        (&old, Standing::Barred),
        (&bad, Standing::Fails),
    ] {
        let open = leaving(record, InQueue::default(), None);
        let before = open.standing;
        assert_eq!(open.barred(None).standing, before);
        let shut = leaving(record, InQueue::default(), None)
            .barred(Some("mail from a to b goes to [other]:25".into()));
        assert_eq!((shut.standing, shut.amiss()), (expected, vec!["mail.leaves"]), "{record:?}");
        assert!(shut.sentence().starts_with("mail does not leave through [relay.test]:587: "), "{shut:?}");
        let calendar = crate::model::log::stamp::Calendar::utc(NOW);
        let found = shut.findings(&calendar).into_iter().find(|one| one.id == "mail.leaves").unwrap();
        assert!(found.is_amiss(), "{found:?}");
    }
    let shut = leaving(&ok, InQueue::default(), None).barred(Some("x".into()));
    assert!(
        shut.sentence()
            .ends_with("x; the relay took the last message 2 s ago, as the log says, as the host was then")
    );
}

#[test]
fn what_waits_counts_by_its_age_and_its_reason() {
    let seen = Record { taken: word(1, 5000, "250 Ok"), ..record() };
    assert_eq!(standing(&seen, waiting(&[10], GREYLISTED), None), (Standing::Leaves, vec![State::Fine; 2]));
    assert_eq!(standing(&seen, waiting(&[10, 1000], GREYLISTED), None).0, Standing::Fails);
    let later = Record { taken: word(1, 5, "250 Ok"), ..record() };
    assert_eq!(
        standing(&later, waiting(&[10, 1000], GREYLISTED), None),
        (Standing::Leaves, vec![State::Warning, State::Fine])
    );
    assert_eq!(waiting(&[10, 10], REFUSED).stuck.len(), 2);
    assert!(waiting(&[10], GREYLISTED).stuck.is_empty());
    let other = waiting(&[10_000], "connect to other.test[192.0.2.9]:25: Connection refused");
    assert_eq!((other.waiting, other.ids.len()), (0, 1));
    let down = Record { failed: word(2, 5, REFUSED), ..seen };
    assert_eq!(standing(&down, waiting(&[10], REFUSED), None).1[..2], [State::Fine, State::Warning]);
    assert_eq!(standing(&down, waiting(&[1000], REFUSED), None).1[..2], [State::Differs, State::Differs]);
}

/// Any user can send a message that is refused for itself, or to a service that is not there: no alarm, however long it
/// waits.
#[test]
fn a_message_that_is_refused_for_itself_is_no_word_about_the_others() {
    let seen = Record { taken: word(1, 5000, "250 Ok"), ..record() };
    for reason in [
        "host relay.test[192.0.2.1] said: 450 4.1.2 <o@x>: Recipient address rejected: Domain not found (in reply to RCPT TO command)",
        "host relay.test[192.0.2.1] said: 553 5.7.1 <u@h>: Sender address rejected: not owned (in reply to MAIL FROM command)",
    ] {
        let queue = waiting(&[10, 100_000], reason);
        assert_eq!(
            (queue.waiting, queue.alone, queue.oldest, queue.stuck.len()),
            (2, 2, None, 0),
            "{reason}"
        );
        assert_eq!(standing(&seen, queue, None), (Standing::Leaves, vec![State::Fine; 2]), "{reason}");
    }
    let unserved = waiting(&[100_000], "mail transport unavailable");
    assert_eq!((unserved.waiting, unserved.unserved), (0, 1));
    let (standing, states) = standing(&seen, unserved, None);
    assert_eq!((standing, &states[..]), (Standing::Leaves, &[State::Fine, State::Fine, State::Warning][..]));
}

#[test]
fn what_is_held_does_not_wait_and_is_named() {
    let mut queue = InQueue::default();
    for held in [true, true, false] {
        let message = Waiting {
            queue_id: "AAAA1".into(),
            sender: String::new(),
            arrived: Some(NOW),
            held,
            recipients: Vec::new(),
        };
        queue.add(&message, &relay(), &Alerts::default(), |_| false);
    }
    assert_eq!((queue.held, queue.waiting), (2, 1));
    let seen = Record { taken: word(1, 5, "250 Ok"), ..record() };
    let found = leaving(&seen, queue, None);
    assert_eq!(found.standing, Standing::Leaves);
    let found = found.findings(&crate::model::log::stamp::Calendar::utc(NOW));
    let held = found.iter().find(|finding| finding.id == "queue.held").unwrap();
    assert!(held.state == State::Warning && held.found.starts_with("2 messages "), "{held:?}");
}

#[test]
fn a_test_message_without_success_counts_until_the_relay_takes_another() {
    let seen = |age| Record { taken: word(1, age, "250 Ok"), ..record() };
    let test = |age| Test {
        time: NOW - age,
        exit: 5,
        cause: "it stays here".into(),
        cause_id: String::new(),
        remedy: "`mend it`".into(),
    };
    let tested = leaving(&seen(50), InQueue::default(), None).after_test(Some(test(10)));
    assert_eq!((tested.standing, tested.amiss()), (Standing::Tested, vec!["mail.leaves"]));
    let found = tested.findings(&crate::model::log::stamp::Calendar::utc(NOW));
    let leaves = found.iter().find(|finding| finding.id == "mail.leaves").unwrap();
    assert_eq!(leaves.state, State::Warning);
    assert!(
        leaves.found.contains("10 s ago, ended with 5: it stays here; the relay took"),
        "{}",
        leaves.found
    );
    assert_eq!(leaves.remedy.as_ref().unwrap().text(), "`mend it`");
    let later = leaving(&seen(5), InQueue::default(), None).after_test(Some(test(10)));
    assert_eq!((later.standing, later.amiss()), (Standing::Leaves, vec![]));
    assert_eq!(leaving(&seen(5), InQueue::default(), None).after_test(None).standing, Standing::Leaves);
}

#[test]
fn after_a_change_of_the_configuration_a_test_message_is_the_remedy_of_a_failure() {
    let failed = Record {
        failed: word(2, 50, "connect to smtp.example.com[192.0.2.1]:587: Connection refused"),
        ..record()
    };
    let remedy = |configured| {
        let mut seen = leaving(&failed, InQueue::default(), None);
        seen.configured = configured;
        assert_eq!(seen.standing, Standing::Fails);
        let all = seen.findings(&crate::model::log::stamp::Calendar::utc(NOW));
        all.into_iter().find(|one| one.id == "mail.leaves").unwrap().remedy.unwrap().text()
    };
    assert!(remedy(Some(NOW - 20)).starts_with("relayhost verify"));
    for before in [None, Some(NOW - 90)] {
        assert!(!remedy(before).starts_with("relayhost verify"), "{before:?}");
    }
}

#[test]
fn a_queue_that_postfix_cannot_list_for_its_configuration_bars_all_mail() {
    let why = "`/usr/sbin/postqueue -p` failed (exit status 69):\n    postqueue: fatal: /etc/mailname: cannot open file: No such file or directory";
    let broken = leaving(&record(), InQueue::new(Some(why.into())), None).barred(None);
    assert_eq!(broken.standing, Standing::Barred);
    let all = broken.findings(&crate::model::log::stamp::Calendar::utc(NOW));
    assert!(
        all[0].state == State::Differs && all[0].remedy.as_ref().unwrap().text().contains("myorigin"),
        "{all:?}"
    );
    let slow = leaving(&record(), InQueue::new(Some("it was looked at for 2 s".into())), None).barred(None);
    assert_eq!(slow.standing, Standing::Unseen);
}

#[test]
fn a_failure_is_of_the_configuration_that_it_met() {
    let failed = word(2, 600, REFUSED);
    let seen = |begun, taken: Option<Word>| Record {
        begun,
        taken,
        certain: word(1, 900, "250 Ok"),
        failed: failed.clone(),
        proven: failed.clone(),
        ..record()
    };
    let since = || word(3, 60, "250 Ok");
    // A line of a file that says that mail left since can be anybody's; after a change of the configuration nothing contradicts it.
    for (begun, taken, expected) in [
        (None, since(), Standing::Claimed),
        (Some(NOW - 700), since(), Standing::Claimed),
        (Some(NOW - 500), since(), Standing::Leaves),
        (Some(NOW - 30), since(), Standing::Claimed),
        (Some(NOW - 500), word(1, 900, "250 Ok"), Standing::Fails),
    ] {
        assert_eq!(leaving(&seen(begun, taken), InQueue::default(), None).standing, expected, "{begun:?}");
    }
    let stuck = || {
        let mut queue = InQueue::default();
        queue.stuck.push(record::Stuck {
            queue_id: "AAAA1".into(),
            reason: REFUSED.into(),
            arrived: NOW - 600,
        });
        queue
    };
    for (begun, expected) in [(None, Standing::Fails), (Some(NOW - 500), Standing::Leaves)] {
        assert_eq!(leaving(&seen(begun, since()), stuck(), None).standing, expected, "{begun:?}");
    }
}

#[test]
fn what_the_relay_took_proves_the_configuration_that_was_in_force_then() {
    let seen = || Record { taken: word(1, 60, "250 Ok"), certain: word(1, 60, "250 Ok"), ..record() };
    let (before, since) = (Some(NOW - 90), Some(NOW - 30));
    for (begun, login, expected) in [
        (None, None, "mail leaves through"),
        (before, before, "mail leaves through"),
        (Some(NOW - 60), None, "mail leaves through"),
        (since, None, "the configuration was changed 30 s ago, and the relay took the last message 60 s ago"),
        (before, since, "the login was changed 30 s ago"),
        (since, before, "the configuration was changed 30 s ago"),
    ] {
        let found = leaving(&seen(), InQueue::default(), None).changed_at(begun, login);
        assert!(found.sentence().contains(expected), "{begun:?} {login:?}: {}", found.sentence());
        assert_eq!(found.mail_leaves().is_some(), expected.starts_with("mail leaves"));
        assert_eq!(found.amiss(), [""; 0]);
    }
    let fails = Record { failed: word(2, 50, REFUSED), proven: word(2, 50, REFUSED), ..seen() };
    let found = leaving(&fails, InQueue::default(), None).changed_at(since, None);
    assert_eq!(found.standing, Standing::Fails);
}
