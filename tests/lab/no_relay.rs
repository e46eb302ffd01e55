//! Neither the first relay nor a fallback relay takes mail: what is said of each, and with which remedy, by every command and alarm.

use crate::fallback::{LIBRARY, pair, words};

/// The line of a message that no relay took has the words of the last one alone.
#[test]
fn where_no_relay_takes_mail_each_is_told_with_its_own_cause_and_remedy() {
    let spoil = "sed -i 's/:with space/:nonsense/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; cool 2>/dev/null";
    for (more, second, remedy) in [
        (
            "ip rule add ipproto 6 dport 2525 unreachable",
            "no-route",
            "`ip route get 192.0.2.3` must name a way",
        ),
        (
            spoil,
            "wrong-password",
            "correct username and password in [[relay.fallback]] number 1 of the answers",
        ),
    ] {
        let run = pair().sh(&format!(
            ". /lab/tests/lab/scripts/watch.sh; {LIBRARY} command_way told 'echo \"$RELAYHOST_CAUSE_ID $RELAYHOST_SUMMARY\" >>'$COMMANDS; fifo; nagios $FIFO
             relayhost apply >/dev/null; down; {more}; alerts 2; relayhost watch --open-after 0s >/dev/null 2>&1
             echo '== alarm'; cat $COMMANDS; echo '== nagios'; sleep 0.3; cat $RESULTS; echo '== check'; relayhost check
             echo '== status'; relayhost status; echo '== diagnose'; relayhost diagnose; echo '== story'; relayhost diagnose --queue-id $(postqueue -p | grep -oE '^[0-9A-F]+' | tail -1)
             echo '== verify'; relayhost verify; echo '== json'; relayhost verify --json; echo '== plugin'; relayhost check --nagios"
        ));
        let run = run.exits(2);
        for part in ["alarm", "nagios", "check", "status", "plugin"] {
            let said = words(run.part(part));
            let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text} in {part}: {said}"));
            let first = at("does not leave through [smtp.example.com]:587: this host has no way to");
            let then = [", ", "; "]
                .iter()
                .find_map(|end| said.find(&format!("{end}nor through [second.lab.test]:2525: ")));
            assert!(first < then.unwrap_or_default(), "{part}: {said}");
            assert!(said.contains(&format!("({second})")), "{part}: {said}");
        }
        for part in ["diagnose", "story", "verify"] {
            let said = words(run.part(part));
            let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text} in {part}: {said}"));
            let first = at("[smtp.example.com]:587 does not take it: this host has no way to");
            assert!(first < at("; and [second.lab.test]:2525 does not take it either: "), "{part}: {said}");
        }
        // The name is that of the first relay, and no word blames its login.
        let verify = words(run.part("verify"));
        let headline = verify.contains("took it [no-route]") || verify.contains("leave [no-route]");
        assert!(headline && !verify.contains("alerts@example.com"), "{verify}");
        assert_eq!(run.json("json")["delivery"]["cause"]["id"], "no-route", "{}", run.part("json"));
        let diagnose = words(run.part("diagnose"));
        assert!(
            diagnose.contains("no-route: 2 messages") && diagnose.contains("1 failure found"),
            "{diagnose}"
        );
        let alarm = words(run.part("alarm"));
        assert!(alarm.starts_with("no-route "), "{alarm}");
        for part in ["alarm", "check", "diagnose", "story"] {
            let said = words(run.part(part));
            assert!(
                said.contains("`ip route get ")
                    && said.contains(&format!("and for [second.lab.test]:2525: {remedy}")),
                "{part}: {said}"
            );
        }
    }
}
