use super::*;
use crate::model::answers::access::CERTIFICATE_FILE;

const PROVIDERS: [Provider; 3] = [Provider::Microsoft, Provider::Google, Provider::Other];
const FLOWS: [Flow; 5] = [Flow::Certificate, Flow::Secret, Flow::ServiceAccount, Flow::Device, Flow::Code];
const NAMES: [Name; 5] = [Name::Tenant, Name::Client, Name::File, Name::Secret, Name::Ends];

fn text(parts: &[Part]) -> String {
    let all = parts.iter().flat_map(|part| {
        [&part.title].into_iter().chain(&part.steps).chain(&part.commands).chain(&part.wait)
    });
    all.cloned().collect::<Vec<_>>().join("\n")
}

/// All that `init` shows for a flow of a provider.
fn shown(provider: Provider, flow: Flow) -> String {
    let values = Values::default();
    let steps = text(&[first(provider, flow, &values), second(provider, flow, &values)].concat());
    let wanted = NAMES.iter().filter_map(|name| wanted(provider, flow, *name));
    let questions = wanted.map(|wanted| format!("\n{} {}", wanted.question, wanted.help));
    format!("{steps}{}", questions.collect::<String>())
}

/// The pairs that `init` offers: another provider's administrator is not known.
fn is_offered(provider: Provider, flow: Flow) -> bool {
    provider != Provider::Other && provider.flows().contains(&flow)
}

#[test]
fn the_steps_have_the_tenants_own_values() {
    let values = Values {
        tenant: "contoso.com",
        client_id: "1-2",
        mailbox: "a@contoso.com",
        file: "/etc/relayhost/oauth.pem",
    };
    let all = text(&second(Provider::Microsoft, Flow::Certificate, &values));
    for words in [
        "openssl x509 -in /etc/relayhost/oauth.pem",
        "Connect-ExchangeOnline -Organization contoso.com",
        "New-ServicePrincipal -AppId 1-2 ",
        "PrimarySmtpAddress -eq 'a@contoso.com'",
        "\"Application SMTP.SendAsApp\"",
        "Add-MailboxPermission a@contoso.com",
        "Set-CASMailbox a@contoso.com -SmtpClientAuthenticationDisabled $false",
    ] {
        assert!(all.contains(words), "{words}\n{all}");
    }
}

#[test]
fn each_flow_of_each_provider_has_its_own_steps_and_nothing_is_left_to_be_filled_in() {
    for provider in PROVIDERS {
        for flow in FLOWS {
            let (values, shown) = (Values::default(), shown(provider, flow));
            assert!(!shown.contains(['{', '}']), "{shown}");
            let has_steps = !first(provider, flow, &values).is_empty();
            assert_eq!(has_steps, is_offered(provider, flow), "{provider:?} {flow:?}");
            assert_eq!(shown.is_empty(), !is_offered(provider, flow), "{provider:?} {flow:?}\n{shown}");
            // A flow whose words are shown has words.
            assert!(!is_offered(provider, flow) || !ways(provider).contains(": ;"), "{}", ways(provider));
        }
    }
}

/// Nobody reads the words of a provider that is not theirs.
#[test]
fn each_provider_is_spoken_of_in_its_own_words() {
    let microsoft = ["Microsoft", "microsoft", "Entra", "Exchange", "Office 365", "enant", "Secret ID"];
    let google = ["Google", "google", "Workspace", "GOCSPX", "Admin console", "service account"];
    for flow in FLOWS {
        for (provider, others) in [(Provider::Microsoft, &google[..]), (Provider::Google, &microsoft[..])] {
            let all = format!("{}\n{}", shown(provider, flow), ways(provider));
            for word in others {
                assert!(!all.contains(word), "{provider:?} {flow:?}: {word} in\n{all}");
            }
        }
    }
}

/// What a flow cannot do without at the provider.
#[test]
fn each_flow_is_prepared_for_what_it_asks_there() {
    let microsoft = Provider::Microsoft;
    for (provider, flow, has, has_not) in [
        (microsoft, Flow::Certificate, &["Upload certificate", "SMTP.SendAsApp"][..], &["localhost"][..]),
        (microsoft, Flow::Secret, &["New client secret", "SMTP.SendAsApp"], &["localhost", "openssl"]),
        (
            microsoft,
            Flow::Device,
            &["Allow public client flows", "SMTP.Send;", "no redirect URI"],
            &["localhost", "SendAsApp"],
        ),
        (
            microsoft,
            Flow::Code,
            &["Public client/native (mobile & desktop)\", http://localhost", "SMTP.Send;"],
            &["no redirect URI", "SendAsApp", "client secret"],
        ),
        (Provider::Google, Flow::ServiceAccount, &["JSON", "https://mail.google.com/"], &["client secret"]),
        (Provider::Google, Flow::Code, &["Desktop app", "In production"], &["Expires", "delegation"]),
    ] {
        let shown = shown(provider, flow);
        for words in has {
            assert!(shown.contains(words), "{provider:?} {flow:?}: no {words}\n{shown}");
        }
        for words in has_not {
            assert!(!shown.contains(words), "{provider:?} {flow:?}: {words}\n{shown}");
        }
    }
}

#[test]
fn no_entry_is_of_a_pair_that_nobody_offers() {
    let pairs =
        |provider: Provider, flows: &[Flow]| flows.iter().map(|flow| (provider, *flow)).collect::<Vec<_>>();
    let values = TABLE.value.iter().flat_map(|value| pairs(value.provider, &value.flows));
    let parts = TABLE.part.iter().flat_map(|part| pairs(part.provider, &part.flows));
    for (provider, flow) in values.chain(parts) {
        assert!(is_offered(provider, flow), "{provider:?} {flow:?}");
    }
    let file = wanted(Provider::Microsoft, Flow::Certificate, Name::File).unwrap();
    assert_eq!(file.usual.as_deref(), Some(CERTIFICATE_FILE), "where `login --new-certificate` puts it");
}

#[test]
fn a_value_that_is_not_plain_stays_out_of_the_commands() {
    let values = Values { tenant: "x; Remove-Mailbox y", client_id: "$(z)", mailbox: "a'b@c", file: "/a b" };
    let all = text(&second(Provider::Microsoft, Flow::Certificate, &values));
    for odd in ["Remove-Mailbox", "$(z)", "a'b", "/a b"] {
        assert!(!all.contains(odd), "{all}");
    }
}
