use super::*;

fn own() -> OwnNames {
    OwnNames {
        local: vec!["web1.example.com".into(), "localhost".into()],
        other: vec!["web1".into()],
        unlisted: Vec::new(),
    }
}

fn with(name: Option<&str>, others: &[&str], header: &str) -> String {
    let (own, name) = (own(), name.map(|name| DisplayName(name.into())));
    let from = HeaderFrom {
        address: "alerts@example.com",
        name: name.as_ref(),
        host: "web1.example.com",
        own: &own,
        others,
        is_alone: true,
    };
    found(&from.rules(), header).unwrap_or_else(|| "no rule".into())
}

#[test]
fn this_hosts_addresses_become_the_one_sender_and_all_else_stays() {
    for (header, expected) in [
        ("From: root@web1.example.com", "From: alerts@example.com"),
        ("From: root@WEB1 (Cron Daemon)", "From: alerts@example.com (Cron Daemon)"),
        ("From: \"(Cron Daemon)\" <root@localhost>", "From: \"(Cron Daemon)\" <alerts@example.com>"),
        ("From: Anna Admin <anna@web1>", "From: Anna Admin <alerts@example.com>"),
        ("from:root@web1", "from:alerts@example.com"),
        ("From: =?utf-8?Q?J=C3=B6rg?= <j@web1>", "From: =?utf-8?Q?J=C3=B6rg?= <alerts@example.com>"),
        ("From: Jörg <j@web1>", "From: Jörg <alerts@example.com>"),
        ("From: (a (b) c) root@web1 (d)", "From: (a (b) c) alerts@example.com (d)"),
        ("From: \"a, b\"\n\t<\"john doe\"@web1>", "From: \"a, b\"\n\t<alerts@example.com>"),
        ("From: <root>", "From: <alerts@example.com>"),
        ("Resent-From: root@web1", "Resent-From: alerts@example.com"),
        ("Sender: root@web1", "Sender: alerts@example.com"),
        ("From: root@web1, anna@example.org", "From: alerts@example.com"),
        ("From: Anna <anna@example.org>,\n\t\"R\" <root@web1>", "From: alerts@example.com"),
        ("From: team: root@web1, a@example.org;", "From: alerts@example.com"),
        ("From: <@relay.example.org:root@web1>", "From: alerts@example.com"),
    ] {
        let expected = format!("REPLACE {expected}");
        assert_eq!(with(None, &[], header), expected, "{header}");
    }
    for header in [
        "From: anna@example.com",
        "From: root@web2.example.com",
        "From: root@web1.example.com.example.org",
        "From: root@xweb1",
        "From: root@web1.",
        "From: \"root@web1 by way of\" <list@example.org>",
        "From: \"<root@web1>\" <list@example.org>",
        "From: list@example.org (root@web1)",
        "From: list@example.org (for (root@web1), too)",
        "From: root@web1 <list@example.org>",
        "Reply-To: root@web1",
        "To: root@web1",
        "Message-ID: <1@web1>",
        "X-From: root@web1",
        "From: ",
    ] {
        assert_eq!(with(None, &[], header), "no rule", "{header}");
    }
}

#[test]
fn a_sender_with_a_line_of_its_own_is_left_to_generic() {
    let others = ["monitor@web1.example.com", "backup"];
    for (header, is_left) in [
        ("From: monitor@web1.example.com", true),
        ("From: Monitor <MONITOR@web1.example.com>", true),
        ("From: monitor@localhost", false),
        ("From: backup@localhost (x)", true),
        // generic(5) knows no bare name for a domain that is not local.
        ("From: backup@web1", false),
        ("From: xbackup@localhost", false),
    ] {
        assert_eq!(with(None, &others, header) == LEAVE, is_left, "{header}");
    }
    assert_eq!(with(None, &["@localhost"], "From: root@localhost"), "no rule");
    assert_eq!(with(None, &["@localhost"], "From: root@web1"), "REPLACE From: alerts@example.com");
    let many: Vec<String> = (0..5000).map(|number| format!("u{number}@web1.example.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(with(None, &many, "From: u4999@web1.example.com"), LEAVE);
}

#[test]
fn the_name_says_who_and_where() {
    let name = Some("{user} on {host}");
    for (header, user) in [
        ("From: root@web1", "root"),
        ("From: \"(Cron Daemon)\" <root@web1>", "root"),
        ("From: anna+x@web1 (Anna)", "anna+x"),
        ("From: \"john \\\"d\\\" doe\"@web1", "john \\\"d\\\" doe"),
        ("From: a@example.org, \"x y\"@web1", "x y"),
        ("From: root <alerts@example.com>", "root"),
        ("From: Anna Admin <alerts@example.com>", "Anna Admin"),
        ("From: \"Admin, Anna\" <alerts@example.com>", "Admin, Anna"),
        ("From: alerts@example.com (root)", "root"),
        ("From: R\u{f6}ot <alerts@example.com>", "R\u{f6}ot"),
        ("From: a@example.org, root@web1", "root"),
    ] {
        let expected = format!("REPLACE From: \"{user} on web1.example.com\" <alerts@example.com>");
        assert_eq!(with(name, &[], header), expected, "{header}");
        let again = with(name, &[], expected.strip_prefix("REPLACE ").unwrap());
        assert_eq!(again, LEAVE, "a message may pass smtp(8) twice");
    }
    assert_eq!(with(name, &[], "From: alerts@example.com"), "no rule");
    // A name that ends as ours does, in another address than the first.
    assert_eq!(
        with(name, &[], "From: \"a\" <root@localhost>, \"x on web1.example.com\" <alerts@example.com>"),
        "REPLACE From: \"root on web1.example.com\" <alerts@example.com>"
    );
    assert_eq!(
        with(name, &[], "From: =?utf-8?Q?J=C3=B6rg?= <alerts@example.com>"),
        "REPLACE From: =?utf-8?Q?J=C3=B6rg?= \"on web1.example.com\" <alerts@example.com>"
    );
    assert_eq!(
        with(Some("say \"$1\" \\ {host}{user}!"), &[], "Sender: a@web1"),
        "REPLACE Sender: \"say \\\"$1\\\" \\\\ web1.example.coma!\" <alerts@example.com>"
    );
}

/// What a group is does not depend on who counts: the numbers in the actions are those of the expressions.
#[test]
fn every_group_of_an_action_is_in_its_expression() {
    let (own, named) = (own(), regex::Regex::new(r"\$\{(\d+)\}").unwrap());
    for name in [None, Some(DisplayName("{user}".into()))] {
        let from = HeaderFrom {
            address: "a$b@example.com",
            name: name.as_ref(),
            host: "h",
            own: &own,
            others: &["a/b@web1", "x.y"],
            is_alone: true,
        };
        for Rule { pattern, action } in from.rules() {
            let groups = regex::Regex::new(&pattern).unwrap().captures_len();
            for number in named.captures_iter(&action) {
                assert!(number[1].parse::<usize>().unwrap() < groups, "{pattern} {action}");
            }
            assert!(!pattern.contains([' ', '\n']) && !action.contains('\n'));
        }
        assert!(from.text().contains("a$$b@example.com"));
    }
}
