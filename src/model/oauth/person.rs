//! A person who logs in once: by a code that is typed at another device (RFC 8628), or at a page, whose last address the
//! person pastes (RFC 6749 §4.1, with the proof of RFC 7636).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::refusal::{Refusal, refusal, strange};
use super::reply::{self, Granted};
use super::request::{client_form, form_of};
use super::{App, Provider};
use crate::error::Complaint;
use crate::model::secret::Secret;
use crate::model::text;

/// The way in which a person logs in for an application.
#[derive(Debug, Clone)]
pub struct Person {
    /// The address of the provider's that the login begins at.
    pub page: Page,
    /// The client secret, if the application has one.
    pub secret: Option<Secret>,
}

/// The address at which a login begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// That gives codes to type at another device.
    Device(String),
    /// The page at which the person logs in.
    Code(String),
}

/// The address to which the provider sends the browser at the end of a login. No program listens there: the person copies
/// the address itself. RFC 8252 §7.3 has providers allow any port of the loopback address.
const REDIRECT: &str = "http://localhost";

/// Usual pause between two questions, in seconds (RFC 8628 §3.2).
const INTERVAL: u64 = 5;
/// What a `slow_down` adds to it (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// Longest pause, and longest life of a code, that are believed, in seconds.
const LONGEST_INTERVAL: u64 = 60;
const LONGEST_LIFE: u64 = 1800;
/// Longest address and code that are shown, in characters.
const LONGEST_ADDRESS: usize = 500;
const LONGEST_CODE: usize = 64;

/// A login by another device that a person has to go on with.
#[derive(Debug)]
pub struct Invitation {
    /// The address to open.
    pub address: String,
    /// The same with the code in it, if the provider has one.
    pub complete: Option<String>,
    /// The code to type there.
    pub code: String,
    /// The pause between two questions whether it was typed.
    pub interval: Duration,
    /// How long the code lives.
    pub life: Duration,
    /// The code that the provider knows this login by.
    pub device: Secret,
}

#[derive(Deserialize)]
struct Given {
    device_code: Secret,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(default)]
    verification_uri_complete: Option<String>,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    interval: Value,
}

impl Invitation {
    /// Reads the answer to [`begin`], which came at `now`, in seconds since 1970.
    pub fn read(app: &App, answer: &Answer, now: u64) -> Result<Self, Refusal> {
        if answer.status != 200 {
            return Err(refusal(app, answer, now));
        }
        let is_clean = |text: &str, most| {
            !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let is_page = |address: &str| is_clean(address, LONGEST_ADDRESS) && address.starts_with("https://");
        let given = serde_json::from_slice::<Given>(&answer.body).ok().filter(|given| {
            is_page(&given.verification_uri)
                && is_clean(&given.user_code, LONGEST_CODE)
                && !given.device_code.expose().is_empty()
        });
        let Some(given) = given else { return Err(strange(app, answer, "an answer without a code")) };
        let number = |value: &Value| {
            value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|number| *number > 0)
        };
        Ok(Self {
            address: given.verification_uri,
            complete: given.verification_uri_complete.filter(|address| is_page(address)),
            code: given.user_code,
            interval: Duration::from_secs(number(&given.interval).unwrap_or(INTERVAL).min(LONGEST_INTERVAL)),
            life: Duration::from_secs(number(&given.expires_in).unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE)),
            device: given.device_code,
        })
    }

    /// The pause after an answer `slow_down`.
    pub fn slower(interval: Duration) -> Duration {
        interval + SLOWER
    }

    /// The pause after a question that got no answer: RFC 8628 §3.5 wants longer and longer ones.
    pub fn after_silence(interval: Duration) -> Duration {
        (interval * 2).min(Duration::from_secs(LONGEST_INTERVAL))
    }
}

/// The question for a code to type at another device (RFC 8628 §3.1).
pub fn begin(app: &App) -> Secret {
    client_form(app, &[("scope", &app.scope)])
}

/// The question whether the person is done (RFC 8628 §3.4).
pub fn poll(app: &App, device: &Secret) -> Secret {
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    client_form(app, &[("grant_type", grant), ("device_code", device.expose())])
}

