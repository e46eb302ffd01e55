//! `[recipients] root`: root's mail reaches a person, by the aliases of the system, of which nothing else changes.

use crate::host::{AUTHENTICATED, Host, host, read};

const FUNCTIONS: &str = ". /lab/tests/lab/scripts/root.sh\n";

/// A host whose answers say who is to have root's mail.
fn with_root(root: &str) -> Host {
    host().answers_text(&answers(root))
}

fn answers(root: &str) -> String {
    format!("{}\n[recipients]\nroot = {root}\n", read(AUTHENTICATED))
}

const OPS: &str = "\"ops@example.com\"";

#[test]
fn roots_mail_reaches_the_person_of_the_answers_and_restore_gives_every_byte_back() {
    let run = with_root(OPS).sh(&format!(
        "{FUNCTIONS} sum > /root/before; others > /root/others
         relayhost check > /root/out; echo \"check $?\"; grep aliases /root/out
         relayhost plan | grep -A 30 'etc/aliases'
         try; stat -c 'mode %a %u %g' /etc/aliases /etc/aliases.$DB; tail -n 1 /etc/aliases; others | cmp - /root/others && echo others stay
         postalias -q root $TYPE:/etc/aliases; postalias -q postmaster $TYPE:/etc/aliases
         n=$(mails); echo from cron | mail -s 'cron of root' root; await has_mails $((n + 1)); grep -l 'cron of root' /lab/mailbox/new/* | wc -l
         n=$(mails); echo x | mail -s 'to the postmaster' postmaster; await has_mails $((n + 1)); grep -l 'to the postmaster' /lab/mailbox/new/* | wc -l
         relayhost check; echo \"check $?\"; relayhost apply | tail -n 3; relayhost route --to root | grep alias
         relayhost restore 0; sum | diff /root/before - && echo as before; relayhost history | grep -c kept"
    ));
    run.says("check 3")
        .says("map.aliases.entry")
        .says("+root: ops@example.com")
        .says("apply 0")
        .says("mode 644 0 0\nmode 644 0 0\nroot: ops@example.com\nothers stay\n")
        .says("ops@example.com\nroot\n1\n1\n")
        .says("check 0")
        .says("nothing to do")
        .says("/etc/aliases line")
        .says("as before");
}

/// Postfix is reloaded after each edit: a local(8) that runs opens a database again when the second of its last
/// change is another one, and two changes within one second are the same to it (postfix: `dict_changed_name`).
#[test]
fn verify_follows_a_message_to_root_to_the_relays_word() {
    let run = with_root("[\"ops@example.com\", \"it@example.com\"]").sh(
        "relayhost apply > /dev/null; n=$(mails); relayhost verify --root --json > /root/json; echo \"exit $?\"
         await has_mails $((n + 2)); echo \"$(($(mails) - n)) more\"; echo '== json'; cat /root/json; echo '== after'
         sed -i '/^root:/d' /etc/aliases; newaliases; postfix reload; relayhost verify --root; echo \"exit $?\"; postqueue -p | tail -n 1
         echo '== other'; echo 'root: bob@example.net' >> /etc/aliases; newaliases; postfix reload; relayhost verify --root; echo \"exit $?\"
         relayhost check | grep -e map.aliases -e recipients.root",
    );
    let report = run.json("json");
    let delivery = &report["delivery"];
    assert_eq!(delivery["to"], "root");
    let redirected = delivery["redirected"].as_str().unwrap();
    assert!(["ops@example.com", "it@example.com"].contains(&redirected), "either is named: {delivery}");
    let run = run
        .says("exit 0\n2 more\n")
        .says("[delivered-locally]")
        .says("sets the entry of root in /etc/aliases again")
        .says("exit 5\nMail queue is empty");
    let other = run.part("other");
    assert!(other.contains("[root-elsewhere]") && other.contains("exit 5"), "{other}");
    assert!(other.contains("goes to bob@example.net") && other.contains("FAIL map.aliases.entry"), "{other}");
    assert!(!other.contains("recipients.root:"), "what apply is to set is not said to be so: {other}");
}

/// Lines of others, in every form that postalias reads, and some that it passes over.
#[test]
fn whatever_stands_in_the_file_stays() {
    let run = with_root(OPS).sh(&format!(
        "{FUNCTIONS}
         all() {{ printf '%s' \"$1\" > /etc/aliases; newaliases 2>/dev/null; others > /root/others; try --force; others | cmp - /root/others && echo others stay; postalias -q root $TYPE:/etc/aliases; relayhost check > /root/out; echo \"check $?\"; grep -A 1 'aliases.lines' /root/out; }}
         echo '== odd'; all $'# c\\n\\n\"a b\": x\\nodd:\\tb@c.d,\\n  e@f.g\\n# in between\\n\\tcont@h.i\\nnocolon x\\nx@y: z\\ndup: a\\ndup: b\\nback: \\\\root\\ninc: :include:/etc/foo\\nc: \"|/bin/x -f a, b\"'
         echo '== crlf'; all $'a: b\\r\\nc: d@e.f,\\r\\n  g@h.i\\r\\n'
         echo '== replaced'; printf 'a: b\\nRoot: \"|/bin/false\",\\n :include:/etc/foo\\nroot: x\\nc: d\\n' > /etc/aliases; newaliases 2>/dev/null; try --force; cat /etc/aliases
         echo '== none'; rm -f /etc/aliases*; try --force; cat /etc/aliases; stat -c 'mode %a' /etc/aliases /etc/aliases.$DB
         echo '== open'; chmod 666 /etc/aliases; relayhost check | grep aliases.mode; try --force; stat -c 'mode %a' /etc/aliases
         echo '== many'; seq 100000 | sed 's/.*/user&: user&@a-host-with-a-long-name.example.com/' > /etc/aliases; newaliases; all \"$(cat /etc/aliases)\" > /root/many; cut -c1-300 /root/many
         time relayhost check > /dev/null"
    ));
    for name in ["odd", "crlf", "many"] {
        let part = run.part(name);
        for expected in ["apply 0\n", "others stay\n", "\nops@example.com\ncheck 0\n"] {
            assert!(part.contains(expected), "{name}: {part}\n{}", run.stderr);
        }
    }
    let odd = run.part("odd");
    assert!(
        odd.contains("line 8: need name:value pair, line 9: name must be local, line 11: a second"),
        "{odd}"
    );
    run.says("a: b\nroot: ops@example.com\nc: d\n")
        .says("apply 0")
        .says("root: ops@example.com\nmode 644\nmode 644\n")
        .says("0666")
        .says("mode 644\n== many");
}

