//! The word of a trail on logs and queues: for logs that Postfix alone wrote, and for logs with lines of others.

use proptest::collection::vec;
use proptest::prelude::*;

use super::word::is_same_reason;
use super::*;
use crate::model::inspection::queue::{Addressee, Contents, QueueFile, Recipient};

pub(super) const OPS: &str = "ops@example.com";
pub(super) const QUEUED: &str = "x postfix/cleanup[2]: ABCDE1: message-id=<unique@h>";
pub(super) const DEFERRED: &str = "x postfix/smtp[3]: ABCDE1: to=<ops@example.com>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.7.0, status=deferred (SASL authentication failed; cannot authenticate to server r[192.0.2.1]: no mechanism available)";
pub(super) const SENT: &str = "x postfix/smtp[3]: ABCDE1: to=<ops@example.com>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)";
pub(super) const WHY: &str =
    "SASL authentication failed; cannot authenticate to server r[192.0.2.1]: no mechanism available";

pub(super) fn trail(author: Author, lines: &[&str]) -> Trail {
    let mut trail = Trail::new("unique@h", OPS, author);
    for line in lines {
        trail.feed(line);
    }
    trail
}

/// A queue that still has these recipients, with their reasons.
pub(super) fn waiting(all: &[(&str, &str)]) -> Standing {
    let addressee =
        |(to, _): &(&str, &str)| Addressee { address: (*to).into(), original: OPS.into(), done: false };
    let shown = |(to, why): &(&str, &str)| Recipient { address: (*to).into(), reason: (*why).into() };
    let contents = Some(Contents::Of(all.iter().map(addressee).collect()));
    let file = QueueFile { there: true, contents, given_back: None };
    Standing::new(OPS, &file, &all.iter().map(shown).collect::<Vec<_>>())
}

/// A file that disappeared before anybody saw it.
pub(super) fn gone() -> Standing {
    Standing::default()
}

/// A file that disappeared with these recipients in it: done, or not.
pub(super) fn went(all: &[(&str, bool)]) -> Standing {
    let addressee =
        |(to, done): &(&str, bool)| Addressee { address: (*to).into(), original: OPS.into(), done: *done };
    let contents = Some(Contents::Of(all.iter().map(addressee).collect()));
    Standing::new(OPS, &QueueFile { there: false, contents, given_back: None }, &[])
}

/// The word in short.
pub(super) fn short(trail: &Trail, standing: &Standing) -> String {
    match trail.word(standing, |name, _, port| name == "r" && port == 587) {
        Word::Open => "open".into(),
        Word::Gone(gone) => format!("gone {gone:?}"),
        Word::Doubt(text) => format!("doubt: {text}"),
        Word::Incomplete(gap) => format!("incomplete {gap:?}"),
        Word::Said(Whereabouts::Accepted(attempt)) => format!("accepted {}", attempt.reason),
        Word::Said(Whereabouts::StayedHere(attempt)) => format!("here {}", attempt.to),
        Word::Said(Whereabouts::WentElsewhere(attempt)) => format!("elsewhere {}", attempt.to),
        Word::Said(Whereabouts::Deferred(attempt)) => format!("deferred {}", attempt.reason),
        Word::Said(Whereabouts::Bounced(attempt)) => format!("bounced {}", attempt.reason),
    }
}

fn both(lines: &[&str], standing: &Standing) -> [String; 2] {
    [Author::Postfix, Author::Anybody].map(|author| short(&trail(author, lines), standing))
}

#[test]
fn only_our_message_counts() {
    let other = QUEUED.replace("unique", "another");
    assert_eq!(both(&[&other, SENT], &gone()), ["open", "open"]);
    assert_eq!(both(&[QUEUED], &gone()), ["open", "open"]);
    let foreign = SENT.replace("ABCDE1", "ABCDE2");
    assert_eq!(both(&[QUEUED, &foreign], &gone()), ["open", "open"]);
}

