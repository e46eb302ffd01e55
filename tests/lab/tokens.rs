//! Logins by an access token: from an identity provider that nobody here wrote, checked by Dovecot at the relay.

use crate::host::{CERTIFICATE, Run, host, project};
use crate::package::packages_are_built;

/// Runs a script on a host with the identity provider beside its relay, and the answers of the example.
fn run(script: &str) -> Run {
    host().relay("xoauth2").answers(CERTIFICATE).sh(&format!(". /lab/tests/lab/scripts/tokens.sh\n{script}"))
}

/// The same, and the host can install the plugin from the repository of `scripts/rpm`.
fn with_plugin(script: &str) -> Run {
    packages_are_built();
    let host = host().relay("xoauth2").answers(CERTIFICATE);
    host.bind(&project().join("target/rpm/repo"), "/lab/packages").sh(&format!(
        ". /lab/tests/lab/scripts/tokens.sh; . /lab/tests/lab/scripts/plugin.sh
         google() {{ cat >$ANSWERS <<'END'\n{GOOGLE}END\n}}\n{script}"
    ))
}

/// The answers of a service account of Google.
const GOOGLE: &str = "version = 1
[relay]
host = \"smtp.office365.com\"
tls = \"secure\"
[auth]
mechanism = \"oauthbearer\"
username = \"alerts@example.com\"
[auth.oauth]
provider = \"google\"
flow = \"service-account\"
key_file = \"/etc/relayhost/service-account.json\"
[sender]
rewrite = { \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }
[verify]
to = \"ops@example.net\"
";

#[test]
fn a_certificate_a_secret_and_a_service_account_each_get_a_token_that_the_relay_takes() {
    for (flow, mechanism) in [(":", "XOAUTH2"), ("flow_secret", "XOAUTH2"), ("google", "OAUTHBEARER")] {
        let run = run(&format!(
            "google() {{ cat >$ANSWERS <<'END'\n{GOOGLE}END\n}}
             {flow}; relayhost probe; echo \"probe $?\"; ls /var/lib/relayhost/tokens 2>/dev/null; relayhost token --show || exit
             echo '== token'; relayhost token --json --show; echo '== log'; cat /lab/relay-log/dovecot.log"
        ));
        let run = run.exits(0).says("probe 0\n").says(&format!("login: {mechanism} as alerts@example.com"));
        assert!(!run.stdout.contains("access.json"), "probe keeps nothing: {}", run.stdout);
        let token = &run.json("token")["token"];
        assert_eq!((&token["fetched"], &token["in_force"]), (&false.into(), &false.into()));
        assert!(token["claims"]["audience"].is_string(), "{token}");
    }
}

#[test]
fn apply_ends_in_a_message_that_a_token_has_sent() {
    for (flow, mechanism) in [(":", "XOAUTH2"), ("flow_secret", "XOAUTH2"), ("google", "OAUTHBEARER")] {
        let run = with_plugin(&format!(
            "{flow}; relayhost apply || exit; grep -o 'sasl_method=.*' /lab/relay-log/mail.log | sort -u; arrived
             relayhost check >/root/out; echo \"check $?\"; grep -c 'with a password goes off' /root/out; relayhost apply; relayhost history | grep -c before
             relayhost token --force >/dev/null; relayhost verify >/dev/null; echo \"verify $?\"; relayhost check >/root/out; echo \"check $?\"; relayhost history | grep -c before"
        ));
        run.exits(0)
            .says("token: from ")
            .says(&format!(
                "sasl_method={mechanism}, sasl_username=alerts@example.com\n1\ncheck 0\n0\nnothing to do"
            ))
            .says("\n1\nverify 0\ncheck 0\n1\n");
    }
}

