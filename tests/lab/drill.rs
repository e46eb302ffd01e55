//! `relayhost drill`: mail leaves by the second relay as if nobody answered at the first, by a Postfix that is gone afterwards.

use crate::fallback::pair;
use crate::host::host;

/// Functions: `mute` has nothing that is sent to the second relay arrive, `heard` ends that, `state` shows the host's own Postfix, `left` counts the directories of drills and all masters.
const LIBRARY: &str = r"
mute() { ip neigh replace 192.0.2.3 lladdr 02:00:00:00:00:99 dev eth0 nud permanent; }
heard() { ip neigh del 192.0.2.3 dev eth0; }
state() { (cd /etc/postfix; sha256sum *.cf sasl_passwd* relayhost*; stat -c '%n %Y %a' *); find /var/spool/postfix -type f ! -path '*/pid/*' -printf '%p %s %T@\n' | sort; wc -l </var/log/maillog; }
left() { ls -d /var/spool/relayhost-drill-* 2>/dev/null | wc -l; pgrep -xc master; }
logins() { grep -o 'postfix/[a-z/]*smtpd\[.*sasl_username=.*' /lab/relay-log/mail.log | sed 's/\[[0-9]*\].*sasl_username=/ /'; }
";

#[test]
fn mail_leaves_by_the_second_and_the_hosts_own_postfix_is_as_before() {
    let run = pair().sh(&format!(
        "{LIBRARY} echo '== before'; relayhost drill; echo \"exit $?\"; relayhost apply >/dev/null; state >/root/before
         echo '== drill'; relayhost drill; echo \"exit $?\"; logins | tail -1
         echo '== json'; relayhost drill --json --to it@example.com
         echo '== same'; state | diff /root/before - && echo same; left; relayhost check >/dev/null; echo \"check $?\"
         echo '== arrived'; arrived 3; grep -l 'X-Original-To: it@example.com' /lab/mailbox/new/* | wc -l"
    ));
    let run = run.exits(0).never_says("with space");
    let before = run.part("before");
    assert!(before.contains("fallback-not-in-force") && before.contains("exit 5"), "{before}");
    let drill = run.part("drill");
    assert!(drill.contains("[second.lab.test]:2525") && drill.contains("exit 0"), "{drill}");
    assert!(drill.ends_with("postfix/second/smtpd odd1@example.com\n"), "{drill}");
    let json = run.json("json");
    assert_eq!(json["drills"][0]["relay"], "[second.lab.test]:2525", "{json:#}");
    assert_eq!(json["drills"][0]["delivery"]["accepted"], true, "{json:#}");
    assert_eq!(json["drills"][0]["delivery"]["to"], "it@example.com", "{json:#}");
    assert_eq!(run.part("same"), "same\n0\n1\ncheck 0\n");
    assert!(run.part("arrived").starts_with("3\n"), "{}", run.part("arrived"));
}

#[test]
fn what_the_second_refuses_is_named_and_nothing_is_left() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; state >/root/before; cp /etc/postfix/sasl_passwd /root/
         sed -i 's/:with space/:another one/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd
         echo '== password'; relayhost drill; echo \"exit $?\"
         cp -p /root/sasl_passwd /etc/postfix/; postmap $TYPE:/etc/postfix/sasl_passwd
         ip rule add ipproto 6 dport 2525 unreachable; echo '== down'; relayhost drill --deadline 20s; echo \"exit $?\"; ip rule del ipproto 6 dport 2525 unreachable
         echo '== left'; left; postqueue -p
         echo '== remembered'; relayhost check; echo \"check $?\"; relayhost check --nagios; relayhost status
         echo '== proved'; relayhost drill >/dev/null; echo \"exit $?\"; relayhost check >/dev/null; echo \"check $?\"; ls /var/lib/relayhost/drill.json 2>&1 | grep -c cannot"
    ));
    let run = run.exits(0).never_says("with space");
    let password = run.part("password");
    assert!(password.contains("password of odd1@example.com") && password.contains("exit 4"), "{password}");
    assert!(password.contains("[[relay.fallback]]") && !password.contains("relay.host"), "{password}");
    let down = run.part("down");
    assert!(down.contains("connect to second.lab.test") && down.contains("exit 5"), "{down}");
    assert!(!down.contains("127.0.0.1"), "{down}");
    assert_eq!(run.part("left"), "0\n1\nMail queue is empty\n");
    let remembered = run.part("remembered").split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "mail.drill the last `relayhost drill`, ",
        "got no message out by [second.lab.test]:2525: ",
        "check 3 RELAYHOST WARNING - mail.drill",
        "drill the last `relayhost drill`, ",
    ] {
        assert!(remembered.contains(said), "{said} in {remembered}");
    }
    assert_eq!(run.part("proved"), "exit 0\ncheck 0\n1\n");
}

/// A refusal for good would come back as a bounce, by the same relay or into a mailbox of this host.
#[test]
fn a_refusal_for_good_comes_back_to_nobody() {
    const SCRIPT: &str = "LOGIN optional\nRCPT 550 5.1.1 no such user here\n";
    let answers = "version = 1\n[relay]\nhost = \"dead.lab.test\"\ntls = \"may\"\n[[relay.fallback]]\nhost = \"relay.lab.test\"\n\
        port = 25\ntls = \"may\"\n[sender]\n[verify]\nto = \"ops@example.com\"\n";
    let run = host().replies(SCRIPT).answers_text(answers).sh(&format!(
        "{LIBRARY} relayhost apply --no-verify --no-probe >/dev/null; echo '== drill'; relayhost drill; echo \"exit $?\"; sleep 1
         echo '== log'; grep -c 'RCPT' /lab/relay-log/mail.log; find /var/mail /var/spool/mail -type f -size +0 2>/dev/null | wc -l; left"
    ));
    let drill = run.exits(0);
    let (drill, log) = (drill.part("drill").to_owned(), drill.part("log").to_owned());
    assert!(drill.contains("no such user here") && drill.contains("exit 4"), "{drill}");
    assert_eq!(log, "1\n0\n0\n1\n");
}

#[test]
fn a_drill_that_is_killed_is_cleared_up_by_the_next_and_two_at_once_are_two() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; state >/root/before
         mute; relayhost drill >/dev/null 2>&1 & drill=$!
         await test -S /var/spool/relayhost-drill-*/queue/public/pickup; sleep 1; kill -9 $drill; wait $drill 2>/dev/null
         echo '== killed'; left
         heard; echo '== again'; relayhost drill >/dev/null; echo \"exit $?\"; left
         (relayhost drill >/dev/null; echo \"one $?\" >/root/one) & other=$!; relayhost drill >/dev/null; echo \"two $?\"; wait $other; cat /root/one; left
         mute; relayhost drill >/dev/null 2>&1 & drill=$!; await test -S /var/spool/relayhost-drill-*/queue/public/pickup; kill $drill; wait $drill; echo \"stopped $?\"; left
         relayhost drill >/dev/null 2>&1 & drill=$!; await test -S /var/spool/relayhost-drill-*/queue/public/pickup; kill -9 $drill; wait $drill 2>/dev/null
         echo '== recovered'; relayhost recover; left; relayhost recover
         echo '== same'; state | diff /root/before - && echo same"
    ));
    let run = run.exits(0);
    let recovered = run.part("recovered");
    assert!(
        recovered.contains("what a drill that was killed had left was removed\n0\n1\nnothing to clear up"),
        "{recovered}"
    );
    assert_eq!(run.part("killed"), "1\n2\n");
    assert_eq!(run.part("again"), "exit 0\n0\n1\ntwo 0\none 0\n0\n1\nstopped 143\n0\n1\n");
    assert_eq!(run.part("same"), "same\n");
}

/// master(8) is killed, too, and smtp(8) is at the message: nothing of it stays.
#[test]
fn the_daemons_of_a_drill_whose_master_was_killed_end_with_it() {
    let run = pair().sh(&format!(
        "{LIBRARY} daemons() {{ grep -lzs 'MAIL_CONFIG=/var/spool/relayhost-drill-' /proc/[0-9]*/environ; }}
         sends() {{ daemons | while read -r one; do readlink \"${{one%/environ}}/exe\"; done | grep -q '/smtp$'; }}
         relayhost apply >/dev/null; mute; relayhost drill >/dev/null 2>&1 & drill=$!
         await sends; kill -9 $drill $(cat /var/spool/relayhost-drill-*/queue/pid/master.pid); wait $drill 2>/dev/null
         sleep 1; sends && echo at work; relayhost recover >/dev/null; echo \"recover $?\"; daemons | wc -l; left"
    ));
    run.exits(0).says("at work\nrecover 0\n0\n0\n1\n");
}

#[test]
fn who_may_not_and_where_there_is_no_second_is_told() {
    let one = "version = 1\n[relay]\nhost = \"smtp.example.com\"\ntls = \"may\"\n[sender]\n[verify]\nto = \"ops@example.com\"\n";
    let run = host().answers_text(one).sh(&format!(
        "{LIBRARY} relayhost drill; echo \"exit $?\"; setpriv --reuid 65534 --regid 65534 --clear-groups relayhost drill; echo \"exit $?\"; left"
    ));
    run.exits(0).says("exit 2\n").says("exit 1\n0\n1\n").complains("[[relay.fallback]]").complains("root");
}

/// Files that Postfix' daemons write, wherever main.cf has them.
#[test]
fn no_file_of_the_hosts_own_postfix_is_opened_and_nobody_elses_directory_is_removed() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null
         for daemon in smtpd smtp lmtp; do postconf -e ${{daemon}}_tls_session_cache_database=btree:/var/lib/postfix/${{daemon}}_scache; done
         postfix reload 2>/dev/null; relayhost verify >/dev/null; mkdir /var/spool/relayhost-drill-mine; touch /var/spool/relayhost-drill-mine/keep
         stat -c '%n %Y %i' /var/lib/postfix/*scache* >/root/before
         relayhost drill >/root/out; echo \"exit $?\"; stat -c '%n %Y %i' /var/lib/postfix/*scache* | diff /root/before - && echo same
         ls -A /var/spool/relayhost-drill-mine; left"
    ));
    run.exits(0).says("exit 0\nsame\nkeep\n1\n1\n");
}