#[test]
fn only_our_recipient_counts() {
    let bcc = SENT.replace(OPS, "archive@example.com");
    let bounced = SENT.replace("status=sent (250 ok)", "status=bounced (550 no)");
    assert_eq!(both(&[QUEUED, &bcc], &waiting(&[(OPS, "")])), ["open", "open"]);
    // In any order: the last line does not decide.
    for lines in [[QUEUED, &bounced, &bcc], [QUEUED, &bcc, &bounced]] {
        assert_eq!(both(&lines, &gone()), ["bounced 550 no", "bounced 550 no"]);
    }
    let local = bcc.replace("r[192.0.2.1]:587", "local");
    assert_eq!(both(&[QUEUED, SENT, &local], &gone()), ["accepted 250 ok", "accepted 250 ok"]);
}

#[test]
fn of_an_alias_all_have_to_be_accepted() {
    let to = |to: &str| SENT.replace("to=<ops@example.com>", &format!("to=<{to}>, orig_to=<{OPS}>"));
    let (one, two) = (to("a@x"), to("b@x"));
    assert_eq!(both(&[QUEUED, &one], &waiting(&[("b@x", "")])), ["open", "open"]);
    assert_eq!(both(&[QUEUED, &one, &two], &gone()), ["accepted 250 ok", "accepted 250 ok"]);
    let refused = two.replace("status=sent (250 ok)", "status=bounced (550 no)");
    for lines in [[QUEUED, &one, &refused], [QUEUED, &refused, &one]] {
        assert_eq!(
            both(&lines, &went(&[("a@x", true), ("b@x", true)])),
            ["bounced 550 no", "bounced 550 no"]
        );
        // A message whose file nobody saw may have had one recipient alone.
        assert!(both(&lines, &gone())[1].contains("two ends"));
    }
    let local = two.replace("r[192.0.2.1]:587", "local");
    let both_done = went(&[("a@x", true), ("b@x", true)]);
    assert_eq!(both(&[QUEUED, &one, &local], &both_done), ["here b@x", "here b@x"]);
    // Both lines have to be there.
    assert!(both(&[QUEUED, &one], &both_done)[1].contains("does not say how"));
}

#[test]
fn sent_counts_only_through_the_relay() {
    assert_eq!(both(&[QUEUED, SENT], &gone()), ["accepted 250 ok", "accepted 250 ok"]);
    let other = SENT.replace("r[192", "s[192");
    assert_eq!(both(&[QUEUED, &other], &gone())[0], format!("elsewhere {OPS}"));
    let local = SENT.replace("r[192.0.2.1]:587", "local");
    assert_eq!(both(&[QUEUED, &local], &gone())[0], format!("here {OPS}"));
}

#[test]
fn lines_in_the_wrong_order_are_put_together() {
    assert_eq!(both(&[SENT, QUEUED], &gone()), ["accepted 250 ok", "accepted 250 ok"]);
}

#[test]
fn a_line_that_is_there_twice_or_was_repeated_changes_nothing() {
    let repeated = SENT.replace("ABCDE1:", "message repeated 2 times: [ ABCDE1:") + "]";
    let lines = [QUEUED, QUEUED, SENT, SENT, &repeated, "x last message repeated 3 times", SENT];
    assert_eq!(both(&lines, &gone()), ["accepted 250 ok", "accepted 250 ok"]);
    assert_eq!(both(&[QUEUED, &repeated], &gone()), ["open", "open"]);
}

#[test]
fn a_second_attempt_replaces_the_first() {
    assert_eq!(both(&[QUEUED, DEFERRED, SENT], &gone()), ["accepted 250 ok", "accepted 250 ok"]);
}