/// Moving to a token is an `apply` like any other: tried first, and what worked stays if the relay refuses it.
#[test]
fn from_a_password_to_a_token_and_back_and_not_if_the_relay_refuses_the_token() {
    packages_are_built();
    let host =
        host().relay("xoauth2").answers(CERTIFICATE).bind(&project().join("examples"), "/lab/examples");
    let run = host.bind(&project().join("target/rpm/repo"), "/lab/packages").sh(
        ". /lab/tests/lab/scripts/tokens.sh; . /lab/tests/lab/scripts/plugin.sh
         cp $ANSWERS /root/token.toml; cat /lab/examples/office365.toml >$ANSWERS; cp $ANSWERS /root/password.toml
         relayhost apply >/dev/null; echo \"password $?\"; looks >/root/before; postmap -q '[smtp.office365.com]:587' $TYPE:$TABLE >/root/entry
         sed 's/^username .*/username = \"other@example.com\"/' /root/token.toml >$ANSWERS; relayhost apply; echo \"refused $?\"
         looks | cmp /root/before - && echo untouched; cat /root/password.toml >$ANSWERS; relayhost verify >/dev/null; echo \"verify $?\"
         cat /root/token.toml >$ANSWERS; relayhost token --force >/dev/null; echo \"early $?\"; looks | cmp /root/before - && echo 'the password stays'
         relayhost apply >/dev/null; echo \"token $?\"; in_force; filter
         relayhost restore >/dev/null; echo \"restore $?\"; in_force; filter; postmap -q '[smtp.office365.com]:587' $TYPE:$TABLE | cmp /root/entry - && echo 'the password again'; cat /root/password.toml >$ANSWERS; relayhost verify >/dev/null; echo \"verify $?\"
         echo == methods; grep -o 'sasl_method=[A-Z0-9]*' /lab/relay-log/mail.log | uniq",
    );
    run.exits(0)
        .says("password 0\n")
        .says("refused 4\nuntouched\nverify 0\n")
        .says("token 0\n/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so\nxoauth2\nrestore 0\nno link\nlogin\nthe password again\nverify 0\n")
        .says("early 0\nthe password stays\n")
        .says("== methods\nsasl_method=LOGIN\nsasl_method=XOAUTH2\nsasl_method=LOGIN\n")
        .says("[token-right-missing]");
}

