//! Package managers: locks, and answers that are not to be believed.

use crate::host::{AUTHENTICATED, generation, host};

const HOLDER: &str = "python3 /lab/tests/lab/scripts/holder.py ";

fn with_lock(seconds: u32, command: &str) -> String {
    format!("{HOLDER}{seconds} & while [ ! -e /tmp/held ]; do sleep 0.05; done; {command}")
}

#[test]
fn a_locked_package_manager_is_waited_for() {
    let run = host().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh(&with_lock(3, "relayhost apply"));
    run.exits(0).says("waiting for process ").says("packages: installed cyrus-sasl-plain");
}

#[test]
fn waiting_has_an_end_that_names_the_holder() {
    let run = host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh(&with_lock(60, "relayhost apply --lock-timeout 2s"));
    run.exits(1).complains("is locked by process ").complains("python3").complains("gave up after 2s");
}

#[test]
fn a_locked_package_manager_is_none_of_our_business_when_nothing_is_missing() {
    host().answers(AUTHENTICATED).sh(&with_lock(60, "relayhost apply --lock-timeout 1s")).exits(0);
}

/// `held KIND`: a user who may only read the lock's file has a read lock on it, by `$reader` (scripts/read_lock.py).
const READER: &str = ". /lab/tests/lab/scripts/packages.sh\n";

#[test]
fn a_read_lock_of_any_user_holds_nothing_up_but_an_installation() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{READER}
        for kind in plain description hidden setuid; do
            held $kind; relayhost scriptlet post 1 --for asks; echo "== $kind"
            timeout 20 relayhost pending >/root/out; echo "pending $?"; grep -c 'waiting for process' /root/out
            timeout 20 relayhost apply --verify >/root/out; echo "apply $?"; kill $reader; wait $reader 2>/dev/null
        done"#
    ));
    for kind in ["plain", "description", "hidden", "setuid"] {
        assert_eq!(run.part(kind), "pending 0\n0\napply 0\n", "{kind}: {run:?}");
    }
    run.says("mode 644\n");
}

#[test]
fn who_keeps_a_package_from_being_installed_by_a_read_lock_is_named_with_a_remedy_that_works() {
    let run = host().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh(&format!(
        r#"{READER}
        for kind in plain hidden setuid; do
            held $kind; echo "== $kind"; timeout 20 relayhost apply --lock-timeout 1s >/root/out 2>&1; echo "apply $?"; sed "s/$reader/PID/g" /root/out
            [ $kind = setuid ] || kill $reader
        done
        remedy=$(sed -n 's/.*`\(kill [0-9]*\)`.*/\1/p' /root/out); $remedy; timeout 60 relayhost apply >/dev/null; echo "then $?""#
    ));
    for (kind, command) in [("plain", "python3"), ("hidden", "python3"), ("setuid", "sleep 600")] {
        let part = run.part(kind);
        assert!(part.starts_with("apply 1\n"), "{kind}: {run:?}");
        assert!(part.contains(&format!("process PID of user nobody ({command}")), "{kind}: {run:?}");
        assert!(part.contains("any user can hold that lock: `kill PID`"), "{kind}: {run:?}");
    }
    run.says("then 0\n");
}

/// The number in a pid file may be of any process by now, with any name.
#[test]
fn a_pid_file_that_names_a_process_of_another_user_is_no_lock() {
    host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh(r#"setpriv --reuid 65534 bash -c 'exec -a yum sleep 600' & sleep 0.3; echo $! >/run/yum.pid; grep -ao yum /proc/$!/cmdline
        timeout 60 relayhost apply --lock-timeout 1s >/dev/null; echo "apply $?""#)
        .says("yum\napply 0\n");
}

/// yum 3 ends with 0 and says nothing when it knew but one of several names.
#[test]
fn a_package_manager_that_lies_is_found_out() {
    let run = host().without("cyrus-sasl-plain").without("s-nail").answers(AUTHENTICATED).sh(
        "printf '#!/bin/sh\\ncase \"$*\" in *cyrus-sasl-plain*) rpm -i --quiet /lab/repo/*/s-nail-*.rpm 2>/dev/null || find /lab/repo* -name s-nail-\\*.rpm -exec rpm -i {} \\\\; ;; esac\\nexit 0\\n' > /usr/bin/dnf5
         chmod 755 /usr/bin/dnf5; relayhost apply; echo \"exit $?\"; ls /etc/postfix/sasl_passwd; command -v mail",
    );
    run.says("exit 1")
        .says("/usr/bin/mail")
        .complains("not installed: cyrus-sasl-plain")
        .complains("No such file");
}

#[test]
fn a_package_that_no_repository_has_is_named() {
    let run = host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh("rm /etc/yum.repos.d/*; relayhost apply; echo \"exit $?\"; postconf -h relayhost");
    run.says("exit 1\n\n")
        .complains("not installed: cyrus-sasl-plain")
        .complains(generation().no_repository)
        .complains("no repository could be read")
        .complains("yum repolist");
}

#[test]
fn a_host_without_a_package_manager_says_so() {
    let run = host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh("rm -f /usr/bin/dnf* /usr/bin/yum*; relayhost apply");
    run.exits(1).complains("`yum or dnf` is not on this host");
}

#[test]
fn extra_packages_are_installed_too() {
    let answers = crate::host::read(AUTHENTICATED) + "\n[packages]\nextra = [\"cyrus-sasl-md5\"]\n";
    host().answers_text(&answers).sh("relayhost apply >/dev/null; rpm -q cyrus-sasl-md5").exits(0);
}

/// Without its main.cf Postfix sends nothing, and no tool can ask it anything.
#[test]
fn a_postfix_that_has_lost_its_main_cf_is_named_and_gets_it_back() {
    let lost = "rm /etc/postfix/main.cf; relayhost check | tr -s '\\n ' ' '; relayhost check >/dev/null; echo \"check $?\"; relayhost check --nagios; relayhost diagnose; relayhost plan; relayhost apply; echo \"apply $?\"; relayhost check >/dev/null; echo \"check $?\"";
    // From the package.
    host()
        .answers(AUTHENTICATED)
        .sh(lost)
        .says("is installed, but /etc/postfix/main.cf is not there: no mail leaves")
        .says("check 3\nRELAYHOST CRITICAL - ")
        .says("Postfix has no /etc/postfix/main.cf")
        .says("1. install postfix")
        .says("Ok: queued")
        .says("apply 0\ncheck 0\n");
    // As relayhost left it, with what is the administrator's.
    host()
        .answers(AUTHENTICATED)
        .sh(&format!("echo '# mine' >>/etc/postfix/main.cf; relayhost apply >/dev/null; {lost}; grep '^# mine' /etc/postfix/main.cf"))
        .says("check 3\nRELAYHOST CRITICAL - ")
        .says("1. put back /etc/postfix/main.cf as the run of generation 0 left it")
        .says("ok   main.cf: /etc/postfix/main.cf is there again")
        .says("Ok: queued")
        .says("apply 0\ncheck 0\n# mine\n");
}
