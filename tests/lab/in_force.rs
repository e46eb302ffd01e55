//! What is said of the configuration in force, beside what was before a `restore`, and what the answers ask for.

use crate::host::{AUTHENTICATED, host};

/// A host whose mail went to the same relay before, without a login.
const BY_HAND: &str = "postconf -e 'relayhost = [smtp.example.com]:587' smtp_tls_security_level=encrypt; cool
     says() { relayhost status --json | grep -A 1 '\"name\": \"mail\"' | sed -n 's/.*\"text\": \"\\(.*\\)\"/\\1/p'; }
";

#[test]
fn a_message_is_no_proof_of_the_configuration_that_a_restore_has_put_back() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{BY_HAND} relayhost apply >/dev/null; echo \"apply $?\"; echo '== applied'; says; sleep 1.1; relayhost restore 0 >/dev/null; sleep 1.1
         echo '== restored'; says; relayhost check | tr -s ' \\n' ' '
         sleep 1.1; relayhost restore >/dev/null; echo '== again'; says; relayhost verify >/dev/null; echo \"verify $?\"; says",
    ));
    assert!(run.stdout.starts_with("apply 0\n"), "{run:?}");
    assert!(run.part("applied").starts_with("mail leaves through [smtp.example.com]:587"), "{run:?}");
    let restored = run.part("restored");
    assert!(restored.starts_with("it is not known whether mail leaves through [smtp.example.com]:587: the configuration was changed "), "{run:?}");
    assert!(restored.contains("; the configuration was changed after that, on "), "{run:?}");
    let again = run.part("again");
    assert!(again.starts_with("it is not known whether mail leaves"), "{run:?}");
    assert!(again.contains("verify 0\nmail leaves through [smtp.example.com]:587"), "{run:?}");
}

#[test]
fn a_test_message_is_told_of_the_configuration_by_which_it_went_and_not_of_answers_that_are_not_in_force() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; cd /etc/relayhost; cp answers.toml /root/first; echo '== as they are'; relayhost verify --json
         sed -i 's/\"alerts@example.com\" }/\"odd1@example.com\" }/' answers.toml; echo '== sender'; relayhost verify --json; echo '== on a screen'; relayhost verify | tr -s ' \n' ' '
         sed -i 's/^host = .*/host = \"second.lab.test\"/; s/^port = .*/port = 2525/' answers.toml; echo '== relay'; relayhost verify --json
         cp /root/first answers.toml; chmod 600 answers.toml; postconf -e smtp_tls_security_level=may; cool; echo '== by hand'; relayhost verify --json",
    );
    assert!(run.json("as they are")["unlike"].is_null(), "{run:?}");
    for (part, exit, remedy) in [
        ("sender", 0, "`relayhost apply`"),
        ("relay", 5, "`relayhost apply`"),
        ("by hand", 0, "`relayhost apply --force`"),
    ] {
        let document = run.json(part);
        assert_eq!(document["exit"], exit, "{document:#}");
        let unlike = document["unlike"].as_str().unwrap();
        assert!(
            unlike.contains("the answers are not in force: this message went by")
                && unlike.contains("(relayhost in main.cf: [smtp.example.com]:587)"),
            "{unlike}"
        );
        assert!(unlike.contains("`relayhost plan`") && unlike.contains(remedy), "{unlike}");
    }
    assert!(
        run.part("on a screen").contains("caveat the answers are not in force: this message went by"),
        "{run:?}"
    );
}

#[test]
fn history_says_of_each_change_whether_it_is_in_force_and_a_restore_of_what_is_in_force_changes_nothing() {
    let run = host().answers(AUTHENTICATED).sh(
        "fates() { relayhost history | sed -n 's/^ *\\([0-9]\\).*before \\(.*)\\),.*/\\1 \\2/p'; }; stamps() { stat -c '%n %i %Y %Z' /etc/postfix/main.cf /etc/postfix/sasl_passwd*; ls /var/lib/relayhost/generations; }
         relayhost apply --no-verify >/dev/null; relayhost restore 0 >/dev/null; echo '== back'; fates
         stamps >/root/stamps; echo '== already'; relayhost restore 0 --json; echo '== on a screen'; relayhost restore 0; stamps | diff /root/stamps - && echo untouched
         relayhost apply --no-verify >/dev/null; echo '== by apply'; fates; relayhost history 0 | sed -n 's/^ *0 .*(\\(.*\\)), which.*/only \\1/p'
         postconf -X relayhost; echo '== a part by hand'; fates; cp -p /var/lib/relayhost/generations/0002/before/* /etc/postfix/; rm /etc/postfix/generic* /etc/postfix/sasl_passwd*; echo '== all by hand'; fates; relayhost history --json | grep -c '\"taken_back_by\": \"hand\"'",
    );
    assert_eq!(run.part("back"), "0 apply (taken back by number 1)\n1 restore 0 (kept)\n", "{run:?}");
    let already = run.json("already");
    assert_eq!(
        (&already["exit"], &already["previous"], &already["undo"]),
        (&0.into(), &().into(), &().into()),
        "{already:#}"
    );
    let screen = run.part("on a screen");
    assert!(
        screen.contains("from before apply of 20")
            && screen.contains("already: nothing was changed")
            && screen.ends_with("untouched\n"),
        "{run:?}"
    );
    assert!(screen.contains("answers  they still ") && !screen.contains("undo  "), "{run:?}");
    let applied = "0 apply (kept)\n1 restore 0 (taken back by number 2)\n2 apply (kept)\n";
    assert_eq!(run.part("by apply"), format!("{applied}only kept\n"), "{run:?}");
    // What the first restore had put back is that again.
    assert_eq!(run.part("a part by hand"), "0 apply (kept)\n1 restore 0 (kept)\n2 apply (kept)\n", "{run:?}");
    assert_eq!(
        run.part("all by hand"),
        "0 apply (taken back by hand)\n1 restore 0 (kept)\n2 apply (taken back by hand)\n2\n",
        "{run:?}"
    );
}
