//! Going back: what a refusal, an admin or a later run undoes.

use crate::host::{AUTHENTICATED, Host, OPEN, host, read};

/// A host that delivers through the open relay on port 25 of `relay.lab.test`, set up by hand as an admin would, and
/// answers for another relay in /etc/relayhost/answers.toml.
const BY_HAND: &str = ". /lab/tests/lab/scripts/undo.sh\n";

fn edited(from: &str, to: &str) -> Host {
    let text = read(AUTHENTICATED);
    assert!(text.contains(from));
    host().answers_text(&text.replace(from, to))
}

/// Answers that fail at the `plain` relay: they ask for a certificate of an authority that `NO_TRUST` takes away.
fn refused_by_plain() -> Host {
    let text = read(OPEN).replace("port = 25", "port = 25\ntls = \"secure\"");
    host().relay("plain").answers_text(&text)
}

/// An admin's own CA file that does not have the lab's authority.
const NO_TRUST: &str = "awk '1; /END CERT/ { exit }' /etc/pki/tls/certs/ca-bundle.crt > /etc/pki/one.pem
    postconf -e smtp_tls_CAfile=/etc/pki/one.pem smtp_tls_CApath=
";

#[test]
fn a_refusal_puts_the_old_configuration_back_and_the_old_relay_delivers() {
    let run = host().relay("nomech").answers(AUTHENTICATED).sh(&format!(
        "{BY_HAND} relayhost apply --no-probe; echo \"exit $?\"; sum | diff /root/by-hand - && echo as before; relayhost history"
    ));
    run.says("exit 7")
        .says("[sasl-")
        .says("as before")
        .says("(put back)")
        .says("  put back   the run took its change back itself")
        .never_says("  kept ");
    // The same, with an old relay that can be asked.
    let run = refused_by_plain().sh(&format!(
        "{NO_TRUST} {BY_HAND} delivers; relayhost apply --no-probe --json > /root/out; echo \"exit $?\"; sum | diff /root/by-hand - && echo as before; delivers; echo '== json'; cat /root/out"
    ));
    assert_eq!(run.stdout.matches("old relay delivers").count(), 2, "{}\n{}", run.stdout, run.stderr);
    let report = run.json("json");
    assert_eq!((&report["exit"], &report["undone"]), (&7.into(), &true.into()));
    run.says("exit 7").says("as before");
}

/// A change that a run has put back itself leaves nothing to put back.
#[test]
fn restore_without_a_number_takes_back_the_last_change_that_stayed() {
    let run = host().relay("hub").answers_text(crate::accounts::ANSWERS).sh(
        "before() { sha256sum /etc/postfix/main.cf; }; before >/root/before; relayhost apply >/dev/null 2>&1; echo \"apply $?\"
         sed -i 's/battery staple/battery stable/' /etc/relayhost/answers.toml; relayhost apply --no-probe >/dev/null 2>&1; echo \"refused $?\"
         relayhost history | grep -c 'put back)'; relayhost restore >/dev/null 2>&1; echo \"restore $?\"; before | diff /root/before - && echo as before",
    );
    run.says("apply 0\nrefused 7\n1\nrestore 0\nas before\n");
}

#[test]
fn restore_without_a_number_puts_nothing_back_where_no_change_stayed() {
    let run = host().replies("END 554 5.7.1 no\n").answers(AUTHENTICATED).sh(
        "relayhost restore; echo \"none $?\"; relayhost apply >/dev/null 2>&1; echo \"refused $?\"
         postconf -e message_size_limit=12345678; relayhost restore; echo \"restore $?\"; postconf -h message_size_limit",
    );
    run.says("none 2\n")
        .says("refused 7\nrestore 2\n12345678\n")
        .complains("no change is recorded that could be put back")
        .complains("every change that is recorded was put back already (0), so there is nothing to undo")
        .complains("`relayhost restore 0` puts back what was there before that change");
}

/// Without `--no-probe`: a relay that takes sender and recipient, and refuses the message itself.
#[test]
fn what_only_the_message_shows_is_put_back_too() {
    let refusal =
        "END 554 5.2.252 SendAsDenied; alerts@example.com not allowed to send as root@example.com\n";
    let run = host().replies(refusal).answers(AUTHENTICATED).sh(&format!(
        "{BY_HAND} relayhost apply; echo \"exit $?\"; sum | diff /root/by-hand - && echo as before; relayhost history"
    ));
    run.says("ok   probe: [smtp.example.com]:587 would take the message")
        .says("exit 7")
        .says("as before")
        .says("(put back)");
}

