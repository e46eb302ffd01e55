//! A configuration that worked is never replaced by one that was not seen to work; where none has worked, nothing is lost
//! by the new one, and what is not known is said.

use crate::host::{AUTHENTICATED, Host, Run, host, read};

const WORKED: &str = ". /lab/tests/lab/scripts/worked.sh\n";
/// The host has a configuration that worked.
const GOOD: &str = "relayhost apply >/dev/null || exit 99; was\n";

/// Runs a script on a host whose answers wait for three seconds.
fn on(host: Host, script: &str) -> Run {
    let answers = read(AUTHENTICATED).replace("60s", "3s");
    host.answers_text(&answers).sh(&format!("{WORKED}{script}"))
}

/// One whose first message of a sender to a recipient is put off for five seconds. That one is not the test's.
fn greylist(script: &str) -> Run {
    let known = "sed -i s/3s/60s/ /etc/relayhost/answers.toml\n";
    on(host().relay("greylist"), &format!("{known}{GOOD}{script}"))
}

/// Answers whose message the greylist has not met.
const UNMET: &str = "answers 's/ops@example/audit@example/; s/secure/encrypt/'\n";

#[test]
fn a_relay_that_is_not_there_replaces_none_that_worked() {
    for change in ["s/^port.*/port = 578/", "s/smtp.example.com/smtp.exmaple.com/"] {
        let run = on(
            host(),
            &format!(
                "{GOOD} answers '{change}'; relayhost apply; echo \"exit $?\"; as_before; run json relayhost apply; as_before
                 relayhost check >/dev/null; echo \"check $?\"; ls /var/lib/relayhost/generations; rpm -e cyrus-sasl-plain; relayhost apply >/dev/null; echo \"again $?\"; rpm -q cyrus-sasl-plain"
            ),
        );
        let report = run.json("json");
        assert_eq!(
            (&report["exit"], &report["undone"], &report["generation"]),
            (&5.into(), &false.into(), &serde_json::Value::Null)
        );
        assert!(report["result"].as_str().unwrap().starts_with("nothing was changed"), "{report:#}");
        assert_eq!(run.stdout.matches("as before, mail leaves").count(), 2, "{}", run.stdout);
        run.says("FAIL probe: ")
            .says("  result   nothing was changed: ")
            .says("exit 5\n")
            .says("check 3\n0000\n")
            .says("again 5\npackage cyrus-sasl-plain is not installed")
            .never_says("ok   probe");
    }
}

#[test]
fn what_only_the_message_shows_to_be_dead_is_put_back_each_time() {
    let run = on(
        host(),
        &format!(
            "{GOOD} answers 's/^port.*/port = 578/'; for n in 1 2; do run json$n relayhost apply --no-probe; as_before; done
             relayhost history; relayhost apply --no-probe; echo \"exit $?\""
        ),
    );
    for name in ["json1", "json2"] {
        let report = run.json(name);
        assert_eq!(
            (&report["exit"], &report["undone"], &report["put_back"]),
            (&7.into(), &true.into(), &"no_word".into())
        );
    }
    assert_eq!(run.stdout.matches("as before, mail leaves").count(), 2, "{}", run.stdout);
    run.says("(put back)")
        .says("  result   the previous configuration is in force again: it has worked")
        .says("exit 7");
}

#[test]
fn a_refusal_is_put_back_and_called_one() {
    let run = on(
        host(),
        &format!(
            "{GOOD} answers 's/battery staple/battery stable/'; run json relayhost apply --no-probe; as_before"
        ),
    );
    assert_eq!(run.json("json")["put_back"], "refused");
    run.says("as before, mail leaves");
}

#[test]
fn a_relay_that_puts_off_is_tried_again_later_and_replaces_none_before() {
    let run = greylist(&format!(
        "{UNMET} run json relayhost apply --no-probe; sum | cmp - /root/was && echo as before; sleep 5; relayhost apply >/dev/null; echo \"later $?\"; sum | cmp -s - /root/was || echo changed"
    ));
    let report = run.json("json");
    assert_eq!((&report["exit"], &report["put_back"]), (&7.into(), &"no_word".into()));
    run.says("as before\nlater 0\nchanged");
}

#[test]
fn pending_tries_again_after_no_word_and_not_after_a_refusal() {
    let run = on(
        host(),
        &format!(
            "{GOOD} silent_relay; answers 's/smtp.example.com/127.0.0.1/; s/^port.*/port = 2526/; s/secure/encrypt/'
             relayhost scriptlet post 1 --for asks; run json relayhost pending; waits; relayhost check | tr -s '\\n ' ' '; as_before
             kill $silent; wait $silent; old_relay 2526; relayhost pending >/dev/null; echo \"later $?\"; waits"
        ),
    );
    let report = run.json("json");
    assert_eq!((&report["exit"], &report["put_back"]), (&7.into(), &"no_word".into()));
    run.says("asks.json").says("the next attempt is in ").says("as before, mail leaves").says("later 0\n\n");
    let refused = "answers 's/battery staple/battery stable/'; relayhost scriptlet post 1 --for asks; relayhost pending >/dev/null; echo \"exit $?\"; relayhost check | tr -s '\\n ' ' '";
    on(host(), &format!("{GOOD}{refused}")).says("exit 4").says("when the answers change");
}

