//! From a host without cyrus-sasl-plain and a mail command to a delivered message, by every kind of relay.

use crate::host::{AUTHENTICATED, OFFICE365, OPEN, generation, host, read};

/// The relay has accepted it; its own delivery may take a moment more.
const MESSAGE: &str = "echo '== message'; messages";

#[test]
fn a_bare_host_ends_with_a_delivered_message() {
    let run = host()
        .without("cyrus-sasl-plain")
        .without("s-nail")
        .answers(AUTHENTICATED)
        .sh(&format!("echo '== apply'; relayhost apply --json; echo '== exit'; echo $?; rpm -q cyrus-sasl-plain s-nail; {MESSAGE}"));
    let report = run.json("apply");
    assert_eq!((&report["exit"], &report["changed"]), (&0.into(), &true.into()));
    assert_eq!(report["delivery"]["accepted"], true);
    assert_eq!(report["actions"][0]["kind"], "install");
    // What the probe missed was installed after it.
    assert_eq!(report["probe"]["warnings"], serde_json::json!([]));
    assert!(
        run.part("exit").starts_with("0\ncyrus-sasl-plain-") && run.part("exit").contains("\ns-nail-"),
        "{}",
        run.stdout
    );
    let message = run.part("message");
    assert!(message.contains("(Authenticated sender: alerts@example.com)"), "{message}");
    assert!(
        message.contains("From: alerts@example.com") && message.contains("Return-Path: <alerts@example.com>"),
        "{message}"
    );
}

