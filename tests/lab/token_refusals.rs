//! What an identity provider refuses, and what cannot be right: each has its own words and remedy, and nothing is lost.

use std::collections::BTreeSet;

use crate::host::{CERTIFICATE, Run, host, project};

/// Runs a script on a host with the identity provider beside its relay, and the answers of the example.
fn run(script: &str) -> Run {
    host().relay("xoauth2").answers(CERTIFICATE).sh(&format!(". /lab/tests/lab/scripts/tokens.sh\n{script}"))
}

/// The numbers of Entra that come to an application without a person, with the words of the cause and the exit status.
const NUMBERS: [(&str, &str, i32); 18] = [
    ("7000215", "the client secret is not one of the application", 4),
    ("7000222", "the client secret has ended", 4),
    ("700027", "Entra does not know the certificate", 4),
    ("700016", "there is no such application in this tenant", 4),
    ("7000112", "the application is switched off", 4),
    ("90002", "there is no such tenant, or it is in another cloud", 4),
    ("700025", "the application is a public client", 4),
    ("7000218", "secret or certificate did not come with the question", 4),
    ("53003", "a Conditional Access policy", 4),
    ("530032", "a Conditional Access policy", 4),
    ("530035", "the security defaults of the tenant", 4),
    ("50076", "a person with a second factor", 4),
    ("65001", "nobody has consented", 4),
    ("500011", "Exchange Online is not known in this tenant", 4),
    ("70011", "does not know the scope", 4),
    ("9001023", "it is not the tenant's own", 4),
    ("90055", "asked for too many tokens", 5),
    ("50196", "the same question many times", 5),
];

