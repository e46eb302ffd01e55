//! Whose answers root goes by: nobody's but root's. Each file that they name or consist of, and each directory on the way.

use crate::host::{AUTHENTICATED, Host, host, read};

/// A host that is as the answers in /srv/a say, which have their password in a file of its own.
const PREPARE: &str = ". /lab/tests/lab/scripts/trust.sh\n";

/// What is done in `/srv/b` or beside it, the answers that are named, and what the refusal must say; nothing: they are
/// taken.
const CASES: [(&str, &str, &str); 21] = [
    ("true", "/srv/b/a.toml", ""),
    ("chown 65534 a.toml", "/srv/b/a.toml", "`/srv/b/a.toml` belongs to nobody (uid 65534), not to root"),
    ("chown 65534 a.toml", "a.toml", "`/srv/b/a.toml` belongs to nobody (uid 65534)"),
    ("chmod 664 a.toml", "/srv/b/a.toml", "`/srv/b/a.toml` has mode 0664, so that others may write to it"),
    ("chmod 646 a.toml", "/srv/b/a.toml", "`/srv/b/a.toml` has mode 0646"),
    ("setfacl -m u:bin:rw a.toml", "/srv/b/a.toml", "`/srv/b/a.toml` has mode 0660"),
    ("chmod 775 .", "/srv/b/a.toml", "`/srv/b` has mode 0775"),
    ("chown 65534 .", "/srv/b/a.toml", "`/srv/b` belongs to nobody (uid 65534)"),
    ("chmod 757 ..", "/srv/b/a.toml", "`/srv` has mode 0757"),
    ("cp -a a.toml /tmp/a.toml", "/tmp/a.toml", ""),
    (
        "cp -a a.toml /tmp/a.toml; chown 65534 /tmp/a.toml",
        "/tmp/a.toml",
        "`/tmp/a.toml` belongs to nobody (uid 65534)",
    ),
    (
        "mkdir /tmp/d; cp -a a.toml /tmp/d/; chown 65534 /tmp/d",
        "/tmp/d/a.toml",
        "`/tmp/d` belongs to nobody (uid 65534)",
    ),
    ("ln -s a.toml link", "/srv/b/link", ""),
    (
        "ln -s /srv/b/a.toml /tmp/link; chown -h 65534 /tmp/link",
        "/tmp/link",
        "`/tmp/link` is a symbolic link of nobody (uid 65534)",
    ),
    (
        "mkdir -m 777 d; cp -a a.toml d/; ln -s d e; ln -s e/a.toml link",
        "/srv/b/link",
        "`/srv/b/d` has mode 0777",
    ),
    (
        "chown 65534 p; sed -i s,/srv/a/password,/srv/b/p, a.toml",
        "/srv/b/a.toml",
        "`/srv/b/p` belongs to nobody (uid 65534)",
    ),
    ("chmod 620 p; sed -i s,/srv/a/password,/srv/b/p, a.toml", "/srv/b/a.toml", "`/srv/b/p` has mode 0620"),
    (
        "chmod 640 p; sed -i s,/srv/a/password,/srv/b/p, a.toml",
        "/srv/b/a.toml",
        "`/srv/b/p` holds a secret and has mode 0640",
    ),
    (
        "mkdir -m 777 d; cp -a p d/; sed -i s,/srv/a/password,/srv/b/d/p, a.toml",
        "/srv/b/a.toml",
        "`/srv/b/d` has mode 0777",
    ),
    (
        "mkdir -m 755 /tmp/d; cp -a p /tmp/d; chown 65534 /tmp/d; ln -s /tmp/d/p q; sed -i s,/srv/a/password,/srv/b/q, a.toml",
        "/srv/b/a.toml",
        "`/tmp/d` belongs to nobody (uid 65534)",
    ),
    ("exec 8<a.toml", "/dev/fd/8", ""),
];

const COMMANDS: [&str; 6] = ["check", "apply", "plan", "probe", "verify", "repair"];

