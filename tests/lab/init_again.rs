//! `relayhost init` on a host that has something already: answers to edit, a password to change, a relay set up by hand; and
//! what it does once the answers are written.

use crate::host::{AUTHENTICATED, host};
use crate::init::typed;

/// The lab's password of alerts@example.com.
const PASSWORD: &str = "correct horse battery staple";

const FLAGS: &str = "--host smtp.example.com --port 587 --username alerts@example.com \
                     --rewrite monitor@op5-system.localdomain=alerts@example.com --to ops@example.com";

const FILES: &str = "echo '== files'; stat -c '%n %a %U:%G' /etc/relayhost/*; echo '== end'\n";

#[test]
fn enter_applies_and_its_exit_status_counts() {
    let steps = [("Password", PASSWORD), ("and write it", ""), ("Apply now. .Y/n", "")];
    let run = host().without("cyrus-sasl-plain").sh(&format!("{}messages", typed(80, FLAGS, &steps)));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    run.says("packages: installed cyrus-sasl-plain")
        .says("Ok: queued")
        .says("To: ops@example.com")
        .never_says("horse");
    // What apply would say: somebody has changed a value by hand.
    let steps = [("and write it", ""), ("Apply now", "y")];
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "relayhost apply >/dev/null; postconf -e smtp_tls_security_level=none; install -m 600 /dev/stdin /root/p <<< '{PASSWORD}'\n{}",
        typed(80, &format!("{FLAGS} --password-file /root/p"), &steps)
    ));
    assert!(run.part("ended").contains("exit 3\nleft over: 0\n"), "{}", run.stdout);
    run.says("relayhost apply --force").never_says("relayhost init --force");
}

#[test]
fn what_stops_it_after_it_has_written_leaves_the_answers_and_says_so() {
    for (last, end) in [("!\\x03", "exit 130"), ("!\\x04", "exit 0"), ("n", "exit 0")] {
        let steps = [("Password", PASSWORD), ("and write it", ""), ("Apply now", last)];
        let run = host().sh(&format!("{}{FILES}", typed(80, FLAGS, &steps)));
        assert!(run.part("ended").contains(&format!("{end}\nleft over: 0\n")), "{}", run.stdout);
        assert_eq!(run.part("files").lines().count(), 2, "{}", run.stdout);
        if end == "exit 130" {
            let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("what was written stays"), "{words}");
            assert!(!words.contains("nothing was written"), "{words}");
        }
    }
}

#[test]
fn who_has_to_log_in_first_is_asked_that() {
    // There is no token yet to try the relay with.
    let steps = [("Which cloud", ""), ("Write this", ""), ("Log in now. .Y/n", "no")];
    let flags = "--provider office365 --flow device --tenant example.onmicrosoft.com --username alerts@example.com \
                 --client-id abcdef00-90ab-cdef-1234-567890abcdef --rewrite none --to ops@example.net";
    let run = host().relay("office365").sh(&typed(80, flags, &steps));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    run.says("relayhost login, then relayhost apply");
}

#[test]
fn what_is_pasted_beyond_a_line_never_reaches_the_shell() {
    let rest = "\\ntouch /root/ran\\ntouch /root/ran";
    let [password, yes, no] = [PASSWORD, "", "no"].map(|line| format!("{line}{rest}"));
    let steps = [("Password", password.as_str()), ("and write it", &yes), ("Apply now", &no)];
    // A shell reads on where the program ended.
    let shell = "install -m 755 /dev/stdin /root/shell <<'EOF'\n#!/bin/bash\nrelayhost init \"$@\"; exit=$?\n\
                 while IFS= read -r -t 0.3 line; do echo \"shell: $line\"; done\nexit $exit\nEOF\n";
    let run =
        host().sh(&format!("{shell}{}", typed(80, FLAGS, &steps).replace("relayhost init", "/root/shell")));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    run.never_says("shell: ").never_says("horse");
}

#[test]
fn answers_that_are_there_are_offered_and_enter_keeps_them() {
    let steps = [
        ("are offered.*Which relay.*.smtp.example.com", ""),
        ("want a login.*.yes", ""),
        ("port.*.587", ""),
        ("User name.*.alerts@example.com", ""),
        ("Password.*.the same as before", ""),
        ("local address.*.monitor@op5-system.localdomain", ""),
        ("relay see instead.*.alerts@example.com", ""),
        ("test message.*.ops@example.com", "others@example.com"),
        ("it will be replaced.*and write it", "no"),
        ("7 recipient, 8 write, 9 quit", "7"),
        ("test message.*.others@example.com", ""),
        ("and write it", ""),
        ("Apply now", "no"),
    ];
    let run = host().sh(&format!(
        "echo '{PASSWORD}' | relayhost init {FLAGS} --password-stdin >/dev/null; cd /etc/relayhost
         printf 'deadline = \"40s\"\\n[packages]\\nextra = [\"bash\"]\\n' >> answers.toml; cp -p answers.toml password /root
         {}diff -B -I '^# Written' /root/answers.toml answers.toml; cmp password /root/password && echo same; relayhost apply >/dev/null; echo apply $?",
        typed(50, "", &steps)
    ));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    let after = run.stdout.split("== ended").nth(1).unwrap_or_default();
    let changed: Vec<_> = after.lines().filter(|line| line.starts_with(['<', '>'])).collect();
    assert_eq!(changed, ["< to = \"ops@example.com\"", "> to = \"others@example.com\""], "{after}");
    run.says("same\n").says("apply 0\n").never_says("horse");
}

