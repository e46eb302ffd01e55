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
