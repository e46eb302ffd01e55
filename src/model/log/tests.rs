//! Whole logs, read by the follower: the failures that it must report, and those that it must not.

use super::Reader;
use super::follow::{Follower, Question};
use super::report::{Failure, Owner, Report};
use super::stamp::{Calendar, Seconds};
use super::story::Narrator;
use crate::model::causes::{About, Circumstances};

/// 2026-11-24T12:00:00Z
const NOW: Seconds = 1_795_521_600;

const REFUSED: &str = "connect to r[192.0.2.1]:587: Connection refused";
const PASSWORD: &str = "SASL authentication failed; server r[192.0.2.1] said: 535 5.7.8 no";

fn record(time: &str, id: &str, to: &str, status: &str) -> String {
    format!(
        "Nov 24 {time} h postfix/smtp[7]: {id}: to=<{to}>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.0.0, status={status}\n"
    )
}

fn deferred(time: &str, id: &str, reason: &str) -> String {
    record(time, id, "ops@example.com", &format!("deferred ({reason})"))
}

fn sent(time: &str, id: &str) -> String {
    record(time, id, "ops@example.com", "sent (250 ok)")
}

fn report(log: &str) -> Report {
    report_of(log, None, &[], &Owner::default())
}

fn report_of(log: &str, since: Option<Seconds>, elsewhere: &[&str], owner: &Owner) -> Report {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let elsewhere = elsewhere.iter().map(ToString::to_string).collect();
    let mut follower =
        Follower::new(Question { since, elsewhere, circumstances: &circumstances, ..Question::default() });
    follower.source(Calendar::utc(NOW));
    // Blocks of any size give the same.
    for block in log.split_inclusive('\n') {
        follower.feed(block.as_bytes());
    }
    Report::new(&follower, owner)
}

fn ids(report: &Report) -> Vec<(&str, u64)> {
    report.failures.iter().map(|one| (one.cause.id.as_str(), one.tally.messages)).collect()
}

fn only(report: &Report) -> &Failure {
    assert_eq!(report.failures.len(), 1, "{:?}", ids(report));
    &report.failures[0]
}

#[test]
fn the_last_cause_of_a_message_counts_and_the_example_is_of_one_that_still_fails() {
    let log = [
        deferred("08:00:00", "AAAAA1", REFUSED),
        deferred("08:00:01", "AAAAA2", REFUSED),
        deferred("08:10:00", "AAAAA1", PASSWORD),
        deferred("08:10:01", "AAAAA3", PASSWORD),
        sent("08:20:00", "AAAAA3"),
    ]
    .concat();
    let report = report(&log);
    assert_eq!(ids(&report), [("connection-refused", 1), ("wrong-password", 1)]);
    assert_eq!(report.failures[0].example.as_ref().unwrap().queue_id, "AAAAA2");
    assert_eq!(report.failures[1].example.as_ref().unwrap().queue_id, "AAAAA1");
    assert_eq!(report.accepted, 1);
    assert_eq!(report.failures[1].tally.first, Some(NOW - 4 * 3600));
}

#[test]
fn a_repeated_reason_does_not_hide_the_one_before() {
    let tls = "Nov 24 08:00:00 h postfix/smtp[7]: warning: TLS library problem: error:0A00010B:SSL routines::wrong version number:x:\n";
    let handshake = "Cannot start TLS: handshake failure";
    let suspended = format!("delivery temporarily suspended: {handshake}");
    let log = [
        tls.to_owned(),
        deferred("08:00:00", "AAAAA1", handshake),
        deferred("08:01:00", "AAAAA1", &suspended),
        deferred("08:02:00", "AAAAA2", &suspended),
    ]
    .concat();
    assert_eq!(ids(&report(&log)), [("tls-on-the-wrong-port", 2)]);
}

#[test]
fn what_a_process_said_of_an_earlier_message_is_no_evidence_for_a_later_one() {
    let tls = "Nov 24 08:00:00 h postfix/smtp[7]: warning: TLS library problem: error:0A00010B:SSL routines::wrong version number:x:\n";
    let log = [
        tls.to_owned(),
        sent("08:00:00", "AAAAA1"),
        deferred("08:01:00", "AAAAA2", "Cannot start TLS: handshake failure"),
    ];
    assert_eq!(ids(&report(&log.concat())), [("tls-handshake", 1)]);
    // The same if the earlier message failed.
    let log = [
        tls.to_owned(),
        deferred("08:00:00", "AAAAA1", "Cannot start TLS: handshake failure"),
        deferred("08:01:00", "AAAAA2", "Cannot start TLS: handshake failure"),
    ];
    assert_eq!(ids(&report(&log.concat())), [("tls-handshake", 1), ("tls-on-the-wrong-port", 1)]);
}