#[test]
fn each_number_of_entra_is_told_with_who_must_do_what_and_the_token_that_lives_stays() {
    let numbers: Vec<&str> = NUMBERS.iter().map(|(number, ..)| *number).collect();
    let run = run(&format!(
        "logs_in; relayhost token >/dev/null || exit; first=$(kept)
         for number in {}; do
             tenant aadsts$number.example.com; relayhost token >/root/out 2>&1; code=$?; printf '== %s\\nexit %s\\n' $number $code; cat /root/out
             [ \"$(kept)\" = \"$first\" ] && [ \"$(in_table)\" = \"$first\" ] || echo BAD
         done; echo '== end'",
        numbers.join(" ")
    ));
    let run = run.exits(0).never_says("BAD");
    let mut told = BTreeSet::new();
    for (number, words, code) in NUMBERS {
        let part = run.part(number);
        assert!(part.starts_with(&format!("exit {code}\n")), "{number}: {part}");
        assert!(part.contains(words) && part.contains(&format!("[AADSTS{number}]")), "{number}: {part}");
        told.insert(part.split("\n  -> ").nth(1).unwrap_or_else(|| panic!("{number}: {part}")));
    }
    assert!(told.len() >= 16, "too many have the same remedy: {told:?}");
}

#[test]
fn a_login_that_is_over_says_why_and_how_to_log_in_again() {
    let cases = [
        ("700082", "it was not used for 90 days"),
        ("700084", "registered as a single-page application"),
        ("70043", "sign-in frequency"),
        ("50173", "the refresh token was revoked"),
        ("70000", "one of another application or tenant"),
    ];
    let numbers = cases.map(|(number, _)| number).join(" ");
    let run = run(&format!(
        "person device; for number in {numbers}; do
             tenant ends$number.example.com; types \"$DEVICE\" relayhost login >/root/out || cat /root/out; one=$(refresh)
             relayhost token --force >/root/out 2>&1; code=$?; printf '== %s\\nexit %s\\n' $number $code; cat /root/out; [ \"$(refresh)\" = \"$one\" ] || echo BAD
         done
         echo '== end'; sed -i \"s/\\\"used\\\":[0-9]*/\\\"used\\\":$(($(date +%s) - 85 * 86400 - 43200))/\" /var/lib/relayhost/tokens/logins.json
         relayhost check | grep token.login; relayhost check --nagios | tr ' ' '\\n' | grep login_days
         echo '== spa'; person code; tenant spa.example.com; types \"$PAGE\" relayhost login; echo '== end'"
    ));
    let run = run.exits(0).never_says("BAD").says("it ends within a week, on ").says("login_days=4;30:;1:;");
    for (number, words) in cases {
        let part = run.part(number);
        assert!(part.starts_with("exit 4\n") && part.contains(words), "{number}: {part}");
        assert!(part.contains("`relayhost login`"), "{number}: {part}");
    }
    let part = run.part("spa");
    assert!(part.contains("registered as a single-page application"), "{part}");
    assert!(run.part("ended").contains("exit 4\n"), "{}", run.stdout);
}

/// Each is seen before a question is asked.
#[test]
fn what_cannot_be_a_secret_a_certificate_or_a_tenant_is_named_and_nothing_is_touched() {
    let cases = [
        ("common", "tenant common", "`common` is not a tenant"),
        (
            "id",
            "flow_secret /root/secret; echo 12345678-90ab-cdef-1234-567890abcdef >/root/secret",
            "this is the ID of the client secret, not the secret",
        ),
        (
            "key",
            "cat /lab/oauth/certificate.pem /lab/oauth/other-key.pem >/etc/relayhost/oauth.pem",
            "the key in it belongs to another certificate",
        ),
        (
            "blanks",
            "service_account; sed -i 's/\"client_email\": *\"/&a /' /root/account.json",
            "`client_email` or `private_key_id` of the key file is empty, or has a blank in it",
        ),
        (
            "half",
            "service_account; head -c 300 /root/account.json >/root/x; cp /root/x /root/account.json",
            "is not the JSON of a service account",
        ),
    ];
    let mut script = "install -m 600 /dev/null /root/secret; cp -a $ANSWERS /root/answers; cp -a /etc/relayhost/oauth.pem /root/oauth.pem
         service_account() { install -m 600 /etc/relayhost/service-account.json /root/account.json
             sed -i -e 's/^provider *= \"microsoft\"/provider = \"google\"/' -e '/^tenant /d' -e '/^client_id /d' -e 's/^flow .*/flow = \"service-account\"/' -e 's,^certificate .*,key_file = \"/root/account.json\",' $ANSWERS; }
         looks >/root/before\n"
        .to_owned();
    for (name, make, _) in cases {
        script += &format!(
            "{make}; echo '== {name}'; for command in apply token probe login check; do relayhost $command; echo \"$command $?\"; done 2>&1
             cp -a /root/answers $ANSWERS; cp -a /root/oauth.pem /etc/relayhost/oauth.pem\n"
        );
    }
    script += "echo '== end'; looks | cmp /root/before - && echo untouched; grep -c POST /lab/relay-log/identity.log; ls /var/lib/relayhost/tokens 2>/dev/null; :";
    let relay =
        host().relay("xoauth2").answers(CERTIFICATE).bind(&project().join("tests/oauth"), "/lab/oauth");
    let run = relay.sh(&format!(". /lab/tests/lab/scripts/tokens.sh\n{script}")).exits(0);
    for (name, _, words) in cases {
        let part = run.part(name);
        assert_eq!(part.matches(words).count(), 5, "{name}: {part}");
        for command in ["apply", "token", "probe", "login", "check"] {
            assert!(part.contains(&format!("{command} 2\n")), "{name}: {part}");
        }
        assert!(part.contains("\n  -> "), "{name}: {part}");
    }
    assert_eq!(run.part("end"), "untouched\n0\n", "{}", run.stdout);
}

/// The longest tokens of Entra are those of accounts with many groups.
#[test]
fn a_token_of_16_kb_is_kept_whole() {
    let run = run("logs_in; tenant long.example.com; relayhost token; echo \"token $?\"; kept | wc -c; [ \"$(in_table)\" = \"$(kept)\" ] && echo 'in force'
         relayhost probe; echo \"probe $?\"");
    run.exits(0).says("token 0\n16384\nin force\n").says("probe 4\n").never_says("xxxxxxxxxxxx");
}
