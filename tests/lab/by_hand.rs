//! `relayhost route` agrees with what the log and the relay then saw of a real message, on hosts set up as how-tos, panels,
//! Puppet and old relays set them up: many kinds on one host, each from the same beginning.

use serde_json::Value;

use crate::host::{AUTHENTICATED, Run, host};

const FROM: &str = "monitor@op5-system.localdomain";

/// Prepares a host that delivers, and for each kind changes it, asks for the route, and sends a message.
const SCRIPT: &str = r#"
relayhost apply --no-verify >/dev/null || exit 90
P=$(sed -n 's/^\[smtp.example.com\]:587 [^:]*://p' /etc/postfix/sasl_passwd)
R='[smtp.example.com]:587'
cp -a /etc/postfix /tmp/postfix; cp /etc/aliases /tmp/aliases
useradd -m bob
table() { printf "$2\n" >/etc/postfix/$1; postmap hash:/etc/postfix/$1; }
kind() {
    postfix stop >/dev/null 2>&1; postsuper -d ALL >/dev/null 2>&1
    rm -rf /etc/postfix/*; cp -a /tmp/postfix/. /etc/postfix/; cp /tmp/aliases /etc/aliases; postalias /etc/aliases
    eval "$4"
    postfix start >/dev/null 2>&1
    local log=$(wc -l </var/log/maillog) relay=$(wc -l </lab/relay-log/mail.log)
    echo "== $1.route"
    relayhost route --from "$2" --to "$3" --json
    printf 'From: %s\nTo: %s\nSubject: relayhost test message\n\nThis is a test message.\n' "$2" "$3" |
        sendmail -f "$2" -i "$3"
    for i in $(seq 60); do
        mailq | grep -q empty && break
        tail -n +$((log + 1)) /var/log/maillog | grep -Eq 'status=deferred|: hold: |fatal:|unavailable' && break
        sleep 0.15
    done
    sleep 0.2
    echo "== $1.log"
    tail -n +$((log + 1)) /var/log/maillog
    echo "== $1.relay"
    tail -n +$((relay + 1)) /lab/relay-log/mail.log | grep -oE 'sasl_username=[^ ,]*|from=<[^>]*>'
}
"#;

/// A kind of host: the sender, the recipient, what is changed, and for one from which no message leaves the hop and its
/// words.
type Kind = (&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

#[track_caller]
fn agrees(kinds: &[Kind]) {
    let calls: Vec<String> = kinds
        .iter()
        .enumerate()
        .map(|(number, (from, to, setup, _))| format!("kind {number} '{from}' '{to}' '{setup}'\n"))
        .collect();
    let run =
        host().answers(AUTHENTICATED).sh(&(SCRIPT.to_owned() + &calls.concat())).never_says("horse battery");
    let all = kinds.iter().enumerate();
    let wrong: Vec<String> = all.filter_map(|(number, kind)| differs(&run, number, kind)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n--\n"));
}

/// What the route, the log and the relay say differently of one kind.
fn differs(run: &Run, number: usize, (_, _, setup, stops): &Kind) -> Option<String> {
    let report = run.json(&format!("{number}.route"));
    let (log, relay) = (run.part(&format!("{number}.log")), run.part(&format!("{number}.relay")));
    let route = &report["route"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seen = &route["seen"];
    let (sender, recipient) = (text(&seen["sender"]), text(&seen["recipient"]));
    let (host, user) = (text(&route["relay"]["host"]), text(&route["relay"]["username"]));
    let went = relay.contains("from=<") && log.contains("status=sent (250");
    let is_right = match stops {
        None => {
            let line = |line: &&str| {
                line.contains(&format!("to=<{recipient}>")) && line.contains(&format!("relay={host}["))
            };
            route["leaves"] == true
                && went
                && log.lines().any(|one| line(&one) && one.contains("status=sent"))
                && relay.contains(&format!("from=<{sender}>"))
                && (user.is_empty() || relay.contains(&format!("sasl_username={user}")))
        }
        Some((hop, words)) => {
            let hops = route["hops"].as_array().cloned().unwrap_or_default();
            let faults = hops
                .iter()
                .filter(|one| one["name"] == *hop)
                .flat_map(|one| one["faults"].as_array().cloned().unwrap_or_default());
            let said = faults
                .into_iter()
                .any(|fault| fault["stops"] == true && text(&fault["text"]).contains(words));
            route["leaves"] == false && !went && said
        }
    };
    (!is_right).then(|| format!("{setup}: {report:#}\n{log}\n{relay}"))
}

#[test]
fn what_local_aliases_and_rules_send_on_leaves_as_the_route_says() {
    let ops = "ops@example.com";
    agrees(&[
        (
            FROM,
            "root@localhost",
            r#"printf "root: admin\nadmin: ops@example.com\nowner-admin: boss\n" >>/etc/aliases; postalias /etc/aliases"#,
            None,
        ),
        (
            FROM,
            "root@[127.0.0.1]",
            r#"printf "root: :include:/etc/list\n" >>/etc/aliases; echo ops@example.com >/etc/list; postalias /etc/aliases"#,
            None,
        ),
        (
            FROM,
            "bob@localhost",
            "echo ops@example.com >/home/bob/.forward; chown bob /home/bob/.forward",
            None,
        ),
        (FROM, "bob@localhost", "rm /home/bob/.forward", Some(("transport", "stays here"))),
        (FROM, "nobodyhere@localhost", "postconf -e luser_relay=ops@example.com local_recipient_maps=", None),
        (
            FROM,
            "ops@alias.example",
            "postconf -e virtual_alias_domains=alias.example virtual_alias_maps=inline:{ops@alias.example=ops@example.com}",
            None,
        ),
        (
            FROM,
            "no@alias.example",
            "postconf -e virtual_alias_domains=alias.example virtual_alias_maps=inline:{ops@alias.example=ops@example.com}",
            Some(("transport", "stays here")),
        ),
        (
            FROM,
            ops,
            r#"printf "/^Subject:/ REDIRECT root@example.com\n" >/etc/postfix/h; postconf -e header_checks=regexp:/etc/postfix/h"#,
            None,
        ),
        (
            FROM,
            ops,
            r#"printf "/^This/ FILTER smtp:$R\n" >/etc/postfix/h; postconf -e relayhost=[dead.lab.test] body_checks=regexp:/etc/postfix/h"#,
            None,
        ),
        (FROM, ops, "postconf -e relayhost=[dead.lab.test] content_filter=smtp:$R", None),
        (
            FROM,
            ops,
            r#"printf "/^Subject:/ FILTER discard:\n" >/etc/postfix/h; postconf -e header_checks=regexp:/etc/postfix/h"#,
            Some(("transport", "throws every message away")),
        ),
        (FROM, "root", "postconf -e mydestination= myorigin=example.com", None),
        ("<>", ops, "true", None),
    ]);
}

#[test]
fn the_relay_is_chosen_and_its_way_refused_as_the_route_says() {
    let ops = "ops@example.com";
    agrees(&[
        (
            FROM,
            ops,
            r#"printf "/@op5/ $R\n" >/etc/postfix/s; postconf -e relayhost=[dead.lab.test] sender_dependent_relayhost_maps=regexp:/etc/postfix/s"#,
            None,
        ),
        (
            FROM,
            "ops@a.example.com",
            r#"printf ".example.com smtp:$R\n" >/etc/postfix/t; postconf -e relayhost=[dead.lab.test] transport_maps=texthash:/etc/postfix/t"#,
            None,
        ),
        (
            FROM,
            "ops@a.example.com",
            r#"table t "example.com smtp:$R"; postconf -e relayhost=[dead.lab.test] transport_maps=proxy:hash:/etc/postfix/t parent_domain_matches_subdomains=transport_maps"#,
            None,
        ),
        (FROM, ops, r#"postconf -e relayhost=[dead.lab.test] "transport_maps=static:smtp:$R""#, None),
        (
            FROM,
            ops,
            r#"postconf -e "smtp_sasl_password_maps=unionmap:{inline:{ { $R = alerts@example.com:$P } }}""#,
            None,
        ),
        (FROM, ops, r#"postconf -e "smtp_sasl_password_maps=static:{alerts@example.com:$P}""#, None),
        (
            FROM,
            ops,
            r#"postconf -e "sender_canonical_maps=pipemap:{inline:{monitor@op5-system.localdomain=k},inline:{k=alerts@example.com}}""#,
            None,
        ),
        (
            FROM,
            ops,
            r#"postconf -e foo=1 mydomain=example.com "relayhost=\${foo?{[smtp.\$mydomain]:587}:{[dead]}}""#,
            None,
        ),
        (
            FROM,
            ops,
            r#"postconf -M "plesk-1/unix=plesk-1 unix - n n - - smtp"; postconf -P "plesk-1/unix/smtp_tls_security_level=\${foo?{none}:{encrypt}}"; table d "@op5-system.localdomain plesk-1:"; postconf -e sender_dependent_default_transport_maps=hash:/etc/postfix/d"#,
            None,
        ),
        (FROM, ops, "postconf -e relayhost= default_transport=smtp:$R", None),
        (
            FROM,
            ops,
            r#"table l "$R may bogus=1"; postconf -e smtp_tls_policy_maps=hash:/etc/postfix/l"#,
            Some(("tls", "no attribute `bogus`")),
        ),
        (
            FROM,
            ops,
            r#"table l "$R fingerprint"; postconf -e smtp_tls_policy_maps=hash:/etc/postfix/l"#,
            Some(("tls", "wants `match=`")),
        ),
        (
            FROM,
            ops,
            r#"table l "$R dane-only"; postconf -e smtp_tls_policy_maps=hash:/etc/postfix/l"#,
            Some(("tls", "dnssec")),
        ),
        (
            FROM,
            ops,
            r#"table l "$R may protocols=TLSv9"; postconf -e smtp_tls_policy_maps=hash:/etc/postfix/l"#,
            Some(("tls", "no protocol of TLS")),
        ),
        (
            FROM,
            ops,
            r#"table t "example.com nosuch:"; postconf -e transport_maps=hash:/etc/postfix/t"#,
            Some(("service", "nosuch/unix")),
        ),
        (
            FROM,
            ops,
            r#"echo "$R alerts@example.com" >/etc/postfix/sasl_passwd; postmap /etc/postfix/sasl_passwd"#,
            Some(("login", "has no password")),
        ),
        (
            FROM,
            ops,
            r#"postconf -e "relayhost=[smtp.example.com:587]""#,
            Some(("transport", "inside the brackets")),
        ),
        (
            FROM,
            ops,
            r#"postconf -e "relayhost=smtps://smtp.example.com""#,
            Some(("transport", "cannot read")),
        ),
    ]);
}

#[test]
fn what_nobody_built_what_stands_still_and_what_is_typed_wrong_is_said() {
    let script = r#"
relayhost apply --no-verify >/dev/null || exit 90
echo '[smtp.example.com]:587 alerts@example.com:Tr0mb0ne' >/etc/postfix/sasl_passwd
echo '== unbuilt'; relayhost route
echo '== match'
printf '[smtp.example.com]:587 secure match=other.example.net\n' >/etc/postfix/l
postconf -e smtp_tls_policy_maps=texthash:/etc/postfix/l
postmap hash:/etc/postfix/sasl_passwd
relayhost check; echo "exit $?"
echo '== off'
postconf -X smtp_tls_policy_maps
postconf -P smtp/unix/smtp_sasl_auth_enable=no
relayhost route; echo "exit $?"
echo '== stopped'
postfix stop 2>/dev/null
relayhost route; echo "exit $?"
echo '== broken'
echo 'x = [' >/etc/relayhost/answers.toml
relayhost route; echo "exit $?"
echo '== none'
rm /etc/relayhost/answers.toml
relayhost route --from '<>'; echo "exit $?"
echo '== usage'
for wrong in '' 'a@x, b@x' '"a b"@c' 'A <a@x>'; do relayhost route --to "$wrong" 2>&1 | head -1; echo "exit ${PIPESTATUS[0]}"; done
"#;
    let run = host().answers(AUTHENTICATED).sh(script).never_says("Tr0mb0ne");
    let unbuilt = run.part("unbuilt");
    assert!(
        unbuilt.contains("sasl_passwd line 1 has another entry") && unbuilt.contains("`postmap hash:"),
        "{unbuilt}"
    );
    let check = run.part("match");
    assert!(check.contains("`match=other.example.net`") && check.contains("exit 3"), "{check}");
    let off = run.part("off");
    assert!(
        off.contains("nobody logs in (-o smtp_sasl_auth_enable, master.cf line") && off.contains("exit 0"),
        "{off}"
    );
    for (part, words) in [
        ("stopped", "Postfix is not running"),
        ("broken", "warning: "),
        ("none", "<> → somebody@example.com"),
    ] {
        assert!(
            run.part(part).contains(words) && run.part(part).contains("exit 3"),
            "{}\n{}",
            run.part(part),
            run.stderr
        );
    }
    assert_eq!(run.part("usage").matches("exit 2").count(), 4, "{}", run.part("usage"));
}

/// root reads for `route` what local(8) would read with a user's rights, so a user must not choose the file.
#[test]
fn no_file_of_roots_is_shown_by_way_of_a_users_names() {
    let run = host().answers(AUTHENTICATED).sh(
        "useradd -m bob 2>/dev/null || { echo 'bob:x:7777:7777::/home/bob:/bin/sh' >> /etc/passwd; mkdir -p /home/bob; chown 7777 /home/bob; }
         as() { setpriv --reuid $(id -u bob) --clear-groups \"$@\"; }; relayhost apply >/dev/null
         echo hidden@secret.example >/root/.forward; mkdir /root/lists; echo hidden@secret.example >/root/lists/staff; chmod 600 /root/.forward /root/lists/staff; chmod 700 /root
         echo 'staff: :include:/home/bob/lists/staff' >>/etc/aliases; newaliases
         as mkdir /home/bob/lists; as sh -c 'echo seen@x.example >/home/bob/lists/staff'; relayhost route --to staff@localhost
         as rm -r /home/bob/lists; as ln -s /root/lists /home/bob/lists; relayhost route --to staff@localhost
         as ln -s /root/.forward /home/bob/.forward; relayhost route --to bob@localhost; as rm /home/bob/.forward
         chown bob /home; as sh -c 'mv /home/bob /home/b; ln -s /root /home/bob'; relayhost route --to bob@localhost",
    );
    run.says("seen@x.example").never_says("hidden@");
}
