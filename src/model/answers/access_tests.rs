use super::*;
use crate::model::answers::Answers;
use crate::model::answers::choices::Choices;
use crate::model::answers::complete::complete;
use crate::model::answers::interview::{Interview, Question};

const KEY: &str = include_str!("../../../tests/oauth/key.pem");
const CERTIFICATE: &str = include_str!("../../../tests/oauth/certificate.pem");

/// What the file of a flow holds.
fn held(flow: Flow) -> Secret {
    Secret::new(match flow {
        Flow::Certificate => format!("{CERTIFICATE}{KEY}"),
        Flow::ServiceAccount => {
            serde_json::json!({ "type": "service_account", "client_email": "sa@p", "private_key_id": "k", "private_key": KEY })
                .to_string()
        }
        Flow::Secret | Flow::Device | Flow::Code => "s~x".to_owned(),
    })
}

/// Answers every question of `init` for a flow: the questions that were put, and the choices.
fn asked(preset: &str, flow: Flow) -> (Vec<Question>, Choices) {
    use Question as Q;
    let mut interview =
        Interview::new(Choices { provider: Some(preset.into()), ..Choices::default() }, "h.example.com");
    let mut asked = Vec::new();
    while let Some(prompt) = interview.next() {
        let typed = match prompt.question {
            Q::Way => flow.word(),
            Q::Username => "alerts@example.com",
            Q::Tenant => "contoso.onmicrosoft.com",
            Q::Client => "12345678-90ab-cdef-1234-567890abcdef",
            Q::Password => "s~x",
            Q::Ends => "2030-05-01",
            Q::Local => "none",
            Q::To => "ops@example.net",
            _ => "",
        };
        assert!(!prompt.text.is_empty(), "{prompt:?}");
        interview.answer(prompt.question, typed).unwrap();
        asked.push(prompt.question);
    }
    (asked, interview.choices().clone())
}

/// Each flow that a preset offers is asked for what it needs, and for nothing else.
#[test]
fn each_flow_of_each_provider_is_asked_for_its_own_values() {
    use Question as Q;
    for (preset, flow, wanted) in [
        ("office365", Flow::Certificate, &[Q::Tenant, Q::Client, Q::File][..]),
        ("office365", Flow::Secret, &[Q::Tenant, Q::Client, Q::Password, Q::Ends]),
        ("office365", Flow::Device, &[Q::Tenant, Q::Client]),
        ("office365", Flow::Code, &[Q::Tenant, Q::Client]),
        ("gmail", Flow::ServiceAccount, &[Q::File]),
        ("gmail", Flow::Code, &[Q::Client, Q::Password]),
    ] {
        let (asked, mut choices) = asked(preset, flow);
        let of_token = [Q::Tenant, Q::Client, Q::File, Q::Password, Q::Ends];
        let asked: Vec<_> = asked.into_iter().filter(|question| of_token.contains(question)).collect();
        assert_eq!(asked, wanted, "{preset} {flow:?}");
        if wanted.contains(&Q::Password) {
            // `init` writes it into a file of its own.
            choices.password_file = Some("/etc/relayhost/password".into());
        }
        let has_file = wanted.contains(&Q::File) || wanted.contains(&Q::Password);
        let app = |choices: &Choices| {
            let text = choices.text("", false);
            let answers = Answers::parse("a", text.as_bytes()).unwrap();
            complete(&answers, has_file.then(|| held(flow))).map(|desired| desired.app().cloned())
        };
        assert!(app(&choices).unwrap().is_some(), "{preset} {flow:?}");
        let without = |change: fn(&mut Access)| {
            let mut choices = choices.clone();
            choices.access.iter_mut().for_each(change);
            app(&choices).is_err()
        };
        assert_eq!(without(|access| access.tenant = None), wanted.contains(&Q::Tenant), "{preset} {flow:?}");
        assert_eq!(
            without(|access| access.client_id = None),
            wanted.contains(&Q::Client),
            "{preset} {flow:?}"
        );
    }
}

/// The table above has each pair that can be chosen.
#[test]
fn no_flow_is_left_out() {
    assert_eq!(Provider::Microsoft.flows(), [Flow::Certificate, Flow::Secret, Flow::Device, Flow::Code]);
    assert_eq!(Provider::Google.flows(), [Flow::ServiceAccount, Flow::Code]);
}
