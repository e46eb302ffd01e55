//! What is said of a route whose mail does not leave: a route has the keys `to`, `via` and `tls`, and no login.

use crate::fallback::{pair_without_fallback, words};

const ROUTES: &str = "[[routes]]\nto = [\"partner2.example\"]\nvia = \"second.lab.test:2525\"\n\
    [[routes]]\nto = [\".lab.example.com\"]\nvia = \"direct\"\n[[routes]]\nto = [\"typo.example\"]\nvia = \"mailhbu.example.com\"\n\
    [[routes]]\nto = [\"shut.example\"]\nvia = \"second.lab.test:2526\"\n";

/// Each is verified, and the log is diagnosed: the remedies are those that the answers have for a route.
#[test]
fn a_remedy_for_mail_of_a_route_names_what_a_route_has() {
    let run = pair_without_fallback(ROUTES).sh(
        "relayhost apply --no-probe >/dev/null 2>&1; echo \"apply $?\"
         for to in a@partner2.example b@nosuch.lab.example.com c@typo.example d@shut.example; do
             echo \"== $to\"; relayhost verify --deadline 5s --to $to 2>&1; done
         echo '== diagnose'; relayhost diagnose; echo '== check'; relayhost check
         sed -i 's/second.lab.test:2525/void.lab.test/' /etc/relayhost/answers.toml
         relayhost apply --no-probe >/dev/null 2>&1; echo \"apply $?\"; echo '== silent'; relayhost verify --deadline 3s --to a@partner2.example 2>&1",
    );
    let run = run.says("apply 0");
    let part = |name: &str| words(run.part(name));
    let (denied, gone) =
        ("a route has no login: have whoever runs that server take mail", "direct-domain-unknown");
    let taken_out = "or take [[routes]] of partner2.example out of the answers";
    let (typo, shut) = (
        "correct via of [[routes]] of typo.example in the answers",
        "check via of [[routes]] of shut.example in the answers",
    );
    for (name, said) in [
        ("a@partner2.example", denied),
        ("a@partner2.example", taken_out),
        ("b@nosuch.lab.example.com", gone),
        ("b@nosuch.lab.example.com", "to = [\"nosuch.lab.example.com\"]"),
        ("c@typo.example", typo),
        ("d@shut.example", shut),
        ("diagnose", denied),
        ("diagnose", taken_out),
        ("diagnose", gone),
        ("diagnose", typo),
        ("diagnose", shut),
        ("check", denied),
    ] {
        assert!(part(name).contains(said), "{said} in {name}: {}", part(name));
    }
    for name in [
        "a@partner2.example",
        "b@nosuch.lab.example.com",
        "c@typo.example",
        "d@shut.example",
        "diagnose",
        "check",
    ] {
        for other in [
            "USER:PASSWORD",
            "relay.host",
            "host and port",
            "relayhost providers",
            "relayhost repair",
            "not-authenticated",
        ] {
            assert!(!part(name).contains(other), "{other} in {name}: {}", part(name));
        }
    }
    let again = "`relayhost verify --to a@partner2.example` with a longer --deadline";
    assert!(part("silent").contains(again), "{}", part("silent"));
}

/// What the remedy of the domain that DNS does not have says is typed.
#[test]
fn a_domain_below_a_direct_route_gets_a_server_of_its_own() {
    let routes = "[[routes]]\nto = [\".partner.example\"]\nvia = \"direct\"\n";
    let run = crate::host::host().relay("hub").answers_text(&format!("{}{routes}", crate::accounts::ANSWERS)).sh(
        "relayhost apply >/dev/null 2>&1; echo \"apply $?\"; relayhost verify --to a@lost.partner.example; echo \"exit $?\"
         printf '[[routes]]\\nto = [\"lost.partner.example\"]\\nvia = \"smtp.example.com:587\"\\n' >>/etc/relayhost/answers.toml
         relayhost apply >/dev/null 2>&1; echo \"apply $?\"; relayhost verify --to a@lost.partner.example; echo \"after $?\"",
    );
    let run = run.says("direct-domain-unknown").says("exit 5\napply 0");
    run.says("after 0");
}
