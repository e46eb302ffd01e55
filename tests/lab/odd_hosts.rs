//! Hosts whose files are odd or huge: `check`, `route`, `plan` and `diagnose` each answer in time, or say in clear words why
//! not.

use crate::host::{AUTHENTICATED, Run, host};

/// Seconds for one command: five on a quiet machine, and the tests run beside others.
const LIMIT: u32 = 10;

/// Prepares a host, makes it odd, and calls each command: the part with its name has its exit status, its time and its
/// words.
fn odd(setup: &str) -> Run {
    let script = format!(
        r#"relayhost apply --no-verify >/dev/null || exit 90
{{ {setup}
}} >/root/out 2>&1
for command in check route plan diagnose; do
    begin=$(date +%s%N)
    timeout 60 relayhost $command >/root/said 2>&1 </dev/null; status=$?
    took=$((($(date +%s%N) - begin) / 1000000))
    echo "== $command"; echo "exit $status"; echo "took $took ms"
    [ $took -le {LIMIT}000 ] || echo SLOW
    tr -s ' \n' ' ' </root/said
    echo
done"#
    );
    let run = host().answers(AUTHENTICATED).sh(&script).never_says("horse battery").never_says("panicked");
    assert!(!run.stdout.contains("SLOW") && !run.stdout.contains("exit 124"), "{setup}: {}", run.stdout);
    run
}

/// Each command names this.
#[track_caller]
fn named_by(run: &Run, commands: &[&str], words: &str) {
    for command in commands {
        assert!(run.part(command).contains(words), "{command} without {words}: {}", run.stdout);
    }
}

#[test]
fn a_main_cf_of_50_mb_is_refused_by_its_name() {
    let run = odd("yes '# x' | head -c 50000000 >>/etc/postfix/main.cf");
    named_by(&run, &["check", "route", "plan", "diagnose"], "/etc/postfix/main.cf");
}

#[test]
fn a_table_of_1_gb_holds_nobody_up_and_hides_nothing() {
    let run = odd(
        "truncate -s 1G /etc/postfix/big; postconf -e transport_maps=texthash:/etc/postfix/big defer_transports=smtp",
    );
    named_by(&run, &["check", "route", "diagnose"], "texthash:/etc/postfix/big");
    named_by(&run, &["check", "route", "diagnose"], "defer_transports");
    let run = odd("truncate -s 1G /etc/postfix/generic; postconf -e defer_transports=smtp");
    named_by(&run, &["check", "plan", "diagnose"], "/etc/postfix/generic");
}

#[test]
fn a_table_of_patterns_that_hangs_is_named() {
    // Each pattern is compiled when the table is opened.
    let run = odd(
        "seq -f '/^(a|b|c)*x%.0f$/ y' 500000 >/etc/postfix/r; postconf -e sender_canonical_maps=regexp:/etc/postfix/r transport_maps=regexp:/etc/postfix/r",
    );
    named_by(&run, &["check", "route", "diagnose"], "regexp:/etc/postfix/r");
}

#[test]
fn ten_thousand_options_are_read() {
    let run = odd(
        "{ echo 'smtp unix - - n - - smtp'; for i in $(seq 10000); do echo \"  -o x$i=1\"; done; echo '  -o smtp_tls_security_level=none'; \
         grep -v '^smtp *unix' /etc/postfix/master.cf; } >/root/m; cat /root/m >/etc/postfix/master.cf",
    );
    named_by(&run, &["check", "diagnose"], "postconf -PX smtp/unix/smtp_tls_security_level");
    named_by(&run, &["route"], "10001 options");
}

#[test]
fn a_circle_of_canonical_maps_and_strange_addresses_are_named() {
    let run = odd(
        r"printf 'a@b.example c@d.example\nc@d.example a@b.example\nmonitor@op5-system.localdomain a@b.example\n' >/etc/postfix/c
           postmap hash:/etc/postfix/c; postconf -e canonical_maps=hash:/etc/postfix/c",
    );
    named_by(&run, &["check", "route", "diagnose"], "circle");
    // In a log anybody can write such addresses; none becomes a command.
    let script = r#"relayhost apply --no-verify >/dev/null
printf 'From: x\nTo: y\n\nb\n' | sendmail -f '"a b`id`"@c' -- "\"x'y z\"@example.com"
printf '/.*/ discard:\n' >/etc/postfix/t; postconf -e transport_maps=regexp:/etc/postfix/t; cool
printf 'From: x\nTo: y\n\nb\n' | sendmail -f '"a b`id`"@c' -- "\"x\`id\`z\"@example.com"
sleep 1; echo '== diagnose'; relayhost diagnose
for pair in '"a b"@c|x'"'"'y z@example.com' '|"q`id`"@example.com' '<>|a@b@c'; do
    echo '== route'; relayhost route --from "${pair%|*}" --to "${pair#*|}"; echo "exit $?"
done"#;
    let run = host().answers(AUTHENTICATED).sh(script).never_says("panicked");
    assert!(run.stdout.contains("exit 0") || run.stdout.contains("exit 3"), "{}", run.stdout);
    let remedies = run.part("diagnose").lines().filter(|line| line.trim_start().starts_with("->"));
    assert!(
        remedies.clone().count() > 0 && remedies.clone().all(|line| !line.contains("`id`")),
        "{}",
        run.stdout
    );
}
