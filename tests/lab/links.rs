//! Symbolic links where root reads and writes: refused with the path named, and nothing goes through them.

use crate::host::{AUTHENTICATED, host};

/// The commands that a link must stop, those that only look among them.
const COMMANDS: [&str; 6] = ["check", "plan", "apply --no-verify", "apply", "repair", "restore"];

/// Where a link is planted, and what it leads to: a file of somebody else's, a directory with a record that looks
/// like one of ours, or nothing at all.
const FILES: [&str; 6] = [
    "/etc/postfix/sasl_passwd",
    "/etc/postfix/sasl_passwd.db",
    "/etc/postfix/generic",
    "/etc/postfix/main.cf",
    "/var/lib/relayhost/journal.json",
    "/var/lib/relayhost/lock",
];
const DIRECTORIES: [&str; 2] = ["/var/lib/relayhost", "/var/lib/relayhost/generations"];

const PREPARE: &str = r#"
    relayhost apply --no-verify >/dev/null || exit 9
    mkdir -m 700 /srv/theirs
    printf 'the-words-of-another = 1\nroot:$6$the-words-of-another\n' > /srv/theirs/file; chmod 600 /srv/theirs/file
    chown 65534:65534 /srv/theirs/file
    # Everything of the targets; of our own places all but the times, since a run that is refused may have locked.
    sum() { find /srv -printf '%p %y %l %m %U %G %s %T@ %i\n' | sort
            find /etc/postfix /var/lib/relayhost -printf '%p %y %l %m %U %G %i\n' | sort
            find /srv /etc/postfix /var/lib/relayhost -type f ! -name lock -print0 | sort -z | xargs -0 sha256sum; }
    # Postfix's own programs, were they called on the way, would read the target.
    try() { strace -f -qq -y -o /root/trace -e trace=open,openat,openat2,execve timeout 20 relayhost $1 >/root/out 2>&1; echo "exit $?"; cat /root/out
            grep -c '= [0-9]*</srv' /root/trace | sed 's/^/opened /'; }
    plant() { mv "$1" /root/kept; ln -s "$2" "$1"; }
    unplant() { rm -f "$1"; mv /root/kept "$1"; }
"#;

#[test]
fn a_planted_link_is_refused_with_its_path_and_nothing_goes_through_it() {
    let mut script = format!("{PREPARE}\ntouch /var/lib/relayhost/lock\n");
    let mut cases = Vec::new();
    let mut add = |script: &mut String, path: &str, target: &str, prepare: &str| {
        let name = format!("{path} to {target}");
        *script += &format!("{prepare}\nplant {path} {target}; sum >/root/before\n");
        for command in COMMANDS {
            *script += &format!(
                "echo '== {name}, {command}'; try '{command}'; sum | cmp -s /root/before - && echo untouched\n"
            );
            cases.push((path.to_owned(), format!("{name}, {command}")));
        }
        *script += &format!("unplant {path}\n");
    };
    for path in FILES {
        for target in ["/srv/theirs/file", "/srv/nothing"] {
            let journal = path.ends_with("journal.json");
            add(&mut script, path, target, if journal { ": > /var/lib/relayhost/journal.json" } else { "" });
            if journal {
                script += "rm -f /var/lib/relayhost/journal.json\n";
            }
        }
    }
    for path in DIRECTORIES {
        let prepare = format!("rm -rf /srv/copy; cp -a {path} /srv/copy");
        add(&mut script, path, "/srv/copy", &prepare);
    }
    script += "echo '== end'; relayhost check >/dev/null && echo in order; ls /srv/nothing\n";
    let run = host().answers(AUTHENTICATED).sh(&script);
    let mut wrong = Vec::new();
    for (path, name) in &cases {
        let part = run.part(name);
        let looks = name.ends_with(", check") || name.ends_with(", plan");
        // Who only looks takes no lock.
        if looks && path.ends_with("/lock") {
            continue;
        }
        let refused = part.starts_with("exit 1\n") || part.starts_with("exit 2\n");
        let untouched = part.ends_with("opened 0\nuntouched\n");
        if !refused
            || !untouched
            || !part.contains(&format!("`{path}`"))
            || part.contains("the-words-of-another")
        {
            wrong.push(format!("{name}:\n{part}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(run.part("end").contains("in order"), "{}", run.stdout);
    println!("{} cases refused", cases.len());
}

#[test]
fn links_that_look_like_leftovers_go_and_their_targets_stay() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{PREPARE}
         ln -s /srv/theirs /etc/postfix/.relayhost-abcdef; ln -s /srv/theirs/file /var/lib/relayhost/.relayhost-ghijkl
         ln -s /srv/theirs /var/lib/relayhost/generations/.new-mnopqr; find /srv -ls > /root/before
         postconf -e relayhost=; relayhost apply --no-verify --force >/dev/null || exit
         find /srv -ls | cmp /root/before - || exit 7
         ls -A /etc/postfix /var/lib/relayhost /var/lib/relayhost/generations | grep '^\\.'; exit 0"
    ));
    assert_eq!(run.exits(0).stdout, "");
}

#[test]
fn etc_postfix_may_be_a_link_of_the_admins_to_a_directory_of_roots_only() {
    let run = host().stopped().answers(AUTHENTICATED).sh(
        "mv /etc/postfix /srv/postfix; ln -s /srv/postfix /etc/postfix
         echo '== ours'; relayhost apply && relayhost check >/dev/null && echo in order; ls /srv/postfix; stat -c '%n %a %U' /srv/postfix/sasl_passwd*
         readlink /etc/postfix; relayhost restore >/dev/null && ls /srv/postfix/sasl_passwd
         relayhost apply --no-verify >/dev/null; chown 65534 /srv/postfix
         sum() { find /srv /etc/postfix/ /var/lib/relayhost -ls | sort | sha256sum; }; sum > /root/before
         for c in check plan apply 'apply --no-verify' verify repair restore; do
             echo \"== theirs, $c\"; relayhost $c >/root/out 2>&1; echo \"exit $?\"; cat /root/out; sum | cmp -s /root/before - && echo untouched
         done",
    );
    let ours = run.part("ours");
    assert!(
        ours.contains("in order")
            && ours.contains("sasl_passwd 600 root")
            && ours.contains("\n/srv/postfix\n"),
        "{ours}"
    );
    for command in ["check", "plan", "apply", "apply --no-verify", "verify", "repair", "restore"] {
        let part = run.part(&format!("theirs, {command}"));
        assert!(part.starts_with("exit 1\n") && part.contains("`/etc/postfix`"), "{command}: {part}");
        assert!(part.ends_with("untouched\n"), "{command}: {part}");
    }
}
