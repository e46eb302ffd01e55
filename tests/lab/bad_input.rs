//! Answers that are wrong: a clear error with place and remedy, exit status 2, and a host that was not touched.

use crate::host::{AUTHENTICATED, OFFICE365, host, read};

/// Answers, and what the error must contain.
const CASES: [(&str, &str, &str); 21] = [
    ("host = \"smtp.example.com\"", "hots = \"smtp.example.com\"", "line 6, column 1: there is no key `"),
    ("port = 587", "port = \"587\"", "line 7, column 8: `port` wants a whole number"),
    ("host = \"smtp.example.com\"\n", "", "there is no `relay.host`"),
    ("port = 587", "port = 0", "line 7, column 8: 0 is not a TCP port"),
    ("port = 587", "port = 70000", "70000 is not a TCP port"),
    ("smtp.example.com", "smtp example.com", "`smtp example.com` is not a host name"),
    ("smtp.example.com", "[smtp.example.com]", "write it without brackets"),
    (
        "smtp.example.com",
        "smtp.example.com\\nrelayhost = evil",
        "`smtp.example.com?relayhost = evil` is not a host name",
    ),
    (
        "alerts@example.com\"\npassword",
        "alerts\\r@example.com\"\npassword",
        "auth.username has a control character",
    ),
    ("battery staple", "battery\\nstaple", "the password has a line end"),
    ("staple\"", "staple \"", "ends with a space"),
    ("\"@op5-system.localdomain\" =", "\"*\" =", "would rewrite every address"),
    (
        "mechanism = \"plain\"",
        "mechanism = \"none\"",
        "line 12, column 13: a login is given, but the mechanism is `none`",
    ),
    ("mechanism = \"plain\"", "mechanism = \"plane\"", "`mechanism` takes one of none, plain"),
    ("username  = \"alerts@example.com\"", "", "needs `auth.username`"),
    ("version = 1", "version = 2", "version 2 is not known"),
    ("version = 1\n", "", "there is no `version`"),
    ("deadline = \"60s\"", "deadline = \"soon\"", "`soon` is not a length of time"),
    ("to = \"ops@example.com\"", "to = \"ops\"", "`ops` is not a mail address"),
    ("password  = ", "password_env = \"X\"\npassword  = ", "the password is given twice"),
    ("password  = \"correct", "password  = \"cor\"rect", "line 13"),
];

#[test]
fn wrong_answers_are_named_and_leave_the_host_alone() {
    let mut script = String::from(
        "sum() { find /etc/postfix /etc/relayhost /var/lib/rpm /var/spool/postfix -type f -print0 | sort -z | xargs -0 sha256sum; }
         sum > /tmp/before\n",
    );
    for (from, to, _) in CASES {
        let text = read(AUTHENTICATED);
        assert!(text.contains(from), "{from}");
        script += &format!(
            "cat > /root/a.toml <<'EOF'\n{}\nEOF\nchmod 600 /root/a.toml; echo \"== case\"; relayhost apply --answers /root/a.toml 2>&1; echo \"exit $?\"\n",
            text.replacen(from, to, 1)
        );
    }
    script += "echo '== end'; sum | diff /tmp/before - && echo untouched";
    let run = host().sh(&script);
    let parts: Vec<&str> = run.stdout.split("== ").skip(1).collect();
    assert_eq!(parts.len(), CASES.len() + 1);
    for ((_, to, expected), part) in CASES.iter().zip(&parts) {
        assert!(
            part.contains(expected) && part.contains("/root/a.toml") && part.contains("\n  -> "),
            "{to}: {part}"
        );
        assert!(part.ends_with("exit 2\n"), "{to}: {part}");
        assert!(!part.contains("horse"), "the password shows: {part}");
    }
    assert!(parts[CASES.len()].contains("untouched"), "{}", run.stdout);
}