#[test]
fn keep_keeps_what_the_relay_refused() {
    let run = edited("battery staple", "battery stable").sh(
        "relayhost apply --on-failure keep; echo \"exit $?\"; postconf -h relayhost; relayhost check >/dev/null; echo \"check $?\"",
    );
    run.says("exit 4").says("[wrong-password]").says("[smtp.example.com]:587").says("check 3");
}

#[test]
fn no_final_word_keeps_the_new_configuration() {
    let run = host()
        .relay("silent")
        .answers_text(&read(AUTHENTICATED).replace("60s", "3s"))
        .sh("relayhost apply; echo \"exit $?\"; postconf -h relayhost");
    run.says("exit 5").says("[no-word]").says("\n[smtp.example.com]:587\n");
}

#[test]
fn restore_gives_back_every_byte_mode_owner_and_time() {
    let run = host().relay("plain").answers(OPEN).sh(&format!(
        "{BY_HAND} chmod 640 /etc/postfix/main.cf; chown root:mail /etc/postfix/main.cf; setfattr -n user.label -v x /etc/postfix/main.cf 2>/dev/null; sum > /root/by-hand
         relayhost apply >/dev/null || exit 9; sum | cmp -s /root/by-hand - && exit 8
         relayhost restore; echo \"exit $?\"; sum | diff /root/by-hand - && echo as before; delivers
         relayhost restore; relayhost check > /dev/null; echo \"check $?\"; relayhost restore 0; sum | diff /root/by-hand - && echo as before again; relayhost history"
    ));
    run.exits(0)
        .says("the files of generation 0")
        .says("exit 0\nas before\nold relay delivers")
        .says("check 0")
        .says("as before again")
        .says("they still say that mail is to leave through")
        .says("before apply (taken back by number 3), which changed")
        .says("before restore 0 (kept)");
}

#[test]
fn a_host_that_had_a_relay_is_adopted_without_a_question() {
    let run = host()
        .answers(AUTHENTICATED)
        .sh(&format!("{BY_HAND} relayhost apply; echo \"exit $?\"; grep ^root@ /etc/postfix/generic"));
    run.says("exit 0").says("root@op5-system.localdomain boss@example.com");
}

#[test]
fn what_somebody_changed_by_hand_is_not_overwritten_unasked() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; sed -i 's/^relayhost.*/relayhost = [other.example.org]:25/; $ a # mine' /etc/postfix/main.cf
         sed -i 's/staple/other/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; sha256sum /etc/postfix/* 2>/dev/null > /root/s
         relayhost check > /root/out; echo \"check $?\"; tr -s '\\n ' ' ' < /root/out; echo; relayhost apply; echo \"apply $?\"; sha256sum -c --quiet /root/s && echo untouched
         relayhost apply --force >/dev/null; echo \"force $?\"; postconf -h relayhost; tail -n 1 /etc/postfix/main.cf",
    );
    run.says("drift.main.cf")
        .says("+relayhost = [other.example.org]:25")
        .says("+# mine")
        .says("drift.sasl_passwd")
        .says("check 3")
        .says("apply 3\nuntouched\nforce 0\n[smtp.example.com]:587\n")
        .complains("relayhost: now `[other.example.org]:25`")
        .complains("sasl_passwd [smtp.example.com]:587: now another entry")
        .complains("--force")
        .never_says("horse");
}

#[test]
fn new_answers_are_no_foreign_edit() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; sed -i 's/smtp.example.com/relay.lab.test/' /etc/relayhost/answers.toml; relayhost apply; echo \"exit $?\"; postconf -h relayhost",
    );
    run.says("exit 0\n[relay.lab.test]:587\n");
}

#[test]
fn foreign_lines_are_noted_and_no_fault() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; echo '# mine' >> /etc/postfix/main.cf; relayhost check; echo \"exit $?\"; relayhost check --nagios; relayhost apply; echo \"exit $?\"",
    );
    run.says("note drift.main.cf").says("+# mine").says("exit 0\nRELAYHOST OK").says("nothing to do");
}

#[test]
fn repair_is_one_word_for_everything() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; rpm -e cyrus-sasl-plain; postconf -e smtp_sasl_auth_enable=no; rm /etc/postfix/sasl_passwd.$DB; postfix stop 2>/dev/null
         relayhost repair; echo \"exit $?\"; relayhost check >/dev/null; echo \"check $?\"; relayhost repair | grep -c 'Ok: queued'",
    );
    run.says("packages: installed cyrus-sasl-plain").says("exit 0\ncheck 0\n1\n");
}

