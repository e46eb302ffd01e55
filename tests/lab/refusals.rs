//! Each way in which a relay, or the host, keeps the message from leaving: produced for real, and named with its
//! cause and remedy.

use crate::host::{AUTHENTICATED, Host, OFFICE365, OPEN, host, read};

/// Breaks a host, verifies, and checks the exit status, the cause and that the test message is not left in the queue.
#[track_caller]
fn named(host: Host, script: &str, code: i64, cause: &str) {
    let script = format!(
        "{{ {script}; }} >/root/setup 2>&1; echo '== verify'; relayhost verify --json --deadline 20s 2>/root/err; echo '== queue'; for i in {{1..50}}; do postqueue -p 2>&1 | grep -q -e empty -e down && break; sleep 0.1; done; postqueue -p; cat /root/setup"
    );
    let run = host.sh(&script);
    let report = run.json("verify");
    assert_eq!(
        (&report["exit"], &report["delivery"]["cause"]["id"]),
        (&code.into(), &cause.into()),
        "{report:#}\n{}",
        run.stdout
    );
    let remedy = report["delivery"]["cause"]["remedy"].as_str().unwrap();
    assert!(remedy.len() > 10, "{remedy}");
    assert!(
        run.part("queue").contains("Mail queue is empty")
            || run.part("queue").contains("mail system is down"),
        "{}",
        run.stdout
    );
}

const APPLY: &str = "relayhost apply --no-verify";

/// `postconf -e`, with the file dated back: Postfix waits for a file younger than two seconds.
fn set(parameters: &str) -> String {
    format!("{APPLY}; postconf -e {parameters}; touch -d '-5 seconds' /etc/postfix/main.cf; postfix reload")
}

fn authenticated() -> Host {
    host().answers(AUTHENTICATED)
}

/// authenticated.toml with one line changed.
fn edited(from: &str, to: &str) -> Host {
    let text = read(AUTHENTICATED);
    assert!(text.contains(from));
    host().answers_text(&text.replace(from, to))
}

#[test]
fn a_plugin_removed_after_the_check() {
    named(
        authenticated(),
        &format!("{APPLY}; rpm -e cyrus-sasl-plain; postfix reload"),
        4,
        "sasl-plugin-missing",
    );
}

#[test]
fn security_options_that_forbid_plain_text() {
    let script = set(
        "smtp_sasl_security_options=noplaintext,noanonymous smtp_sasl_tls_security_options=noplaintext,noanonymous smtp_sasl_mechanism_filter=plain,login",
    );
    named(authenticated(), &script, 4, "sasl-noplaintext");
}

#[test]
fn a_filter_that_leaves_nothing() {
    named(authenticated().relay("cram-only"), APPLY, 4, "sasl-filter");
}

#[test]
fn a_relay_with_no_mechanism_that_postfix_has() {
    named(authenticated().relay("nomech"), &set("smtp_sasl_mechanism_filter="), 4, "sasl-no-mechanism");
}

#[test]
fn not_authenticated_because_sasl_is_off() {
    named(
        host().relay("office365-old").answers(OFFICE365),
        &set("smtp_sasl_auth_enable=no"),
        4,
        "not-authenticated-sasl-off",
    );
}

#[test]
fn not_authenticated_because_tls_is_off() {
    named(
        host().relay("office365-old").answers(OFFICE365),
        &set("smtp_tls_security_level=none"),
        4,
        "not-authenticated-no-tls",
    );
}

#[test]
fn not_authenticated_because_the_key_does_not_match() {
    let script = format!(
        "{APPLY}; sed -i 's/:587//' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd"
    );
    named(host().relay("office365").answers(OFFICE365), &script, 4, "not-authenticated-no-key");
}

#[test]
fn a_login_is_wanted_and_the_answers_have_none() {
    named(
        host().relay("office365").answers_text(&read(OPEN).replace("port = 25", "port = 587")),
        APPLY,
        4,
        "login-needed",
    );
}

