//! The question to a token endpoint: a form (RFC 6749 §4.4.2), with an assertion that the caller signs (RFC 7523).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::certificate::Key;
use super::{App, Proof, Provider};
use crate::model::secret::Secret;

/// Seconds for which an assertion counts. Entra takes 10 minutes at most, Google an hour.
const ASSERTION_LIFE: u64 = 300;

/// A signature over an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
    /// RSASSA-PSS with SHA-256, its salt as long as the digest (RFC 7518 §3.5).
    Ps256,
}

/// An assertion that is to be signed.
#[derive(Debug)]
pub struct Assertion<'a> {
    /// Header and claims, as they are signed (RFC 7515 §5.1).
    pub text: String,
    /// The key that signs.
    pub key: &'a Key,
    /// The signature.
    pub algorithm: Algorithm,
}

impl Assertion<'_> {
    /// The assertion with its signature.
    pub fn signed(&self, signature: &[u8]) -> Secret {
        Secret::new(format!("{}.{}", self.text, URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The assertion that an application's question needs at a time, in seconds since 1970; `id` does not come again. `None`:
/// its secret goes as it is.
pub fn assertion<'a>(app: &'a App, now: u64, id: &str) -> Option<Assertion<'a>> {
    let ends = now + ASSERTION_LIFE;
    let (header, claims, key, algorithm) = match &app.proof {
        Proof::Secret(_) | Proof::Person(_) => return None,
        Proof::Certificate(certificate) => (
            json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": certificate.thumbprint }),
            json!({ "aud": app.token_url, "iss": app.client_id, "sub": app.client_id, "jti": id,
                    "iat": now, "nbf": now, "exp": ends }),
            &certificate.key,
            Algorithm::Ps256,
        ),
        Proof::ServiceAccount(account) => (
            json!({ "alg": "RS256", "typ": "JWT", "kid": account.key_id }),
            json!({ "aud": app.token_url, "iss": account.email, "sub": app.mailbox, "scope": app.scope,
                    "iat": now, "exp": ends }),
            &account.key,
            Algorithm::Rs256,
        ),
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    Some(Assertion { text: format!("{}.{}", part(&header), part(&claims)), key, algorithm })
}

/// The body of the question, as `application/x-www-form-urlencoded`. `given`: the assertion that was signed, or the refresh
/// token of the person (RFC 6749 §6).
pub fn form(app: &App, given: Option<&Secret>) -> Secret {
    const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const CLIENT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let given = given.map_or("", Secret::expose);
    let mut fields = match &app.proof {
        Proof::Person(_) => {
            let grant = [("grant_type", "refresh_token"), ("refresh_token", given)];
            // The scope is the one that the person agreed to. Microsoft wants it in each question, other providers do not.
            let scope = if app.provider == Provider::Microsoft { app.scope.as_str() } else { "" };
            return client_form(app, &[&grant[..], &[("scope", scope)]].concat());
        }
        Proof::ServiceAccount(_) => vec![("grant_type", BEARER), ("assertion", given)],
        Proof::Certificate(_) => vec![
            ("grant_type", "client_credentials"),
            ("client_id", &app.client_id),
            ("client_assertion_type", CLIENT_BEARER),
            ("client_assertion", given),
        ],
        Proof::Secret(secret) => vec![
            ("grant_type", "client_credentials"),
            ("client_id", &app.client_id),
            ("client_secret", secret.expose()),
        ],
    };
    // The scope of a service account is in its assertion.
    if !app.scope.is_empty() && !matches!(app.proof, Proof::ServiceAccount(_)) {
        fields.push(("scope", &app.scope));
    }
    form_of(&fields)
}

/// A question of an application that a person logs in for: with its name, and its secret if it has one (RFC 6749 §2.3.1).
pub(super) fn client_form(app: &App, more: &[(&str, &str)]) -> Secret {
    let secret = app.person().and_then(|person| person.secret.as_ref());
    let secret = secret.map(|secret| ("client_secret", secret.expose()));
    let own = std::iter::once(("client_id", app.client_id.as_str())).chain(secret);
    form_of(&own.chain(more.iter().copied()).filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
}

/// Fields as `application/x-www-form-urlencoded`.
pub(super) fn form_of(fields: &[(&str, &str)]) -> Secret {
    let field = |(name, value): &(&str, &str)| format!("{name}={}", escaped(value));
    Secret::new(fields.iter().map(field).collect::<Vec<_>>().join("&"))
}

/// A value of a form: all but the unreserved characters as %XX, which every server reads.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oauth::certificate::Certificate;
    use crate::model::oauth::service_account::ServiceAccount;
    use crate::model::oauth::{Cloud, claims};

    const KEY: &str = include_str!("../../../tests/oauth/key.pem");
    const CERTIFICATE: &str = include_str!("../../../tests/oauth/certificate.pem");

    #[test]
    fn a_secret_goes_in_the_form_with_every_odd_letter_escaped() {
        let proof = Proof::Secret(Secret::new("a&b=c+d é"));
        let app = App::microsoft(&Cloud::of(None), "t", "id".into(), proof);
        assert!(assertion(&app, 1, "x").is_none());
        assert_eq!(
            form(&app, None).expose(),
            "grant_type=client_credentials&client_id=id&client_secret=a%26b%3Dc%2Bd%20%C3%A9\
             &scope=https%3A%2F%2Foutlook.office365.com%2F.default"
        );
    }

    #[test]
    fn an_assertion_says_who_asks_whom_and_until_when() {
        let certificate = Certificate::parse(&Secret::new(format!("{CERTIFICATE}{KEY}"))).unwrap();
        let thumbprint = certificate.thumbprint.clone();
        let app = App::microsoft(&Cloud::of(None), "t", "id".into(), Proof::Certificate(certificate));
        let made = assertion(&app, 1000, "once").unwrap();
        assert_eq!(made.algorithm, Algorithm::Ps256);
        let signed = made.signed(b"signature");
        let [header, claims] = claims::parts(signed.expose()).unwrap();
        assert_eq!(header, json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));
        let url = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
        assert_eq!(
            claims,
            json!({ "aud": url, "iss": "id", "sub": "id", "jti": "once", "iat": 1000, "nbf": 1000, "exp": 1300 })
        );
        assert!(form(&app, Some(&signed)).expose().contains("client_assertion=ey"));

        let file = json!({ "type": "service_account", "client_email": "sa@p", "private_key_id": "k", "private_key": KEY });
        let account = ServiceAccount::parse(&Secret::new(file.to_string())).unwrap();
        let app = App::google(account, "alerts@example.com");
        let made = assertion(&app, 1000, "once").unwrap();
        let [header, claims] = claims::parts(made.signed(b"s").expose()).unwrap();
        assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("RS256"), Some("k")));
        assert_eq!(claims["sub"], "alerts@example.com");
        assert_eq!(claims["scope"], "https://mail.google.com/");
        assert!(!form(&app, None).expose().contains("scope="));
    }
}
