//! `relayhost probe`, and what `apply` makes of it: against real relays, good and broken, and against servers that do
//! what no relay should (`scripts/hostile.py`). No message ever arrives, and a refusal costs nothing.

use serde_json::Value;

use crate::host::{AUTHENTICATED, Host, OFFICE365, OPEN, Run, host, read};

/// Probes, and shows the document, the mailbox and whether anything changed.
const PROBE: &str = ". /lab/tests/lab/scripts/probe.sh; probe\n";

/// What a probe of this host says; nothing was touched, nothing arrived, and no password was shown.
#[track_caller]
fn probed(host: Host) -> Value {
    let run = host.sh(PROBE).never_says("horse");
    assert!(run.part("after").starts_with("untouched\n0\n"), "{}", run.stdout);
    run.json("probe")
}

#[track_caller]
fn refused(host: Host, exit: i64, stage: &str, cause: &str) -> Value {
    let report = probed(host);
    let stages = report["probe"]["stages"].as_array().unwrap();
    let last = stages.last().unwrap();
    assert_eq!(
        (&report["exit"], &last["name"], &last["good"], &report["probe"]["cause"]["id"]),
        (&exit.into(), &stage.into(), &false.into(), &cause.into()),
        "{report:#}"
    );
    assert!(!report["probe"]["evidence"].as_array().unwrap().is_empty(), "{report:#}");
    report
}

fn authenticated() -> Host {
    host().answers(AUTHENTICATED)
}

fn edited(from: &str, to: &str) -> Host {
    let text = read(AUTHENTICATED);
    assert!(text.contains(from));
    host().answers_text(&text.replace(from, to))
}

fn names(report: &Value) -> Vec<&str> {
    let stages = report["probe"]["stages"].as_array().unwrap();
    stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect()
}

