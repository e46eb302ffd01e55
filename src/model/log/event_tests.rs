use super::*;
use crate::model::log::line::parse_line;

const SENT: &str = "Nov 23 10:00:00 op5-system postfix/smtp[421]: 4Bd2c1x0z: to=<ops@example.com>, relay=relay.lab.test[192.0.2.1]:587, delay=0.31, delays=0.02/0.01/0.2/0.08, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 12 (a, b))";

fn event(line: &str) -> Event {
    parse_event(&parse_line(line).unwrap())
}

fn attempt(line: &str) -> Attempt {
    match event(line) {
        Event::Attempt(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sent_message() {
    let attempt = attempt(SENT);
    assert_eq!((attempt.agent.as_str(), attempt.pid, attempt.status), ("smtp", 421, Status::Sent));
    assert_eq!(attempt.reason, "250 2.0.0 Ok: queued as 12 (a, b)");
    let hop = Hop::Host { name: "relay.lab.test".into(), address: "192.0.2.1".into(), port: 587 };
    assert_eq!(attempt.relay, hop);
    assert!((attempt.delays[2] - 0.2).abs() < f32::EPSILON);
}

#[test]
fn a_local_delivery_and_a_failure_without_connection() {
    let line = "x postfix/local[9]: ABCDE1: to=<root@h>, orig_to=<root>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)";
    assert_eq!(attempt(line).relay, Hop::Here("local".into()));
    let line = "x postfix/smtp[9]: ABCDE1: to=<o@x>, relay=none, delay=30, delays=0.01/0.01/30/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to r[2001:db8::1]:587: Connection refused)";
    let found = attempt(line);
    assert_eq!((&found.relay, found.status), (&Hop::None, Status::Deferred));
    assert_eq!(found.words(), "connect to r[2001:db8::1]:587: Connection refused");
    assert_eq!(found.target(), Some(("r".into(), "2001:db8::1".into(), 587)));
}

#[test]
fn wordings_of_every_version() {
    for (from, to) in [
        ("dsn=", "tls=TLSv1.3, dsn="),
        ("delay=0.31", "conn_use=3, delay=0.31"),
        ("status=sent (250", "status=sent, delivered (250"),
        ("4Bd2c1x0z", "0123456789AB"),
    ] {
        let line = SENT.replace(from, to);
        assert_eq!(attempt(&line).reason, "250 2.0.0 Ok: queued as 12 (a, b)", "{line}");
    }
}

#[test]
fn addresses_that_look_like_fields() {
    let line = SENT.replace("to=<ops@example.com>", "to=<\"a, status=sent (250\"@x>, orig_to=<relay=b, c>");
    let found = attempt(&line);
    assert_eq!((found.to.as_str(), found.status), ("\"a, status=sent (250\"@x", Status::Sent));
    assert_eq!(found.orig_to.as_deref(), Some("relay=b, c"));
    assert_eq!(attempt(&SENT.replace("ops@example.com", "")).to, "");
}

#[test]
fn an_attempt_is_for_the_recipient_that_the_sender_gave() {
    let found = attempt(&SENT.replace("to=<ops@example.com>", "to=<a.b@x>, orig_to=<ops@example.com>"));
    for recipient in ["a.b@x", "A.B@X", "\"a.b\"@x", "ops@example.com", "Ops@Example.COM"] {
        assert!(found.is_for(recipient), "{recipient}");
    }
    for recipient in ["ops", "ops@example.com.example", "b@x", "", "example.com"] {
        assert!(!found.is_for(recipient), "{recipient}");
    }
    // Quoted since 3.5, raw before; the answers have it quoted.
    for logged in ["a b\\c@x", "\"a b\\\\c\"@x"] {
        let found = attempt(&SENT.replace("ops@example.com", logged));
        assert!(found.is_for("\"a b\\\\c\"@x"), "{logged}");
    }
    assert!(attempt(&SENT.replace("to=<ops@example.com>", "to=<root@h>, orig_to=<root>")).is_for("root"));
}

#[test]
fn a_line_that_says_that_another_was_repeated_is_no_attempt() {
    let text =
        "ABCDE1: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)";
    for line in [
        format!("x postfix/smtp[3]: message repeated 2 times: [ {text}]"),
        format!("x postfix/smtp[3]: message repeated 2 times: [{text}]"),
        format!("x postfix/smtp[3]: last message repeated 2 times: {text}"),
    ] {
        assert_eq!(event(&line), Event::Other, "{line}");
    }
}

#[test]
fn ends_that_qmgr_and_admins_make() {
    let expired = "x postfix/qmgr[1]: ABCDE1: from=<a@b>, status=expired, returned to sender";
    let gone = |gone| Event::Gone { queue_id: "ABCDE1".into(), gone };
    assert_eq!(event(expired), gone(Gone::Expired));
    let forced = expired.replace("=expired", "=force-expired");
    assert_eq!(event(&forced), gone(Gone::Expired));
    let deleted = "x postfix/postsuper[1]: ABCDE1: removed";
    assert_eq!(event(deleted), gone(Gone::Deleted));
}

#[test]
fn what_is_none_of_these() {
    for line in [
        "x postfix/qmgr[1]: ABCDE1: removed",
        "x postfix/cleanup[1]: warning: header Subject",
        "x postfix/smtp[1]: warning: to=<a>, relay=none, status=sent (250",
        "x postfix/smtp[1]: ABCDE1: to=<a@b>, relay=none",
        "x postfix/smtp[1]: ABCDE1: to=<a@b>, relay=none, status=deliverable (250 ok)",
    ] {
        assert_eq!(event(line), Event::Other, "{line}");
    }
}

#[test]
fn the_host_is_found_with_and_without_a_port() {
    let host = |words| host_named(words).unwrap();
    assert_eq!(host("connect to r[192.0.2.1]:587: x"), ("r".into(), "192.0.2.1".into(), Some(587)));
    assert_eq!(host("host r[2001:db8::1] said: 550 x[y]"), ("r".into(), "2001:db8::1".into(), None));
    assert_eq!(host_named("Cannot start TLS: handshake failure"), None);
}

/// A local user chooses the recipient, and with it text that looks like the rest of a record.
#[test]
fn a_recipient_says_nothing_of_its_message() {
    let sent =
        "a>, relay=r.example.com[192.0.2.1]:587, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)";
    let own =
        "relay=none, delay=0, delays=0/0/0/0, dsn=5.4.4, status=bounced (Host or domain name not found)";
    for address in
        [format!("\"{sent}\"@b.example"), format!("\"{sent}\\\" x\"@b.example"), format!("{sent}@b.example")]
    {
        for head in [
            format!("to=<{address}>, "),
            format!("to=<{address}>, orig_to=<{address}>, "),
            format!("to=<o@x>, orig_to=<{address}>, "),
        ] {
            let line = format!("Nov 24 08:00:00 h postfix/error[7]: 4Bd2c1x0z: {head}{own}");
            let Event::Attempt(attempt) = parse_event(&parse_line(&line).unwrap()) else { panic!("{line}") };
            assert_eq!(attempt.status, Status::Bounced, "{line}");
        }
    }
}