#[test]
fn a_second_apply_changes_nothing() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null && relayhost check >/dev/null || exit 9
         look() { stat -c '%n %Y %Z %i' /etc/postfix/* /etc/postfix; grep -c 'postfix/master.*reload' /var/log/maillog; ls /lab/mailbox/new; }
         look > /tmp/before; sleep 1.1; relayhost apply; code=$?; look > /tmp/after; diff /tmp/before /tmp/after && exit $code",
    );
    run.exits(0).says("nothing to do").never_says("ok   ");
}

#[test]
fn plan_and_check_change_nothing_and_plan_is_empty_after_apply() {
    let run = host().answers(AUTHENTICATED).sh(
        // Postfix starts its showq(8), with a lock of its own, whoever lists the queue, and rpm's Berkeley DB notes each reader.
        "sum() { find /etc /var/lib/rpm /var/spool/postfix/pid -type f ! -name unix.showq ! -name '__db.*' -print0 | sort -z | xargs -0 sha256sum; }
         sum > /tmp/a; relayhost check; echo \"check $?\"; relayhost plan; echo \"plan $?\"; sum > /tmp/b; cmp /tmp/a /tmp/b || exit 9
         relayhost apply --no-verify >/dev/null || exit 8
         relayhost plan; echo \"then $?\"; relayhost check >/dev/null; echo \"check then $?\"",
    );
    run.exits(0).says("check 3").says("plan 3").says("nothing to do").says("then 0").says("check then 0");
}

#[test]
fn office365_gets_login_ipv4_and_a_rewritten_sender() {
    let run = host().relay("office365").answers(OFFICE365).sh(&format!(
        "relayhost apply || exit; postconf -h inet_protocols relayhost; relayhost check --nagios; relayhost check | tr -s '\n ' ' '; echo; {MESSAGE}; echo '== log'; cat /lab/relay-log/mail.log"
    ));
    let run = run.exits(0).says("ipv4\n[smtp.office365.com]:587\n");
    // A password does not stay good for ever there.
    let run = run
        .says("RELAYHOST OK - ")
        .says("; note: Microsoft 365, with the login of a mailbox: SMTP AUTH with a password goes off");
    let run = run
        .says("note provider.password Microsoft 365, with")
        .says("the final date in the second half of 2027");
    assert!(run.part("message").contains("From: alerts@example.com"), "{}", run.stdout);
    assert!(run.part("log").contains("sasl_method=LOGIN"), "{}", run.part("log"));
}

/// The how-to demands IPv4 alone; somebody who takes mail by IPv6 would notice.
#[test]
fn office365_is_asked_by_ipv4_alone_where_nothing_here_needs_ipv6() {
    let answers =
        || read(OFFICE365).lines().filter(|line| !line.starts_with("ip ")).collect::<Vec<_>>().join("\n");
    assert_ne!(answers(), read(OFFICE365).trim_end());
    let of = |before: &str| {
        host().relay("office365").answers_text(&answers()).sh(&format!(
            "{before} relayhost apply >/dev/null || exit; postconf -h inet_protocols; relayhost check | tr -s '\n ' ' '; relayhost check >/dev/null; echo \"check $?\""
        ))
    };
    of("").exits(0).says("ipv4\n").says("ok setting.inet_protocols ipv4").says("check 0");
    of("postconf -e inet_interfaces=all;")
        .exits(0)
        .says("note setting.inet_protocols left as it is, since Postfix also takes mail from elsewhere, by IPv6 too")
        .says("check 0")
        .never_says("ipv4\n");
}

#[test]
fn an_open_relay_leaves_sasl_off() {
    let run = host().relay("plain").answers(OPEN).sh(&format!(
        "relayhost apply || exit; postconf -h smtp_sasl_auth_enable smtp_sasl_password_maps; ls /etc/postfix/sasl_passwd*; {MESSAGE}"
    ));
    let run = run.exits(0).says("no\n\n").complains("cannot access '/etc/postfix/sasl_passwd*'");
    assert!(
        run.part("message").contains("From: alerts@example.com")
            && !run.part("message").contains("Authenticated")
    );
}

#[test]
fn implicit_tls_on_port_465() {
    let answers = read(AUTHENTICATED).replace("port = 587", "port = 465\nimplicit_tls = true");
    let run = host()
        .relay("smtps")
        .answers_text(&answers)
        .sh(&format!("relayhost apply || exit; postconf -h smtp_tls_wrappermode; {MESSAGE}"));
    assert!(run.exits(0).says("yes\n").part("message").contains("Authenticated sender"));
}

#[test]
fn every_mechanism_brings_its_package_and_logs_in() {
    for (mechanism, package, method) in [
        ("login", "cyrus-sasl-plain", "LOGIN"),
        ("cram-md5", "cyrus-sasl-md5", "CRAM-MD5"),
        ("digest-md5", "cyrus-sasl-md5", "DIGEST-MD5"),
        ("scram-sha-256", "cyrus-sasl-scram", "SCRAM-SHA-256"),
    ] {
        let answers =
            read(AUTHENTICATED).replace("mechanism = \"plain\"", &format!("mechanism = \"{mechanism}\""));
        let run = host()
            .answers_text(&answers)
            .sh(&format!("relayhost apply || exit; rpm -q {package}; cat /lab/relay-log/mail.log"));
        run.exits(0).says(&format!("\n{package}-")).says(&format!("sasl_method={method}"));
    }
}

#[test]
fn the_mail_command_may_be_mailx() {
    let run = host()
        .mail_client("mailx")
        .without("mailx")
        .answers(AUTHENTICATED)
        .sh("relayhost apply && rpm -q mailx && ! rpm -q s-nail");
    run.exits(0).says("\nmailx-");
}

/// The accounts on the relay have a password for each thing that a table, a shell or TOML could trip over.
#[test]
fn passwords_with_odd_characters_log_in() {
    let accounts: Vec<(String, String)> = read("scripts/lab.d/relays/common/accounts.tsv")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("odd-tab"))
        .filter_map(|line| line.split_once('\t'))
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
        .collect();
    assert!(accounts.len() > 10, "{accounts:?}");
    let mut script = String::from("relayhost apply --no-verify >/dev/null || exit 9\n");
    for (user, password) in &accounts {
        script += &format!(
            "sed -e 's/^username.*/username = \"{user}\"/' -e 's|^password .*|password_file = \"/root/p\"|' \
                 -e 's/alerts@example.com\"/{user}\"/g' /etc/relayhost/answers.toml > /root/a.toml
             (umask 077; echo {password} | base64 -d > /root/p; echo >> /root/p)
             relayhost apply --verify --answers /root/a.toml >/root/out 2>&1 && echo 'in {user}' || cat /root/out\n"
        );
    }
    let run = host().answers(AUTHENTICATED).sh(&script);
    for (user, _) in &accounts {
        assert!(run.stdout.contains(&format!("in {user}\n")), "{user}:\n{}\n{}", run.stdout, run.stderr);
    }
}