#[test]
fn what_somebody_else_could_have_written_is_not_taken() {
    let mut script = format!("COMMANDS='{}'\n{PREPARE}", COMMANDS.join(" "));
    for (number, (what, answers, says)) in CASES.iter().enumerate() {
        // What is taken is taken by all; check shows it.
        let commands = if says.is_empty() { "COMMANDS=check" } else { "" };
        script += &format!("reset; {what}; echo '== {number}'; {commands} try {answers}\n");
    }
    // The remedies, as they are written.
    script += r#"reset; chown 65534 a.toml; relayhost check --answers /srv/b/a.toml 2>/root/err; echo '== mended'
        sed -n "s/.*root's, \`\([^\`]*\)\`.*/\1/p" /root/err > /root/remedy; cat /root/remedy; . /root/remedy
        relayhost check --answers /srv/b/a.toml >/dev/null; echo "check $?"
        chown 65534 a.toml; words=$(sed -n 's/.*`\(relayhost apply [^`]*\)`.*/\1/p' /root/err)
        eval "$words" >/dev/null; echo "typed $?"; chown 0 a.toml
        relayhost check --answers /dev/stdin <a.toml >/dev/null; echo "named $?"
        relayhost check --answers <(cat a.toml); echo "pipe $?"
        setpriv --reuid 65534 --clear-groups relayhost providers >/dev/null; echo "providers $?"; echo '== end'"#;
    let run = host().answers(AUTHENTICATED).sh(&script).never_says("horse");
    let mut wrong = Vec::new();
    for (number, (what, answers, says)) in CASES.iter().enumerate() {
        let part = run.part(&number.to_string());
        let good = if says.is_empty() {
            part.starts_with("check: 0\n")
        } else {
            COMMANDS.iter().all(|command| part.contains(&format!("{command}: 2\n")))
                && part.matches(says).count() == COMMANDS.len()
                && part.matches("\n  -> ").count() == COMMANDS.len()
        };
        if !good || !part.contains("untouched\n") {
            wrong.push(format!("{what} ({answers}), `{says}`:\n{part}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), run.stderr);
    assert_eq!(
        run.part("mended"),
        "chown root: /srv/b/a.toml && chmod go-w /srv/b/a.toml\ncheck 0\ntyped 0\nnamed 0\npipe 2\nproviders 0\n"
    );
    run.complains("give the answers on standard input: `--answers -`");
}

/// One remedy is enough, whatever the file's name; and it runs nothing that stands in the name.
#[test]
fn a_remedy_is_enough_whatever_the_name() {
    let run = host().answers(AUTHENTICATED).sh(r#"mkdir -m 755 /srv/b; cd /srv/b; relayhost apply --no-verify >/dev/null
        sed -n 's/^password *= "\(.*\)"/\1/p' /etc/relayhost/answers.toml >p
        sed 's|^password .*|password_file = "/srv/b/p"|' /etc/relayhost/answers.toml >open.toml; chmod 600 p
        mended() {
            relayhost check --answers "$2" 2>/root/err; echo "$1 $?"
            sed -n 's/.*`\(ch[^`]*\)`.*/\1/p' /root/err >/root/remedy; . /root/remedy
            relayhost check --answers "$2" >/dev/null; echo "$? $(stat -c '%a %u %g' "$3")"
        }
        while read -r name; do
            for how in 'chmod 664' 'chmod 660' 'chown 65534:65534'; do
                cp /etc/relayhost/answers.toml "/srv/b/$name"; chmod 640 "/srv/b/$name"; $how "/srv/b/$name"; mended secret "/srv/b/$name" "/srv/b/$name"
                cp open.toml "/srv/b/$name"; chmod 644 "/srv/b/$name"; $how "/srv/b/$name"; mended open "/srv/b/$name" "/srv/b/$name"
                chmod 600 p; $how p; mended file open.toml p; chown 0:0 p
            done
        done <<'END'
a b.toml
$(touch pwned);x.toml
it's.toml
-x.toml
END
        ls pwned"#);
    let outcomes: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(outcomes.len(), 4 * 3 * 3 * 2, "{run:?}");
    for pair in outcomes.chunks(2) {
        let (what, mended) = (pair[0], pair[1]);
        let good = match what {
            "open 2" => ["0 644 0 0", "0 640 0 0"].contains(&mended),
            _ => what.ends_with(" 2") && mended == "0 600 0 0",
        };
        assert!(good, "{what}: {mended}\n{run:?}");
    }
}

/// The attack: answers of nobody's that have root send a file of root's to a server of nobody's.
#[test]
fn answers_of_nobody_send_no_file_of_roots_anywhere() {
    let run = host().sh(r#"install -m 600 /dev/stdin /root/other.secret <<<'the words of root'
        cat >/tmp/evil.toml <<'END'
version = 1
[relay]
host = "127.0.0.1"
port = 2525
tls = "none"
[auth]
username = "x"
password_file = "/root/other.secret"
[sender]
rewrite = { "root@here.example.com" = "a@example.com" }
[verify]
to = "ops@example.com"
END
        chown 65534 /tmp/evil.toml; chmod 600 /tmp/evil.toml
        for c in apply 'apply --no-verify --force' repair probe verify check plan; do
            relayhost $c --answers /tmp/evil.toml; echo "$c $?"
        done
        relayhost init --no-probe --host 127.0.0.1 --tls none --username x --password-file /tmp/evil.toml --rewrite none --to ops@example.com; echo "init $?"
        grep -rl 'the words of root' /etc /var /tmp /run; ls /etc/relayhost /etc/postfix/sasl_passwd"#);
    for command in
        ["apply", "apply --no-verify --force", "repair", "probe", "verify", "check", "plan", "init"]
    {
        assert!(run.stdout.contains(&format!("{command} 2\n")), "{command}: {run:?}");
    }
    assert_eq!(run.stdout.lines().count(), 8, "{run:?}");
    run.complains("`/tmp/evil.toml` belongs to nobody (uid 65534), not to root").never_says("words of root");
}

fn on_host() -> Host {
    host().answers(AUTHENTICATED)
}

#[test]
fn a_drop_in_that_anybody_may_bring_is_not_taken() {
    let run = on_host().sh(r#"mkdir -m 777 /etc/relayhost/answers.d; x=/etc/relayhost/answers.d/x.toml
        printf 'version = 1\n[packages]\nfrom = "/tmp/rpms"\n' >$x; chmod 644 $x
        relayhost check; echo "open directory $?"; relayhost apply --no-verify; echo "apply $?"
        relayhost diagnose | tr -s ' \n' ' '; echo
        chmod 755 /etc/relayhost/answers.d; chmod 666 $x; relayhost check; echo "open file $?"
        chmod 644 $x; relayhost check >/dev/null; echo "mended $?"
        chmod 775 /etc/relayhost; relayhost check; echo "above $?"; relayhost pending; echo "pending $?""#);
    run.says("open directory 2\n")
        .says("apply 2\n")
        .says("so nothing is known of what is wanted")
        .says("open file 2\n")
        .says("mended 3\n")
        .says("above 2\n")
        .says("pending 0\n")
        .complains("`/etc/relayhost/answers.d` has mode 0777")
        .complains("`chmod go-w /etc/relayhost/answers.d`")
        .complains("`/etc/relayhost/answers.d/x.toml` has mode 0666")
        .complains("`/etc/relayhost` has mode 0775");
}

/// A name on the way to the packages that somebody else can lead elsewhere: what lies there may even be root's.
#[test]
fn packages_come_by_no_link_of_somebody_elses() {
    let run = host().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh(
        r#"mkdir -m 755 /srv/rpms; ln -s /srv/rpms /tmp/rpms; chown -h 65534 /tmp/rpms
        sed -i '$ a [packages]\nfrom = "/tmp/rpms"' /etc/relayhost/answers.toml
        relayhost apply; echo "apply $?"; chown -h 0 /tmp/rpms; relayhost apply; echo "root's $?""#,
    );
    run.says("apply 1\n")
        .complains("`/tmp/rpms` is a symbolic link of nobody (uid 65534)")
        .says("root's 1\n")
        .complains("`/srv/rpms/SHA256SUMS` is not there");
}

/// Somebody exchanges the file for another as fast as they can: what is taken is what was looked at.
#[test]
fn nothing_is_exchanged_between_the_look_and_the_reading() {
    let evil = read(AUTHENTICATED).replace("smtp.example.com", "evil.example.org");
    let script = format!(
        r#"mkdir -m 755 /srv/a; cd /srv/a; cp /etc/relayhost/answers.toml good; cat >evil <<'END'
{evil}
END
        chmod 600 good evil; chown 65534 evil; cp -a good a.toml
        # The name leads to the one or the other file, all the time.
        (while :; do ln -f evil x; mv x a.toml; ln -f good y; mv y a.toml; done) & swap=$!
        taken=0 refused=0 changed=0
        for i in $(seq 200); do
            relayhost plan --answers /srv/a/a.toml >/root/out 2>&1; code=$?
            case $code in
                2) refused=$((refused+1)); grep -qF 'belongs to nobody (uid 65534)' /root/out || cat /root/out;;
                3) taken=$((taken+1)); grep -q evil /root/out && echo EVIL;;
                1) changed=$((changed+1)); grep -qF 'changed by somebody else' /root/out || cat /root/out;;
                *) echo "exit $code"; cat /root/out;;
            esac
        done
        kill $swap; echo "taken $taken refused $refused changed $changed""#
    );
    let run = on_host().sh(&script);
    println!("{}", run.stdout.trim());
    let numbers: Vec<u32> = run.stdout.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(run.stdout.starts_with("taken ") && numbers.len() == 3, "{run:?}");
    assert!(numbers[0] > 0 && numbers[1] > 0 && numbers.iter().sum::<u32>() == 200, "{run:?}");
}
