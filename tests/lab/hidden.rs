//! Passwords that Postfix takes from other tables than relayhost's are hidden as well, in every command of root's.

use crate::host::{AUTHENTICATED, host, read};

/// Tables of every kind, each with a password of its own, named in main.cf and in options of master.cf. The next-hop
/// destination and the sender are keys of smtp(8) alike (smtp_sender_dependent_authentication).
const TABLES: &str = r"
cd /etc/postfix
printf '[other.example.com]:587 u:Kumquat-1\n[smtp.example.com]:587 u:Papaya-2\n' >hashed; postmap hash:hashed
# The database and the source differ: smtp(8) reads the database.
printf '[other.example.com]:587 u:Rambutan-3\n' >btreed; postmap btree:btreed; printf 'x u:Tamarind-4\n' >btreed; touch -d '1 hour ago' btreed
printf 'monitor@example.com u:Durian-5\nmonitor@example.com u:Jackfruit-6\n' >texted
printf '/^.smtp\.example\.com/ u:Lychee-7 8\n' >patterns
printf 'linked u:Mangosteen-9\n' >real; postmap hash:real; mkdir away; mv real real.db away/; ln -s away/real linked; ln -s away/real.db linked.db
printf '/^.smtp.example.com.:(587)$/ u:Jabuticaba-$1\n' >parts
chmod 600 parts hashed* btreed* texted patterns away/*
postconf -e 'folder=/etc/postfix' 'smtp_sender_dependent_authentication=yes' \
    'smtp_sasl_password_maps=hash:/etc/postfix/sasl_passwd, proxy:hash:$folder/hashed btree:$folder/btreed'
cat >>master.cf <<'E'
one unix - - n - - smtp -o smtp_sasl_auth_enable=yes -o smtp_sasl_password_maps=texthash:/etc/postfix/texted
two unix - - n - - smtp -o folder=/etc/postfix
  -o { smtp_sasl_password_maps = pcre:$folder/patterns, static:{u:Soursop 10} }
three unix - - n - - lmtp -o lmtp_sasl_password_maps=inline:{{[r]:25=u:Feijoa-11},r=u:Cherimoya-12}
four unix - - n - - smtp -o smtp_sasl_password_maps=pipemap:{inline:{a=b},hash:/etc/postfix/linked}
five unix - - n - - smtp -o smtp_sasl_password_maps=regexp:/etc/postfix/parts
E
postfix reload 2>/dev/null
";

const PASSWORDS: [&str; 13] = [
    "Kumquat-1",
    "Papaya-2",
    "Rambutan-3",
    "Tamarind-4",
    "Durian-5",
    "Jackfruit-6",
    "Lychee-7 8",
    "Soursop 10",
    "Feijoa-11",
    "Cherimoya-12",
    "Mangosteen-9",
    "Jabuticaba-587",
    "correct horse battery staple",
];

#[test]
fn passwords_of_every_table_are_hidden_in_every_command() {
    let lines: Vec<String> = PASSWORDS
        .iter()
        .enumerate()
        .map(|(n, password)| {
            format!(
                "Nov 28 10:00:{n:02} op5 postfix/smtp[9]: 4Q{n:02}Z: to=<a{n}@example.org>, relay=mx.example.org[192.0.2.1]:25, \
                 delay=1, delays=0/0/1/0, dsn=5.7.1, status=bounced (host mx.example.org[192.0.2.1] said: 550 5.7.1 odd{n} <{password}> \
                 (in reply to end of DATA command))\n"
            )
        })
        .collect();
    let lines = lines.concat();
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "relayhost apply --no-verify >/dev/null || exit 9\n{TABLES}\ncat >/root/log <<'E'\n{lines}E\n
         echo '== all'; relayhost diagnose /root/log; relayhost diagnose --json /root/log
         for n in $(seq -w 00 12); do relayhost diagnose --queue-id 4Q${{n}}Z /root/log; done
         cat /root/log >>/var/log/maillog; relayhost diagnose --since 2000d
         # What a command shows of itself: a comment in main.cf that a diff has in it.
         for p in Kumquat-1 'Lychee-7 8' Cherimoya-12; do sed -i \"s|^smtp_sasl_password_maps|# $p\\n&|\" main.cf; done
         relayhost plan; relayhost check; relayhost history; echo '== end'"
    ));
    let all = run.part("all");
    for (n, password) in PASSWORDS.iter().enumerate() {
        assert!(all.replace('\n', " ").contains(&format!("odd{n} <********>")), "{n}: {run:?}");
        assert!(!format!("{}{}", run.stdout, run.stderr).contains(password), "{password}: {run:?}");
    }
}

/// Nobody's table has the former passwords any more, so no search finds them: the generation itself tells what they were.
#[test]
fn what_a_change_did_is_shown_without_the_passwords_of_then() {
    let run = host().answers(AUTHENTICATED).sh(
        "cd /etc/postfix; printf '# u:Elder-20\n[smtp.example.com]:587 u:Kumquat-1\n[other.example.com]:587 u:Papaya-2\n' >sasl_passwd; chmod 600 sasl_passwd
         echo '# the password is Kumquat-1' >>main.cf; echo '# Papaya-2 a@b c@d' >generic
         relayhost apply --no-verify >/dev/null || exit 9; rm generic generic.db; relayhost restore 0 >/dev/null || exit 9; echo >sasl_passwd
         printf 'x\n' | cat - generic >new; mv new generic
         for n in 0 1; do echo \"== screen$n\"; relayhost history $n; echo \"== json$n\"; relayhost history $n --json; done
         echo '== unknown'; relayhost history 7; echo \"exit $?\"
         rm /var/lib/relayhost/generations/0000/after/main.cf; echo '== lost'; relayhost history 0; echo '== end'",
    );
    let changes = run.json("json0")["changes"].clone();
    let diff = |file: &str| {
        let change = changes.as_array().unwrap().iter().find(|change| change["file"] == file);
        change.unwrap_or_else(|| panic!("{file}: {run:?}"))["diff"].as_str().unwrap().to_owned()
    };
    assert!(diff("main.cf").contains("\n+relayhost = [smtp.example.com]:587\n"), "{run:?}");
    let table = diff("sasl_passwd");
    assert!(
        table.starts_with("--- /etc/postfix/sasl_passwd before apply of 20")
            && table.contains("Z\n+++ as apply left it\n"),
        "{table}"
    );
    assert!(table.contains("\n-[smtp.example.com]:587 u:********\n"), "{table}");
    assert!(
        table.contains("\n+[smtp.example.com]:587 alerts@example.com:******** (another password)\n"),
        "{table}"
    );
    assert!(run.part("screen0").contains("   +relayhost = [smtp.example.com]:587\n"), "{run:?}");
    assert!(run.part("screen1").contains("   -relayhost = [smtp.example.com]:587\n"), "{run:?}");
    assert_eq!(run.json("json1")["generations"][0]["command"], "restore 0", "{run:?}");
    assert!(run.part("unknown").ends_with("exit 2\n"), "{run:?}");
    assert!(run.part("lost").contains("its text is not kept any more"), "{run:?}");
    for password in ["Elder-20", "Kumquat-1", "Papaya-2", "horse"] {
        assert!(!format!("{}{}", run.stdout, run.stderr).contains(password), "{password}: {run:?}");
    }
}

#[test]
fn a_password_that_stands_in_a_setting_is_no_argument_of_a_program() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null || exit 9
         for value in 'static:alerts@example.com:correct horse battery staple' 'static:{alerts@example.com:correct horse battery staple}' \\
             'inline:{ { [smtp.example.com]:587 = alerts@example.com:correct horse battery staple } }' \\
             'regexp:{ { /^.smtp\\.example\\.com/ alerts@example.com:correct horse battery staple } }' \\
             'pipemap:{ static:x, regexp:{ { /x/ alerts@example.com:correct horse battery staple } } }'; do
             postconf -e \"smtp_sasl_password_maps=$value\"
             for command in check diagnose 'probe --current'; do
                 strace -f -s 200 -e trace=execve -o /root/trace relayhost $command >/root/out 2>&1
                 grep -c 'horse' /root/trace; grep -E 'login|horse' /root/out; grep -c 'execve.*= 0' /root/trace >&2
             done
         done",
    );
    let counts: Vec<&str> =
        run.stdout.lines().filter(|line| line.bytes().all(|c| c.is_ascii_digit())).collect();
    assert_eq!(counts, ["0"; 15], "{run:?}");
    assert!(run.stderr.lines().all(|count| count.parse::<u32>().unwrap() > 1), "{run:?}");
    run.never_says("horse");
}

/// What is looked at in addition costs a plain host nothing: the tables that the last run built need no postmap, and a queue
/// without a message no listing. A table whose database is another, and a message in any of the queues, are read by them.
#[test]
fn check_runs_two_programs_on_a_plain_host() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null || exit 9
         programs() { rm -f /root/trace.*; strace -ff -e trace=execve -o /root/trace relayhost check >/dev/null; cat /root/trace.* | sed -n 's/.*execve(\"\\([^\"]*\\)\".*= 0/\\1/p' | grep -v /relayhost$ | sort | tr '\\n' ' '; echo; }
         programs; cd /etc/postfix; echo 'a@b c@d' >other; postmap other; cat other.db >generic.db; programs
         cd /var/spool/postfix; for queue in maildrop incoming active deferred/A hold; do mkdir -p $queue; : >$queue/ABCDEF; programs; rm $queue/ABCDEF; done
         mv hold held; programs",
    );
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "/usr/bin/rpm /usr/sbin/postconf ", "{run:?}");
    assert!(lines[1].contains("/usr/sbin/postmap "), "{run:?}");
    assert_eq!(lines.len(), 8, "{run:?}");
    assert!(lines[2..].iter().all(|line| line.contains("/usr/sbin/postqueue ")), "{run:?}");
}

/// A thousand entries are known, those for the relay among them wherever they stand, and a command stays quick.
#[test]
fn a_large_table_costs_a_bounded_time() {
    let run = host().answers_text(&read(AUTHENTICATED)).sh(
        "relayhost apply --no-verify >/dev/null || exit 9
         cd /etc/postfix; for n in $(seq 20000); do echo \"a$n@example.com user$n:Secret-of-$n\"; done >many; echo '[smtp.example.com]:587 u:Papaya-2' >>many; chmod 600 many
         postmap many; postconf -e 'smtp_sasl_password_maps=hash:/etc/postfix/many'
         printf 'Nov 28 10:00:00 op5 postfix/smtp[9]: 4Q00Z: to=<a@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, delays=0/0/1/0, dsn=5.7.1, status=bounced (host mx.example.org[192.0.2.1] said: 550 5.7.1 odd <Papaya-2>)\\n' >/root/log
         begin=$(date +%s); relayhost diagnose /root/log; echo took $(($(date +%s) - begin))",
    );
    let run = run.says("odd <********>").never_says("Papaya");
    let took: u32 = run.stdout.rsplit("took ").next().unwrap().trim().parse().unwrap();
    assert!(took < 30, "{took} s: {run:?}");
}