#[test]
fn ends_of_messages() {
    let qmgr = |id: &str| {
        format!("Nov 24 09:00:00 h postfix/qmgr[3]: {id}: from=<a@b>, status=expired, returned to sender\n")
    };
    let log = [
        deferred("08:00:00", "AAAAA1", REFUSED),
        qmgr("AAAAA1"),
        deferred("08:00:01", "AAAAA2", REFUSED),
        "Nov 24 09:00:00 h postfix/postsuper[3]: AAAAA2: removed\n".into(),
        deferred("08:00:02", "AAAAA3", REFUSED),
        "Nov 24 09:00:00 h postfix/postsuper[3]: AAAAA3: requeued\n".into(),
    ]
    .concat();
    let first = report(&log);
    let failure = only(&first);
    assert_eq!(
        (failure.cause.id.as_str(), failure.tally.messages, failure.tally.waiting),
        ("connection-refused", 2, 0)
    );
    assert!(!failure.over);
    assert!(only(&report(&(log + &sent("09:30:00", "AAAAA9")))).over);
    // Of a message that expired, and whose failures are not in the log, only its expiry is known.
    let expired = report(&qmgr("AAAAA5"));
    assert_eq!(
        (only(&expired).tally.messages, only(&expired).example.as_ref().unwrap().queue_id.as_str()),
        (1, "AAAAA5")
    );
}

#[test]
fn lines_alone() {
    let fatal =
        |daemon: &str| format!("Nov 24 08:00:00 h postfix/{daemon}[9]: fatal: nobody has ever seen this\n");
    let report_ = report(&fatal("smtp"));
    assert_eq!(
        (only(&report_).cause.id.as_str(), only(&report_).lines, only(&report_).tally.messages),
        ("daemon-died", 1, 0)
    );
    assert_eq!(ids(&report(&fatal("smtpd"))), [("unknown", 0)]);
    // Programs that people run end like that because of what somebody typed.
    assert_eq!(ids(&report(&fatal("sendmail"))), []);
    // The death of smtp(8), and the messages that waited for it, are one failure.
    let log = [
        "Nov 24 08:00:00 h postfix/smtp[9]: fatal: specify a password table via the `smtp_sasl_password_maps' configuration parameter\n",
        "Nov 24 08:00:00 h postfix/master[1]: warning: process /usr/libexec/postfix/smtp pid 9 exit status 1\n",
        "Nov 24 08:00:00 h postfix/master[1]: warning: /usr/libexec/postfix/smtp: bad command startup -- throttling\n",
        &deferred("08:01:00", "AAAAA1", "unknown mail transport error"),
    ]
    .concat();
    let died = report(&log);
    assert_eq!(ids(&died), [("no-password-table", 1)]);
    assert_eq!((only(&died).lines, only(&died).words.starts_with("fatal: ")), (1, true));
}

/// Postfix 2.10 crashes on a table of a type that it does not have, after it has said so.
#[test]
fn what_a_process_complained_of_before_a_signal_killed_it_is_the_cause() {
    let log = |complaint: &str| {
        [
            complaint,
            "Nov 24 08:00:00 h postfix/master[1]: warning: process /usr/libexec/postfix/smtp pid 9 killed by signal 11\n",
            "Nov 24 08:00:00 h postfix/master[1]: warning: /usr/libexec/postfix/smtp: bad command startup -- throttling\n",
            &deferred("08:01:00", "AAAAA1", "unknown mail transport error"),
        ]
        .concat()
    };
    let said = "Nov 24 08:00:00 h postfix/smtp[9]: error: unsupported dictionary type: inline\n";
    assert_eq!(ids(&report(&log(said))), [("table-type-not-here", 1)]);
    let of_another = said.replace("smtp[9]", "smtp[8]");
    let both = report(&log(&of_another));
    assert!(ids(&both).contains(&("daemon-crashed", 1)), "{:?}", ids(&both));
    assert_eq!(ids(&report(&log(""))), [("daemon-crashed", 1)]);
}