#[test]
fn old_generations_go_and_the_first_stays() {
    let run = host().answers(AUTHENTICATED).sh(
        "for i in {1..24}; do sed \"s/587/$((i + 2000))/\" /etc/relayhost/answers.toml | relayhost apply --no-verify --answers - >/dev/null || exit 9; done; ls /var/lib/relayhost/generations | tr '\\n' ' '",
    );
    run.says("0000 0004 0005").says("0023 ").never_says("0003 ");
}

/// tests/lab/damage.rs does it with every file.
#[test]
fn a_journal_that_cannot_be_read_is_named_and_set_aside_and_nothing_else_is_touched() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; sha256sum /etc/postfix/main.cf > /root/s
         for text in '' '{' '[]' '{\"version\":2}' '{\"version\":1,\"generation\":77,\"phase\":\"changing\"}' '{\"version\":1}' \"$(head -c 3000 /dev/urandom | tr -d '\\0')\"; do
             printf %s \"$text\" > /var/lib/relayhost/journal.json
             relayhost apply; echo \"apply $?\"; relayhost check >/dev/null; echo \"check $?\"; sha256sum -c --quiet /root/s
             printf %s \"$text\" | cmp - $(ls -d /var/lib/relayhost/damaged/*-journal.json | sort -V | tail -n 1) && echo kept; ls /var/lib/relayhost
         done
         relayhost restore 9; echo \"restore $?\"
         echo x > /var/lib/relayhost/generations/0000/before/main.cf; relayhost restore 0; echo \"restore $?\"; sha256sum -c /root/s
         relayhost repair >/dev/null; echo \"repair $?\"",
    );
    let each = "check 0\nkept\ndamaged\ngenerations\nleaving.json\nleaving.lock\nlock\nproof.json\n";
    assert_eq!(run.stdout.matches(&format!("apply 0\n{each}")).count(), 7, "{}\n{}", run.stdout, run.stderr);
    // However it is wrapped.
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("-> relayhost repair"), "{words}");
    run.says("version 2")
        .complains("there is no generation 9; there are: 0")
        .complains("generation 0 is damaged and was set aside, so it cannot be put back; there is no other")
        .says("restore 2\n/etc/postfix/main.cf: OK")
        .says("repair 0\n");
}

/// A tree that is not running, as an installer mounts it.
const TREE: &str = "fill_tree /tree; mknod -m 666 /tree/dev/null c 1 3
    sum() { find /etc /var/lib /usr/sbin -xdev -type f -print0 | sort -z | xargs -0 sha256sum; }; sum > /root/before
";

#[test]
fn a_tree_is_configured_and_the_host_is_not_touched() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{TREE} rpm --root /tree -e cyrus-sasl-plain 2>/dev/null; mkdir -p /tree/lab; mount --bind /lab/repo /tree/lab/repo 2>/dev/null || cp -a /lab/repo /tree/lab/
         relayhost apply --root /tree; echo \"exit $?\"; sum | diff /root/before - && echo host untouched
         rpm --root /tree -q cyrus-sasl-plain; chroot /tree postconf -h relayhost; chroot /tree postmap -q '[smtp.example.com]:587' $TYPE:/etc/postfix/sasl_passwd
         mails; relayhost apply --root /tree"
    ));
    run.exits(0)
        .says("exit 0\nhost untouched\ncyrus-sasl-plain-")
        .says("[smtp.example.com]:587\nalerts@example.com:correct horse battery staple\n0\n")
        .says("nothing to do");
}

#[test]
fn links_of_a_tree_do_not_lead_out_of_it() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{TREE} mkdir /outside; cp -a /tree/etc/postfix /outside/; rm -r /tree/etc/postfix; ln -s /outside/postfix /tree/etc/postfix; sha256sum /outside/postfix/main.cf > /root/s
         relayhost apply --root /tree; echo \"exit $?\"; sha256sum -c --quiet /root/s && ! ls /outside/postfix/sasl_passwd && sum | diff /root/before - && echo outside untouched"
    ));
    run.says("outside untouched").never_says("exit 0");
}

