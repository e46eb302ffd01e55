//! `[[senders]]` with `local_users`: who of this host may be a sender by sendmail(1).

use crate::accounts::{ACCOUNTS, ANSWERS, FUNCTIONS};
use crate::generation::generation;
use crate::host::host;

/// One account is for a login of this host: nobody else is it by sendmail(1), and whatever else sends goes on.
#[test]
fn an_account_of_a_local_login_is_not_used_by_others() {
    let answers = ANSWERS.replace("[sender]\n", "[sender]\ndefault = \"alerts@example.com\"\n");
    let limited = ACCOUNTS.replace(
        "from = [\"Odd1@example.com\"]",
        "from = [\"Odd1@example.com\"]\nlocal_users = [\"backup\"]",
    );
    let script = FUNCTIONS.to_owned()
        + r#"
        for user in mallory backup nagios; do useradd -m $user 2>/dev/null || adduser --disabled-password --gecos '' $user >/dev/null 2>&1 || grep -q "^$user:" /etc/passwd || echo "$user:x:$((RANDOM + 2000)):65534::/tmp:/bin/sh" >> /etc/passwd; done
        state >/root/before; cat /etc/postfix/main.cf > /root/main.cf
        relayhost apply --no-verify >/root/applied 2>&1; echo "apply $?"
        as() { user=$1; shift; setpriv --reuid "$user" --regid 65534 --clear-groups "$@"; }
        try() { printf 'Subject: alert

x
' | as "$1" sendmail -f "$2" "$3"; echo "$1 $?"; }
        echo '== refused'; try mallory odd1@example.com a@example.org; try mallory Odd1+x@Example.com a@example.org; try backup odd1@example.com b@example.org
        printf 'Subject: x

x
' | sendmail -f odd1@example.com c@example.org; echo "root $?"
        echo x | as nagios mail -s alert d@example.org; echo "nagios $?"; try nagios monitor@op5-system.localdomain e@example.org; try mallory odd3@example.com f@example.org
        printf 'From: "(Cron Daemon)" <root>
To: g@example.org
Subject: cron

x
' | sendmail -FCronDaemon -i -odi -oem -oi -t -f root; echo "cron $?"
        await ended 6 || { cat /var/log/maillog; exit 91; }
        echo '== ways'; grep -oE 'to=<[^>]+>, (orig_to=<[^>]+>, )?relay=[^[ ]+' /var/log/maillog | sort -u
        echo '== table'; stat -c '%a %U' /etc/postfix/relayhost_logins; cat /etc/postfix/relayhost_logins; postconf -n local_login_sender_maps
        echo '== check'; relayhost check --json; echo '== route'; relayhost route --from Odd1@Example.com; relayhost route --from odd7@example.com; relayhost route --from odd3@example.com
        echo '== diagnose'; relayhost diagnose; echo '== plan'; relayhost plan; echo "plan $?"
        echo '== drift'; echo '/^mallory$/ *' > /etc/postfix/relayhost_logins; relayhost check > /root/out; echo "check $?"; grep logins /root/out; relayhost repair >/dev/null; try mallory odd1@example.com a@example.org
        chmod 600 /etc/postfix/relayhost_logins; relayhost repair > /dev/null; try nagios nagios h@example.org
        echo '== theirs'; postconf -e 'local_login_sender_maps = static:*, regexp:/etc/postfix/relayhost_logins'; relayhost check > /root/out; echo "check $?"; relayhost apply --force --no-verify
        postconf -e 'local_login_sender_maps = inline:{ { mallory = * } }, regexp:/etc/postfix/relayhost_logins'; relayhost apply --force --no-verify > /dev/null; echo "theirs $?"; try mallory odd1@example.com i@example.org
        postconf -e 'local_login_sender_maps = regexp:/etc/postfix/relayhost_logins'
        echo '== gone'; sed -i '/^local_users/d' /etc/relayhost/answers.toml; relayhost apply --no-verify >/root/out; echo "apply $?"; postconf -n local_login_sender_maps; ls /etc/postfix/relayhost_logins; try mallory odd1@example.com j@example.org
        sed -i '/^\[\[senders/,$d; /^default/d' /etc/relayhost/answers.toml; relayhost apply --no-verify > /dev/null; ls /etc/postfix | grep relayhost_; postconf -n | grep -c relayhost_
        relayhost restore 0 >/dev/null; echo "restore $?"; state | diff /root/before - && cmp /etc/postfix/main.cf /root/main.cf && echo as-before
    "#;
    let run =
        host().relay("hub").answers_text(&format!("{answers}{limited}")).sh(&script).never_says("with space");
    if generation().name == "el9" {
        run.says("apply 2").complains("line 15, column 15").complains("3.6");
        return;
    }
    let refused = run.part("refused");
    let told = "mallory 75\nmallory 75\nbackup 0\nroot 0\nnagios 0\nnagios 0\nmallory 0\ncron 0\n";
    assert_eq!(refused, told, "{}", run.stderr);
    let ways = run.part("ways");
    assert!(!ways.contains("a@example.org"), "{ways}");
    for (to, relay) in
        [("b", "smtp"), ("c", "smtp"), ("d", "smtp"), ("e", "smtp"), ("f", "mailhub"), ("g", "smtp")]
    {
        assert!(ways.contains(&format!("to=<{to}@example.org>, relay={relay}.example.com")), "{to}: {ways}");
    }
    let check = run.json("check");
    assert_eq!(check["exit"], 0, "{check:#}");
    let ids = check["findings"].as_array().unwrap().iter().filter_map(|one| one["id"].as_str());
    assert_eq!(ids.filter(|id| ["senders.users", "senders.smtp", "senders.anybody"].contains(id)).count(), 3);
    assert!(run.part("table").starts_with("644 root\n"), "{}", run.part("table"));
    let words = |part: &str| run.part(part).split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "by sendmail(1) backup, root and Postfix's own alone may send as this sender (local_users of [[senders]])";
    assert!(words("route").contains(said), "{}", words("route"));
    let said = "by sendmail(1) a login of that name, root and Postfix's own alone may send as this sender";
    assert!(
        words("route").contains(said) && words("route").matches("local_users").count() == 2,
        "{}",
        words("route")
    );
    let diagnosed = words("diagnose");
    for said in [
        "sender-of-other-login: 1 line,",
        "mallory (number ",
        "; backup, root and Postfix's own may send as odd1@example.com",
        "2 failures found in the log;",
    ] {
        assert!(diagnosed.contains(said), "{said} in {diagnosed}");
    }
    let drift = run.part("drift");
    assert!(drift.contains("check 3") && drift.ends_with("mallory 75\nnagios 0\n"), "{drift}");
    let theirs = run.part("theirs");
    assert!(theirs.contains("check 3") && theirs.ends_with("theirs 0\nmallory 0\n"), "{theirs}");
    assert!(run.stderr.contains("static:*"), "{}", run.stderr);
    let gone = run.part("gone");
    assert!(gone.contains("apply 0\nmallory 0\n0\nrestore 0\nas-before\n"), "{gone}");
}

/// Logins of a directory service: called like a whole address, or after a domain of Windows. None is an account's sender by its
/// name, and each goes on sending as itself.
#[test]
fn a_login_that_is_called_like_an_address_is_not_its_account() {
    let limited = ACCOUNTS
        .replace(
            "from = [\"Odd1@example.com\"]",
            "from = [\"Odd1@example.com\"]\nlocal_users = [\"backup\", 'CORP\\amy']",
        )
        .replace(
            "from = [\"odd3@example.com\", ",
            "local_users = [\"backup\"]\nfrom = [\"odd3@example.com\", ",
        );
    let script = r#"
        relayhost apply --no-verify >/dev/null 2>&1; echo "apply $?"; number=2000
        for login in odd1@example.com any@lists.example.com 'CORP\bob' 'CORP\amy'; do number=$((number + 1)); echo "$login:x:$number:65534::/tmp:/bin/sh" >>/etc/passwd; done
        try() { printf 'Subject: x\n\nx\n' | setpriv --reuid $1 --regid 65534 --clear-groups sendmail ${2:+-f $2} a@example.org 2>/dev/null; echo "$1 ${2:-itself} $?"; }
        try 2001 odd1@example.com; try 2002 any@lists.example.com; try 2003; try 2003 odd1@example.com; try 2004; try 2004 odd1@example.com; try 2003 'corp\bob@example.com'
    "#;
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{limited}")).sh(script);
    if generation().name == "el9" {
        run.says("apply 2");
        return;
    }
    run.says("apply 0\n")
        .says("2001 odd1@example.com 75\n2002 any@lists.example.com 75\n")
        .says("2003 itself 0\n2003 odd1@example.com 75\n2004 itself 0\n2004 odd1@example.com 0\n");
}

/// A name with a typo is nobody's, and a login may still come: it is named, and stops nothing.
#[test]
fn a_login_that_is_not_there_is_named_and_not_called_right() {
    if generation().name == "el9" {
        return;
    }
    let limited = ACCOUNTS.replace(
        "from = [\"Odd1@example.com\"]",
        "from = [\"Odd1@example.com\"]\nlocal_users = [\"daemon\", \"bakcup\"]",
    );
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{limited}")).sh(
        "echo '== plan'; relayhost plan; relayhost apply --no-verify >/dev/null 2>&1; echo '== check'; relayhost check; echo \"exit $?\"
         echo 'bakcup:x:4711:65534::/tmp:/bin/sh' >> /etc/passwd; echo '== there'; relayhost check",
    );
    let said = "senders.users local_users of [[senders]]: this host has no login bakcup; of this host's logins daemon, root and";
    let words = |part: &str| run.part(part).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words("plan").contains("this host has no login bakcup"), "{}", words("plan"));
    let check = words("check");
    assert!(check.contains(&format!("note {said}")) && check.ends_with("exit 0"), "{check}");
    assert!(
        words("there").contains("\u{2713} senders.users") || words("there").contains("ok senders.users"),
        "{}",
        words("there")
    );
    assert!(!words("there").contains("no login"), "{}", words("there"));
}