/// Whether it says so by 530 or by "Relay access denied", and whether the probe hears it or the message.
#[test]
fn a_relay_that_offers_no_login_is_one_cause_for_probe_and_message() {
    let script = "echo '== probe'; relayhost probe --json 2>/dev/null; echo '== apply'; relayhost apply --no-probe --json 2>/dev/null";
    let required = "OFFER none\nLOGIN required\nEND 250 2.0.0 Ok\n";
    for host in [authenticated().relay("no-auth"), authenticated().replies(required)] {
        let run = host.sh(script);
        let (probe, apply) = (run.json("probe"), run.json("apply"));
        assert_eq!(probe["probe"]["warnings"][0]["id"], "login-not-offered", "{probe:#}");
        assert_eq!(probe["probe"]["cause"]["id"], "relay-denied", "{probe:#}");
        assert_eq!(apply["delivery"]["cause"], probe["probe"]["cause"], "{apply:#}");
    }
}

#[test]
fn starttls_is_demanded() {
    named(authenticated(), &set("smtp_tls_security_level=none"), 4, "starttls-demanded");
}

#[test]
fn a_wrong_password() {
    named(edited("battery staple", "battery stable"), APPLY, 4, "wrong-password");
    named(authenticated().relay("office365-disabled"), APPLY, 4, "smtp-auth-disabled");
}

#[test]
fn a_password_table_that_somebody_else_wrote() {
    let script = format!(
        "{APPLY}; sed -i 's/staple/stable/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd"
    );
    named(authenticated(), &script, 4, "password-not-ours");
}

#[test]
fn a_sender_that_nothing_rewrites() {
    let text: String = read(AUTHENTICATED)
        .lines()
        .filter(|line| !line.starts_with("rewrite"))
        .fold(String::new(), |all, line| all + line + "\n");
    named(host().answers_text(&text), APPLY, 4, "sender-not-rewritten");
    let other = read(AUTHENTICATED)
        .replace("= \"alerts@example.com\"", "= \"boss@example.com\"")
        .replace("username  = \"boss", "username  = \"alerts");
    named(host().answers_text(&other), APPLY, 4, "sender-refused");
}

#[test]
fn a_login_that_may_not_relay() {
    named(authenticated().relay("relay-denied"), APPLY, 4, "relay-denied");
}

#[test]
fn tls_that_is_not_offered() {
    named(authenticated().relay("notls"), APPLY, 4, "tls-not-offered");
}

#[test]
fn certificates_that_are_not_good_enough() {
    named(authenticated().relay("untrusted"), APPLY, 4, "certificate-not-trusted");
    named(authenticated().relay("expired"), APPLY, 4, "certificate-expired");
    named(authenticated().relay("wrongname"), APPLY, 4, "certificate-name");
}

#[test]
fn tls_from_the_first_byte_on_the_wrong_port() {
    named(edited("port = 587", "port = 587\nimplicit_tls = true"), APPLY, 4, "tls-on-the-wrong-port");
}

#[test]
fn a_name_that_dns_does_not_have() {
    named(edited("smtp.example.com", "smtp.example.invalid"), APPLY, 5, "host-not-found");
}

#[test]
fn nothing_listens() {
    named(authenticated().relay("closed"), APPLY, 5, "connection-refused");
}

#[test]
fn postfix_does_not_run() {
    named(authenticated(), &format!("{APPLY}; postfix stop"), 5, "postfix-not-running");
}

#[test]
fn mail_that_was_delivered_locally() {
    let local = set("mydestination=localhost,example.com");
    named(authenticated(), &format!("useradd -m ops; {local}"), 5, "delivered-locally");
    // A mailbox that is not there makes a bounce of it, and the log says nothing of mydestination.
    named(authenticated(), &local, 5, "delivered-locally");
}

#[test]
fn mail_that_went_another_way() {
    named(
        edited("host = \"smtp.example.com\"", "host = \"relay.lab.test\"").relay("plain"),
        &set("relayhost=[relay.lab.test]:25"),
        5,
        "another-relay",
    );
}

/// The answers and their relay are not blamed on a host that nobody has set up.
#[test]
fn a_host_that_is_not_set_up_says_nothing_of_the_relay() {
    let run = authenticated().sh("relayhost verify --deadline 10s | tr -s ' \\n' ' '; echo \"exit ${PIPESTATUS[0]}\"; relayhost apply >/dev/null; relayhost verify >/dev/null; echo \"exit $?\"");
    run.says("[another-relay]")
        .says("Postfix is not set up as the answers say: `relayhost` in main.cf is empty, not `[smtp.example.com]:587`")
        .says("remedy relayhost apply")
        .never_says("correct relay.host")
        .says("exit 5\nexit 0\n");
}