#[test]
fn a_time_to_begin_with() {
    let log = [
        deferred("08:00:00", "AAAAA1", REFUSED),
        deferred("09:00:00", "AAAAA2", REFUSED),
        sent("09:00:01", "AAAAA3"),
        deferred("10:00:00", "AAAAA4", REFUSED),
    ]
    .concat();
    let since = Some(NOW - 3 * 3600);
    let report = report_of(&log, since, &[], &Owner::default());
    assert_eq!((ids(&report), report.accepted), (vec![("connection-refused", 2)], 1));
    assert_eq!(report.span, (since, Some(NOW - 2 * 3600)));
    // A block that straddles that time.
    let circumstances = |about: &About| Circumstances::unknown(about);
    let mut follower =
        Follower::new(Question { since, circumstances: &circumstances, ..Question::default() });
    follower.source(Calendar::utc(NOW));
    follower.feed((sent("08:30:00", "AAAAA9") + &log).as_bytes());
    let whole = Report::new(&follower, &Owner::default());
    assert_eq!((ids(&whole), whole.accepted), (ids(&report), 1));
}

#[test]
fn local_deliveries_matter_only_for_domains_that_are_elsewhere() {
    let local = |to: &str| {
        format!(
            "Nov 24 08:00:00 h postfix/local[7]: AAAAA1: to=<{to}>, relay=local, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (delivered to mailbox)\n"
        )
    };
    let ids_of = |to: &str| report_of(&local(to), None, &["example.com"], &Owner::default()).failures.len();
    assert_eq!((ids_of("ops@example.com"), ids_of("ops@EXAMPLE.COM"), ids_of("root@h")), (1, 1, 0));
}

#[test]
fn other_hosts_count_unless_this_one_is_among_them() {
    let log = deferred("08:00:00", "AAAAA1", REFUSED)
        + &deferred("08:00:00", "AAAAA2", REFUSED).replace(" h postfix", " other postfix");
    let ours = |names: &[&str], strict: bool| {
        let owner = Owner { names: names.iter().map(ToString::to_string).collect(), strict };
        report_of(&log, None, &[], &owner).failures.iter().filter(|one| one.ours).count()
    };
    assert_eq!((ours(&["h.example.com"], false), ours(&["third"], false), ours(&["third"], true)), (1, 2, 0));
}

#[test]
fn a_story() {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let question = Question { circumstances: &circumstances, ..Question::default() };
    let mut narrator = Narrator::new("AAAAA1", question);
    narrator.source(Calendar::utc(NOW));
    let log = [
        "Nov 24 08:00:00 h postfix/pickup[1]: AAAAA1: uid=0 from=<m>\n",
        "Nov 24 08:00:00 h postfix/cleanup[1]: AAAAA1: message-id=<x@h>\n",
        "Nov 24 08:00:00 h postfix/qmgr[1]: AAAAA1: from=<m@h>, size=9, nrcpt=1 (queue active)\n",
        &sent("08:00:01", "AAAAA2"),
        "Nov 24 08:00:01 h postfix/smtp[7]: warning: SASL authentication failure: No worthy mechs found\n",
        &deferred(
            "08:00:01",
            "AAAAA1",
            "SASL authentication failed; cannot authenticate to server r[192.0.2.1]: no mechanism available",
        ),
        &sent("08:05:00", "AAAAA1"),
        "Nov 24 08:05:00 h postfix/qmgr[1]: AAAAA1: removed\n",
    ]
    .concat();
    let (before, after) = log.split_at(log.find("Nov 24 08:05:00 h postfix/smtp").unwrap());
    narrator.feed(before.as_bytes());
    assert!(narrator.story.has_failed());
    assert_eq!(narrator.story.steps.last().unwrap().cause.as_ref().unwrap().id, "sasl-no-mechanism");
    narrator.feed(after.as_bytes());
    assert!(!narrator.story.has_failed());
    let texts: Vec<&str> = narrator.story.steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(texts.len(), 6, "{texts:#?}");
    assert!(texts[4].starts_with("was accepted by r[192.0.2.1]:587 for ops@example.com"), "{}", texts[4]);
}