#[test]
fn the_word_of_a_log_that_anybody_writes_needs_the_queue() {
    let word = |lines: &[&str], standing: &Standing| short(&trail(Author::Anybody, lines), standing);
    let doubt = |lines: &[&str], standing: &Standing, text: &str| {
        let word = word(lines, standing);
        assert!(word.starts_with("doubt: ") && word.contains(text), "{word}");
    };
    let bounced = SENT.replace("status=sent (250 ok)", "status=bounced (550 no)");
    doubt(&[QUEUED, SENT], &waiting(&[(OPS, "")]), "the queue says: still waiting");
    doubt(&[QUEUED, &bounced], &waiting(&[(OPS, WHY)]), "the queue says: still waiting");
    doubt(&[QUEUED, SENT, &bounced], &gone(), "two ends");
    doubt(&[QUEUED, SENT, &SENT.replace("250 ok", "250 FORGED")], &gone(), "two ends");
    doubt(&[QUEUED, SENT, DEFERRED], &gone(), "after its end");
    doubt(&[QUEUED, DEFERRED], &gone(), "does not say how");
    doubt(
        &[QUEUED, DEFERRED],
        &waiting(&[(OPS, "connect to r[192.0.2.1]:587: timed out")]),
        "; the queue says: connect",
    );
    doubt(&[QUEUED, SENT, &QUEUED.replace("ABCDE1", "ABCDE2")], &gone(), "two queue ids");
    let lost = "x rsyslogd: imuxsock[pid: 3, name: /usr/libexec/postfix/smtp] from <postfix/smtp:3>: begin to drop messages due to rate-limiting";
    assert!(word(&[QUEUED, SENT, lost], &gone()).starts_with("incomplete Told"));
    let of_other =
        "x rsyslogd: imuxsock[pid: 4, name: python3] from <h:x>: begin to drop messages due to rate-limiting";
    assert!(word(&[QUEUED, of_other, SENT, lost, of_other], &gone()).starts_with("incomplete Told"));
    // Nothing is known yet of a message that is under way, or whose line comes later.
    assert_eq!(word(&[QUEUED, DEFERRED], &waiting(&[(OPS, "")])), "open");
    assert_eq!(word(&[QUEUED], &waiting(&[(OPS, WHY)])), "open");
    // The queue's reason shows which line Postfix wrote.
    let forged = DEFERRED.replace("SASL authentication failed", "connect to r");
    let true_one = format!("deferred {WHY}");
    assert_eq!(word(&[QUEUED, &forged, DEFERRED, &forged], &waiting(&[(OPS, WHY)])), true_one);
    let elsewhere = DEFERRED.replace("relay=r", "relay=evil");
    doubt(&[QUEUED, DEFERRED, &elsewhere], &waiting(&[(OPS, WHY)]), "evil");
}

#[test]
fn a_message_that_was_handed_on_may_have_a_second_queue_id() {
    let second = QUEUED.replace("ABCDE1", "ABCDE2");
    let third = QUEUED.replace("ABCDE1", "ABCDE3");
    let local = "x postfix/local[7]: ABCDE1: to=<root@h>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (forwarded as ABCDE2)";
    let on = local.replace("ABCDE2", "ABCDE3").replace("ABCDE1", "ABCDE2");
    assert_eq!(
        both(&[QUEUED, &second, local, &third, &on, SENT], &gone()),
        ["accepted 250 ok", "accepted 250 ok"]
    );
    assert!(both(&[QUEUED, &third, &on, SENT], &gone())[1].contains("two queue ids"));
}

#[test]
fn reasons_are_compared_as_log_and_queue_show_them() {
    assert!(is_same_reason("host r said: 550 gr?e\u{fffd}e?", "host r said: 550 gr????ee"));
    assert!(!is_same_reason("host r said: 550 no", "host r said: 550 yes"));
    let long = "x".repeat(2500);
    assert!(is_same_reason(&long[..1900], &long) && !is_same_reason(&long[..100], &long));
}

pub(super) const EXPIRED: &str = "x postfix/qmgr[1]: ABCDE1: from=<a@b>, status=expired, returned to sender";
pub(super) const DELETED: &str = "x postfix/postsuper[9]: ABCDE1: removed";
pub(super) const DISCARDED: &str =
    "x postfix/cleanup[2]: ABCDE1: discard: header Subject: x from local; from=<a@b> to=<ops@example.com>";
pub(super) const CLEARED: &str = "x postfix/postsuper[9]: Deleted: 12 messages";
pub(super) const RETURNED: &str = "x postfix/bounce[4]: ABCDE1: sender non-delivery notification: ABCDE7";