/// A database is larger than any source may be: LMDB makes room in steps of lmdb_map_size, and whatever lies under the name of
/// one is kept and given back, too. Its bytes are never in memory as a whole, and a death leaves the old or the new.
#[test]
fn a_database_of_any_size_is_put_in_place_kept_and_given_back() {
    let run = with_root(OPS).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-verify --answers - < <(sed '/^\\[recipients\\]/,$d' /etc/relayhost/answers.toml) > /dev/null || exit 9
         other=lmdb; [ $DB = lmdb ] && other=db; head -c 64M /dev/zero > /etc/aliases.$other; sha256sum < /etc/aliases.$other > /root/other; sum > /root/before
         (ulimit -d 44000; relayhost apply --no-verify; echo \"apply $?\"); postalias -q root $TYPE:/etc/aliases
         ls -s --block-size=1M /var/lib/relayhost/generations/0001/before/aliases.$other | cut -d' ' -f1
         (ulimit -d 44000; relayhost restore; echo \"restore $?\"); sum | cmp - /root/before && sha256sum < /etc/aliases.$other | cmp - /root/other && echo as before
         bad=0; died=0; for n in $(seq 3 5 60); do
             strace -o /dev/null -e trace=renameat2,rename,unlink,fsync -e inject=renameat2,rename,unlink,fsync:signal=KILL:when=$n relayhost apply --no-verify --force > /dev/null 2>&1
             code=$?; [ $code = 137 ] && died=$((died + 1)); relayhost recover > /dev/null 2>&1 || bad=$((bad + 1))
             if sum | cmp -s - /root/before; then :; elif [ \"$(postalias -q root $TYPE:/etc/aliases)\" = ops@example.com ]; then relayhost restore > /dev/null; sum | cmp -s - /root/before || {{ bad=$((bad + 1)); echo \"not restored after $n\"; }}; else bad=$((bad + 1)); echo \"mixed after $n\"; fi
             [ $code = 0 ] && break
         done; echo \"bad $bad\"; [ $died -ge 3 ] && echo died
         echo x >> /var/lib/relayhost/generations/0001/before/aliases.$other; relayhost check | tr -s '\\n ' ' ' | grep -o 'before/aliases.[a-z]* is not what was recorded'"
    ));
    run.says("apply 0\nops@example.com\n64\n")
        .says("restore 0\nas before\nbad 0\ndied\n")
        .says("is not what was recorded");
}

/// What is refused before anything is changed: each with the place where it is decided, and a remedy.
#[test]
fn a_host_where_roots_mail_never_comes_by_the_aliases_is_refused() {
    let base = answers(OPS);
    let run = host().answers_text(&base).sh(&format!(
        "{FUNCTIONS} relayhost apply --answers - < <(sed '/^\\[recipients\\]/,$d' /etc/relayhost/answers.toml) > /dev/null || exit 9
         sum > /root/before; cp /etc/postfix/main.cf /root/main.cf
         is() {{ cool 2>/dev/null; echo \"== $1\"; relayhost check > /root/out; echo \"check $?\"; try; sum | cmp - /root/before && echo untouched; cp /root/main.cf /etc/postfix/main.cf; rm -f /root/.forward; cool 2>/dev/null; }}
         postconf -e mydestination=; is null
         postconf -e myorigin=example.com; is origin
         postconf -e \"alias_maps = $TYPE:/etc/mail/aliases\"; is foreign
         postconf -e alias_maps=; is no_maps
         postconf -e 'local_transport = error:no mail here'; is transport
         echo 'root boss@example.org' > /etc/postfix/v; postmap $TYPE:/etc/postfix/v; postconf -e virtual_alias_maps=$TYPE:/etc/postfix/v; is virtual
         printf 'root: boss@example.org\\n' > /etc/first; postalias $TYPE:/etc/first; postconf -e \"alias_maps=$TYPE:/etc/first, $TYPE:/etc/aliases\"; is first
         sed -i 's/^root = .*/root = \"root@localhost\"/' /etc/relayhost/answers.toml; is circle
         sed -i 's/^root = .*/root = \"monitor@localhost\"/' /etc/relayhost/answers.toml; is here"
    ));
    for (name, words) in [
        ("null", "leaves this host as mail to root@op5-system.localdomain"),
        ("null", "mydestination=$myhostname"),
        ("origin", "leaves this host as mail to root@example.com"),
        ("origin", "virtual_alias_maps"),
        ("foreign", ":/etc/mail/aliases`"),
        ("no_maps", "alias_maps is empty"),
        ("transport", "root's mail does not reach ops@example.com"),
        ("virtual", "it goes to boss@example.org (virtual_alias_maps"),
        ("first", "it goes to boss@example.org (alias_maps"),
        ("circle", "recipients.root: mail to root@localhost does not leave this host"),
        ("here", "recipients.root: mail to monitor@localhost does not leave this host"),
    ] {
        let part = run.part(name);
        for expected in ["check 3\n", "apply 2\n", "untouched", words] {
            assert!(part.contains(expected), "{name}: no `{expected}` in {part}\n{}", run.stderr);
        }
    }
}

/// A host that delivers nothing itself, where root's mail is sent on by a table that is asked about all mail.
#[test]
fn a_remedy_that_was_followed_is_enough() {
    let run = with_root(OPS).sh(&format!(
        "{FUNCTIONS} postconf -e mydestination=; cool 2>/dev/null; try
         echo 'root@op5-system.localdomain ops@example.com' > /etc/postfix/v; postmap $TYPE:/etc/postfix/v; postconf -e virtual_alias_maps=$TYPE:/etc/postfix/v; cool 2>/dev/null
         try; relayhost verify --root; echo \"verify $?\"; relayhost check > /dev/null; echo \"check $?\""
    ));
    run.says("apply 2").says("apply 0").says("verify 0").says("check 0");
}

#[test]
fn an_edit_by_hand_is_an_edit_and_an_entry_that_is_not_asked_for_any_more_goes() {
    let run = with_root(OPS).sh(&format!(
        "{FUNCTIONS} others > /root/others; try
         echo 'more: x@example.com' >> /etc/aliases; newaliases; relayhost check > /root/out; echo \"check $?\"; grep drift.aliases /root/out
         sed -i 's/^root: .*/root: joe@example.com/' /etc/aliases; newaliases; relayhost check > /root/out; echo \"check $?\"; try; grep ^root: /etc/aliases
         relayhost repair > /dev/null; echo \"repair $?\"; grep -E '^(root|more):' /etc/aliases
         rm /etc/aliases.$DB; relayhost check | grep aliases.database; relayhost repair > /dev/null; postalias -q root $TYPE:/etc/aliases
         sed -i '/^\\[recipients\\]/,$d' /etc/relayhost/answers.toml; relayhost check | grep aliases; try; grep -c ^root: /etc/aliases; sed -i '/^more/d' /etc/aliases; others | cmp - /root/others && echo others stay
         relayhost check > /root/out; echo \"check $?\"; grep -c aliases /root/out
         relayhost restore 0 > /dev/null; echo \"restore $?\"; grep -c ^root: /etc/aliases"
    ));
    run.says("check 0\nnote drift.aliases")
        .says("check 3\napply 3\n")
        .says("root: joe@example.com\nrepair 0\n")
        .says("there is no database")
        .says("still has our entry for root")
        .says("apply 0")
        .says("others stay\ncheck 0\n0\nrestore 0\n0\n");
}

/// A generation keeps the aliases only where its change is about them; `restore` finds the ones of the time that it goes back
/// to, and leaves alone what was never touched.
#[test]
fn the_aliases_of_others_are_not_put_back_where_nothing_of_them_was_changed() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{FUNCTIONS} relayhost apply > /dev/null; echo 'mine: x@example.com' >> /etc/aliases; newaliases; sum > /root/mine
         ls /var/lib/relayhost/generations/*/before | grep -c aliases
         relayhost restore 0 > /dev/null; sum | cmp - /root/mine && echo left alone; relayhost restore > /dev/null; sum | cmp - /root/mine && echo left alone again
         printf '[recipients]\\nroot = \"ops@example.com\"\\n' >> /etc/relayhost/answers.toml; try
         for n in $(seq 25); do sed -i \"s/^deadline.*/deadline = \\\"${{n}}0s\\\"/; s/smtp.example.com\\|relay.lab.test/$([ $((n % 2)) = 0 ] && echo smtp.example.com || echo relay.lab.test)/\" /etc/relayhost/answers.toml; relayhost apply --no-verify --force > /dev/null || exit 8; done
         ls /var/lib/relayhost/generations | wc -l
         relayhost restore 0 > /dev/null; echo \"restore $?\"; sum | cmp - /root/mine && echo as before"
    ));
    run.says("left alone\nleft alone again\n").says("apply 0").says("restore 0\nas before\n");
}