/// One login tries two senders: each is told, with what lets it, and that is typed.
#[test]
fn each_refused_sender_of_a_login_has_its_own_remedy() {
    let limited = ACCOUNTS.replace(
        "from = [\"Odd1@example.com\"]",
        "from = [\"Odd1@example.com\"]\nlocal_users = [\"backup\"]",
    );
    let script = r#"
        echo 'backup:x:2001:65534::/tmp:/bin/sh
mallory:x:2002:65534::/tmp:/bin/sh' >>/etc/passwd
        relayhost apply --no-verify >/dev/null 2>&1; echo "apply $?"
        try() { printf 'Subject: x\n\nx\n' | setpriv --reuid 2002 --regid 65534 --clear-groups sendmail -f $1 a@example.org 2>/dev/null; echo "$1 $?"; }
        try odd1@example.com; try odd1@example.com; try shop@customer.example; sleep 1; echo '== diagnose'; relayhost diagnose
        echo '== typed'; sed -i 's/local_users = \["backup"\]/local_users = ["backup", "mallory"]/' /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null 2>&1; echo "apply $?"; try odd1@example.com; try shop@customer.example
        echo '== other'; command=$(COLUMNS=1000 relayhost diagnose | grep -o "postconf -e '[^']*'"); bash -c "$command"; try shop@customer.example; relayhost apply --no-verify >/dev/null 2>&1; echo "apply $?"; try shop@customer.example
    "#;
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{limited}")).sh(script);
    if generation().name == "el9" {
        run.says("apply 2");
        return;
    }
    let run = run.says("apply 0\nodd1@example.com 75\nodd1@example.com 75\nshop@customer.example 75\n");
    let diagnosed = crate::fallback::words(run.part("diagnose"));
    for said in [
        "sender-of-other-login: 2 lines",
        "sender-of-other-login: 1 line,",
        "add \"mallory\" to `local_users` of [[senders]] of odd1@example.com in the answers, and run `relayhost apply`",
        "no [[senders]] has this sender: if mallory may send as any, `postconf -e 'local_login_sender_maps = inline:{ { mallory = * } }, regexp:/etc/postfix/relayhost_logins'`",
    ] {
        assert!(diagnosed.contains(said), "{said} in {diagnosed}");
    }
    assert_eq!(run.part("typed"), "apply 0\nodd1@example.com 0\nshop@customer.example 75\n");
    assert_eq!(run.part("other"), "shop@customer.example 0\napply 0\nshop@customer.example 0\n");
}
