//! `[[routes]]`: mail to some domains goes to a hub of the company or to the domain's own servers, everything else to the relay.
//! The relay wants TLS and a login; the hub has no TLS, and offers a login that it must never get.

use crate::host::{Host, Run, host};

const ANSWERS: &str = "version = 1\n[relay]\nhost = \"smtp.example.com\"\ntls = \"secure\"\n[auth]\nusername = \"alerts@example.com\"\n\
    password = \"correct horse battery staple\"\n[sender]\nrewrite = { \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }\n\
    [verify]\nto = \"ops@example.com\"\n";

const ROUTES: &str = "[[routes]]\nto = [\"Corp.example.com\"]\nvia = \"mailhub.corp.example.com\"\n\
    [[routes]]\nto = [\"partner.example\"]\nvia = \"direct\"\n";

/// A host with these routes, beside the relay and the hub.
fn with(routes: &str) -> Host {
    host().relay("hub").answers_text(&format!("{ANSWERS}{routes}"))
}

fn run(routes: &str, script: &str) -> Run {
    with(routes).sh(script).never_says("horse battery")
}

/// Functions of the scripts: `send TO` has the monitor send a message there, `taken` shows which server took what.
const FUNCTIONS: &str = r#"
send() { printf 'From: monitor@op5-system.localdomain\nTo: %s\nSubject: alert\n\nx\n' "$1" | sendmail -f monitor@op5-system.localdomain "$1"; }
taken() { grep -oE 'to=<[^>]+>, relay=[^[]+\[[^]]+\]:[0-9]+|status=[a-z]+' /var/log/maillog | grep -v root | paste -d' ' - - | sed 's/\[[^]]*\]//' | sort -u; }
has_taken() { [ "$(taken | wc -l)" -ge "$1" ]; }
state() { (cd / && sha256sum etc/postfix/main.cf etc/postfix/generic; stat -c '%n %a %U' etc/postfix/*); }
"#;

#[test]
fn each_domain_goes_its_way_and_all_else_by_the_relay() {
    let script = FUNCTIONS.to_owned()
        + r#"
        state >/root/before
        echo '== plan'; relayhost plan
        relayhost apply >/root/applied 2>&1 || { cat /root/applied; exit 90; }
        for to in a@corp.example.com b@CORP.EXAMPLE.COM c@partner.example d@example.com e@sub.corp.example.com; do send $to; done
        await has_taken 6 || { cat /var/log/maillog; exit 91; }
        echo '== taken'; taken
        echo '== hub'; grep postfix/hub /lab/relay-log/mail.log
        echo '== check'; relayhost check --json
        echo '== route'; relayhost route --to a@corp.example.com --json
        echo '== verify'; relayhost verify --to a@corp.example.com; echo "exit $?"
        echo '== proof'; grep -c corp /var/lib/relayhost/proof.json
        echo '== tables'; cat /etc/postfix/relayhost_routes /etc/postfix/relayhost_tls; postconf transport_maps smtp_tls_policy_maps
        echo '== again'; relayhost plan; echo $?
        relayhost restore 0 >/dev/null 2>&1; echo "restore $?"
        state | diff /root/before - && echo as-before
    "#;
    let run = run(ROUTES, &script).exits(0);
    assert!(run.part("plan").contains("relayhost_routes"), "{}", run.part("plan"));
    let taken = run.part("taken");
    for line in [
        "to=<a@corp.example.com>, relay=mailhub.corp.example.com:25 status=sent",
        "to=<b@CORP.EXAMPLE.COM>, relay=mailhub.corp.example.com:25 status=sent",
        "to=<c@partner.example>, relay=mx.partner.example:25 status=sent",
        "to=<d@example.com>, relay=smtp.example.com:587 status=sent",
        "to=<e@sub.corp.example.com>, relay=smtp.example.com:587 status=sent",
        "to=<ops@example.com>, relay=smtp.example.com:587 status=sent",
    ] {
        assert!(taken.contains(line), "{line} in {taken}");
    }
    let hub = run.part("hub");
    assert!(hub.contains("client=") && !hub.contains("sasl"), "{hub}");
    let check = run.json("check");
    assert_eq!(check["exit"], 0, "{check:#}");
    let of =
        |id: &str| check["findings"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!(of("routes.way")["state"], "fine");
    assert!(of("routes.direct")["found"].as_str().unwrap().contains("partner.example"), "{check:#}");
    let route = &run.json("route")["route"];
    assert_eq!(route["relay"]["host"], "mailhub.corp.example.com", "{route:#}");
    assert!(route["relay"]["username"].is_null() && route["leaves"] == true, "{route:#}");
    let verify = run.part("verify");
    assert!(verify.contains("exit 0") && verify.contains("[mailhub.corp.example.com]:25"), "{verify}");
    assert!(!route["hops"].to_string().contains("letter by letter"), "{route:#}");
    let said = run.part("verify").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("says nothing of the relay"), "{said}");
    assert_eq!(run.part("proof"), "0\n");
    let tables = run.part("tables");
    for line in [
        "corp.example.com smtp:[mailhub.corp.example.com]:25",
        "partner.example may",
        "[mailhub.corp.example.com]:25 may",
    ] {
        assert!(tables.contains(line), "{line} in {tables}");
    }
    let again = run.part("again");
    assert!(again.contains("0\nrestore 0\nas-before\n"), "{again}");
}

/// The server of a route is that of an account, too: a login is for its own senders alone.
#[test]
fn a_route_to_the_server_of_an_account_has_no_login() {
    let routes = crate::accounts::ACCOUNTS.to_owned()
        + "[[routes]]\nto = [\"partner.example\"]\nvia = \"mailhub.example.com:587\"\ntls = \"encrypt\"\n";
    let script = FUNCTIONS.to_owned()
        + r#"
        sed '/^\[\[routes/,$d' /etc/relayhost/answers.toml >/root/without.toml; chmod 600 /root/without.toml
        relayhost apply --answers /root/without.toml --no-verify >/dev/null 2>&1; echo "without $?"
        postmap -q '[mailhub.example.com]:587' $TYPE:/etc/postfix/sasl_passwd | cut -d: -f1
        relayhost apply --no-verify --no-probe >/root/out 2>&1; echo "with $?"
        send a@partner.example; printf 'Subject: x\n\nx\n' | sendmail -f odd3@example.com b@example.org
        ends() { for to in a@partner.example b@example.org; do grep -oE "to=<$to>, relay=.*status=[a-z]+" /var/log/maillog | sed -E 's/\[.*status=/ /'; done; }
        have_ended() { [ "$(ends | wc -l)" = 2 ]; }; await have_ended
        echo '== taken'; ends
        echo '== logins'; grep -oE 'sasl_username=[^ ]+' /lab/relay-log/mail.log | sort -u
        echo '== table'; for key in 587 0587; do postmap -q "[mailhub.example.com]:$key" $TYPE:/etc/postfix/sasl_passwd | cut -d: -f1; done
        echo '== route'; relayhost route --from alerts@example.com --to a@partner.example --json
    "#;
    let run = with(&routes).sh(&script).never_says("#hash#");
    let run = run.says("without 0\nodd3@example.com\nwith 0\n");
    let taken = run.part("taken");
    let ends = [
        "a@partner.example>, relay=mailhub.example.com bounced",
        "b@example.org>, relay=mailhub.example.com sent",
    ];
    assert_eq!(taken, ends.map(|end| format!("to=<{end}\n")).concat());
    assert_eq!(run.part("logins"), "sasl_username=odd3@example.com\n");
    assert_eq!(run.part("table"), "odd3@example.com\n");
    assert_eq!(run.json("route")["route"]["relay"]["username"], serde_json::Value::Null);
}

#[test]
fn tables_that_were_there_before_stay_and_count_more() {
    let setup = FUNCTIONS.to_owned()
        + r"
        printf 'b@corp.example.com discard:theirs\nother.example smtp:[mailhub.corp.example.com]\n' >/etc/postfix/theirs
        postmap $TYPE:/etc/postfix/theirs; postconf -e transport_maps=$TYPE:/etc/postfix/theirs
    ";
    let script = setup
        + r#"
        relayhost apply --no-verify >/dev/null 2>&1 || exit 90
        postconf -h transport_maps
        send b@corp.example.com; send a@corp.example.com
        await grep -q 'to=<a@corp' /var/log/maillog; grep -oE 'to=<.@corp.example.com>, (orig_to.*, )?relay=[a-z.]+' /var/log/maillog
        echo '== conflict'; printf 'corp.example.com smtp:[dead.lab.test]\n' >>/etc/postfix/theirs; postmap $TYPE:/etc/postfix/theirs
        relayhost check; echo "exit $?"
        relayhost apply --no-verify; echo "exit $?"
    "#;
    let run = run(ROUTES, &script).exits(0);
    assert!(
        run.stdout.contains(":/etc/postfix/theirs, ") && run.stdout.contains("relayhost_routes"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("to=<a@corp.example.com>, relay=mailhub.corp.example.com"), "{}", run.stdout);
    assert!(run.stdout.contains("to=<b@corp.example.com>, relay=none"), "{}", run.stdout);
    let conflict = run.part("conflict");
    assert!(conflict.contains("exit 3") && conflict.contains("key corp.example.com)"), "{conflict}");
    assert!(conflict.contains("exit 2"), "{conflict}");
    run.complains("take the entry `corp.example.com` out of /etc/postfix/theirs");
}

#[test]
fn what_this_host_cannot_do_is_refused_before_anything_changes() {
    for (setup, routes, words) in [
        (
            "postconf -e 'mydestination = localhost, corp.example.com'",
            ROUTES,
            "this host itself delivers mail to that domain (mydestination)",
        ),
        (
            "postconf -e 'virtual_alias_domains = corp.example.com'",
            ROUTES,
            "this host itself delivers mail to that domain (virtual_alias_domains)",
        ),
        (
            "postconf -e 'parent_domain_matches_subdomains = transport_maps'",
            "[[routes]]\nto = [\".corp.example.com\"]\nvia = \"mailhub.corp.example.com\"\n",
            "stands for nothing on this host",
        ),
    ] {
        let script = format!(
            "{setup}\ncp /etc/postfix/main.cf /root/\nrelayhost apply; echo \"exit $?\"\ncmp /etc/postfix/main.cf /root/main.cf && ls /etc/postfix"
        );
        let run = run(routes, &script).exits(0).says("exit 2").complains(words);
        assert!(!run.stdout.contains("relayhost_"), "{}", run.stdout);
    }
}

#[test]
fn a_pattern_leaves_this_hosts_own_mail_alone() {
    let script = FUNCTIONS.to_owned()
        + r"
        postconf -e 'mydestination = web1.corp.example.com, localhost' myhostname=web1.corp.example.com
        postfix reload 2>/dev/null
        relayhost apply --no-verify || exit 90
        cat /etc/postfix/relayhost_routes
        send root@web1.corp.example.com; send a@mail.corp.example.com
        await grep -q 'to=<root@web1' /var/log/maillog; await grep -q 'to=<a@mail' /var/log/maillog
        grep -oE 'to=<[^>]+>, relay=[a-z.]+' /var/log/maillog
    ";
    let routes = "[[routes]]\nto = [\".corp.example.com\"]\nvia = \"mailhub.corp.example.com\"\n";
    run(routes, &script)
        .exits(0)
        .says("web1.corp.example.com :\n")
        .says("to=<root@web1.corp.example.com>, relay=local")
        .says("to=<a@mail.corp.example.com>, relay=mailhub.corp.example.com");
}

/// mydestination may name a table: a name of this host's own in it is asked for, others are said not to be known.
#[test]
fn a_pattern_does_not_take_a_name_that_stands_in_a_table() {
    let script = r#"
        printf 'web1.corp.example.com x\n' >/etc/postfix/own; postmap $TYPE:/etc/postfix/own
        postconf -e "mydestination = localhost, $TYPE:/etc/postfix/own" myhostname=web1.corp.example.com; cool 2>/dev/null
        cp /etc/postfix/main.cf /root/; relayhost apply --no-verify 2>&1; echo "exit $?"; cmp /etc/postfix/main.cf /root/main.cf && echo same
        echo '== listed'; postconf -e "mydestination = localhost, web1.corp.example.com, $TYPE:/etc/postfix/own"; cool 2>/dev/null
        relayhost apply --no-verify >/dev/null; echo "exit $?"; relayhost check
    "#;
    let routes = "[[routes]]\nto = [\".corp.example.com\"]\nvia = \"mailhub.corp.example.com\"\n";
    let run =
        run(routes, script).exits(0).says("takes mail to web1.corp.example.com too").says("exit 2\nsame\n");
    let listed = run.part("listed");
    assert!(listed.starts_with("exit 0\n") && listed.contains("routes.unlisted"), "{listed}");
}

/// The test message to root is followed to where root's mail goes, which need not be the relay.
#[test]
fn roots_mail_may_go_by_a_route() {
    let routes = format!("[recipients]\nroot = \"ops@corp.example.com\"\n{ROUTES}");
    let script = "relayhost apply || exit 90\necho '== log'; grep -oE 'to=<[^>]+>,.* relay=[a-z.]+' /var/log/maillog\n\
        echo '== verify'; relayhost verify --root; echo \"exit $?\"; grep -c corp /var/lib/relayhost/proof.json || true";
    let run = run(&routes, script).exits(0);
    assert!(run.part("log").contains("to=<ops@corp.example.com>"), "{}", run.stdout);
    assert!(run.part("log").contains("relay=mailhub.corp.example.com"), "{}", run.stdout);
    assert!(run.part("verify").contains("exit 0\n0\n"), "{}", run.stdout);
}

#[test]
fn an_edit_is_drift_and_other_answers_take_the_routes_away() {
    let script = r#"
        relayhost apply --no-verify >/dev/null 2>&1 || exit 90
        sed -i 's/mailhub.corp/dead.lab/' /etc/postfix/relayhost_routes; postmap $TYPE:/etc/postfix/relayhost_routes
        echo '== drift'; relayhost check; echo "exit $?"; relayhost apply --no-verify; echo "exit $?"
        relayhost apply --no-verify --force >/dev/null; echo "forced $?"
        sed -i '/^\[\[routes/,$d' /etc/relayhost/answers.toml
        echo '== gone'; relayhost apply --no-verify >/dev/null; echo $?; ls /etc/postfix | grep -c relayhost_ || true
    "#;
    let run = run(ROUTES, script).exits(0);
    let drift = run.part("drift");
    assert!(
        drift.contains("exit 3") && drift.contains("relayhost_routes") && drift.contains("forced 0"),
        "{drift}"
    );
    assert_eq!(run.part("gone"), "0\n0\n");
}