/// Deaths at the system calls of `apply` that change something: the aliases are the old ones or the new ones.
#[test]
fn a_run_that_dies_leaves_the_old_aliases_or_the_new_ones() {
    let run = with_root(OPS).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-verify --answers - < <(sed '/^\\[recipients\\]/,$d' /etc/relayhost/answers.toml) > /dev/null || exit 9
         sum > /root/before; bad=0; died=0
         for n in $(seq 400); do
             strace -o /dev/null -e trace=renameat2,rename,unlink,fchmod,fsync,mkdir -e inject=renameat2,rename,unlink,fchmod,fsync,mkdir:signal=KILL:when=$n relayhost apply --no-verify > /dev/null 2>&1
             code=$?; [ $code = 137 ] && died=$((died + 1))
             relayhost recover > /dev/null 2>&1 || bad=$((bad + 1))
             if sum | cmp -s - /root/before; then :; elif [ \"$(postalias -q root $TYPE:/etc/aliases)\" = ops@example.com ] && grep -q '^root: ops@example.com' /etc/aliases; then relayhost restore > /dev/null; sum | cmp -s - /root/before || {{ bad=$((bad + 1)); echo \"not restored after $n\"; }}; else bad=$((bad + 1)); echo \"mixed after $n\"; fi
             ls -A /etc | grep -c '^.relayhost-' | grep -qx 0 || {{ bad=$((bad + 1)); echo \"left over after $n\"; }}
             [ $code = 0 ] && break
         done; echo \"bad $bad\"; [ $died -gt 20 ] && echo died often"
    ));
    run.says("bad 0\ndied often\n");
}

#[test]
fn a_link_is_followed_to_a_file_of_roots_and_one_of_others_is_refused() {
    let run = with_root(OPS).sh(&format!(
        "{FUNCTIONS} mkdir /etc/mail; mv /etc/aliases /etc/mail/; ln -s mail/aliases /etc/aliases; newaliases; try; readlink /etc/aliases; grep ^root: /etc/mail/aliases; relayhost check > /dev/null; echo \"check $?\"
         relayhost restore 0 > /dev/null; grep -c ^root: /etc/mail/aliases
         mkdir /srv/u; chown 65534 /srv/u; mv /etc/mail/aliases /srv/u/; ln -sf /srv/u/aliases /etc/aliases; sum > /root/before; relayhost check; echo \"check $?\"; try; sum | cmp - /root/before && echo untouched"
    ));
    run.says("apply 0")
        .says("mail/aliases\nroot: ops@example.com\ncheck 0\n0\n")
        .says("untouched")
        .never_says("panicked");
}

#[test]
fn init_takes_the_addresses_and_keeps_them() {
    let run = host().sh(
        "printf 'correct horse battery staple\\n' | relayhost init --host smtp.example.com --port 587 --tls secure --username alerts@example.com --password-stdin --rewrite monitor@op5-system.localdomain=alerts@example.com --to ops@example.com --root-to ops@example.com --root-to it@example.com > /dev/null; echo \"init $?\"
         grep -A 2 recipients /etc/relayhost/answers.toml
         printf 'x\\n' | relayhost init --host smtp.example.com --username u --password-stdin --rewrite none --to ops@example.com --root-to ops --force; echo \"init $?\"
         relayhost apply > /dev/null; echo \"apply $?\"; relayhost verify --root > /dev/null; echo \"verify $?\"",
    );
    run.says("init 0\n[recipients]\n")
        .says("root = [\"ops@example.com\", \"it@example.com\"]")
        .complains("--root-to: `ops` is not a mail address")
        .says("init 2\napply 0\nverify 0\n");
}

#[test]
fn a_file_of_roots_own_that_has_no_effect_is_told() {
    let run = with_root(OPS).sh(
        "echo boss@example.org > /root/.forward; relayhost apply > /dev/null; relayhost check | tr -s '\\n ' ' '; echo; relayhost verify --root | grep -c boss",
    );
    run.says("/root/.forward has no effect").says("\n0\n");
}
