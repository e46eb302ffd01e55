//! Startup files of the `mail` command: the test message reads none, and `check` says what others' would send elsewhere.

use crate::host::{AUTHENTICATED, host};

/// Both clients of the lab, by all the files that they read.
const CLIENTS: [&str; 2] = ["s-nail", "mailx"];

#[test]
fn no_startup_file_of_the_mail_command_is_read_for_the_test_message() {
    for client in CLIENTS {
        host()
            .mail_client(client)
            .answers(AUTHENTICATED)
            .sh(r#"for file in /root/.mailrc /etc/mail.rc /etc/s-nail.rc; do
                printf '!touch /root/ran\nshell touch /root/ran\nset mta=/bin/false sendmail=/bin/false\n' >$file
            done
            # The client itself, as others call it, does as these files say.
            echo x | mail -s x root >/dev/null 2>&1; echo "mail $?"; rm -f /root/ran /root/dead.letter
            relayhost apply >/root/out 2>&1; echo "apply $?"; ls /root/ran /root/dead.letter 2>/dev/null; mails
            postfix stop >/dev/null 2>&1; chmod 0 /usr/sbin/postdrop; relayhost verify >/dev/null 2>&1; echo "verify $?"; ls /root/dead.letter /tmp/relayhost* 2>/dev/null"#)
            .says("mail 4\napply 0\n1\nverify ")
            .never_says("/root/ran")
            .never_says("dead.letter");
    }
}

#[test]
fn a_startup_file_that_sends_around_postfix_is_shown_by_check_without_its_value() {
    for client in CLIENTS {
        host()
            .mail_client(client)
            .answers(AUTHENTICATED)
            .sh(r#"look() { relayhost check >/root/out; echo "$1 $?"; tr -s ' \n' ' ' </root/out; echo; }
            relayhost apply >/dev/null; relayhost check >/dev/null; echo "before $?"
            printf '# ours\nset mta=smtps://u:5ecret@other.example.org\n' >/root/.mailrc; look root
            printf 'set smtp=other.example.org\n' >>/etc/s-nail.rc; look everybody
            sed -i '$d' /etc/s-nail.rc /root/.mailrc; look after"#)
            .says("before 0\n")
            .says("line 2 sets `mta`: `mail` sends what root sends around Postfix")
            .says("root 0\n")
            .says("sets `smtp`: `mail` sends around Postfix, and not to the relay")
            .says("out of /etc/s-nail.rc")
            .says("everybody 3\n")
            .says("after 0\n")
            .never_says("5ecret");
    }
}

#[test]
fn what_apply_does_not_mend_is_not_summed_up_under_apply() {
    let run = host().answers(AUTHENTICATED).sh(
        r"relayhost apply >/dev/null; printf 'set mta=/bin/false\n' >/etc/mail.rc
        echo '== check'; relayhost check; echo '== nagios'; relayhost check --nagios
        echo '== apply'; relayhost apply; echo '== json'; relayhost repair --json 2>/dev/null
        echo '== both'; postconf -e relayhost=; relayhost check
        sed -i 1d /etc/mail.rc; echo '== after'; relayhost apply --force >/dev/null; relayhost check",
    );
    let remedy = "take line 1 out of /etc/mail.rc";
    let summary = |part| run.part(part).trim().lines().last().unwrap().to_owned();
    assert!(summary("check").ends_with(&format!("not in order: {remedy}")), "{}", run.stdout);
    assert!(run.part("nagios").contains(&format!(" -> {remedy} | ")), "{}", run.stdout);
    assert!(!run.part("nagios").contains("relayhost plan"), "{}", run.stdout);
    let apply = run.part("apply");
    assert!(apply.contains("nothing to do") && apply.contains(remedy), "{apply}");
    assert_eq!(run.json("json")["findings"][0]["remedy"], remedy, "{}", run.stdout);
    assert!(
        run.part("both").contains(&format!("{remedy}; then keep what was set by hand: ")),
        "{}",
        run.stdout
    );
    assert!(run.part("after").contains(" in order") && !run.part("after").contains("not in"));
}
