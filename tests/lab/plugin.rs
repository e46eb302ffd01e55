//! The plugin for access tokens: `apply` puts it in force while the answers ask for one, smtp(8) logs in by it, and it
//! changes nothing for anybody else.

use crate::host::{CERTIFICATE, Host, Run, host, project};
use crate::package::packages_are_built;

/// A token as long as Microsoft's.
fn token() -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    (0..1500_usize).map(|at| char::from(letters[(at * at + at / 7) % letters.len()])).collect()
}

fn answers(mechanism: &str, password: &str) -> String {
    format!(
        "version = 1\n[relay]\nhost = \"relay.lab.test\"\n[auth]\nmechanism = \"{mechanism}\"\n\
         username = \"alerts@example.com\"\npassword = \"{password}\"\n\
         [sender]\nrewrite = {{ \"root@op5-system.localdomain\" = \"alerts@example.com\" }}\n\
         [verify]\nto = \"ops@example.com\"\ndeadline = \"20s\"\n"
    )
}

/// A host that can install the plugin's package from the repository of `scripts/rpm`, and functions for its script.
fn on(host: Host, script: &str) -> Run {
    packages_are_built();
    let host = host.bind(&project().join("target/rpm/repo"), "/lab/packages");
    host.sh(&format!(". /lab/tests/lab/scripts/plugin.sh\n{script}"))
}

/// A relay that takes this login alone, and one message of it after the other.
fn relay(offer: &str, login: &str) -> String {
    let said = login.replace('\\', "\\\\").replace('+', "\\+").replace('/', "\\/").replace('.', "\\.");
    format!(
        "OFFER {offer}\nAUTH/^{said}$/ 235 2.7.0 ok\nAUTH 535 5.7.3 Authentication unsuccessful\nEND 250 2.0.0 Ok\n"
    )
}

#[test]
fn smtp_logs_in_by_a_token_and_the_link_is_there_only_meanwhile() {
    let token = token();
    for (mechanism, first) in
        [("xoauth2", "user=alerts@example.com"), ("oauthbearer", "n,a=alerts@example.com,")]
    {
        let login = format!("{first}\x01auth=Bearer {token}\x01\x01");
        let replies = relay("PLAIN LOGIN XOAUTH2 OAUTHBEARER", &login);
        let replies =
            replies.replacen("AUTH 535", "AUTH/^alerts@example.com second-word$/ 235 2.7.0 ok\nAUTH 535", 1);
        on(
            host().relay("scripted").replies(&replies).answers_text(&answers(mechanism, &token)),
            "offered >/root/before
             relayhost check | grep plugin.link; relayhost apply >/root/out 2>&1; echo \"apply $?\"; in_force; filter
             offered | diff /root/before - | grep '^[<>]'; rpm -V relayhost-sasl-xoauth2 && echo 'as packed'
             relayhost check >/root/out; echo \"check $?\"; grep -c librelayhost /root/out; relayhost apply >/root/again; echo \"again $?\"
             echo == password; answer plain second-word
             relayhost check | grep plugin.link; relayhost plan | grep 'remove the link'
             relayhost apply >/root/out 2>&1; echo \"apply $?\"; in_force; filter
             offered | diff /root/before - && echo 'as before'; relayhost check >/dev/null; echo \"check $?\"
             echo == back; relayhost restore >/dev/null; echo \"restore $?\"; in_force; filter
             relayhost restore 0 >/dev/null; echo \"restore 0 $?\"; in_force; filter
             grep -Frq -- \"$(cut -c 1-60 /root/token)\" /var/log /usr/lib64/sasl2 && echo 'the token is in a log'; arrived 2",
        )
        .exits(0)
        .says("librelayhost-xoauth2.so: not there, so")
        .says(&format!("apply 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\n{mechanism}\n> OAUTHBEARER\n> XOAUTH2\nas packed\ncheck 0\n1\nagain 0\n"))
        .says("librelayhost-xoauth2.so puts the")
        .says("remove the link /usr/lib64/sasl2/librelayhost-xoauth2.so\napply 0\nno link\nplain, login\nas before\ncheck 0\n")
        .says(&format!("restore 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\n{mechanism}\nrestore 0 0\nno link\n\n2\n"))
        .never_says("the token is in a log");
    }
}

