use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::json;

use super::*;
use crate::model::desired::Tls;
use crate::model::oauth::{App, Cloud, Proof};
use crate::model::postfix::settings::Settings;
use crate::model::route::nexthop::NextHop;
use crate::model::secret::Secret;

const NOW: i64 = 1_800_000_000;
const APP: &str = "12345678-90ab-cdef-1234-567890abcdef";
const TENANT: &str = "aaaaaaaa-90ab-cdef-1234-567890abcdef";

fn route(host: &str, claims: &Value) -> Route {
    let token = format!("{}.{}.x", BASE64.encode("{\"alg\":\"RS256\"}"), BASE64.encode(claims.to_string()));
    let relay = NextHop::parse(&format!("[{host}]:587")).unwrap();
    let app = App::microsoft(&Cloud::of(None), TENANT, APP.into(), Proof::Secret(Secret::new("s")));
    let mut route = Route::new(relay, Tls::Secure, &Settings::new(), "host");
    route.login = Some(("alerts@example.com".into(), Secret::new(token)));
    route.app = Some(app);
    route
}

fn good() -> Value {
    json!({ "aud": "https://outlook.office365.com", "appid": APP, "tid": TENANT, "roles": ["SMTP.SendAsApp"], "exp": NOW + 60, "nbf": NOW - 60 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn failure() -> Failure {
    Failure::new(true, "token-refused-by-exchange", "c".into(), "r", Vec::new())
}

/// What hides behind the same reply is told apart.
#[test]
fn each_fault_of_a_token_has_its_own_name() {
    for (claims, id, words) in [
        (with("exp", json!(NOW - 5)), "token-ended", "ended 5 s ago"),
        (with("nbf", json!(NOW + 900)), "token-early", "clock is behind"),
        (
            with("aud", json!("https://graph.microsoft.com")),
            "token-audience",
            "it is for https://graph.microsoft.com",
        ),
        (with("appid", json!("other")), "token-application", "of the application other"),
        (with("tid", json!("bbbb")), "token-tenant", "of the tenant bbbb"),
        (with("roles", json!(["Mail.Read"])), "token-role", "Mail.Read, and not SMTP.SendAsApp"),
        (with("roles", Value::Null), "token-right-missing", "RBAC for Applications alone"),
        (good(), "token-right-missing", "cannot be known from here"),
    ] {
        let found = judged(failure(), &route("smtp.office365.com", &claims), NOW);
        assert_eq!(found.id, id, "{claims}");
        assert!(found.cause.contains(words), "{found:?}");
        assert!(!found.remedy.is_empty());
    }
    let mut person = with("roles", Value::Null);
    person["scp"] = json!("SMTP.Send openid");
    person["aud"] = json!("https://outlook.office.com");
    assert_eq!(judged(failure(), &route("smtp.office365.com", &person), NOW).id, "token-right-missing");
    person["scp"] = json!("IMAP.AccessAsUser.All");
    assert_eq!(judged(failure(), &route("smtp.office365.com", &person), NOW).id, "token-role");
}

#[test]
fn nothing_is_guessed_of_another_relay_or_of_a_token_that_cannot_be_read() {
    let other = judged(failure(), &route("r.example.com", &with("aud", json!("x"))), NOW);
    assert_eq!(other.id, "token-refused-by-exchange");
    let mut opaque = route("smtp.office365.com", &good());
    opaque.login = Some(("u".into(), Secret::new("ya29.opaque")));
    assert_eq!(judged(failure(), &opaque, NOW).id, "token-refused-by-exchange");
    let password = Failure::new(true, "wrong-password", "c".into(), "r", Vec::new());
    assert_eq!(
        judged(password, &route("smtp.office365.com", &with("exp", json!(1))), NOW).id,
        "wrong-password"
    );
}