#[test]
fn a_relay_that_never_says_a_word() {
    let run = authenticated().relay("silent").sh("relayhost apply --no-verify >/dev/null; relayhost verify --json --deadline 4s 2>/dev/null >/tmp/v; cat /tmp/v; postqueue -p >&2");
    assert_eq!(crate::host::document(&run.stdout)["delivery"]["cause"]["id"], "no-word");
    run.complains("Mail queue is empty");
}

#[test]
fn a_greylisting_relay_is_waited_for() {
    let run = authenticated().relay("greylist").sh("relayhost apply");
    run.exits(0).says("trying again").says("Ok: queued");
}

/// A line that was logged while the log is turned over may be read by nobody: what a file had when it is truncated, and what
/// the journal had before `--vacuum-size`. Here rsyslog leaves out that of the first attempt.
#[test]
fn a_message_whose_first_attempt_the_log_has_lost_is_tried_again() {
    let run = authenticated()
        .relay("greylist")
        .sh("sed -i '/^mail/i :msg, contains, \"Greylisted\" stop' /etc/rsyslog.conf; restart_rsyslog
         relayhost apply; echo \"exit $?\"; grep -c Greylisted /var/log/maillog; arrived");
    run.exits(0).says("Ok: queued").says("exit 0\n0\n1\n");
}

#[test]
fn a_relay_that_stays_busy_is_named_after_the_deadline() {
    let run = authenticated()
        .relay("throttled")
        .sh("relayhost apply --no-verify >/dev/null; relayhost verify --deadline 6s");
    run.exits(5).says("Server busy");
}

#[test]
fn a_relay_that_hangs_up_is_named() {
    let run = authenticated()
        .relay("drops")
        .sh("relayhost apply --no-verify >/dev/null; relayhost verify --deadline 6s");
    run.exits(5).says("[connection-lost-in-message]");
}

#[test]
fn helo_names() {
    named(
        authenticated().relay("strict-helo"),
        &set("myhostname=monitor smtp_helo_name=monitor"),
        4,
        "helo-rejected",
    );
}

#[test]
fn a_daemon_that_dies() {
    named(authenticated(), &set("smtp_sasl_password_maps="), 5, "no-password-table");
    named(authenticated(), &set("smtp_tls_security_level=encript"), 5, "tls-level-unknown");
}

/// master(8) waits a minute before it starts a daemon again that died; no reload ends that.
#[test]
fn a_daemon_that_died_is_back_as_soon_as_its_setting_is_mended() {
    let script = set("smtp_sasl_password_maps=");
    let run = authenticated().sh(&format!(
        "{script}; relayhost verify --deadline 5s; date +%s >/root/then; relayhost repair; echo took $(($(date +%s) - $(cat /root/then)))"
    ));
    let run = run.exits(0).says("restart done").says("Ok: queued");
    let took: u32 = run.stdout.rsplit("took ").next().unwrap().trim().parse().unwrap();
    assert!(took < 20, "{}", run.stdout);
}

#[test]
fn a_table_that_cannot_be_read() {
    named(
        authenticated(),
        &format!("{APPLY}; rm /etc/postfix/sasl_passwd.$DB; postfix reload"),
        5,
        "table-not-built",
    );
}

#[test]
fn mail_that_failed_on_another_way_is_not_blamed_on_the_relay() {
    named(authenticated(), &set("'transport_maps=static:smtp:[relay.lab.test]:26'"), 5, "route.transport");
}

#[test]
fn a_rewrite_that_postfix_does_not_use() {
    named(authenticated(), &set("smtp_generic_maps="), 4, "rewrite-not-in-force");
}

#[test]
fn a_broken_daemon_that_the_message_does_not_need_is_another_matter() {
    let broken = "printf '9999 inet n - n - - smtpd\\n -o smtpd_tls_security_level=bogus\\n' >> /etc/postfix/master.cf";
    let poke = "(for i in 1 2 3 4 5; do sleep 0.3; : < /dev/tcp/127.0.0.1/9999; done) 2>/dev/null & ";
    let script = format!("{broken}; {APPLY} >/dev/null; postfix reload 2>/dev/null; {poke} relayhost verify");
    authenticated().relay("greylist").sh(&script).exits(0).says("Ok: queued");
}
