use super::*;
use crate::model::causes::catalogue::fitting;

#[test]
fn the_table_parses_and_has_the_names_that_answers_use() {
    let table: BTreeMap<String, Provider> = toml::from_str(include_str!("providers.toml")).unwrap();
    assert_eq!(table.len(), providers().len());
    for name in ["office365", "gmail", "sendgrid", "mailgun", "fastmail", "ses", "postmark", "smarthost"] {
        assert!(table.contains_key(name), "{name}");
    }
}

#[test]
fn every_preset_is_whole() {
    let day = regex::Regex::new("^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$").unwrap();
    for (name, provider) in providers() {
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        assert!(!provider.ports.is_empty() && provider.source.starts_with("https://"), "{name}");
        assert!(day.is_match(&provider.checked), "{name}: {}", provider.checked);
        for warning in &provider.warnings {
            assert!(warning.from.as_ref().is_none_or(|from| day.is_match(from)), "{name}: {warning:?}");
        }
        let login = provider.mechanism != Mechanism::None || provider.optional_login;
        assert_eq!(login && provider.unusable.is_none(), provider.username.is_some(), "{name}: user name");
        assert_eq!(provider.username.is_some(), provider.password.is_some(), "{name}: password");
        assert!(provider.mechanism == Mechanism::None || provider.tls >= Tls::Encrypt, "{name}: TLS");
        // A host, parts, or a template with its part; only relays of one's own may have none of these.
        let template = provider.host.as_ref().is_some_and(|host| host.contains("{domain}"));
        assert_eq!(provider.part.is_some(), template || !provider.parts.is_empty(), "{name}: part");
        assert!(provider.parts.is_empty() || provider.host.is_none(), "{name}: host");
        if let Some(standard) = &provider.standard {
            assert!(provider.parts.iter().any(|part| part.name == *standard), "{name}: {standard}");
        }
        // Postfix gets the filter; the relay must offer a mechanism that passes it.
        let passes =
            |offer: &String| provider.mechanism.filter().to_uppercase().split(", ").any(|word| word == offer);
        assert!(
            provider.mechanism == Mechanism::None
                || provider.offers.is_empty()
                || provider.offers.iter().any(passes),
            "{name}: {:?}",
            provider.offers
        );
        let keys: Vec<String> =
            serde_json::to_value(provider).unwrap().as_object().unwrap().keys().cloned().collect();
        for what in &provider.unconfirmed {
            let key = what.split(':').next().unwrap();
            assert!(keys.iter().any(|known| known == key), "{name}: {what}");
        }
    }
}

/// The words as Postfix would log them; facts about the host may still name a more exact cause.
#[test]
fn every_reply_is_known_to_the_catalogue_by_the_cause_that_it_names() {
    for (name, provider) in providers() {
        for Reply { reply, cause, .. } in &provider.replies {
            let login =
                ["535", "534", "525", "454 4.7.0", "451 Auth"].iter().any(|code| reply.starts_with(code));
            let line = if login {
                format!("SASL authentication failed; server r[1] said: {reply}")
            } else {
                format!("host r[1] said: {reply} (in reply to MAIL FROM command)")
            };
            let fitting: Vec<_> = fitting(&[line.as_str()]).collect();
            let place = fitting.iter().position(|entry| entry.id == *cause);
            let sure = fitting.iter().position(|entry| entry.facts.is_empty());
            let names = || fitting.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>();
            assert!(
                place.is_some() && place <= sure,
                "{name}: `{reply}` names {cause}; fitting: {:?}",
                names()
            );
        }
    }
}

#[test]
fn a_part_chooses_the_host() {
    let host = |name: &str| {
        find(name)
            .map(|preset| preset.host.unwrap_or_default())
            .map_err(|error| format!("{}: {}", error.problem, error.remedy))
    };
    assert_eq!(host("ses/eu-west-1").unwrap(), "email-smtp.eu-west-1.amazonaws.com");
    assert_eq!(host("mailgun").unwrap(), "smtp.mailgun.org");
    assert_eq!(host("mailgun/eu").unwrap(), "smtp.eu.mailgun.org");
    assert_eq!(host("office365").unwrap(), "smtp.office365.com");
    assert_eq!(
        host("office365-connector/Example.co.uk").unwrap(),
        "example-co-uk.mail.protection.outlook.com"
    );
    assert_eq!(host("smarthost").unwrap(), "");
    for (name, words) in [
        ("ses", "needs its region: take one of ses/us-east-1, "),
        ("ses/eu-west-9", "has no such region"),
        ("ses/Frankfurt", "has no such region"),
        ("hunter2Pass", "this is no provider that relayhost knows"),
        ("gmail/eu", "has no parts"),
        ("office365-connector", "needs the tenant's domain: write office365-connector/example.com"),
        ("office365-connector/my-site.com", "hyphen"),
        ("office365-connector/a b.com", "is not a domain"),
        ("office365-connector/x", "is not a domain"),
        ("office365-connector/", "is not a domain"),
        ("office356", "office365"),
        ("zzz", "take one of azure-acs, brevo, "),
        ("\u{1b}[31m", "this is no provider that relayhost knows"),
    ] {
        let error = host(name).unwrap_err();
        assert!(error.contains(words), "{name}: {error}");
    }
}

#[test]
fn the_nearest_names_are_those_that_were_meant() {
    for (typed, meant) in [
        ("offic365", "office365"),
        ("O365", "office365"),
        ("google", "gmail"),
        ("aws-ses", "ses"),
        ("sendinblue", "brevo"),
        ("send-grid", "sendgrid"),
        ("hotmail", "outlook"),
        ("mailgum", "mailgun"),
        ("postmarkapp", "postmark"),
    ] {
        assert!(nearest(typed).contains(&meant), "{typed}: {:?}", nearest(typed));
    }
    assert!(nearest("qqqqqq").is_empty() && nearest("").is_empty());
}

/// scripts/lab.d/relay-ca.sh reads the file by lines: one host on each.
#[test]
fn every_host_stands_on_a_line_of_its_own() {
    let text = include_str!("providers.toml");
    let host = regex::Regex::new("^[^#]*\\bhost *= *\"").unwrap();
    let on_lines = text.lines().filter(|line| host.is_match(line)).count();
    let hosts =
        providers().values().map(|provider| usize::from(provider.host.is_some()) + provider.parts.len());
    assert_eq!(on_lines, hosts.sum::<usize>());
}

#[test]
fn the_table_is_ascii_since_not_every_terminal_shows_more() {
    assert!(include_str!("providers.toml").is_ascii());
}

#[test]
fn a_host_is_found_whether_the_data_were_parsed_or_not() {
    for (name, provider) in providers() {
        for host in provider.host.iter().chain(provider.parts.iter().map(|part| &part.host)) {
            let host = host.replace("{domain}", "contoso-com").to_ascii_uppercase().to_ascii_lowercase();
            assert!(with_host(&host).any(|(found, _)| found == name), "{host}");
        }
    }
    assert_eq!(with_host("smtp.example.com").count(), 0);
}