#[test]
fn the_password_of_a_relay_that_is_left_does_not_stay() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null || exit 9; echo '[other.example.org]:25 me:theirs # mine' >> /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd
         sed -i 's/smtp.example.com/relay.lab.test/' /etc/relayhost/answers.toml; relayhost check | tr -s '\\n ' ' '; echo; relayhost plan; relayhost apply; echo \"apply $?\"
         keys() { sed 's/ .*//' /etc/postfix/sasl_passwd | tr '\\n' ' '; postmap -s $TYPE:/etc/postfix/sasl_passwd | cut -f1 | sort | tr '\\n' ' '; echo; }; keys
         relayhost check >/dev/null; echo \"check $?\"
         printf 'version = 1\\n[relay]\\nhost = \"smtp.example.com\"\\n[verify]\\nto = \"ops@example.com\"\\n' > /root/open.toml
         relayhost apply --no-verify --answers /root/open.toml >/dev/null; echo \"open $?\"; keys; relayhost restore 1 >/dev/null; echo restored; keys
         relayhost apply --no-verify >/dev/null; echo \"after that $?\"; keys",
    );
    run.says("still has our entry for [smtp.example.com]:587")
        .says("\n   -[smtp.example.com]:587 alerts@example.com:********\n")
        .says("apply 0\n[other.example.org]:25 [relay.lab.test]:587 [other.example.org]:25 [relay.lab.test]:587 \ncheck 0\n")
        .says("open 0\n[other.example.org]:25 [other.example.org]:25 \n")
        .says("restored\n[smtp.example.com]:587 [other.example.org]:25 [other.example.org]:25 [smtp.example.com]:587 \n")
        .says("after that 0\n[other.example.org]:25 [relay.lab.test]:587 [other.example.org]:25 [relay.lab.test]:587 \n")
        .never_says("horse");
}

#[test]
fn what_somebody_edits_while_a_run_is_at_work_is_kept_when_it_is_put_back() {
    let run = host().relay("relay-denied").answers(AUTHENTICATED).sh(
        "real=$(readlink -f /usr/bin/mail); rm /usr/bin/mail; printf '#!/bin/sh\npostconf -e mynetworks=10.0.0.0/8\nexec %s \"$@\"\n' $real > /usr/bin/mail; chmod 755 /usr/bin/mail
         relayhost apply --no-probe | tr -s ' \\n' ' '; echo \"apply ${PIPESTATUS[0]}\"; cd /var/lib/relayhost/generations/0000/found; grep ^mynetworks main.cf; stat -c '%a %U' . main.cf; postconf -n mynetworks; relayhost check >/dev/null; echo \"check $?\"",
    );
    run.says("somebody else had changed /etc/postfix/main.cf meanwhile; that edit is not in force")
        .says("`diff /var/lib/relayhost/generations/0000/after/main.cf /var/lib/relayhost/generations/0000/found/main.cf`")
        .says("/var/lib/relayhost/generations/0000/found/main.cf")
        .says("apply 7\nmynetworks = 10.0.0.0/8\n700 root\n600 root\ncheck 3\n");
}

#[test]
fn refused_runs_do_not_push_out_what_one_can_go_back_to() {
    let run = host().answers(AUTHENTICATED).sh(
        r#"password() { sed -i "s/^password  = .*/password  = \"$1\"/" /etc/relayhost/answers.toml; }
        relayhost apply >/dev/null; password one; relayhost apply --no-verify >/dev/null
        password two; for n in $(seq 7); do relayhost apply --no-probe >/dev/null; printf '%s ' $?; done; echo
        password 'correct horse battery staple'; relayhost history | grep -c '(put back)'; relayhost apply >/dev/null; echo "apply $?""#,
    );
    run.says(&format!("{}\n", "7 ".repeat(7))).says("\n5\napply 0\n");
}

/// inet_protocols is read when master starts; a reload leaves mail on the old ones.
#[test]
fn a_run_that_died_before_a_restart_is_finished_with_one() {
    let run = host().answers(AUTHENTICATED).sh(
        r#"relayhost apply >/dev/null; sed -i 's/^port = 587/&\nip = "ipv4"/' /etc/relayhost/answers.toml; master() { cat /var/spool/postfix/pid/master.pid; }; first=$(master)
        mv /usr/sbin/postfix /root/postfix; printf '#!/bin/sh\nkill -9 $PPID\n' >/usr/sbin/postfix; chmod 755 /usr/sbin/postfix
        relayhost apply --no-verify >/dev/null 2>&1; echo "apply $?"; mv /root/postfix /usr/sbin/postfix; postconf -h inet_protocols
        [ "$(master)" = "$first" ] && echo not told; relayhost check | tr -s ' \n' ' '; echo; second=$(master); [ "$second" = "$first" ] || echo restarted
        relayhost restore | tr -s ' \n' ' '; echo; postconf -h inet_protocols; [ "$(master)" = "$second" ] || echo restarted again"#,
    );
    run.says("apply 137\nipv4\nnot told\n")
        .says("a run was stopped after it had changed all files; Postfix has read them")
        .says("\nrestarted\n")
        .says("\nrestarted again\n");
}

