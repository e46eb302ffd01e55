//! `apply --answers - --save`: a program that configures many hosts gives the answers by standard input, as JSON or TOML, and they
//! become those of the host if their configuration stays.

use crate::host::{AUTHENTICATED, Host, host, read};

/// `json` gives the answers with this password, as a program would.
const FUNCTIONS: &str = r#"
json() { printf '{"version": 1, "relay": {"host": "smtp.example.com", "port": 587, "tls": "secure", "ip": null}, "auth": {"username": "alerts@example.com", "password": "%s"}, "sender": {"rewrite": {"monitor@op5-system.localdomain": "alerts@example.com", "@op5-system.localdomain": "alerts@example.com"}}, "verify": {"to": "ops@example.com"}}' "$1"; }
file=/etc/relayhost/answers.toml
apply() { relayhost apply --answers - --save --json "$@"; }
sum() { sha256sum $file; }
"#;

fn fresh() -> Host {
    host().answers_text("")
}

#[test]
fn answers_from_standard_input_become_those_of_the_host() {
    let run = fresh()
        .sh(&format!(
            "{FUNCTIONS} rm -rf /etc/relayhost
            echo '== before'; json 'correct horse battery staple' | relayhost plan --answers - --json 2>/dev/null
            echo '== first'; json 'correct horse battery staple' | apply 2>/dev/null
            echo '== file'; stat -c '%a %u %g' $file; relayhost check >/dev/null 2>&1; echo \"check $?\"
            echo '== planned'; json 'correct horse battery staple' | relayhost plan --answers - --json 2>/dev/null
            echo '== again'; json 'correct horse battery staple' | apply 2>/dev/null
            echo '# by hand' >>$file
            echo '== edited'; json 'correct horse battery staple' | apply 2>/dev/null; grep -c 'by hand' $file
            echo '== toml'; printf 'version = 1 # mine\\n' | cat - <(sed 1,3d /lab/examples/authenticated.toml) | apply >/dev/null 2>&1; head -n 1 $file"
        ))
        .exits(0);
    for (part, changed) in [("first", true), ("again", false)] {
        let json = run.json(part);
        assert_eq!((&json["changed"], &json["saved"]), (&changed.into(), &true.into()), "{json:#}");
    }
    for (part, exit, saved) in [("before", 3, false), ("planned", 0, true)] {
        let json = run.json(part);
        assert_eq!((&json["exit"], &json["saved"]), (&exit.into(), &saved.into()), "{json:#}");
    }
    assert_eq!(run.part("file"), "600 0 0\ncheck 0\n");
    let edited = run.part("edited");
    assert!(edited.contains("\"changed\": true") && edited.ends_with("}\n0\n"), "{edited}");
    assert_eq!(run.part("toml"), "version = 1 # mine\n");
}

/// Answers that the relay refuses are not those of the host, and neither are those of a file.
#[test]
fn answers_whose_configuration_does_not_stay_are_not_saved() {
    let run = host()
        .answers_text(&read(AUTHENTICATED))
        .sh(&format!(
            "{FUNCTIONS} relayhost apply >/dev/null 2>&1; echo \"apply $?\"; before=$(sum)
            json wrong | apply >/dev/null 2>&1; echo \"refused by the probe $?\"
            json wrong | apply --no-probe >/dev/null 2>&1; echo \"put back $?\"
            relayhost apply --save >/dev/null 2>/root/err; echo \"a file $?\"; grep -c 'give them on standard input' /root/err
            ln -s /root/elsewhere $file.new; mv -T $file.new $file; before_link=$(readlink $file)
            json 'correct horse battery staple' | apply >/dev/null 2>&1; echo \"a link $?\"; readlink $file; ls /root/elsewhere 2>&1 | grep -c 'No such'
            rm $file; printf '%s' '{{\"version\": 1, \"relay\": {{\"prot\": 1}}}}' | apply 2>&1 | grep -q 'prot' && echo named
            printf '%s' '{{\"version\": 1' | apply 2>&1 | grep -q 'no JSON' && echo named; ls $file 2>&1 | grep -c 'No such'
            relayhost restore >/dev/null 2>&1; json wrong | apply --no-verify >/dev/null 2>&1; echo \"unproven $?\"; grep -c wrong $file"
        ))
        .exits(0);
    assert_eq!(
        run.stdout,
        "apply 0\nrefused by the probe 4\nput back 7\na file 2\n1\na link 1\n/root/elsewhere\n1\nnamed\nnamed\n1\nunproven 0\n1\n",
        "{}",
        run.stderr
    );
}