#[test]
fn keep_keeps_what_no_message_has_proved() {
    let run = on(
        host(),
        &format!(
            "{GOOD} answers 's/^port.*/port = 578/'; relayhost apply --on-failure keep; echo \"exit $?\"; postconf -h relayhost; relayhost check | grep unproven"
        ),
    );
    run.says("  result   the new configuration is in force, and the relay was not seen to take a message")
        .says("exit 5\n[smtp.example.com]:578\nwarn message.unproven");
}

/// The old relay works, and then is switched off. It does not come back because the new one greylists.
#[test]
fn a_relay_that_was_switched_off_does_not_come_back() {
    let old = "old_relay; answers 's/smtp.example.com/127.0.0.1/; s/^port.*/port = 2525/; s/secure/encrypt/; s/3s/60s/'; relayhost apply >/dev/null || exit 99\n";
    let alert = "kill $old; echo x | mail -s alert -r monitor@op5-system.localdomain ops@example.com; await grep -q 'status=deferred.*refused' /var/log/maillog\n";
    for (change, cause) in
        [("s/ops@example/audit@example/", "greylisted"), ("s/^port.*/port = 578/", "connection-refused")]
    {
        let apply = format!(
            "answers '{change}'; run json relayhost apply --no-probe; postconf -h relayhost; relayhost check | grep unproven"
        );
        let run = on(host().relay("greylist"), &format!("{old}{alert}{apply}"));
        let report = run.json("json");
        assert_eq!(
            (&report["exit"], &report["undone"], &report["delivery"]["cause"]["id"]),
            (&5.into(), &false.into(), &cause.into()),
            "{report:#}"
        );
        assert_eq!(
            report["result"],
            "the new configuration is in force, and the relay was not seen to take a message"
        );
        run.says("\n[smtp.example.com]:5").says("message.unproven");
    }
    // Without an alert nobody knows that it is off.
    let run = on(
        host().relay("greylist"),
        &format!(
            "{old} kill $old; was; answers 's/ops@example/audit@example/'; run json relayhost apply --no-probe; sum | cmp - /root/was && echo as before"
        ),
    );
    assert_eq!(run.json("json")["put_back"], "no_word");
    run.says("as before");
    // Nor does it help that the log is gone: the queue has the alert.
    let run = on(
        host().relay("greylist"),
        &format!(
            "{old}{alert} : >/var/log/maillog; answers 's/ops@example/audit@example/'; run json relayhost apply --no-probe"
        ),
    );
    assert_eq!(run.json("json")["exit"], 5);
}

/// No relay before: a typo does not make it worse, and the output says what is known.
#[test]
fn where_nothing_worked_the_new_configuration_stays_unproven() {
    for first in ["", "postconf -e 'relayhost = [old.example.com]:25'; cool 2>/dev/null\n"] {
        let run = on(
            host(),
            &format!(
                "{first} answers 's/^port.*/port = 578/'; relayhost apply; echo \"exit $?\"; postconf -h relayhost; relayhost check | grep unproven"
            ),
        );
        run.says("warn probe: no verdict")
            .says(
                "  result   the new configuration is in force, and the relay was not seen to take a message",
            )
            .says("exit 5\n[smtp.example.com]:578\nwarn message.unproven");
    }
}

/// A host that people made by hand has no record of relayhost's: its log says that its relay takes mail.
#[test]
fn a_relay_that_was_set_up_by_hand_has_worked_if_the_log_says_so() {
    let by_hand = ". /lab/tests/lab/scripts/undo.sh\n";
    let answers = read(AUTHENTICATED).replace("port = 587", "port = 578");
    let apply = "sum > /root/s; relayhost apply >/dev/null; echo \"exit $?\"; sum | cmp - /root/s && echo as before; relayhost apply --no-probe >/dev/null; echo \"exit $?\"; sum | cmp - /root/s && echo as before; delivers";
    let run = host().relay("plain").answers_text(&answers).sh(&format!("{by_hand} delivers; {apply}"));
    run.says("exit 5\nas before\nexit 7\nas before\nold relay delivers");
}

#[test]
fn a_tree_is_configured_and_its_first_boot_has_nothing_to_lose() {
    let run = on(
        host(),
        "answers 's/^port.*/port = 578/'; fill_tree /tree; mknod -m 666 /tree/dev/null c 1 3; relayhost apply --root /tree; echo \"exit $?\"
         boot /tree 'relayhost pending --json >/root/out 2>/dev/null; echo \"exit $?\" >/root/end; postconf -h relayhost >>/root/end'; cat /tree/root/end; echo '== json'; cat /tree/root/out",
    );
    let report = run.json("json");
    assert_eq!((&report["exit"], &report["undone"]), (&5.into(), &false.into()), "{report:#}");
    run.says("the new configuration is in the tree, and no message has been seen to leave by it: the")
        .says("exit 0\n")
        .says("\n[smtp.example.com]:578\n");
}
