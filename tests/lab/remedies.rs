//! Remedies that name a command: the one that helps, with the flags that were typed, and each flag by its name.

use crate::host::{AUTHENTICATED, host};

const INIT: &str = "init() { echo p4ssw0rd-x7 | relayhost init --host smtp.example.com --username alerts@example.com --password-stdin --to ops@example.com --output /root/new.toml \"$@\" >/root/out 2>&1; echo \"exit $?\"; tr '\\n' ' ' </root/out | tr -s ' '; echo; }\n";
const TYPED: &str = "relayhost init --host smtp.example.com --username alerts@example.com --password-stdin --to ops@example.com --output /root/new.toml";

/// There are no answers yet that `relayhost apply` could be run with.
#[test]
fn after_a_refused_init_the_remedy_is_init_as_it_was_typed() {
    let run = host().sh(&format!("{INIT}init --force"));
    assert!(run.stdout.starts_with("exit 4\n"), "{run:?}");
    run.says(&format!("and run `{TYPED} --force`")).never_says("`relayhost apply`");
}

#[test]
fn where_there_are_no_answers_remedies_lead_to_init() {
    let run = host().sh(
        "relayhost restore 0 2>&1; echo \"restore $?\"; mv /etc/postfix/main.cf /root/; relayhost diagnose; mv /root/main.cf /etc/postfix/
         postconf -e 'relayhost = [smtp.example.com]:587' smtp_sasl_auth_enable=yes; relayhost diagnose; relayhost route ops@example.com 2>&1; echo \"route $?\"",
    );
    let run = run.says("-> relayhost init (nothing can be restored").says("restore 2\n");
    let run = run
        .says("package.postfix")
        .says("`relayhost init`")
        .never_says("-> relayhost apply")
        .never_says("relayhost repair");
    run.says("relayhost route --to ops@example.com").says("route 2\n");
}

#[test]
fn a_command_that_is_to_be_run_again_keeps_its_flags() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{INIT}echo '== taken'; touch /root/new.toml; init --no-probe; init --no-probe --force
         run() {{ relayhost \"$@\" >/root/out 2>&1; echo \"exit $?\"; tr '\\n' ' ' </root/out | tr -s ' '; echo; }}
         relayhost apply --no-verify >/dev/null; postconf -e relayhost=foo; cp -p /etc/relayhost/answers.toml /root/a.toml
         echo '== foreign'; run apply --no-verify --answers /root/a.toml
         echo '== message'; sed -i s/staple/stable/ /root/a.toml; run apply --force --no-probe --answers /root/a.toml
         echo '== probe'; run apply --force --answers /root/a.toml; echo '== repair'; run repair --answers /root/a.toml"
    ));
    let taken = run.part("taken");
    assert!(
        taken.starts_with("exit 1\n") && taken.contains(&format!("run `{TYPED} --no-probe` with --force")),
        "{taken}"
    );
    assert!(taken.contains("exit 0\n"), "{taken}");
    for (name, begins, words) in [
        ("foreign", "exit 3\n", "`relayhost apply --no-verify --answers /root/a.toml --force`"),
        ("message", "exit 7\n", "run `relayhost apply --force --no-probe --answers /root/a.toml`"),
        ("probe", "exit 4\n", "run `relayhost apply --force --answers /root/a.toml`"),
        ("repair", "exit 4\n", "run `relayhost apply`"),
    ] {
        let part = run.part(name);
        assert!(part.starts_with(begins) && part.contains(words), "{name}: {part}");
    }
}

/// After an edit by hand, the remedy is the one that `apply` accepts.
#[test]
fn the_remedy_for_an_edit_by_hand_works_when_it_is_typed() {
    let run = host().answers(AUTHENTICATED).sh(
        "text() { relayhost \"$@\" 2>&1 | tr -s '\n ' ' '; echo; }
         relayhost apply >/dev/null; postconf -e relayhost=[other.example.com]:587; rpm -e cyrus-sasl-plain
         for c in check diagnose 'check --nagios' 'check --json'; do text $c | grep -c 'relayhost apply --force`'; text $c | grep -c -e '-> relayhost apply' -e 'said: relayhost apply '; done
         relayhost apply >/dev/null 2>&1; echo \"apply $?\"; relayhost apply --force >/dev/null; echo \"force $?\"; relayhost check >/dev/null; echo \"check $?\"",
    );
    assert_eq!(run.stdout, "1\n0\n1\n0\n1\n0\n1\n0\napply 3\nforce 0\ncheck 0\n", "{run:?}");
}

#[test]
fn a_value_that_is_wrong_is_named_with_its_flag() {
    let run = host().sh(
        "init() { echo p4ssw0rd-x7 | relayhost init --host smtp.example.com --username alerts@example.com --password-stdin --to ops@example.com \"$@\" 2>&1 | head -n 1; }
         for flag in '--to y' '--port 99999' '--host a/b' '--rewrite a=b' '--provider nobody'; do
             set -- $flag; echo p4ssw0rd-x7 | relayhost init $( [ $1 = --host ] || echo --host smtp.example.com) --username alerts@example.com --password-stdin $( [ $1 = --to ] || echo --to ops@example.com) $flag --output /root/x 2>&1 | head -n 1
         done",
    );
    for (line, flag) in run.stdout.lines().zip(["--to", "--port", "--host", "--rewrite", "--provider"]) {
        assert!(line.starts_with(&format!("relayhost: init: {flag}: ")), "{flag}: {line}");
    }
    assert_eq!(run.stdout.lines().count(), 5, "{run:?}");
}

#[test]
fn who_has_the_lock_and_no_number_is_not_shown_as_an_empty_one() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null; : >/var/lib/relayhost/lock; { flock -x 9; sleep 4; } 9>>/var/lib/relayhost/lock & sleep 0.5; relayhost apply --lock-timeout 1s",
    );
    run.exits(1)
        .complains("another relayhost (`fuser -v /var/lib/relayhost/lock` shows its process) is at work")
        .never_says("(process )");
}