#[test]
fn files_that_are_no_answers() {
    let run = host().sh("t() { echo \"== $1\"; shift; \"$@\" 2>&1; echo \"exit $?\"; }
         t missing relayhost apply --answers /nowhere.toml
         mkdir /root/d; t directory relayhost apply --answers /root/d
         : > /root/empty; t empty relayhost apply --answers /root/empty
         head -c 3000 /dev/urandom > /root/binary; t binary relayhost apply --answers /root/binary
         head -c 10000000 /dev/zero > /root/big; t big relayhost apply --answers /root/big
         mkfifo /root/fifo; t fifo timeout 5 relayhost apply --answers /root/fifo
         ln -s loop /root/loop; t loop relayhost apply --answers /root/loop
         t stdin sh -c 'head -c 10000000 /dev/zero | relayhost apply --answers -'
         echo '== end'");
    for (name, text) in [
        ("missing", "there is no such file"),
        ("directory", "is a directory, not a file"),
        ("empty", "the file is empty"),
        ("binary", "/root/binary"),
        ("big", "larger than 1048576 bytes"),
        ("fifo", "is a FIFO, not a file"),
        ("loop", "cannot be read"),
        ("stdin", "larger than 1048576 bytes"),
    ] {
        let part = run.part(name);
        assert!(part.contains(text) && part.contains("-> ") && part.ends_with("exit 2\n"), "{name}: {part}");
    }
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let run = host().answers(AUTHENTICATED).sh(
        "chmod 644 /etc/relayhost/answers.toml; relayhost check; echo \"exit $?\"
         chmod 600 /etc/relayhost/answers.toml; chown 1:1 /etc/relayhost/answers.toml; relayhost check; echo \"exit $?\"
         printf 'x\\n' > /root/p; chmod 640 /root/p
         sed 's|^password .*|password_file = \"/root/p\"|' /etc/relayhost/answers.toml | relayhost check --answers -; echo \"exit $?\"",
    );
    assert_eq!(run.stdout, "exit 2\nexit 2\nexit 2\n", "{}", run.stderr);
    run.complains("has mode 0644")
        .complains("chmod 600 /etc/relayhost/answers.toml")
        .complains("uid 1")
        .complains("`/root/p` holds a secret");
}

/// What lies in the place of a file is named, with what to do about it; the remedy is followed.
#[test]
fn what_is_no_file_is_called_that() {
    for make in ["mkfifo /root/p", "mkdir /root/p", "cp -a /dev/zero /root/p"] {
        let run = host().answers(AUTHENTICATED).sh(&format!(
            "{make}; sed -i 's|^password .*|password_file = \"/root/p\"|' /etc/relayhost/answers.toml
             timeout 20 relayhost check; echo \"exit $?\"; timeout 20 relayhost check --nagios; echo \"exit $?\"
             mv /root/p /root/p.away; printf 'correct horse battery staple' >/root/p; chmod 600 /root/p; relayhost check >/dev/null; echo \"exit $?\"
             mv /etc/relayhost/answers.toml /root/; mv /root/p.away /etc/relayhost/answers.toml; timeout 20 relayhost check; echo \"exit $?\""
        ));
        let kind = match make.split(' ').next().unwrap() {
            "mkfifo" => "a FIFO",
            "mkdir" => "a directory",
            _ => "a device",
        };
        let run = run.complains(&format!("the password file `/root/p` is {kind}, not a file"));
        let run = run.complains(&format!("/etc/relayhost/answers.toml: is {kind}, not a file"));
        let run = run.complains("run `relayhost check` again").says("run `relayhost check --nagios` again");
        let exits: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("exit")).collect();
        assert_eq!(exits, ["exit 2", "exit 3", "exit 3", "exit 2"], "{make}: {run:?}");
        run.never_says("ls -ldZ");
    }
}

/// Where something else lies in the place of a file of Postfix's, each command says so at once, and none calls the host
/// fine; the remedy is followed.
#[test]
fn what_is_no_file_of_postfix_is_called_that() {
    let commands = [
        "check",
        "plan",
        "apply",
        "repair",
        "restore",
        "route",
        "verify",
        "probe --current",
        "diagnose",
        "check --nagios",
    ];
    for (file, make) in [
        ("main.cf", "mkfifo"),
        ("main.cf", "mkdir"),
        ("main.cf", "python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])'"),
        ("main.cf", "ln -s /dev/zero"),
        ("master.cf", "mkfifo"),
        ("sasl_passwd", "mkfifo"),
        ("sasl_passwd.db", "mkfifo"),
        ("sasl_passwd.db", "mkdir"),
    ] {
        let mut script =
            format!("relayhost apply >/dev/null; cd /etc/postfix; mv {file} /root/; {make} {file}\n");
        for command in commands {
            script += &format!(
                "echo '== {command}'; timeout 10 relayhost {command} >/root/out 2>&1; echo \"exit $?\"; cat /root/out\n"
            );
        }
        let run = host().answers(AUTHENTICATED).sh(&format!(
            "{script}echo '== after'; mv {file} {file}.away; mv /root/{file} .; relayhost check >/dev/null; echo \"exit $?\""
        ));
        for command in commands {
            let part = run.part(command);
            // A table of its own is asked about by `route` and `verify` only if it is on the way.
            let says = part.contains("not a file") && part.contains(file);
            let is_quick = !part.contains("exit 124");
            let is_bad = !part.starts_with("exit 0");
            assert!(
                is_quick
                    && (says && is_bad
                        || file != "main.cf" && !["check", "plan", "apply"].contains(&command)),
                "{make} {file}, {command}: {part}"
            );
        }
        assert_eq!(run.part("after"), "exit 0\n", "{make} {file}: {run:?}");
    }
}

#[test]
fn answers_without_a_secret_may_be_read_by_all() {
    let run = host()
        .answers("examples/open.toml")
        .sh("chmod 644 /etc/relayhost/answers.toml; relayhost check >/dev/null");
    run.exits(3);
}

#[test]
fn a_preset_needs_only_what_is_left() {
    let run = host().answers_text(&read(OFFICE365).replace("office365", "office356")).sh("relayhost check");
    run.exits(2).complains("provider `office356` is not known").complains("take one of");
}

#[test]
fn wrong_usage() {
    let run = host().sh("relayhost bogus; echo $?; relayhost apply --verify --no-verify; echo $?; relayhost verify --to nobody --answers /lab/examples/open.toml; echo $?");
    assert_eq!(run.stdout, "2\n2\n2\n");
    run.complains("unrecognized subcommand")
        .complains("cannot be used with")
        .complains("`nobody` is not a mail address");
}

#[test]
fn only_root_may() {
    let run = host().answers(AUTHENTICATED).sh("setpriv --reuid 65534 --clear-groups relayhost check");
    run.exits(1).complains("must run as root").complains("sudo");
}