#[test]
fn foreign_lines_stay_in_order_with_their_comments() {
    let run = host().answers(AUTHENTICATED).sh(
        r"printf '# mine\n[other]:25 a:b\n[smtp.example.com]:587 old:one\n\n# last\n[third]:25 c:d\n' > /etc/postfix/sasl_passwd
          printf '# who\nother@host other@example.org\n' > /etc/postfix/generic
          printf '\n# a note\nrelayhost = [old]:25\n  # inside\n\n# end\nfoo_bar = $relayhost\n' >> /etc/postfix/main.cf
          cp -a /etc/postfix/main.cf /root/main.cf
          relayhost apply --no-verify || exit
          echo == sasl; cat /etc/postfix/sasl_passwd; echo == generic; cat /etc/postfix/generic
          echo == diff; diff /root/main.cf /etc/postfix/main.cf; postmap -q '[other]:25' $TYPE:/etc/postfix/sasl_passwd",
    );
    let run = run.says("\na:b\n");
    assert_eq!(
        run.part("sasl"),
        "# mine\n[other]:25 a:b\n[smtp.example.com]:587 alerts@example.com:correct horse battery staple\n\n# last\n[third]:25 c:d\n"
    );
    assert!(run.part("generic").starts_with(
        "# who\nother@host other@example.org\nmonitor@op5-system.localdomain alerts@example.com\n"
    ));
    let removed: Vec<&str> = run.part("diff").lines().filter(|line| line.starts_with('<')).collect();
    assert_eq!(removed, ["< smtp_tls_security_level = may", "< relayhost = [old]:25"]);
}

#[test]
fn maps_are_roots_alone_and_their_databases_say_the_same() {
    let run = host().answers(AUTHENTICATED).sh(
        "touch /etc/postfix/sasl_passwd.$DB; chmod 644 /etc/postfix/sasl_passwd.$DB; relayhost apply --no-verify >/dev/null; echo \"apply $?\"
         stat -c '%n %a %U %G' /etc/postfix/{sasl_passwd,generic}*; echo '== dumps'; for map in sasl_passwd generic; do postmap -s $TYPE:/etc/postfix/$map | sort; done
         echo '== left'; ls -A /etc/postfix | grep relayhost",
    );
    // generic is the package's file, and keeps its mode: it holds no password.
    for (source, mode) in [("sasl_passwd", "600"), ("generic", "644")] {
        let database = format!("{source}.{}", generation().database);
        for (name, mode) in [(source, mode), (&database, "600")] {
            assert!(
                run.stdout.contains(&format!("/etc/postfix/{name} {mode} root root\n")),
                "{}",
                run.stdout
            );
        }
    }
    assert_eq!(
        run.part("dumps"),
        "[smtp.example.com]:587\talerts@example.com:correct horse battery staple\n\
         @op5-system.localdomain\talerts@example.com\nmonitor@op5-system.localdomain\talerts@example.com\n"
    );
    assert_eq!(run.part("left"), "");
    run.says("apply 0\n");
}

#[test]
fn the_database_type_is_postfixs_own() {
    let run = host().answers(AUTHENTICATED).sh(
        "yum -y -q install postfix-lmdb >/dev/null && postconf -e default_database_type=lmdb && relayhost apply || exit
         postconf -h smtp_sasl_password_maps; ls /etc/postfix; relayhost check >/dev/null; echo check $?",
    );
    run.exits(0)
        .says("lmdb:/etc/postfix/sasl_passwd\n")
        .says("sasl_passwd.lmdb\n")
        .says("check 0")
        .never_says("sasl_passwd.db");
}

#[test]
fn a_stopped_postfix_is_started() {
    let run = host().stopped().answers(AUTHENTICATED).sh("relayhost apply && postfix status");
    run.exits(0).says("postfix: start done");
}