#[test]
fn what_will_be_replaced_is_said_before_it_is() {
    let steps = [("answers for relay old.example.com; it will be replaced.*Write this", "")];
    let run = host().relay("closed").sh(&format!(
        "mkdir -p /etc/relayhost; printf 'version = 1\\n[relay]\\nhost = \"old.example.com\"\\n' > /etc/relayhost/answers.toml\n{}{FILES}",
        typed(100, "--provider office365-connector/example.com --rewrite none --to ops@example.com --no-probe --force", &steps)
    ));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    assert_eq!(run.part("files"), "/etc/relayhost/answers.toml 600 root:root\n");
}

#[test]
fn a_new_password_is_tried_and_changes_nothing_else() {
    let steps = [
        ("Password", "n0t-th1s"),
        ("wrong-password.*Type the password again", ""),
        ("Password", PASSWORD),
        ("Apply now", "no"),
    ];
    let run = host().sh(&format!(
        "relayhost init --new-password </dev/null; echo \"none $?\"
         echo old | relayhost init {FLAGS} --password-stdin --no-probe >/dev/null; cd /etc/relayhost; echo '# mine' >> answers.toml; cp -p answers.toml /root
         relayhost init --new-password </dev/null; echo \"nobody $?\"
         echo n0t-th1s | relayhost init --new-password --password-stdin >/dev/null; echo \"refused $?\"; cat password
         {}cmp answers.toml /root/answers.toml && echo same; sha256sum < password; echo '{PASSWORD}' | sha256sum
         echo n0t-th1s | relayhost init --new-password --password-stdin --no-probe >/dev/null; echo \"untried $?\"; cat password; cmp answers.toml /root/answers.toml && echo same; ls -A",
        typed(80, "--new-password", &steps)
    ));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    let run = run
        .says("none 1\nnobody 1\nrefused 4\nold\n")
        .says("untried 0\nn0t-th1s\nsame\nanswers.toml\npassword\n");
    run.never_says("horse");
}

/// Only the value that is the path of the password's own file is meant by that path, wherever else it stands.
#[test]
fn a_new_password_is_where_the_answers_have_it_read() {
    let run = host().sh(&format!(
        "change() {{
             echo \"== $1\"; echo old | relayhost init {FLAGS} --password-stdin --no-probe --force >/dev/null; cd /etc/relayhost; $2
             echo new | relayhost init --new-password --password-stdin --no-probe >/dev/null; echo \"exit $?\"
             cat \"$(sed -n 's/^password_file = \"\\(.*\\)\"/\\1/p' answers.toml)\"; ls -A
         }}
         comment() {{ sed -i '1i # in /etc/relayhost/password, not in /etc/relayhost/password.old' answers.toml; }}
         suffix() {{ mv password password.old; sed -i 's|/relayhost/password|&.old|' answers.toml; }}
         inline() {{ sed -i 's|^password_file.*|password = \"old\" # not in /etc/relayhost/password|' answers.toml; }}
         for how in comment suffix inline; do change $how $how; done"
    ));
    for how in ["comment", "suffix", "inline"] {
        let part = run.part(how);
        assert!(part.starts_with("exit 0\nnew\n"), "{how}: {part}");
        assert!(!part.contains(".relayhost-"), "{how}: {part}");
    }
}

/// Mail would go out by a login of that user's.
#[test]
fn a_login_that_another_user_can_have_written_is_not_taken_over() {
    let by_hand = "postconf -e 'relayhost = [smtp.example.com]:587' smtp_sasl_auth_enable=yes smtp_sasl_password_maps=hash:/etc/postfix/sasl_passwd
         printf '[smtp.example.com]:587 mallory@example.com:0wn3d\n' > /etc/postfix/sasl_passwd; chown nobody /etc/postfix/sasl_passwd\n";
    let steps = [
        (
            "found: .smtp.example.com.:587 with a login that cannot be taken over.*sasl_passwd.*take it over",
            "yes",
        ),
        ("Does the relay want a login", "!\\x03"),
    ];
    let run = host().sh(&format!("{by_hand}{}ls /etc/relayhost", typed(80, "", &steps)));
    assert!(run.part("ended").contains("exit 130\nleft over: 0\n"), "{}", run.stdout);
    run.never_says("mallory").never_says("0wn3d");
}

