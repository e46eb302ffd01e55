use std::collections::BTreeSet;

use super::*;
use crate::model::oauth::certificate::Certificate;
use crate::model::oauth::{Cloud, Proof, Provider};

const KEY: &str = include_str!("../../../tests/oauth/key.pem");
const CERTIFICATE: &str = include_str!("../../../tests/oauth/certificate.pem");
const NOW: u64 = 1_800_000_000;

fn app() -> App {
    App::microsoft(&Cloud::of(None), "t", "id".into(), Proof::Secret(Secret::new("s")))
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, date: None, body: body.into() }
}

fn good(rest: &str) -> Answer {
    answer(200, &format!("{{\"access_token\":\"aZ09-._~+/=\"{rest}}}"))
}

#[test]
fn a_token_lives_as_long_as_it_is_said() {
    for (rest, life) in [
        (",\"token_type\":\"Bearer\",\"expires_in\":3599", 3599),
        (",\"token_type\":\"bearer\",\"expires_in\":\"600\"", 600),
        ("", 3600),
        (",\"expires_in\":0", 3600),
        (",\"expires_in\":18446744073709551615", 172_800),
        (",\"expires_in\":-5", 3600),
        (",\"expires_in\":null,\"more\":[1]", 3600),
    ] {
        assert_eq!(read(&app(), &good(rest), NOW).unwrap().token.ends, NOW + life, "{rest}");
    }
}

/// Whatever comes, it is no token, it is said who answered, and a body of status 200 is not shown.
#[test]
fn answers_that_are_none() {
    let long = format!("{{\"access_token\":\"{}\"}}", "a".repeat(LONGEST + 1));
    for (status, body) in [
        (200, ""),
        (200, "<html>log in</html>"),
        (200, "{}"),
        (200, "{\"access_token\":5}"),
        (200, "{\"access_token\":\"a b\"}"),
        (200, "{\"access_token\":\"\"}"),
        (200, long.as_str()),
        (200, "{\"access_token\":\"x\",\"token_type\":\"mac\"}"),
        (302, ""),
        (407, "<html>proxy `reboot` wants a login</html>"),
        (400, "{\"error\":{\"code\":400}}"),
        (400, "[]"),
        (503, "busy"),
    ] {
        let refusal = read(&app(), &answer(status, body), NOW).unwrap_err();
        assert!(refusal.cause.starts_with("login.microsoftonline.com gave "), "{refusal:?}");
        assert_eq!(refusal.passes, status == 503, "{refusal:?}");
        assert!(!refusal.evidence.contains('`'), "{refusal:?}");
        assert!(status != 200 || refusal.evidence == "HTTP 200", "{refusal:?}");
    }
}

#[test]
fn each_number_of_entra_has_its_own_words() {
    let mut causes = BTreeSet::new();
    let numbers = [
        7_000_215, 7_000_222, 700_027, 700_024, 700_016, 7_000_112, 90_002, 700_025, 7_000_218, 500_011,
        70_011, 65_001, 9_001_023, 53_003, 50_076, 90_055, 50_196, 530_035, 700_082, 700_084, 70_043, 50_173,
        70_000, 70_016, 70_018, 70_019,
    ];
    for number in numbers {
        let by_text = format!(
            "{{\"error\":\"invalid_client\",\"error_description\":\"AADSTS{number}: Words.\\r\\nTrace ID: 1\"}}"
        );
        let by_code = format!(
            "{{\"error\":\"invalid_client\",\"error_description\":\"Words\",\"error_codes\":[1,{number}]}}"
        );
        for body in [by_text, by_code] {
            let refusal = read(&app(), &answer(401, &body), NOW).unwrap_err();
            assert!(refusal.cause.ends_with(&format!("[AADSTS{number}]")), "{refusal:?}");
            assert!(!refusal.evidence.contains("Trace"), "{refusal:?}");
            assert_eq!(refusal.passes, [90_055, 50_196, 70_016].contains(&number), "{refusal:?}");
            causes.insert(refusal.cause);
        }
    }
    assert_eq!(causes.len(), numbers.len());
}

#[test]
fn google_and_others_are_told_apart_by_their_words() {
    let google = App { provider: Provider::Google, ..app() };
    let other = App { provider: Provider::Other, ..app() };
    let mut causes = BTreeSet::new();
    let cases = [
        (
            &google,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
        ),
        (&google, "invalid_grant", "Invalid JWT Signature."),
        (
            &google,
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        ),
        (&google, "invalid_grant", "Invalid email or User ID"),
        (&google, "disabled_client", "The OAuth client was disabled."),
        (&other, "invalid_client", ""),
        (&other, "unsupported_grant_type", ""),
        (&other, "invalid_scope", ""),
        (&other, "temporarily_unavailable", ""),
        (&other, "never_heard_of", ""),
    ];
    for (app, error, description) in &cases {
        let body = serde_json::json!({ "error": error, "error_description": description }).to_string();
        let refusal = read(app, &answer(400, &body), NOW).unwrap_err();
        assert!(refusal.evidence.starts_with(error), "{refusal:?}");
        causes.insert(refusal.cause);
    }
    assert_eq!(causes.len(), cases.len());
}

#[test]
fn a_clock_that_is_off_is_the_cause_where_an_assertion_was_refused() {
    let certificate = Certificate::parse(&Secret::new(format!("{CERTIFICATE}{KEY}"))).unwrap();
    let signing = App { proof: Proof::Certificate(certificate), ..app() };
    let body = "{\"error\":\"invalid_client\",\"error_description\":\"whatever\"}";
    for (off, words) in [(600, "600 s ahead"), (-600, "600 s behind"), (10, "does not know the application")]
    {
        let date = i64::try_from(NOW).unwrap() - off;
        let answer = Answer { date: Some(date), ..answer(401, body) };
        let refusal = read(&signing, &answer, NOW).unwrap_err();
        assert!(refusal.cause.contains(words), "{refusal:?}");
        let refusal = read(&app(), &answer, NOW).unwrap_err();
        assert!(!refusal.cause.contains("clock"), "a secret needs no clock: {refusal:?}");
    }
}

#[test]
fn a_token_for_another_receiver_is_seen() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let token = |audience: &str| {
        let claims = format!("{{\"aud\":\"{audience}\"}}");
        let text = format!("{}.{}.x", BASE64.encode("{}"), BASE64.encode(claims));
        Token::new(&app(), &Secret::new(text), NOW, 3600)
    };
    assert!(unfit(&app(), &token("https://graph.microsoft.com")).unwrap().contains("graph"));
    assert_eq!(unfit(&app(), &token("https://outlook.office365.com/")), None);
    assert_eq!(unfit(&app(), &Token::new(&app(), &Secret::new("opaque"), NOW, 1)), None);
}