/// The question for tokens by the code of a page (RFC 6749 §4.1.3, RFC 7636 §4.5).
pub fn redeem(app: &App, challenge: &Challenge, code: &Secret) -> Secret {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", challenge.verifier.expose()),
    ];
    client_form(app, &fields)
}

/// What came of a question whether the person is done.
#[derive(Debug)]
pub enum Polled {
    /// The tokens.
    Granted(Granted),
    /// Not yet.
    Pending,
    /// Not yet, and the questions come too fast.
    TooFast,
}

/// Reads the answer to [`poll`], which came at `now`, in seconds since 1970.
pub fn polled(app: &App, answer: &Answer, now: u64) -> Result<Polled, Refusal> {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match said.get("error").and_then(Value::as_str).filter(|_| answer.status != 200) {
        Some("authorization_pending") => Ok(Polled::Pending),
        Some("slow_down") => Ok(Polled::TooFast),
        _ => reply::read(app, answer, now).map(Polled::Granted),
    }
}

/// The random values of one login at a page: nobody else can use the code that it brings (RFC 7636), nor slip in another
/// code (`state`, RFC 6749 §10.12).
#[derive(Debug)]
pub struct Challenge {
    verifier: Secret,
    state: String,
}

impl Challenge {
    /// A challenge, from bytes that nobody can guess.
    pub fn new(verifier: [u8; 32], state: [u8; 16]) -> Self {
        Self { verifier: Secret::new(URL_SAFE_NO_PAD.encode(verifier)), state: URL_SAFE_NO_PAD.encode(state) }
    }

    /// The verifier, which is a secret.
    pub fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// The whole address of the page that a person logs in at (RFC 6749 §4.1.1, RFC 7636 §4.3).
    pub fn address(&self, app: &App, page: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose()));
        // Only a login for which the person is asked for consent again brings another refresh token: Google's rule, and that
        // of OpenID Connect Core §11.
        let more: &[(&str, &str)] = match app.provider {
            Provider::Microsoft => &[("prompt", "select_account")],
            Provider::Google => &[("access_type", "offline"), ("prompt", "consent")],
            Provider::Other => &[("prompt", "consent")],
        };
        let own = [
            ("response_type", "code"),
            ("client_id", &app.client_id),
            ("redirect_uri", REDIRECT),
            ("scope", &app.scope),
            ("state", &self.state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("login_hint", &app.mailbox),
        ];
        let fields: Vec<_> =
            own.into_iter().chain(more.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
        let separator = if page.contains('?') { '&' } else { '?' };
        format!("{page}{separator}{}", form_of(&fields).expose())
    }

    /// The code in the address that the browser ended at (RFC 6749 §4.1.2), which a person has pasted.
    pub fn code(&self, pasted: &str) -> Result<Secret, Complaint> {
        let refuse = |problem: String, remedy: &str| Err(Complaint::new(problem, remedy));
        let copy = "copy the whole address from the browser's address bar, when the page at http://localhost could not be opened";
        let query = pasted.trim().split_once('?').map_or(pasted.trim(), |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        let value = |name: &str| {
            query.split('&').find_map(|field| unescaped(field.strip_prefix(name)?.strip_prefix('=')?))
        };
        if let Some(error) = value("error") {
            let words = value("error_description").unwrap_or_default();
            let words = [text::quoted(&error), text::quoted(&words)].join(": ");
            return refuse(
                format!("the provider did not let the application in: {}", words.trim_end_matches(": \"\"")),
                "log in again as the mailbox's owner, and agree",
            );
        }
        let Some(code) = value("code").filter(|code| !code.is_empty()) else {
            return refuse("there is no code in this address".into(), copy);
        };
        if value("state").as_deref() != Some(&self.state) {
            return refuse(
                "this address is of another login than this one".into(),
                "open the address above, and bring back the address that the browser ends at then",
            );
        }
        Ok(Secret::new(code))
    }
}

/// A value of a form or an address (`application/x-www-form-urlencoded`); `None` if it is none.
fn unescaped(value: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[path = "person_tests.rs"]
mod tests;