fn warnings(report: &Value) -> Vec<&str> {
    let warnings = report["probe"]["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["id"].as_str().unwrap()).collect()
}

#[test]
fn a_relay_that_would_take_the_message() {
    let report = probed(authenticated());
    assert_eq!((&report["exit"], &report["probe"]["ending"]), (&0.into(), &"willing".into()), "{report:#}");
    assert_eq!(
        names(&report),
        [
            "name",
            "connect",
            "greeting",
            "EHLO",
            "STARTTLS",
            "TLS",
            "EHLO",
            "login",
            "sender",
            "recipient",
            "goodbye"
        ]
    );
    assert_eq!(report["probe"]["from"], "alerts@example.com");
    let report = probed(edited("port = 587", "port = 465").relay("smtps"));
    assert_eq!(names(&report)[2..5], ["TLS", "greeting", "EHLO"]);
    for (relay, answers) in [("plain", OPEN), ("office365", OFFICE365)] {
        let report = probed(host().relay(relay).answers(answers));
        assert_eq!(report["exit"], 0, "{relay}: {report:#}");
    }
}

#[test]
fn every_mechanism_that_can_be_spoken_logs_in_and_the_others_are_said() {
    for (mechanism, method) in
        [("plain", "PLAIN"), ("login", "LOGIN"), ("cram-md5", "CRAM-MD5"), ("scram-sha-256", "SCRAM-SHA-256")]
    {
        let run = edited("mechanism = \"plain\"", &format!("mechanism = \"{mechanism}\""))
            .sh("relayhost probe; echo \"exit $?\"; await grep -q auth=1 /lab/relay-log/mail.log; cat /lab/relay-log/mail.log");
        run.says("exit 0").says(&format!("sasl_method={method}, sasl_username=alerts@example.com"));
    }
    // What needs Cyrus SASL ends the probe without a verdict, and `apply` goes on to the message.
    let run = edited("mechanism = \"plain\"", "mechanism = \"digest-md5\"")
        .sh("relayhost probe; echo \"exit $?\"; relayhost apply; echo \"apply $?\"");
    run.says("DIGEST-MD5, which needs Cyrus SASL").says("exit 5").says("no verdict").says("apply 0");
}

#[test]
fn each_refusal_has_its_stage_and_the_cause_that_verify_names() {
    let wrong = || edited("battery staple", "battery stable");
    refused(wrong(), 4, "login", "wrong-password");
    refused(authenticated().relay("cram-only"), 4, "login", "sasl-filter");
    refused(authenticated().relay("nomech"), 4, "login", "sasl-token-only");
    refused(authenticated().relay("notls"), 4, "STARTTLS", "tls-not-offered");
    refused(authenticated().relay("untrusted"), 4, "TLS", "certificate-not-trusted");
    refused(authenticated().relay("expired"), 4, "TLS", "certificate-expired");
    let report = refused(authenticated().relay("wrongname"), 4, "TLS", "certificate-name");
    assert_eq!(report["probe"]["stages"].as_array().unwrap().last().unwrap()["offered"][0], "other.lab.test");
    refused(authenticated().relay("closed"), 5, "connect", "connection-refused");
    refused(authenticated().relay("busy"), 5, "greeting", "relay-busy");
    refused(authenticated().relay("silent"), 5, "greeting", "no-greeting");
    refused(authenticated().relay("greylist"), 5, "recipient", "greylisted");
    refused(edited("smtp.example.com", "smtp.example.invalid"), 5, "name", "host-not-found");
    refused(edited("port = 587", "port = 587\nimplicit_tls = true"), 4, "TLS", "tls-on-the-wrong-port");
    let other = read(AUTHENTICATED)
        .replace("= \"alerts@example.com\"", "= \"boss@example.com\"")
        .replace("username  = \"boss", "username  = \"alerts");
    refused(host().answers_text(&other), 4, "recipient", "sender-refused");
}

#[test]
fn a_refused_password_is_tried_once() {
    // Two addresses, and Postfix would try both; an account is locked after a few.
    let run = edited("battery staple", "battery stable").sh(
        "relayhost probe >/dev/null; echo \"exit $?\"; sleep 1; grep -c 'auth=0/1' /lab/relay-log/mail.log",
    );
    run.says("exit 4\n1\n");
}

#[test]
fn without_a_recipient_it_ends_after_the_sender() {
    let text: String = read(AUTHENTICATED)
        .lines()
        .filter(|line| !line.starts_with("to ="))
        .fold(String::new(), |all, line| all + line + "\n");
    let report = probed(host().answers_text(&text));
    assert_eq!((&report["exit"], &report["probe"]["to"]), (&0.into(), &Value::Null));
    assert_eq!(names(&report)[8..], ["sender", "goodbye"]);
}

#[test]
fn what_will_bite_is_warned_of() {
    let may = || edited("tls  = \"secure\"", "tls  = \"may\"");
    assert_eq!(warnings(&probed(may().relay("notls"))), ["login-in-clear"]);
    let none = read(OPEN).replace("port = 25", "port = 25\ntls = \"none\"");
    assert_eq!(warnings(&probed(host().relay("plain").answers_text(&none))), ["starttls-not-used"]);
    let encrypt = |relay| edited("tls  = \"secure\"", "tls  = \"encrypt\"").relay(relay);
    assert_eq!(warnings(&probed(encrypt("untrusted"))), ["certificate-not-trusted"]);
    assert_eq!(warnings(&probed(encrypt("expired"))), ["certificate-expired"]);
    assert_eq!(warnings(&probed(encrypt("wrongname"))), ["certificate-name"]);
    assert_eq!(warnings(&probed(authenticated().without("cyrus-sasl-plain"))), ["plugin-missing"]);
    let run = authenticated().sh("postconf -e message_size_limit=60000000; relayhost probe");
    run.exits(0).says("warn size: the relay takes messages of up to 52428800 bytes");
    let report = refused(authenticated().relay("no-auth"), 4, "recipient", "relay-denied");
    assert_eq!(warnings(&report), ["login-not-offered"]);
}

#[test]
fn a_name_that_only_etc_hosts_has_is_said() {
    let run = edited("smtp.example.com", "mail.inside.test")
        .sh("echo '192.0.2.1 mail.inside.test' >> /etc/hosts; relayhost probe; echo \"exit $?\"
         postconf -e smtp_host_lookup=dns,native; relayhost probe | grep 'name:'");
    run.says("exit 5")
        .says("warn hosts-file-only")
        .says("[host-not-found]")
        .says("ok   name: mail.inside.test is 192.0.2.1");
}

#[test]
fn addresses_are_tried_in_postfixs_order_until_one_answers() {
    let run = authenticated().sh(
        "ip() { relayhost probe | sed -n 's/^ok   connect: //p'; }
         postconf -e smtp_address_preference=ipv6; ip; postconf -e smtp_address_preference=ipv4; ip
         postconf -e inet_protocols=ipv6; ip; sed -i 's/^port = 587/&\\nip = \"ipv4\"/' /etc/relayhost/answers.toml; ip
         ip6tables -V >/dev/null 2>&1; printf 'server=/x/\\n' >/dev/null",
    );
    let found: Vec<&str> = run.stdout.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(found, ["2001:db8::1", "192.0.2.1", "2001:db8::1", "192.0.2.1"], "{}", run.stdout);
    // An address where nobody answers, and then one: `ip route` makes the first one dead.
    let run = authenticated().sh(
        "postconf -e smtp_address_preference=ipv6; ip -6 route add unreachable 2001:db8::1/128 2>&1; relayhost probe; echo \"exit $?\"",
    );
    run.says("exit 0").says("warn address-dead").says("ok   connect: 192.0.2.1");
}

#[test]
fn the_configuration_in_force_can_be_tried() {
    let run = authenticated().sh(
        "relayhost probe --current; echo \"none $?\"; relayhost apply >/dev/null || exit 9
         try() { relayhost probe --current --json 2>/dev/null > /root/out; echo \"$1 $? $(sed -n 's/.*\"id\": \"\\(.*\\)\".*/\\1/p' /root/out | head -n 1)\"; }
         mv /etc/relayhost/answers.toml /root/; try no-answers; mv /root/answers.toml /etc/relayhost/; try good
         sed -i 's/staple/stable/' /etc/postfix/sasl_passwd; try only-the-source
         postmap hash:/etc/postfix/sasl_passwd; try password
         sed -i 's/:587//' /etc/postfix/sasl_passwd; postmap hash:/etc/postfix/sasl_passwd; try key
         relayhost apply --force >/dev/null; postconf -e smtp_tls_security_level=none; try level
         postconf -e smtp_tls_security_level=secure smtp_sasl_mechanism_filter=xoauth2; try filter
         postconf -e smtp_sasl_mechanism_filter= smtp_sasl_tls_security_options=noplaintext; rpm -e --nodeps cyrus-sasl-md5 cyrus-sasl-scram 2>/dev/null; try noplaintext
         postconf -e smtp_sasl_tls_security_options=noanonymous; rpm -e --nodeps cyrus-sasl-plain; try plugin
         find /lab/mailbox -type f | wc -l",
    );
    run.says("none 1\n")
        .says("no-answers 0 \ngood 0 \nonly-the-source 0 route-login\npassword 4 wrong-password\n")
        .says("level 4 starttls-demanded\nfilter 4 sasl-filter\nnoplaintext 4 sasl-noplaintext\nplugin 4 sasl-plugin-missing\n2\n")
        .complains("this host has no relay")
        .never_says("horse");
}

/// Every file of Postfix, every package, and what is recorded.
const STATE: &str = ". /lab/tests/lab/scripts/probe.sh; install -d -m 700 /var/lib/relayhost /var/lib/relayhost/generations; state > /root/before; ";

#[test]
fn a_refusal_costs_nothing() {
    for command in ["apply", "apply --verify", "repair"] {
        let run = edited("battery staple", "battery stable").without("cyrus-sasl-plain").sh(&format!(
            "{STATE} relayhost {command}; echo \"exit $?\"; state | diff /root/before - && echo untouched; find /lab/mailbox -type f | wc -l"
        ));
        run.says("FAIL probe: [smtp.example.com]:587: login:")
            .says("[wrong-password]")
            .says("nothing was installed, no file was touched")
            .says("exit 4\nuntouched\n0\n")
            .never_says("battery");
    }
    let run = edited("battery staple", "battery stable").sh(
        "relayhost apply --json 2>/dev/null > /root/out; echo \"exit $?\"; echo '== json'; cat /root/out",
    );
    let report = run.json("json");
    assert_eq!(
        (&report["exit"], &report["changed"], &report["probe"]["cause"]["id"]),
        (&4.into(), &false.into(), &"wrong-password".into())
    );
}

#[test]
fn no_probe_leaves_it_to_the_message() {
    let run = edited("battery staple", "battery stable").sh(&format!(
        "{STATE} relayhost apply --no-probe; echo \"exit $?\"; relayhost repair --no-probe; echo \"exit $?\""
    ));
    assert_eq!(run.stdout.matches("exit 7").count(), 2, "{}", run.stdout);
    run.never_says("probe:").says("[wrong-password]");
}

#[test]
fn nothing_is_asked_where_nothing_is_written_or_sent() {
    let run = authenticated().sh(
        "relayhost apply --no-verify; relayhost apply --verify; relayhost repair; relayhost apply; relayhost apply --json 2>&1; chmod 644 /etc/postfix/generic; relayhost apply --on-failure keep",
    );
    run.exits(0).never_says("probe").says("generic: 2 entries");
}

#[test]
fn what_only_postfix_can_know_is_no_verdict() {
    // A relay that is refused, and a setting that has Postfix talk in another way.
    let run = edited("battery staple", "battery stable").sh(
        "postconf -e smtp_bind_address=192.0.2.2; relayhost apply; echo \"exit $?\"; relayhost probe; echo \"exit $?\"",
    );
    run.says("warn probe: no verdict of [smtp.example.com]:587, the test message decides: login:")
        .says("exit 7")
        .says("caveat   Postfix connects from the address that smtp_bind_address names")
        .says("exit 4");
    // TLS that the probe's library does not speak: OpenSSL may.
    let run = edited("tls  = \"secure\"", "tls  = \"encrypt\"")
        .replies("TLS required old\nCERT selfsigned\n")
        .sh("relayhost probe; echo \"exit $?\"; relayhost apply | head -n 1");
    run.says("caveat   the probe speaks TLS 1.2 and 1.3").says("warn probe: no verdict");
    // Silence is no refusal, and greylisting none for long.
    for relay in ["silent", "greylist"] {
        let run = host()
            .relay(relay)
            .answers_text(&read(AUTHENTICATED).replace("60s", "9s"))
            .sh("relayhost apply; echo \"exit $?\"; postconf -h relayhost");
        run.says("warn probe: no verdict").says("main.cf:").says("\n[smtp.example.com]:587\n");
    }
}

#[test]
fn another_address_is_tried_where_postfix_would() {
    // The first connection is turned away, the second one served.
    let run =
        authenticated().replies("CONNECT*1 554 5.3.2 not today\n").sh("relayhost probe; echo \"exit $?\"");
    run.says("FAIL greeting:").says("Postfix would try the next address").says("exit 0");
    // With `may`, what breaks in the handshake is tried again without TLS, and that is said.
    let text = read(OPEN).replace("port = 25", "port = 25\ntls = \"may\"");
    let run = host()
        .answers_text(&text)
        .replies("TLS offered\nLOGIN optional\nHANDSHAKE hangup\n")
        .sh("relayhost probe; echo \"exit $?\"");
    run.says("once more without TLS").says("exit 0");
}

/// Time and memory that a probe may take, whatever the other side does: the timeout and a second for the rest (three
/// here, since six run at a time on two cores), and 64 MiB, of which a debug build without any connection takes 23.
#[test]
fn servers_that_mean_harm_get_neither_time_nor_memory() {
    const TIMEOUT: f64 = 5.0;
    const MEMORY: u64 = 64 * 1024;
    let run: Run =
        host().sh(&format!("python3 /lab/tests/lab/scripts/hostile.py {TIMEOUT}")).never_says("BAD").exits(0);
    let lines: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|words| words.len() == 7)
        .collect();
    assert!(lines.len() >= 44, "{}", run.stdout);
    for words in &lines {
        let [name, exit, stage, cause, seconds, memory, _] = words[..] else { panic!("{words:?}") };
        let (seconds, memory): (f64, u64) = (seconds.parse().unwrap(), memory.parse().unwrap());
        assert!(seconds < TIMEOUT + 3.0, "{name} took {seconds} s");
        assert!(memory < MEMORY, "{name} took {memory} KiB");
        let expected = match name {
            "endless_greeting" | "endless_line" | "hundred_megabytes" | "only_nul" => {
                ("5", "greeting", "endless-reply")
            }
            "byte_by_byte" | "no_line_end" | "another_protocol" | "closes_at_connect" => {
                ("5", "greeting", "no-greeting")
            }
            "escape_sequences" => ("4", "greeting", "greeting-refused"),
            "line_feeds_only" | "injected_before_tls" => ("4", "EHLO", "greeting-refused"),
            "endless_offer" | "never_a_code" | "endless_through_tls" => ("5", "EHLO", "endless-reply"),
            "questions_for_ever" => ("4", "login", "sasl-loop"),
            "hundred_megabyte_question" => ("5", "login", "endless-reply"),
            // An alias that leads to itself has no address; what the others send is no answer.
            "dns_ring" => ("5", "name", "relay-without-address"),
            // Its addresses are the loopback's.
            "dns_crowd" => ("5", "connect", "local-relay-down"),
            name if name.starts_with("dns_") => ("5", "name", "dns-no-answer"),
            "silent_at_the_end" | "closes_at_rset" | "closes_at_quit" => ("0", "goodbye", "willing"),
            _ => continue,
        };
        assert_eq!((exit, stage, cause), expected, "{name}");
    }
    let worst =
        |index: usize| lines.iter().map(|words| words[index].parse::<f64>().unwrap()).fold(0.0, f64::max);
    println!("{} servers: at most {:.1} s and {:.1} MiB", lines.len(), worst(4), worst(5) / 1024.0);
}