#[test]
fn an_end_without_an_attempt_is_an_end() {
    for (line, what) in
        [(EXPIRED, "Expired"), (DELETED, "Deleted"), (DISCARDED, "Discarded"), (RETURNED, "Returned")]
    {
        let word = format!("gone {what}");
        assert_eq!(both(&[QUEUED, line], &gone()), [word.clone(), word.clone()]);
        assert_eq!(both(&[line, QUEUED], &gone()), [word.clone(), word.clone()]);
        assert_eq!(both(&[QUEUED, DEFERRED, line], &gone()), [word.clone(), word.clone()]);
        let foreign = line.replace("ABCDE1", "ABCDE2");
        assert_eq!(both(&[QUEUED, &foreign, SENT], &gone()), ["accepted 250 ok", "accepted 250 ok"]);
        let waits = both(&[QUEUED, line], &waiting(&[(OPS, "")]));
        assert!(waits[1].starts_with("doubt: ") && waits[1].contains("still has it to do"), "{waits:?}");
    }
    assert_eq!(both(&[QUEUED, CLEARED], &gone()), ["open", "gone Deleted"]);
    assert_eq!(both(&[QUEUED, CLEARED], &waiting(&[(OPS, "")])), ["open", "open"]);
    assert!(both(&[QUEUED, CLEARED, SENT], &gone())[1].contains("two ends"));
    // Postfix tells the sender of a message that expired or bounced, whichever line comes first.
    assert_eq!(both(&[QUEUED, RETURNED, EXPIRED], &gone())[1], "gone Expired");
    let bounced = SENT.replace("status=sent (250 ok)", "status=bounced (550 no)");
    assert_eq!(both(&[QUEUED, &bounced, RETURNED], &gone()), ["bounced 550 no", "bounced 550 no"]);
}

#[test]
fn what_put_a_message_off_is_said_in_the_words_of_the_queue() {
    let log = DEFERRED.replace("no mechanism", "nomecha nism");
    let word = |line: &str| short(&trail(Author::Anybody, &[QUEUED, line]), &waiting(&[(OPS, WHY)]));
    assert_eq!(word(&log), word(DEFERRED));
}

#[test]
fn a_flood_of_forged_attempts_is_no_verdict_and_bounded() {
    let mut trail = trail(Author::Anybody, &[QUEUED]);
    for number in 0..5000 {
        trail.feed(&DEFERRED.replace("delays=0/0/1", &format!("delays=0/0/{number}")));
    }
    trail.feed(SENT);
    assert!(short(&trail, &gone()).contains("more than 200 attempts"));
    assert!(trail.news() <= ATTEMPTS + 1);
}

#[test]
fn evidence_is_the_reason_what_its_process_said_and_the_dead() {
    let warning = "x postfix/smtp[3]: warning: SASL authentication failure: No worthy mechs found";
    let died = "x postfix/smtp[9]: fatal: bad boolean configuration";
    let smtpd = "x postfix/master[9]: warning: /usr/libexec/postfix/smtpd: bad command startup -- throttling";
    let lost = "x systemd-journald[9]: Suppressed 9 messages from postfix.service";
    let trail = trail(Author::Postfix, &[QUEUED, warning, died, smtpd, lost, DEFERRED]);
    let evidence = trail.evidence(trail.attempts.last()).join("\n");
    assert!(evidence.contains("no mechanism available") && evidence.contains("No worthy mechs found"));
    assert!(evidence.contains("bad boolean") && !evidence.contains("throttling"), "{evidence}");
    assert!(!evidence.contains("Suppressed") && trail.evidence(None).join("\n").contains("Suppressed"));
    assert_eq!(trail.throttled(), None);
}

/// Lines of other recipients and other messages, and lines that look like those of this one and are not.
fn noise() -> impl Strategy<Value = String> {
    let line = |text: String| format!("x postfix/smtp[3]: {text}");
    let tail = prop_oneof![
        Just("status=sent (250 ok)"),
        Just("status=sent (250 FORGED)"),
        Just("status=bounced (550 no)"),
        Just("status=deferred (later)"),
    ];
    let relay = prop_oneof![Just("r[192.0.2.1]:587"), Just("local"), Just("none"), Just("s[192.0.2.9]:25")];
    let to = prop_oneof![
        Just("archive@example.com"),
        Just("root@localhost"),
        Just("ops@example.com.test"),
        Just("xops@example.com"),
        Just("ops+x@example.com"),
        Just("\"ops@example.com>, orig_to=<x\"@y"),
    ];
    let attempt = |id: &str, to: &str, relay: &str, tail: &str| {
        format!("{id}: to=<{to}>, relay={relay}, delay=1, delays=0/0/1/0, dsn=2.0.0, {tail}")
    };
    prop_oneof![
        (to, relay.clone(), tail.clone())
            .prop_map(move |(to, relay, tail)| line(attempt("ABCDE1", to, relay, tail))),
        (relay, tail).prop_map(move |(relay, tail)| line(attempt("ABCDE2", OPS, relay, tail))),
        "x postfix/cleanup\\[2\\]: ABCDE[2-9]: message-id=<[a-z]{1,5}@h>",
        "x postfix/qmgr\\[2\\]: ABCDE[1-9]: removed",
        "x logger: ABCDE1: to=<ops@example.com>, status=sent \\(250\\)",
        "\\PC{0,40}",
    ]
}

