//! Logins by an access token: from an identity provider that nobody here wrote, checked by Dovecot at the relay.

use crate::host::{CERTIFICATE, Run, host};

/// Runs a script on a host with the identity provider beside its relay, and the answers of the example.
fn run(script: &str) -> Run {
    host().relay("xoauth2").answers(CERTIFICATE).sh(&format!(". /lab/tests/lab/scripts/tokens.sh\n{script}"))
}

/// The answers of a service account of Google.
const GOOGLE: &str = "version = 1
[relay]
host = \"smtp.office365.com\"
tls = \"secure\"
[auth]
mechanism = \"xoauth2\"
username = \"alerts@example.com\"
[auth.oauth]
provider = \"google\"
flow = \"service-account\"
key_file = \"/etc/relayhost/service-account.json\"
[verify]
to = \"ops@example.net\"
";

#[test]
fn a_certificate_a_secret_and_a_service_account_each_get_a_token_that_the_relay_takes() {
    for flow in [":", "flow_secret", "google"] {
        let run = run(&format!(
            "google() {{ cat >$ANSWERS <<'END'\n{GOOGLE}END\n}}
             {flow}; relayhost probe; echo \"probe $?\"; ls /var/lib/relayhost/tokens 2>/dev/null; relayhost token --show || exit
             echo '== token'; relayhost token --json --show; echo '== log'; cat /lab/relay-log/dovecot.log"
        ));
        let run = run.exits(0).says("probe 0\n").says("login: XOAUTH2 as alerts@example.com");
        assert!(!run.stdout.contains("access.json"), "probe keeps nothing: {}", run.stdout);
        let token = &run.json("token")["token"];
        assert_eq!((&token["fetched"], &token["in_force"]), (&false.into(), &false.into()));
        assert!(token["claims"]["audience"].is_string(), "{token}");
    }
}

#[test]
fn a_renewed_token_is_in_force_without_a_reload_and_is_neither_a_generation_nor_shown() {
    let run = run(
        "logs_in; relayhost token >/root/out 2>&1 || exit; grep -c reload /var/log/maillog
         [ \"$(in_table)\" = \"$(kept)\" ] || echo 'BAD not in force'
         grep -q 'u:p' $TABLE || echo 'BAD the other entry'; head -1 $TABLE; stat -c '%a %U' $TABLE $TABLE.db /var/lib/relayhost/tokens{,/access.json}
         first=$(kept); relayhost token; [ \"$(kept)\" = \"$first\" ] && echo 'not due'
         relayhost token --force --json >>/root/out; [ \"$(kept)\" != \"$first\" ] && [ \"$(in_table)\" = \"$(kept)\" ] && echo 'another'
         relayhost history; relayhost check >>/root/out; relayhost plan >>/root/out; relayhost route >>/root/out
         for token in $first $(kept); do grep -qF \"$token\" /root/out /var/log/maillog && echo 'BAD shown'; done
         : >/dev/null",
    );
    run.exits(0)
        .never_says("BAD")
        .says("# by hand\n")
        .says("600 root\n600 root\n700 root\n600 root\n")
        .says("not due\nanother\n")
        .says("no change by relayhost is recorded here");
}

#[test]
fn each_refusal_is_named_and_nothing_is_touched() {
    for (tenant, code, words) in [
        ("aadsts7000215", 4, "the client secret is not one of the application [AADSTS7000215]"),
        ("aadsts7000222", 4, "the client secret has ended [AADSTS7000222]"),
        ("aadsts700016", 4, "there is no such application in this tenant [AADSTS700016]"),
        ("aadsts90002", 4, "there is no such tenant, or it is in another cloud [AADSTS90002]"),
        ("aadsts700027", 4, "Entra does not know the certificate"),
        ("aadsts53003", 4, "a Conditional Access policy keeps the application out"),
        ("aadsts90055", 5, "asked for too many tokens"),
        ("nojson", 4, "login.microsoftonline.com gave an answer without an access token (HTTP 200)"),
        ("elsewhere", 4, "(HTTP 307)"),
        ("large", 5, "its answer is longer than 262144 bytes"),
        ("endless", 5, "its answer is longer than 262144 bytes"),
        ("graph", 4, "its audience is https://graph.microsoft.com"),
        ("clock", 4, "s ahead of the provider's"),
    ] {
        let run = run(&format!(
            "tenant {tenant}.example.com; looks >/root/before; relayhost apply; echo \"apply $?\"; looks >/root/after
             cmp /root/before /root/after || echo 'BAD touched'; ls /var/lib/relayhost/tokens 2>/dev/null; :"
        ));
        run.exits(0)
            .never_says("BAD")
            .never_says("access.json")
            .says(&format!("apply {code}\n"))
            .complains(words);
    }
}

#[test]
fn a_wrong_secret_is_refused_by_a_provider_that_nobody_here_wrote() {
    let run = run(
        "install -m 600 /dev/stdin /root/wrong <<<'not-the-secret'
         flow_secret /root/wrong; relayhost token; echo \"token $?\"; flow_secret; sed -i 's,/root/wrong,/etc/relayhost/client-secret,' $ANSWERS
         relayhost token >/dev/null; echo \"token $?\"",
    );
    run.exits(0).says("token 4\ntoken 0\n").complains("does not know the application, or not by this secret");
}

#[test]
fn a_provider_that_is_slow_costs_half_a_minute_and_the_token_that_lives_stays() {
    let run = run("logs_in; relayhost token >/dev/null || exit; first=$(kept)
         begin=$SECONDS; tenant slow.example.com; relayhost token; echo \"slow $?\"; took=$((SECONDS - begin))
         [ $took -ge 29 ] && [ $took -le 40 ] || echo \"BAD $took s\"
         [ \"$(kept)\" = \"$first\" ] && [ \"$(in_table)\" = \"$first\" ] && echo 'the old one stays'");
    run.exits(0).never_says("BAD").says("slow 5\n").says("the old one stays").complains("no answer in time");
}

#[test]
fn killed_at_any_system_call_it_can_fetch_again() {
    let step = if std::env::var("RELAYHOST_FAULTS").is_ok_and(|much| much == "all") { 1 } else { 4 };
    let run = run(&format!(
        "logs_in; relayhost token >/dev/null || exit; python3 /lab/tests/lab/scripts/token_deaths.py {step}"
    ));
    let run = run.exits(0).never_says("BAD");
    let count = run.stdout.split("deaths: ").nth(1).and_then(|rest| rest.split(' ').next());
    assert!(
        count.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count >= 25),
        "{}",
        run.stdout
    );
}