/// Tokens of the lab's identity provider, which nobody here wrote, checked by Dovecot; and one that it did not make.
#[test]
fn dovecot_takes_a_token_by_both_mechanisms_and_says_why_it_takes_no_other() {
    for mechanism in ["xoauth2", "oauthbearer"] {
        on(
            host().relay("xoauth2").answers(CERTIFICATE),
            &format!(
                "sed -i 's/^mechanism = .*/mechanism = \"{mechanism}\"/' /etc/relayhost/answers.toml
                 relayhost apply >/root/out 2>&1; echo \"apply $?\"; in_force; filter; arrived
                 grep -ho 'sasl_method=[A-Z0-9]*, sasl_username=.*' /lab/relay-log/mail.log | sort -u
                 postmap -q '[smtp.office365.com]:587' hash:/etc/postfix/sasl_passwd | sed 's/.*\\./x./; s/^/[smtp.office365.com]:587 alerts@example.com:/' >/root/other
                 cp /root/other /etc/postfix/sasl_passwd; postmap /etc/postfix/sasl_passwd; postfix reload
                 echo hello | sendmail ops@example.net; await grep -q 'status=deferred' /var/log/maillog; grep 'postfix/smtp\\[' /var/log/maillog"
            ),
        )
        .exits(0)
        .says(&format!("apply 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\n{mechanism}\n1\n"))
        .says(&format!("sasl_method={}, sasl_username=alerts@example.com\n", mechanism.to_uppercase()))
        .says("relayhost-sasl-xoauth2: the server refuses the token: {\"status\":\"");
    }
}

/// A relay that refuses answers first with an error of any size: none, JSON, 1 KB, 4 KB, 64 KB, NUL. smtp(8) answers as the
/// mechanism asks, goes on to the refusal, and logs what the relay had to say.
#[test]
fn smtp_lives_through_every_error_of_a_relay() {
    let token = token();
    let json =
        "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLmNvbS8ifQ==";
    let errors = [String::new(), json.into(), "QUJD".repeat(340), "AAAA".repeat(1024), "QUJD".repeat(22_000)];
    for mechanism in ["xoauth2", "oauthbearer"] {
        let rules = errors
            .iter()
            .enumerate()
            .map(|(number, error)| format!("AUTH*1 334 {error}\nAUTH*1 535 5.7.8 number {number}\n"));
        let replies = format!(
            "OFFER {}\n{}AUTH 235 ok\nEND 250 2.0.0 Ok\n",
            mechanism.to_uppercase(),
            rules.collect::<String>()
        );
        let run = on(
            host().relay("scripted").replies(&replies).answers_text(&answers(mechanism, &token)),
            "relayhost apply --no-verify >/dev/null 2>&1; in_force; echo hello | sendmail ops@example.com
             for ((try = 0; try < 100 && $(mails) == 0; try++)); do sleep 0.3; postqueue -f; done
             mails; grep 'postfix/smtp\\[' /var/log/maillog; grep -E 'killed by signal|panic:|fatal:|bad command startup' /var/log/maillog",
        );
        let mut run = run.exits(1).says("librelayhost-xoauth2.so\n1\n");
        for number in 0..4 {
            run = run.says(&format!("said: 535 5.7.8 number {number}"));
        }
        let said = r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#;
        run.says(&format!("relayhost-sasl-xoauth2: the server refuses the token: {said}"));
    }
}

/// The package changes nothing: nobody loads the plugin. If it lay in Cyrus SASL's directory, a host that somebody has set
/// up by hand, without a filter, would send its password as a token to a relay that offers both, as Microsoft's does.
#[test]
fn a_host_with_a_password_logs_in_as_before() {
    on(
        host().relay("office365").answers("examples/office365.toml"),
        "relayhost apply >/dev/null 2>&1; echo \"apply $?\"; offered >/root/before
         yum -y -q install relayhost-sasl-xoauth2 >/dev/null 2>&1; rpm -q --qf '%{name}\\n' relayhost-sasl-xoauth2
         offered | diff /root/before - && echo 'as before'; relayhost check >/dev/null; echo \"check $?\"
         relayhost apply >/dev/null 2>&1; echo \"apply $?\"; in_force
         postconf -e smtp_sasl_mechanism_filter=; cool; echo hello | sendmail ops@example.com; arrived 2
         echo == methods; grep -ho 'sasl_method=[A-Z0-9]*' /lab/relay-log/mail.log | sort -u
         echo == linked; ln -s /usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so /usr/lib64/sasl2/; offered | diff /root/before -
         relayhost repair >/dev/null 2>&1; in_force",
    )
    .exits(0)
    .says("apply 0\nrelayhost-sasl-xoauth2\nas before\ncheck 0\napply 0\nno link\n2\n")
    .says("== methods\nsasl_method=LOGIN\n== linked\n3a4\n> OAUTHBEARER\n4a6\n> XOAUTH2\nno link\n");
}