/// Tokens of ten seconds, each renewed when half of it is over; the relay takes none that has ended.
fn ten_second_tokens(seconds: u32) {
    let run = with_plugin(&format!(
        "tenant 10-second.example.com; relayhost apply >/dev/null || exit; before=$(kept)
         end=$((SECONDS + {seconds})); sent=1
         while [ $SECONDS -lt $end ]; do
             relayhost token >/root/out || {{ echo BAD; cat /root/out; }}
             mail -r monitor@op5-system.localdomain -s x ops@example.net <<<alert; sent=$((sent + 1)); sleep 0.5
         done
         [ \"$(arrived $sent)\" = $sent ] || echo \"BAD $(mails) of $sent arrived\"
         [ $sent -ge {least} ] && [ \"$(kept)\" != \"$before\" ] && echo 'renewed'; grep -c 'status=deferred' /var/log/maillog
         relayhost history | grep -c before; grep -c reload /var/log/maillog; :",
        least = seconds / 3
    ));
    run.exits(0).never_says("BAD").says("renewed\n0\n1\n");
}

#[test]
fn tokens_that_end_in_ten_seconds_lose_no_message() {
    ten_second_tokens(60);
}

/// For twenty minutes with `scripts/test --full`.
#[test]
fn tokens_that_end_in_ten_seconds_lose_no_message_for_long() {
    if std::env::var("RELAYHOST_FAULTS").is_ok_and(|much| much == "all") {
        ten_second_tokens(1200);
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
        ("aadsts53003", 4, "a Conditional Access policy of the tenant keeps this login out"),
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
    run.exits(0)
        .says("token 4\ntoken 0\n")
        .complains("does not know the application, or does not know it by its secret or certificate");
}

#[test]
fn a_provider_that_is_slow_costs_half_a_minute_and_the_token_that_lives_stays() {
    let run = run("logs_in; relayhost token >/dev/null || exit; first=$(kept)
         begin=$SECONDS; tenant slow.example.com; relayhost token; echo \"slow $?\"; took=$((SECONDS - begin))
         [ $took -ge 29 ] && [ $took -le 40 ] || echo \"BAD $took s\"
         [ \"$(kept)\" = \"$first\" ] && [ \"$(in_table)\" = \"$first\" ] && echo 'the old one stays'");
    run.exits(0).never_says("BAD").says("slow 5\n").says("the old one stays").complains("no answer in time");
}

/// A proxy on the host that knows CONNECT alone, and writes down whom it was asked for.
const PROXY: &str = "cat >/root/proxy.py <<'END'
import socket, threading
listener = socket.create_server(('127.0.0.1', 3128))
def pump(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.shutdown(socket.SHUT_WR)
while True:
    client, _ = listener.accept()
    head = b''
    while b'\\r\\n\\r\\n' not in head:
        head += client.recv(4096)
    target = head.split()[1].decode()
    open('/root/proxied', 'a').write(target + '\\n')
    server = socket.create_connection(target.rsplit(':', 1))
    client.sendall(b'HTTP/1.1 200 ok\\r\\n\\r\\n')
    for pair in (client, server), (server, client):
        threading.Thread(target=pump, args=pair, daemon=True).start()
END
python3 /root/proxy.py & await nc -z 127.0.0.1 3128 2>/dev/null || sleep 2
";

#[test]
fn a_token_comes_through_a_proxy_of_the_answers_or_of_the_environment() {
    let run = run(&format!(
        "{PROXY}
         HTTPS_PROXY=http://127.0.0.1:3128 relayhost token >/dev/null; echo \"environment $?\"; cat /root/proxied; rm /root/proxied
         printf '[network]\\nproxy = \"http://127.0.0.1:3128\"\\n' >>$ANSWERS; relayhost token --force >/dev/null; echo \"answers $?\"; cat /root/proxied
         sed -i s,//127.0.0.1:3128,//me:geheim@127.0.0.1:3129, $ANSWERS; relayhost token --force; echo \"nobody $?\""
    ));
    let asked = "login.microsoftonline.com:443\n";
    run.exits(0)
        .says(&format!("environment 0\n{asked}answers 0\n{asked}"))
        .says("nobody 5\n")
        .complains("login.microsoftonline.com, through the proxy 127.0.0.1:3129: Connection refused")
        .never_says("geheim");
}

#[test]
fn a_provider_whose_certificate_nobody_has_signed_gets_no_secret() {
    let run = run(
        "for bundle in /etc/pki/tls/certs/ca-bundle.crt /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/certs/ca-certificates.crt; do
             [ ! -e $bundle ] || cp /dev/null $bundle; done
         openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout /dev/null -out /etc/ssl/certs/ca-certificates.crt 2>/dev/null
         flow_secret; relayhost token; echo \"token $?\"; grep -c POST /lab/relay-log/identity.log",
    );
    run.exits(1).says("token 5\n0\n").complains("certificate");
}

#[test]
fn a_token_that_is_late_or_has_ended_is_told() {
    let run = run(
        "logs_in; tenant 8-second.example.com; relayhost token >/dev/null || exit; sleep 9
         relayhost check | tr -s '\\n ' ' '; echo; relayhost token >/dev/null; sleep 5; relayhost check | tr -s '\\n ' ' '",
    );
    run.exits(0)
        .says("mail waits, until ")
        .says("warn token more than half of its life is over, and it was not renewed; it ends ");
}

#[test]
fn a_restore_has_a_token_of_its_own_and_without_a_network_the_one_that_is_kept() {
    let run = with_plugin(
        "relayhost apply >/dev/null || exit; first=$(kept); relayhost token --force >/dev/null
         sed -i 's/^rewrite .*/rewrite = { \"@op5-system.localdomain\" = \"alerts@example.com\" }/' $ANSWERS; relayhost apply >/dev/null || exit
         relayhost restore; echo \"restore $?\"; [ \"$(in_table)\" = \"$(kept)\" ] || echo BAD; second=$(kept)
         echo '127.0.0.1 login.microsoftonline.com' >>/etc/hosts; relayhost restore; echo \"offline $?\"
         [ \"$(kept)\" = \"$second\" ] && [ \"$(in_table)\" = \"$second\" ] && echo 'kept'; relayhost verify >/dev/null; echo \"verify $?\"",
    );
    run.exits(0)
        .never_says("BAD")
        .says("restore 0\n")
        .says("offline 0\nkept\nverify 0\n")
        .says("`relayhost token` tries it again");
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

/// As everything that relayhost writes: the link stays.
#[test]
fn a_token_is_renewed_where_the_links_of_the_table_lead() {
    run(r#"P=/etc/postfix; . /lab/tests/lab/scripts/linked.sh
        logs_in; for name in main.cf sasl_passwd sasl_passwd.db; do link $name /srv/git/$name; done; links >/root/links
        relayhost token --force >/dev/null; echo "token $?"; [ "$(in_table)" = "$(kept)" ] && echo 'in the table'; head -n 2 /srv/git/sasl_passwd
        links | cmp - /root/links && echo same links; find /srv $P -name '.relayhost*'
        chown 99 /srv/git; sum() { sha256sum /srv/git/*; }; sum >/root/sum; relayhost token --force; echo "token $?"; sum | cmp - /root/sum && echo untouched"#)
    .says("token 0\nin the table\n# by hand\n[other]:25 u:p\nsame links\n")
    .says("token 1\nuntouched\n");
}
