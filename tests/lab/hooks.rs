//! Another package that asks for a relay (packaging/example, through the macros), and dnf's hook, in real transactions.

use crate::host::{AUTHENTICATED, host};

const EXAMPLE: &str = ". /lab/tests/lab/scripts/hooks.sh; example\n";

#[test]
fn the_example_package_has_one_line_in_each_scriptlet() {
    let run = host().sh(&format!(
        "{EXAMPLE} echo '== scripts'; rpm -qp --scripts $one; echo '== requires'; rpm -qp --requires $one | sort -u; echo '== files'; rpm -qplv $one"
    ));
    let body = |slot: &str| {
        format!(
            "[ ! -x /usr/bin/relayhost ] || : | /usr/bin/relayhost scriptlet {slot} \"$1\" --for op5-alerts 2>&1 | : || :\n"
        )
    };
    let expected: String = [
        ("postinstall", "post"),
        ("preuninstall", "preun"),
        ("postuninstall", "postun"),
        ("posttrans", "posttrans"),
    ]
    .map(|(rpm, slot)| format!("{rpm} scriptlet (using /bin/sh):\n{}", body(slot)))
    .concat();
    assert_eq!(run.part("scripts"), expected);
    assert!(run.part("requires").contains("\nrelayhost\n"), "{run:?}");
    assert!(run.part("files").ends_with(" /etc/relayhost/answers.d/op5-alerts.toml\n"), "{run:?}");
}

/// Installed, updated and erased, with relayhost and without: RPM has nothing to tell. `$FORCE` is against the
/// notice that Debian's rpm opens with.
const LIFE: &str =
    "for do in \"-i $one\" \"-U $two\" \"-U --oldpackage $one\" \"-U --replacepkgs $one\" '-e op5-alerts'; do
        timeout 20 rpm $FORCE --nodeps $do > /root/out 2>&1 </dev/null; echo \"${do%% *} $? $(wc -c < /root/out)\"
    done";

#[test]
fn a_package_that_asks_adds_no_word_to_a_transaction() {
    let quiet = "-i 0 0\n-U 0 0\n-U 0 0\n-U 0 0\n-e 0 0\n";
    host().sh(&format!("{EXAMPLE} {LIFE}")).exits(0).says(quiet);
    host().bare().sh(&format!("{EXAMPLE} [ ! -e /usr/bin/relayhost ] && {LIFE}")).exits(0).says(quiet);
}

/// What waits, each with its mode and the directory's.
const QUEUE: &str = "queue() { (cd /var/lib/relayhost 2>/dev/null && stat -c '%a %n' pending pending/*.json 2>/dev/null) | tr '\\n' ' '; echo; }
";

#[test]
fn a_package_that_asks_is_recorded_until_it_is_erased() {
    let run = host().sh(&format!(
        "{EXAMPLE}{QUEUE} for do in \"-i $one\" \"-U $two\" '-e op5-alerts'; do timeout 20 rpm --nodeps $do 2>/dev/null; echo \"$? $(queue)\"; done"
    ));
    let waits = "0 700 pending 600 pending/op5-alerts.json \n";
    run.says(&format!("{waits}{waits}0 700 pending \n"));
}

#[test]
fn a_package_s_drop_in_ends_in_a_delivered_message() {
    let run = host().relay("plain").sh(&format!(
        "{EXAMPLE} rpm -i --nodeps $one 2>/dev/null; relayhost pending; echo \"exit $?\"; mails; ls /var/lib/relayhost/pending"
    ));
    run.says("exit 0\n1\n");
}

const HOOK: &str = ". /lab/tests/lab/scripts/hooks.sh; hook\n";

#[test]
fn dnf_s_hook_tells_of_what_went_and_of_nothing_else() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{HOOK}{QUEUE} yum -y reinstall $PLUGIN > /root/out 2>&1; echo \"nothing $? $(queue)\"
         yum -y remove cyrus-sasl-plain > /root/out 2>&1; echo \"removed $? $(queue)\"; cat /root/out
         grep -o 'cyrus-sasl-plain was [a-z, ]*' /var/lib/relayhost/pending/*.json | sort -u
         relayhost pending; echo \"exit $?\"; rpm -q cyrus-sasl-plain; mails; queue"
    ));
    run.says("nothing 0 \nremoved 0 700 pending 600 pending/@changed.json \n")
        .says("Complete!\ncyrus-sasl-plain was installed, changed or removed\n")
        .says("exit 0\ncyrus-sasl-plain-")
        .never_says("post-transaction-actions")
        .never_says("Traceback");
}