fn mixed(lines: &[&str], noise: &[(usize, String)]) -> Vec<String> {
    let mut all: Vec<String> = lines.iter().map(ToString::to_string).collect();
    for (at, line) in noise {
        all.insert(at % (all.len() + 1), line.clone());
    }
    all
}

proptest! {
    #[test]
    fn lines_for_others_change_no_verdict(
        case in 0usize..6,
        noise in vec((any::<usize>(), noise()), 0..20),
    ) {
        let bounced = SENT.replace("status=sent (250 ok)", "status=bounced (550 no)");
        let lines: [&[&str]; 6] = [
            &[QUEUED], &[QUEUED, DEFERRED], &[QUEUED, SENT], &[QUEUED, &bounced], &[QUEUED, DEFERRED, SENT], &[QUEUED, SENT, &bounced],
        ];
        let mixed = mixed(lines[case], &noise);
        let mixed: Vec<&str> = mixed.iter().map(String::as_str).collect();
        for standing in [gone(), waiting(&[(OPS, "")]), waiting(&[(OPS, WHY)])] {
            prop_assert_eq!(both(&mixed, &standing), both(lines[case], &standing));
        }
    }

    #[test]
    fn no_line_of_a_file_is_believed_against_the_queue(
        noise in vec((any::<usize>(), noise()), 0..8),
        forged in vec((any::<usize>(), prop_oneof![
            "x postfix/smtp\\[3\\]: ABCDE1: to=<ops@example.com>, relay=r\\[192.0.2.1\\]:587, delay=1, delays=0/0/1/[0-9], dsn=2.0.0, status=(sent|bounced|deferred) \\(250 [A-Z]{1,2}\\)",
            "x postfix/smtp\\[3\\]: ABCDE1: to=<[a-c]@x>, orig_to=<ops@example.com>, relay=r\\[192.0.2.1\\]:587, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent \\(250 ok\\)",
            "x postfix/cleanup\\[2\\]: ABCDE[0-3]: message-id=<unique@h>",
        ]), 0..8),
    ) {
        // Whatever is forged, a message that waits in the queue is neither accepted nor bounced.
        let lines = mixed(&[QUEUED, DEFERRED], &[noise, forged].concat());
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for standing in [waiting(&[(OPS, "")]), waiting(&[(OPS, WHY)])] {
            let word = short(&trail(Author::Anybody, &lines), &standing);
            prop_assert!(!word.starts_with("accepted") && !word.starts_with("bounced"), "{}", word);
        }
        // And a message that Postfix bounced is not accepted, though the queue is done with it.
        let bounced = SENT.replace("status=sent (250 ok)", "status=bounced (550 no)");
        let lines = [&lines[..], &[&bounced]].concat();
        let word = short(&trail(Author::Anybody, &lines), &gone());
        prop_assert!(!word.starts_with("accepted"), "{}", word);
        // Nor is one that left the queue in any other way. Postfix also tells the sender of one that bounced or expired.
        for ends in [&[EXPIRED][..], &[DELETED], &[DISCARDED], &[CLEARED], &[EXPIRED, RETURNED]] {
            let log = &lines[..lines.len() - 1];
            for lines in [[log, ends].concat(), [ends, log].concat()] {
                let word = short(&trail(Author::Anybody, &lines), &gone());
                prop_assert!(!word.starts_with("accepted") && !word.starts_with("bounced"), "{}", word);
            }
        }
    }
}