#[test]
fn a_relay_that_was_set_up_by_hand_is_taken_over_with_the_entry_that_is_chosen() {
    let by_hand = format!(
        "postconf -e 'relayhost = [smtp.example.com]:587' smtp_sasl_auth_enable=yes smtp_sasl_password_maps=hash:/etc/postfix/sasl_passwd
         printf '[other.example.com]:587 x:0th3r-s3cr3t\\nsmtp.example.com alerts@example.com:0ld-s3cr3t\\n[smtp.example.com]:587 alerts@example.com:{PASSWORD}\\n' > /etc/postfix/sasl_passwd; postmap /etc/postfix/sasl_passwd\n"
    );
    let steps = [
        ("several logins for it.*1 alerts@example.com.*2 alerts@example.com.*Which one", "3"),
        ("no login of this number", "2"),
        ("local address", ""),
        ("relay see instead", ""),
        ("test message", "ops@example.com"),
        ("and write it", ""),
        ("Apply now", ""),
    ];
    let run = host()
        .sh(&format!("{by_hand}{}{FILES}cat /etc/relayhost/answers.toml; messages", typed(50, "", &steps)));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    assert_eq!(
        run.part("files"),
        "/etc/relayhost/answers.toml 600 root:root\n/etc/relayhost/password 600 root:root\n"
    );
    run.says("host = \"smtp.example.com\"\nport = 587\n")
        .says("To: ops@example.com")
        .never_says("horse")
        .never_says("s3cr3t");
    // One entry is offered by itself; whoever does not want it answers the questions.
    let steps = [
        ("found: .smtp.example.com.:587 as alerts@example.com.*take it over", "n"),
        ("Which relay", "!\\x03"),
    ];
    let one = by_hand.replace("smtp.example.com alerts@example.com:0ld-s3cr3t\\n", "");
    let run = host().sh(&format!("{one}{}ls /etc/relayhost", typed(80, "", &steps)));
    assert!(run.part("ended").contains("exit 130\nleft over: 0\n"), "{}", run.stdout);
    run.says("nothing was written").never_says("horse");
}

#[test]
fn the_list_of_relays_fits_a_narrow_terminal_and_takes_names_as_people_type_them() {
    let steps = [
        ("1 your own relay.*2 Microsoft 365.*3 Gmail.*lists.*Which relay", "mailhub"),
        ("mailhub.example.com", "GMAIL"),
        ("1 service-account, 2 code, 3 password", "3"),
        ("User name", "?"),
        ("full address", "alerts"),
        ("Enter takes alerts@gmail.com.*.alerts@gmail.com", "!\\x03"),
    ];
    let run = host().sh(&typed(50, "", &steps));
    assert!(run.part("ended").contains("exit 130\nleft over: 0\n"), "{}", run.stdout);
    let talk = run.stdout.split("== ended").next().unwrap().replace('\r', "");
    let list: Vec<_> = talk.lines().take_while(|line| !line.contains("Which relay")).collect();
    assert!(list.len() <= 22 && list.iter().all(|line| line.chars().count() <= 50), "{talk}");
    run.says("nothing was written");
}

#[test]
fn what_an_earlier_version_left_when_it_was_killed_goes() {
    let run = host().answers(AUTHENTICATED).sh(
        "mkdir -m 700 /etc/relayhost/.relayhost-abcdef; install -m 600 /dev/stdin /etc/relayhost/.relayhost-abcdef/new <<<secret
         relayhost check >/dev/null; ls -A /etc/relayhost | wc -l; relayhost apply --no-verify >/dev/null; ls -A /etc/relayhost",
    );
    assert_eq!(run.exits(0).stdout, "2\nanswers.toml\n");
}

/// What no flag is about stays, and so does the sender; another relay does not get the settings of the one before.
#[test]
fn flags_change_what_they_are_about_and_leave_the_rest() {
    let answers = "version = 1\n[relay]\nhost = \"old.example.com\"\ntls = \"may\"\nip = \"ipv4\"\n[[relay.fallback]]\nhost = \"second.example.com\"\n\
        [sender]\ndefault = \"all@example.com\"\nname = \"{user} on {host}\"\n[recipients]\nroot = \"root@example.com\"\n\
        [packages]\nextra = [\"nano\"]\n[verify]\nto = \"ops@example.com\"\ndeadline = \"33s\"\n\
        [[senders]]\nfrom = [\"shop@example.com\"]\n[[routes]]\nto = [\"corp.example.com\"]\nvia = \"hub.example.com\"\n\
        [[alarm]]\nkind = \"command\"\nargv = [\"/usr/local/bin/page\"]\n";
    let run = host().answers_text(answers).sh(
        "relayhost init --host smtp.example.com --tls may --no-probe --force >/dev/null; echo \"init $?\"
         cat /etc/relayhost/answers.toml; relayhost plan >/dev/null; echo \"plan $?\"",
    );
    for kept in [
        "smtp.example.com",
        "second.example.com",
        "shop@example.com",
        "corp.example.com",
        "all@example.com",
        "{user} on {host}",
        "root@example.com",
        "nano",
        "33s",
        "ops@example.com",
        "/usr/local/bin/page",
    ] {
        assert!(run.stdout.contains(kept), "{kept}: {run:?}");
    }
    run.says("init 0").says("plan 3").never_says("old.example.com").never_says("ipv4");
}