/// What was removed has no edit to look at, and to what is not there again nothing can be compared.
#[test]
fn restore_prints_only_commands_that_work() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null; rm /etc/postfix/main.cf; relayhost restore 0 >/root/said; echo \"exit $?\"; grep -c 'diff\\|edited' /root/said
         relayhost apply --no-verify --force >/dev/null; echo '# mine' >>/etc/postfix/sasl_passwd; relayhost restore 0 >/root/said; ls /etc/postfix/sasl_passwd
         eval \"$(sed -n 's/^ *less /cat /p' /root/said)\" | tail -n 1",
    );
    assert_eq!(run.stdout, "exit 0\n0\n# mine\n", "{run:?}");
}

#[test]
fn restore_says_which_generation_has_the_edits_by_hand() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null; echo '# mine' >> /etc/postfix/main.cf; sha256sum /etc/postfix/main.cf > /root/edited
         echo '== first'; relayhost restore 0 --json; echo '== end'; relayhost restore 1; sha256sum -c /root/edited
         echo '# more' >> /etc/postfix/main.cf; relayhost restore 0 > /root/said; cat /root/said; eval \"$(sed -n 's/^ *\\(diff .*\\)/\\1/p' /root/said)\"
         eval \"$(sed -n 's/^ *undo *//p' /root/said)\" >/dev/null; tail -n 1 /etc/postfix/main.cf",
    );
    let document = run.json("first");
    assert_eq!(document["previous"], 1, "{document:#}");
    assert_eq!(document["edited"], serde_json::json!(["main.cf"]));
    assert_eq!(document["undo"], "relayhost restore 1");
    let (before, after) = run.stdout.split_once("/etc/postfix/main.cf: OK\n").unwrap();
    // The second restore drops none.
    assert!(before.contains("undo     relayhost restore 2") && !before.contains("edited  "), "{before}");
    assert!(after.contains("by hand since the last run, and not in force now: main.cf"), "{after}");
    assert!(after.contains("< # mine\n< # more\n") && after.ends_with("# more\n"), "{after}");
}

/// The files of `restore` were not built by it: the database of a table that somebody forgot to build is as old as before.
#[test]
fn a_database_that_was_put_back_is_compared_with_its_source() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; cd /etc/postfix; cp -p sasl_passwd /tmp/good; sed -i 's/:[^:]*$/:older/' sasl_passwd; postmap sasl_passwd; cat /tmp/good > sasl_passwd; rm -rf /var/lib/relayhost/*
         found() { relayhost check | grep -o '^[a-zA-Z]* *map.sasl_passwd.database' | tr -s ' '; }
         found; relayhost apply >/dev/null; found; relayhost restore 0 >/dev/null; found; relayhost apply >/dev/null; echo \"apply $?\"; found",
    );
    assert_eq!(
        run.stdout,
        "FAIL map.sasl_passwd.database\nok map.sasl_passwd.database\nFAIL map.sasl_passwd.database\napply 0\nok map.sasl_passwd.database\n",
        "{}",
        run.stderr
    );
}

/// A disk that is full by the time of the refusal, and has room again when the next command comes.
#[test]
fn what_the_relay_refused_is_put_back_although_nothing_could_be_written_meanwhile() {
    let run = host().answers(AUTHENTICATED).replies("END*1 250 2.0.0 ok\nEND 550 5.7.1 not from you\n").sh(
        "mkdir -p /var/lib/relayhost /mnt/x; mount -t tmpfs -o size=6m t /mnt/x
         for d in /etc/postfix /var/lib/relayhost; do n=/mnt/x/${d##*/}; cp -a $d $n; chmod 755 $n; mount --bind $n $d; done; chmod 700 /var/lib/relayhost
         postfix reload 2>/dev/null; relayhost apply >/dev/null; echo \"first $?\"
         cd /etc/postfix; sum() { sha256sum main.cf generic generic.$DB sasl_passwd sasl_passwd.$DB; }; sum >/tmp/before; cp generic.$DB /tmp/old.db
         sed -i 's/^rewrite = {/rewrite = { \"@new.local\" = \"alerts@example.com\",/' /etc/relayhost/answers.toml
         relayhost apply >/tmp/out 2>&1 & p=$!
         while cmp -s /tmp/old.db generic.$DB && kill -0 $p; do :; done
         ( while kill -0 $p 2>/dev/null; do cat /dev/zero >>/mnt/x/fill 2>/dev/null; done ) & filler=$!; wait $p; wait $filler; rm -f /mnt/x/fill
         relayhost recover >/dev/null; echo \"recover $?\"; sum | diff /tmp/before - && echo 'as before'; ls /var/lib/relayhost; relayhost history | grep '^ *[0-9]' | tail -n 1",
    );
    run.says("first 0\n").says("recover 0\nas before\n").never_says("journal").says("(put back)");
}
