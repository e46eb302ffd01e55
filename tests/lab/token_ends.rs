//! What is said of a login by an access token: before the first one, while none can be fetched, when something of it ends,
//! and when the relay refuses it.

use crate::host::{CERTIFICATE, Run, host};

/// Runs a script on a host with the identity provider beside its relay, and the answers of the example.
fn run(script: &str) -> Run {
    host().relay("xoauth2").answers(CERTIFICATE).sh(&format!(". /lab/tests/lab/scripts/tokens.sh\n{script}"))
}

#[test]
fn before_the_first_token_nothing_is_said_of_passwords_and_each_finding_has_a_remedy() {
    let run = run(
        "relayhost check; echo \"check $?\"; relayhost check --json | jq -r '.findings[] | select(.state != \"fine\" and .remedy == null) | .id'; relayhost plan | tail -5",
    );
    run.exits(0)
        .says("check 3\n")
        .says("none was fetched for these answers")
        .says("relayhost apply (fetches one")
        .never_says("USER:PASSWORD")
        .never_says("postconf VALUE")
        .never_says("`postconf -e`");
}

#[test]
fn while_no_token_can_be_fetched_it_is_told_why_and_since_when() {
    let run = run("logs_in; tenant 4-second.example.com; relayhost token >/dev/null || exit; sleep 5
         tenant aadsts7000222.example.com; relayhost token >/dev/null; echo \"token $?\"; sed -i 's/\"app\":\"[^\"]*/&/' /var/lib/relayhost/tokens/access.json
         relayhost check | tr -s '\\n ' ' '; echo; relayhost token >/root/out 2>&1; sleep 1; relayhost token; relayhost check --nagios
         tenant 10-second.example.com; relayhost token >/dev/null; ls /var/lib/relayhost/tokens; relayhost check --nagios | tr ' ' '\\n' | grep -E 'token_left|certificate_days'; relayhost check --prometheus | grep credential_end");
    run.exits(0)
        .says("token 4\n")
        .says("to fetch one fails: the client secret has ended [AADSTS7000222]")
        .says("it has failed since ")
        .says("-> have the application's owner make another one in Entra")
        .says("access.json\n")
        .never_says("trouble.json")
        .says("token_left=")
        .says("certificate_days=")
        .says("relayhost_credential_end_timestamp_seconds{credential=\"token\"} 1")
        .says("relayhost_credential_end_timestamp_seconds{credential=\"certificate\"} ");
}

#[test]
fn the_end_of_a_secret_and_of_a_certificate_is_told_before_it_comes() {
    let run = run("flow_secret; ends() { sed -i -e '/^client_secret_ends/d' -e \"/^client_secret_file/a client_secret_ends = \\\"$1\\\"\" $ANSWERS; }
         relayhost check | grep token.client_secret -A1; for days in 60 20 5 0 -3; do ends $(date -u -d \"$days days\" +%F); relayhost check | grep token.client_secret; done
         ends soon; relayhost check; echo \"check $?\"; ends 2030-01-01; relayhost check --nagios | grep -o 'client_secret_days=[0-9]*;30:;1:'");
    run.exits(0)
        .says("nobody has said when the client secret ends")
        .says("lasts until ")
        .says("it ends in 19 days")
        .says("it ends within a week")
        .says("it has ended on ")
        .says("check 2\n")
        .complains("`soon` is not a day")
        .says("client_secret_days=");
}

#[test]
fn a_certificate_that_has_ended_is_not_even_sent() {
    let run = run("logs_in; openssl req -new -newkey rsa:2048 -nodes -subj /CN=old -keyout /root/key -out /root/asked 2>/dev/null
         openssl x509 -req -in /root/asked -signkey /root/key -days -1 -out /root/old 2>/dev/null
         cat /root/old /root/key >/etc/relayhost/oauth.pem; looks >/root/before; relayhost token; echo \"token $?\"; relayhost apply; echo \"apply $?\"
         looks >/root/after; cmp /root/before /root/after && echo 'nothing is touched'; grep -c POST /lab/relay-log/identity.log; relayhost check | grep token.certificate");
    run.says("token 4\n")
        .says("apply 4\nnothing is touched\n0\n")
        .says("it has ended on ")
        .complains("the certificate has ended on ")
        .complains("-> `relayhost login --new-certificate --force` makes another one beside it");
}

/// The relay says the same to each of these, and the token tells them apart.
#[test]
fn a_token_that_the_relay_refuses_is_judged_by_what_it_says_of_itself() {
    let run = run("logs_in; relayhost token >/dev/null || exit; relayhost probe >/dev/null; echo \"good $?\"
         sed -i 's/^username .*/username = \"other@example.com\"/' $ANSWERS; relayhost probe; echo \"probe $?\"; relayhost probe | grep -ci password");
    run.exits(1)
        .says("good 0\n")
        .says("probe 4\n")
        .says("[token-right-missing]")
        .says("Which of these it is cannot be known from here")
        .says("Test-ServicePrincipalAuthorization")
        .says("\n0\n");
}

#[test]
fn route_shows_how_the_login_is_made() {
    let run = run("logs_in; relayhost token >/dev/null || exit; postconf -e 'relayhost = [smtp.office365.com]:587' smtp_sasl_auth_enable=yes smtp_sasl_password_maps=hash:/etc/postfix/sasl_passwd smtp_sasl_mechanism_filter=xoauth2
         relayhost route");
    run.says("the password of this entry is an access token (xoauth2), fetched with the certificate of")
        .says("abcdef00-90ab-cdef-1234-567890abcdef, from Microsoft");
}
