//! About which recipient a verdict is: a copy for somebody else neither proves nor disproves a delivery.

use super::{TIMES, VERIFY, authenticated, cause, is_proved, scripted, set};

#[test]
fn a_copy_that_the_relay_takes_is_no_acceptance() {
    let rules = "RCPT/ops@/ 550 5.1.1 no such user\nEND 250 2.0.0 Ok\n";
    let bcc_maps = "recipient_bcc_maps=static:archive@example.com";
    for parameters in ["always_bcc=archive@example.com", bcc_maps] {
        for _ in 0..TIMES / 2 {
            let run = scripted(rules).sh(&format!("{}{VERIFY}; find /var/lib/relayhost", set(parameters)));
            let report = run.json("verify");
            assert_eq!((&report["exit"], cause(&report)), (&4.into(), "recipient-refused"), "{report:#}");
            assert!(!is_proved(&run));
        }
    }
}

#[test]
fn a_copy_that_the_relay_refuses_is_no_failure() {
    let rules = "RCPT/archive@/ 550 5.1.1 no such user\nEND 250 2.0.0 Ok\n";
    let run = scripted(rules).sh(&format!(
        "{}{VERIFY}; find /var/lib/relayhost",
        set("always_bcc=archive@example.com smtp_destination_recipient_limit=1")
    ));
    let report = run.json("verify");
    assert_eq!((&report["exit"], cause(&report)), (&0.into(), "accepted"), "{report:#}");
    assert!(is_proved(&run));
}

#[test]
fn a_copy_for_the_host_itself_does_not_take_the_message_out_of_the_queue() {
    for to in ["root@localhost", "root"] {
        let script = format!(
            "postconf -e always_bcc={to}; touch -d '-5 seconds' /etc/postfix/main.cf; relayhost apply; echo \"exit $?\"; mails"
        );
        authenticated().sh(&script).says("exit 0").says("ok   message").never_says("never left this host");
    }
    // And one that waits stays there when the recipient is done.
    let rules = "RCPT/ops@/ 550 5.1.1 no such user\nRCPT/archive@/ 450 4.2.0 full\nEND 250 2.0.0 Ok\n";
    let run = scripted(rules)
        .sh(&format!("{}{VERIFY}", set("always_bcc=archive@example.com smtp_destination_recipient_limit=1")));
    assert_eq!(cause(&run.json("verify")), "recipient-refused");
    assert!(run.part("queue").contains("archive@example.com"), "{}", run.stdout);
}

#[test]
fn of_an_alias_the_relay_has_to_take_all() {
    let alias = |to: &str| {
        format!(
            "{}echo '{to}' >/etc/postfix/virtual; postmap /etc/postfix/virtual; ",
            set("virtual_alias_maps=hash:/etc/postfix/virtual smtp_destination_recipient_limit=1")
        )
    };
    let two = alias("ops@example.com one@example.com, two@example.com");
    let rules = "RCPT/two@/ 550 5.1.1 no such user\nEND 250 2.0.0 Ok\n";
    for _ in 0..TIMES / 2 {
        let report = scripted(rules).sh(&format!("{two}{VERIFY}")).json("verify");
        assert_eq!(&report["exit"], 4, "{report:#}");
    }
    let report = scripted("END 250 2.0.0 Ok\n").sh(&format!("{two}{VERIFY}")).json("verify");
    assert_eq!(cause(&report), "accepted", "{report:#}");
    // With a copy for the host: one of those that the alias stands for never leaves it.
    let copy = alias("ops@example.com ops@example.com, root@localhost");
    let report = scripted("END 250 2.0.0 Ok\n").sh(&format!("{copy}{VERIFY}")).json("verify");
    assert_eq!((&report["exit"], cause(&report)), (&5.into(), "delivered-locally"), "{report:#}");
}

#[test]
fn a_recipient_is_known_in_whatever_way_it_is_written_or_rewritten() {
    let canonical =
        "echo '@example.org ops@example.com' >/etc/postfix/canonical; postmap /etc/postfix/canonical; ";
    for (to, parameters, before) in [
        ("OPS@Example.COM", "always_bcc=root", ""),
        ("ops+test@example.com", "recipient_delimiter=+", ""),
        ("\"o p s\"@example.com", "always_bcc=root", ""),
        ("x@example.org", "recipient_canonical_maps=hash:/etc/postfix/canonical", canonical),
        (
            "x@example.org",
            "recipient_canonical_maps=hash:/etc/postfix/canonical enable_original_recipient=no",
            canonical,
        ),
    ] {
        let script = format!(
            "{before}{}echo '== verify'; relayhost verify --json --deadline 20s --to '{to}' 2>/dev/null; echo '== log'; tail /var/log/maillog",
            set(parameters)
        );
        let run = scripted("END 250 2.0.0 Ok\n").sh(&script);
        assert_eq!(cause(&run.json("verify")), "accepted", "{to}\n{}", run.stdout);
    }
}