#[test]
fn another_plugin_for_tokens_stops_a_run_before_anything_is_touched() {
    on(
        host().relay("scripted").replies("OFFER XOAUTH2\nEND 250 2.0.0 Ok\n").answers_text(&answers("xoauth2", &token())),
        "mkdir -p /root/x; cp /usr/lib64/sasl2/libplain.so /root/x/libsasl-xoauth2.so
         files=/usr/lib64/sasl2/libsasl-xoauth2.so package sasl-xoauth2 0.24 x86_64 <<'END'
%install
install -D /root/x/libsasl-xoauth2.so %{buildroot}/usr/lib64/sasl2/libsasl-xoauth2.so
END
         command rpm $FORCE -i --nodeps /root/sasl-xoauth2-0.24.rpm; echo \"rpm $?\"
         state() { sha256sum /etc/postfix/*; ls /usr/lib64/sasl2; command rpm $FORCE -qa | sort; }
         state >/root/before
         relayhost check | grep -A 2 plugin.rival; relayhost apply 2>/root/err; echo \"apply $?\"; cat /root/err
         state | diff /root/before - && echo untouched
         yum -y -q remove sasl-xoauth2 >/dev/null; relayhost apply >/dev/null 2>&1; echo \"apply $?\"; in_force",
    )
    .exits(0)
    .says("rpm 0\n")
    .says("plugin.rival")
    .says("yum remove sasl-xoauth2")
    .says("apply 1\n")
    .says("untouched\napply 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\n");
}

/// Drift, a stranger's file in the place of the link, and a run that is killed while it makes the link, and at each rename.
#[test]
fn the_link_is_a_managed_file() {
    let token = token();
    let replies = relay("XOAUTH2", &format!("user=alerts@example.com\x01auth=Bearer {token}\x01\x01"));
    on(
        host().relay("scripted").replies(&replies).answers_text(&answers("xoauth2", &token)),
        "link=/usr/lib64/sasl2/librelayhost-xoauth2.so; echo theirs >$link; chmod 640 $link; stat -c '%a %Y %s' $link >/root/before
         relayhost apply >/dev/null 2>&1; echo \"apply $?\"; in_force
         rm $link; relayhost check | grep plugin.link; relayhost apply >/root/out 2>&1; echo \"apply $?\"; cat /root/out; in_force
         relayhost apply --force >/dev/null 2>&1; echo \"forced $?\"; in_force
         ln -sf /elsewhere $link; relayhost apply >/dev/null 2>&1; echo \"apply $?\"; relayhost repair >/dev/null 2>&1; echo \"repair $?\"; in_force
         relayhost restore 0 >/dev/null; echo \"restore $?\"; stat -c '%a %Y %s' $link | diff /root/before - && cat $link
         echo == killed; rm $link
         strace -f -qq -o /dev/null -e trace=symlink,symlinkat -e inject=symlink,symlinkat:signal=KILL relayhost apply >/dev/null 2>&1; echo \"killed $?\"
         relayhost recover >/dev/null; echo \"recover $?\"; ls -A /usr/lib64/sasl2 | grep -c relayhost
         for ((at = 1; at < 60; at++)); do
             strace -qq -o /dev/null -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal=KILL:when=$at relayhost apply >/dev/null 2>&1
             code=$?; relayhost recover >/dev/null || echo \"recover $?\"; echo \"$(filter) $(in_force)\" >>/root/states
             [ $code = 137 ] || break
             ls -A /usr/lib64/sasl2 | grep '^\\.relayhost'; relayhost restore 0 >/dev/null; [ \"$(in_force)\" = 'no link' ] || echo 'not restored'
         done 2>/dev/null
         echo \"code $code\"; [ $at -gt 6 ] && echo 'many places'; echo == states; sort -u /root/states",
    )
    .exits(0)
    .says("apply 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\n")
    .says("librelayhost-xoauth2.so: now not there, set otherwise by relayhost")
    .says("no link\nforced 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\napply 3\nrepair 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\n")
    .says("restore 0\ntheirs\n")
    .says("killed 137\nrecover 0\n0\ncode 0\nmany places\n== states\n no link\nxoauth2 /usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\n");
}

/// The one link is relayhost's own, and is made and taken away; the others are the administrator's, and stay.
#[test]
fn the_link_to_the_plugin_is_managed_where_postfix_s_files_are_links() {
    let token = token();
    on(
        host().answers_text(&answers("xoauth2", &token)),
        r#"P=/etc/postfix; . /lab/tests/lab/scripts/linked.sh
        answer plain first-word; relayhost apply --no-verify --no-probe >/dev/null; for name in main.cf sasl_passwd sasl_passwd.db; do link $name /srv/git/$name; done; links >/root/links
        answer xoauth2 "$(cat /root/token)"; relayhost apply --no-verify --no-probe >/dev/null; echo "apply $?"; in_force; relayhost check >/dev/null; echo "check $?"
        relayhost restore >/dev/null; echo "restore $?"; in_force; grep -c first-word /srv/git/sasl_passwd
        links | cmp - /root/links && echo same links; find /srv $P /usr/lib64/sasl2 -name '.relayhost*'"#,
    )
    .says("apply 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\ncheck 0\nrestore 0\nno link\n1\nsame links\n");
}