#[test]
fn a_failure_is_over_when_the_same_relay_takes_what_it_stopped() {
    let sent_by = |relay: &str| sent("09:30:00", "AAAAA9").replace("relay=r[192.0.2.1]:587", relay);
    let bounced =
        |reason: &str| record("08:00:00", "AAAAA1", "ops@example.com", &format!("bounced ({reason})"));
    let no_name = "Host or domain name not found. Name service error for name=r type=A: Host not found";
    let sender = "host r[192.0.2.1] said: 553 5.7.1 <a@b>: Sender address rejected: not owned (in reply to MAIL FROM command)";
    let fatal = "Nov 24 08:00:00 h postfix/smtp[3]: fatal: unsupported dictionary type: hash\n";
    let warning = "Nov 24 08:00:00 h postfix/smtp[3]: warning: database /etc/postfix/x.db is older than source file /etc/postfix/x\n";
    let caller = |number| {
        format!(
            "Nov 24 08:00:00 h postfix/sendmail[3]: fatal: a@b({number}): not authorized to use sender='a@b'\n"
        )
    };
    let (same, other) = (sent_by("relay=r[192.0.2.2]:587"), sent_by("relay=127.0.0.1[127.0.0.1]:10024"));
    for (log, later, over) in [
        (bounced(PASSWORD), &same, true),
        (bounced(PASSWORD), &other, false),
        (bounced(no_name).replace("relay=r[192.0.2.1]:587", "relay=none"), &other, true),
        (bounced(sender), &same, false),
        (deferred("08:00:00", "AAAAA1", PASSWORD), &same, false),
        (fatal.to_owned(), &same, true),
        (warning.to_owned(), &same, false),
        (caller(1000), &same, false),
    ] {
        let report = report(&format!("{log}{later}"));
        let failure = only(&report);
        let taken = failure.taken.as_ref().map(|taken| taken.time);
        assert_eq!((failure.over, taken), (over, Some(NOW - 9000)), "{log}{later}");
    }
    let two = report(&format!("{}{}{}", caller(1000), caller(1001), caller(1000)));
    let lines: Vec<_> =
        two.failures.iter().map(|one| (one.lines, one.cause.cause.contains("number 1000"))).collect();
    assert_eq!(lines, [(2, true), (1, false)], "of two logins one may be meant and one not");
}

/// Two ways of the answers at one relay, told apart by their senders, and a third by its domain.
#[test]
fn a_failure_is_over_when_mail_leaves_by_its_own_way() {
    let way = |from: Option<&str>, to: &str| match (from?, to) {
        (_, to) if to.ends_with("@corp.example.com") => Some(2),
        (from, _) => Some(usize::from(from == "backup@example.com")),
    };
    let circumstances = |about: &About| Circumstances::unknown(about);
    let fallbacks = vec![("second".to_owned(), 25)];
    let told = |log: &str| {
        let (fallbacks, way) = (fallbacks.clone(), Some(&way as _));
        let mut follower =
            Follower::new(Question { fallbacks, way, circumstances: &circumstances, ..Question::default() });
        follower.source(Calendar::utc(NOW));
        follower.feed(log.as_bytes());
        let report = Report::new(&follower, &Owner::default());
        only(&report).over
    };
    let from = |id: &str, sender: &str| {
        format!("Nov 24 07:59:00 h postfix/qmgr[3]: {id}: from=<{sender}>, size=1\n")
    };
    let (own, all) = ("backup@example.com", "root@example.com");
    let bounced = |to: &str| record("08:00:00", "AAAAA1", to, &format!("bounced ({PASSWORD})"));
    let gone = |to: &str| record("09:00:00", "AAAAA9", to, "sent (250 ok)");
    let (ops, corp) = ("ops@example.com", "ops@corp.example.com");
    for ((failed, to), (later, later_to), over) in [
        ((own, ops), (all, ops), false),
        ((own, ops), (own, ops), true),
        ((own, ops), (own, corp), false),
        ((all, ops), (own, ops), false),
        ((all, ops), (all, ops), true),
        ((own, corp), (all, ops), false),
        ((own, corp), (all, corp), true),
    ] {
        let log = [from("AAAAA1", failed), bounced(to), from("AAAAA9", later), gone(later_to)].concat();
        assert_eq!(told(&log), over, "{log}");
        // Nobody knows on which way a message left whose sender is not in the log, or that another relay took.
        let unknown = [from("AAAAA1", failed), bounced(to), gone(later_to)].concat();
        assert!(!told(&unknown), "{unknown}");
        assert!(
            !told(&log.replace(
                "r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.0.0, status=sent",
                "second[192.0.2.2]:25, delay=1, delays=0/0/1/0, dsn=4.0.0, status=sent"
            )),
            "{log}"
        );
    }
}
