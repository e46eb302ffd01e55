//! Symbolic links that somebody has planted where root reads and writes: nothing goes through them. In Postfix's directory
//! those of a user are refused with the path named (`linked` has those of root's); in the state directory, which is evidence
//! and no more, all are set aside, and the command goes on.

use crate::host::{AUTHENTICATED, host};

/// The commands that meet a link, those that only look among them.
const COMMANDS: [&str; 6] = ["check", "plan", "apply --no-verify", "apply", "repair", "restore"];

/// Where a user's link is planted that leads to a file of his, or to nothing at all.
const FILES: [&str; 4] = [
    "/etc/postfix/sasl_passwd",
    "/etc/postfix/sasl_passwd.db",
    "/etc/postfix/generic",
    "/etc/postfix/main.cf",
];
/// The same in the state directory; a directory's link leads to a copy of it, with records that look like ours.
const STATE: [(&str, &str); 8] = [
    ("/var/lib/relayhost/journal.json", "/srv/theirs/file"),
    ("/var/lib/relayhost/journal.json", "/srv/nothing"),
    ("/var/lib/relayhost/lock", "/srv/theirs/file"),
    ("/var/lib/relayhost/proof.json", "/srv/theirs/file"),
    ("/var/lib/relayhost/generations/0000/record.json", "/srv/copy"),
    ("/var/lib/relayhost/generations/0000", "/srv/copy"),
    ("/var/lib/relayhost/generations", "/srv/copy"),
    ("/var/lib/relayhost", "/srv/copy"),
];

const PREPARE: &str = ". /lab/tests/lab/scripts/links.sh\n";

#[test]
fn a_planted_link_is_refused_with_its_path_and_nothing_goes_through_it() {
    let mut script = format!("{PREPARE}\ntouch /var/lib/relayhost/lock\n");
    let mut cases = Vec::new();
    let mut add = |script: &mut String, path: &str, target: &str| {
        let name = format!("{path} to {target}");
        *script += &format!("plant {path} {target}; sum >/root/before\n");
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
            add(&mut script, path, target);
        }
    }
    script += "echo '== end'; relayhost check >/dev/null && echo in order; ls /srv/nothing\n";
    let run = host().answers(AUTHENTICATED).sh(&script);
    let mut wrong = Vec::new();
    for (path, name) in &cases {
        let part = run.part(name);
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
fn a_link_in_the_state_is_set_aside_and_nothing_goes_through_it() {
    let mut script =
        format!("{PREPARE}\nrelayhost verify >/dev/null; cp -a /var/lib/relayhost /root/state\n");
    for (path, target) in STATE {
        for command in COMMANDS {
            script += &format!(
                "echo '== {path} to {target}, {command}'; rm -rf /var/lib/relayhost* /srv/copy; cp -a /root/state /var/lib/relayhost; cp -a {path} /srv/copy 2>/dev/null
                 rm -rf {path}; ln -s {target} {path}; find /srv -printf '%p %y %l %m %U %G %s %T@ %i\\n' > /root/before
                 try '{command}'; find /srv -printf '%p %y %l %m %U %G %s %T@ %i\\n' | cmp -s /root/before - && echo untouched; readlink {path}\n"
            );
        }
    }
    script += "echo '== end'; relayhost repair >/dev/null && relayhost check >/dev/null && echo in order; ls /srv/nothing\n";
    let run = host().answers(AUTHENTICATED).sh(&script);
    let mut wrong = Vec::new();
    for (path, target) in STATE {
        for command in COMMANDS {
            let part = run.part(&format!("{path} to {target}, {command}"));
            let (looks, lost) = (["check", "plan"].contains(&command), command == "restore");
            // The generation that would be put back is gone with its link.
            let ended = part.starts_with("exit 0\n")
                || part.starts_with("exit 3\n")
                || (lost && part.starts_with("exit 2\n"));
            let said = part.contains(&format!("`{path}`"))
                || path.ends_with("/lock")
                || path.ends_with("record.json");
            let untouched = part.contains("opened 0\nuntouched\n");
            // A journal is looked after by all, since it is a run that was stopped; `lock` is nobody's who looks.
            let gone = !part.ends_with(&format!("{target}\n")) || looks;
            if !ended || !said || !untouched || !gone || part.contains("the-words-of-another") {
                wrong.push(format!(
                    "{path} to {target}, {command}: {ended} {said} {untouched} {gone}\n{part}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(run.part("end").contains("in order"), "{}", run.stdout);
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
