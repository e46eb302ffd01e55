//! What is said of a host after a `restore`: of what is in force now, and of what was before, each at its time.

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