#[test]
fn postfix_itself_is_installed_where_it_is_missing() {
    let run = host().stopped().without("postfix").answers(AUTHENTICATED).sh(
        "relayhost check; echo check $?; relayhost apply || exit; rpm -q postfix; relayhost check > /dev/null; echo check $?",
    );
    run.exits(0).says("check 3").says("Postfix is not installed").says("\npostfix-").says("check 0");
}

#[test]
fn a_plugin_that_vanished_is_installed_again_and_postfix_told() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null && rpm -e cyrus-sasl-plain && relayhost check; echo check $?; relayhost apply",
    );
    run.exits(0).says("check 3").says("packages: installed cyrus-sasl-plain").says("postfix: reload done");
}

#[test]
fn an_untouched_ip_setting_stays() {
    let run = host().answers(AUTHENTICATED).sh("postconf -e inet_protocols=ipv4; sleep 2; postfix reload; relayhost apply >/dev/null; postconf -h inet_protocols");
    run.exits(0).says("ipv4\n");
}

#[test]
fn answers_come_from_standard_input_and_passwords_from_elsewhere() {
    let answers = read(AUTHENTICATED)
        .replace("password  = \"correct horse battery staple\"", "password_env = \"RELAY_PASSWORD\"");
    let script = "export RELAY_PASSWORD='correct horse battery staple'; relayhost apply --answers -";
    host().sh_with_input(script, &answers).exits(0).says("Ok: queued");
    let answers = answers.replace("password_env = \"RELAY_PASSWORD\"", "password_credential = \"relay\"");
    let script = "mkdir -m 700 /run/cred; echo 'correct horse battery staple' > /run/cred/relay; CREDENTIALS_DIRECTORY=/run/cred relayhost apply --answers -";
    host().sh_with_input(script, &answers).exits(0).says("Ok: queued");
}

#[test]
fn a_main_cf_that_postfix_cannot_read_is_left_as_it_is() {
    let run = host().answers(AUTHENTICATED).sh(
        "echo 'no equals sign here' >> /etc/postfix/main.cf; sha256sum /etc/postfix/main.cf > /tmp/s; relayhost apply --no-verify; code=$?; sha256sum -c /tmp/s || exit 9; exit $code",
    );
    run.exits(1).complains("main.cf");
}

/// Postfix's own `postconf` reads the file that is about to come into its place, and a script changes what it says of it: no
/// main.cf is known that Postfix 3.7 reads otherwise than relayhost. Each answer stops the run before any file is changed.
#[test]
fn a_postfix_that_understands_something_else_keeps_its_configuration() {
    for (change, reason) in [
        (
            "/root/postconf \"$@\" | sed 's/^relayhost = .*/relayhost = [other]:25/'",
            "it reads relayhost as `[other]:25` instead of `[smtp.example.com]:587`",
        ),
        (
            "/root/postconf \"$@\" | grep -v ^relayhost",
            "it reads relayhost as `` instead of `[smtp.example.com]:587`",
        ),
        (
            "echo \"postconf: warning: $2/main.cf: unused parameter: relayhost=[smtp.example.com]:587\" >&2; exec /root/postconf \"$@\"",
            "unused parameter: relayhost=[smtp.example.com]:587",
        ),
        ("echo 'postconf: fatal: of its own' >&2; exit 1", "postconf: fatal: of its own"),
    ] {
        let program = format!(
            "case \"$1 $2 $3\" in '-c /etc/postfix/.relayhost-'*' -n') touch /root/asked; {change} ;; *) exec /root/postconf \"$@\" ;; esac"
        );
        let run = host().answers(AUTHENTICATED).sh(&format!(
            "files() {{ find /etc/postfix -mindepth 1 -printf '%p %i %T@ %C@\\n' | sort; }}
             wrap /usr/sbin/postconf {}; files > /root/before
             relayhost apply --no-verify; echo \"apply $?\"; ls /root/asked; files | diff /root/before - && echo untouched
             unwrap /usr/sbin/postconf; relayhost apply >/dev/null; echo \"then $?\"",
            quoted(&program)
        ));
        run.says("apply 1\n/root/asked\nuntouched\nthen 0\n")
            .complains("Postfix does not accept the new configuration: ")
            .complains(reason)
            .complains("nothing was changed");
    }
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
