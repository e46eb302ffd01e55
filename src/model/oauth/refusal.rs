//! Refusals of a token endpoint: the cause, and who must do what. `error` decides, and Entra's number (AADSTS…) where there is
//! one: Microsoft says that its texts change (learn.microsoft.com, "Microsoft Entra authentication and authorization error
//! codes").

use serde::Deserialize;
use serde_json::Value;

use super::answer::Answer;
use super::{App, Proof, Provider};
use crate::model::text;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The cause.
    pub cause: String,
    /// Who must do what.
    pub remedy: String,
    /// The endpoint's own words.
    pub evidence: String,
    /// Whether the same question may succeed later with nothing changed.
    pub passes: bool,
}

/// Seconds by which two clocks may differ; Entra and Google allow some minutes.
const CLOCK: i64 = 240;

/// Longest text of the endpoint's that is shown, in characters.
const SHOWN: usize = 400;

/// A row of the table of Entra's numbers: the numbers, the cause, the remedy.
type Row = (&'static [u32], &'static str, &'static str);

const AGAIN: &str = "wait: nothing on this host or in the tenant need change";

/// Entra's numbers that an application without a person can meet.
const ENTRA: [Row; 17] = [
    (
        &[7_000_215],
        "the client secret is not one of the application",
        "have the application's owner look in Entra, App registrations, the application, Certificates & secrets: give the Value, which is shown once, not the Secret ID; or make another secret",
    ),
    (
        &[7_000_222],
        "the client secret has ended",
        "have the application's owner make another one in Entra (App registrations, the application, Certificates & secrets), and put its Value in the place of the old one",
    ),
    (
        &[700_027],
        "Entra does not know the certificate, or the certificate has ended",
        "have the application's owner upload the certificate (the part without the key) in Entra: App registrations, the application, Certificates & secrets, Certificates",
    ),
    (
        &[700_024],
        "the time in the assertion is not Entra's: this host's clock is off",
        "set this host's clock (`timedatectl set-ntp true`, or start chronyd)",
    ),
    (
        &[700_016],
        "there is no such application in this tenant",
        "compare client_id with \"Application (client) ID\" in Entra, App registrations, and tenant with \"Directory (tenant) ID\" there: each must be this tenant's own",
    ),
    (
        &[7_000_112],
        "the application is switched off",
        "have the tenant's administrator enable it in Entra: Enterprise applications, the application, Properties, \"Enabled for users to sign-in\"",
    ),
    (
        &[90_002, 900_023],
        "there is no such tenant, or it is in another cloud",
        "compare tenant with \"Directory (tenant) ID\" in Entra, Overview; a tenant of the US Government or of China needs the preset office365/usgov or office365/china",
    ),
    (
        &[700_025],
        "the application is a public client, which has no secret",
        "have its owner switch off \"Allow public client flows\" in Entra: App registrations, the application, Authentication",
    ),
    (
        &[7_000_218],
        "the application's secret or certificate did not come with the question",
        "give client_secret_file or certificate in the answers",
    ),
    (
        &[500_011],
        "Exchange Online is not known in this tenant",
        "have the tenant's administrator see in Entra, Enterprise applications, that \"Office 365 Exchange Online\" is there: it comes with the first Exchange licence",
    ),
    (
        &[70_011, 1_002_012],
        "Entra does not know the scope",
        "take the preset of your cloud: office365, office365/usgov or office365/china",
    ),
    (
        &[65_001],
        "nobody has consented to the application's permission",
        "have the tenant's administrator grant consent in Entra: App registrations, the application, API permissions, \"Grant admin consent\"",
    ),
    (
        &[9_001_023],
        "this endpoint gives no token to an application without a person",
        "name the tenant itself in the answers, by its id or domain",
    ),
    (
        &[53_003, 530_032],
        "a Conditional Access policy keeps the application out",
        "have the tenant's administrator look in Entra, Sign-in logs, Service principal sign-ins, which policy it was, and exempt the application or this host's address",
    ),
    (
        &[50_076, 50_079, 530_035],
        "the tenant asks for a person with a second factor",
        "have the tenant's administrator exempt the application from that policy: it logs in without a person",
    ),
    (&[90_055], "the tenant has asked for too many tokens", AGAIN),
    (&[50_196], "Entra has seen the same question many times in a short while, and has paused it", AGAIN),
];

/// Where a remedy is to log in once more. The command is the application's.
const LOGIN: &str = "log in again";

/// Entra's numbers that mean something else, or come only, where a person logs in. They count before those of [`ENTRA`].
const ENTRA_PERSON: [Row; 14] = [
    (&[700_082], "the login has ended: it was not used for 90 days", LOGIN),
    (
        &[700_084],
        "the login has ended after 24 hours, since the application's redirect URI is one of a single-page application",
        "have the application's owner move the redirect URI in Entra (App registrations, the application, Authentication) from \"Single-page application\" to \"Mobile and desktop applications\", then log in again",
    ),
    (&[50_173], "the login has ended: the password was changed, or all sessions were revoked", LOGIN),
    (
        &[70_043],
        "the login has ended: a policy of the tenant asks the person to log in again from time to time",
        LOGIN,
    ),
    (&[70_000, 700_003, 50_078], "Entra does not take the login any more", LOGIN),
    (&[50_076, 50_079], "the login was made without the second factor that the tenant asks for", LOGIN),
    (&[70_018], "Entra does not know the code", LOGIN),
    (&[70_019], "the code has ended before anybody typed it", LOGIN),
    (
        &[7_000_218],
        "the application is not one for logins of persons without a secret",
        "have its owner switch on \"Allow public client flows\" in Entra (App registrations, the application, Authentication), or give client_secret_file in the answers",
    ),
    (
        &[700_025],
        "the application is a public client, which has no secret",
        "remove client_secret_file (or client_secret_env, client_secret_credential) from the answers",
    ),
    (
        &[50_011],
        "the application does not have the redirect URI http://localhost",
        "have its owner add http://localhost in Entra: App registrations, the application, Authentication, \"Mobile and desktop applications\"",
    ),
    (
        &[53_003, 530_032],
        "a Conditional Access policy does not allow this login",
        "have the tenant's administrator look in Entra, Sign-in logs, which policy it was; policies that forbid the device code flow leave flow = \"code\"",
    ),
    (
        &[65_001],
        "nobody has consented to the application's permission",
        "have the application's owner add the delegated permission SMTP.Send of Office 365 Exchange Online (App registrations, the application, API permissions), and the tenant's administrator consent to it",
    ),
    (
        &[50_020, 90_072],
        "the account that logged in is not one of this tenant",
        "log in with an account of the tenant, or correct tenant in the answers",
    ),
];

/// An error by RFC 6749 §5.2, and Entra's numbers.
#[derive(Deserialize, Default)]
struct Bad {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
}

/// The refusal that an answer is, which came at `now`.
pub fn refusal(app: &App, answer: &Answer, now: u64) -> Refusal {
    let Ok(bad) = serde_json::from_slice::<Bad>(&answer.body) else {
        return strange(app, answer, "no answer of a token endpoint");
    };
    let Some(error) = bad.error.as_str() else {
        return strange(app, answer, "no answer of a token endpoint");
    };
    let description = bad.error_description.lines().next().unwrap_or_default();
    let evidence = shown(&[error, description].join(": "));
    let evidence = evidence.trim_end_matches(": ").to_owned();
    let (cause, remedy) = match entra(app, &bad, description) {
        Some((number, cause, remedy)) => (format!("{cause} [AADSTS{number}]"), remedy.to_owned()),
        None => generic(app, error, description),
    };
    let remedy = remedy.replace(LOGIN, &format!("{LOGIN}: `{}`", app.login));
    let passes = remedy == AGAIN || answer.status >= 500 || answer.status == 429;
    match clock_off(answer, now).filter(|_| is_signed(app) && !passes) {
        Some((cause, remedy)) => Refusal { cause, remedy, evidence, passes },
        None => Refusal { cause, remedy, evidence, passes },
    }
}

/// Whether an application proves itself with an assertion, in which the time stands.
fn is_signed(app: &App) -> bool {
    matches!(app.proof, Proof::Certificate(_) | Proof::ServiceAccount(_))
}

/// An answer that is none of a token endpoint's: a proxy's page, a redirect, another server.
pub fn strange(app: &App, answer: &Answer, what: &str) -> Refusal {
    let status = answer.status;
    let host = app.host();
    let passes = status >= 500 || status == 429;
    let remedy = if passes {
        AGAIN.to_owned()
    } else {
        format!(
            "see what answers in the place of {host}: a proxy that wants a login, a captive network, or a wrong address in the answers"
        )
    };
    let body = String::from_utf8_lossy(&answer.body);
    // A body with a token in it is not shown.
    let evidence =
        if status == 200 { format!("HTTP {status}") } else { shown(&format!("HTTP {status}: {body}")) };
    Refusal { cause: format!("{host} gave {what} (HTTP {status})"), remedy, evidence, passes }
}

/// The row of Entra's number, if the answer has one that is known.
fn entra(app: &App, bad: &Bad, description: &str) -> Option<(u32, &'static str, &'static str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = description.split_once("AADSTS").map_or("", |(_, rest)| rest);
    let named: Option<u32> = rest.get(..digits(rest)).and_then(|number| number.parse().ok());
    let mut numbers = named.iter().chain(&bad.error_codes);
    let person: &[Row] = if app.person().is_some() { &ENTRA_PERSON } else { &[] };
    let row = |number: &u32| {
        person
            .iter()
            .chain(&ENTRA)
            .find(|(numbers, ..)| numbers.contains(number))
            .map(|(_, cause, remedy)| (*number, *cause, *remedy))
    };
    numbers.find_map(row)
}

/// Cause and remedy by the word of RFC 6749 §5.2 alone, and by Google's texts.
fn generic(app: &App, error: &str, description: &str) -> (String, String) {
    let has = |word: &str| description.to_ascii_lowercase().contains(word);
    if app.person().is_some()
        && let Some((cause, remedy)) = of_person(app, error, description)
    {
        return (cause.to_owned(), remedy.to_owned());
    }
    let (cause, remedy) = match (app.provider, error) {
        (Provider::Google, "unauthorized_client") => (
            "the domain has not delegated its mail to this service account",
            "have the Workspace administrator add the service account's Client ID with the scope https://mail.google.com/ in the Admin console: Security, API controls, Domain-wide delegation; it takes some minutes, up to a day",
        ),
        (Provider::Google, "invalid_grant") if has("signature") || has("no valid verifier") => (
            "Google does not know the key of the service account: it was deleted there, or the file is of another account",
            "make a new key of the service account in the Google Cloud console (IAM & Admin, Service Accounts, Keys), and take its JSON file",
        ),
        (Provider::Google, "invalid_grant") if has("iat") || has("exp") || has("short-lived") => (
            "the time in the assertion is not Google's: this host's clock is off",
            "set this host's clock (`timedatectl set-ntp true`, or start chronyd)",
        ),
        (Provider::Google, "invalid_grant") => (
            "Google does not know the service account or the mailbox",
            "see that auth.username is the address of a user of the domain, no alias and no group, and that the service account exists",
        ),
        (Provider::Google, "disabled_client") => (
            "the service account is switched off",
            "enable it in the Google Cloud console: IAM & Admin, Service Accounts",
        ),
        (_, "invalid_client") => (
            "the provider does not know the application, or not by this secret",
            "compare client_id and the secret or certificate with what the provider has for the application",
        ),
        (_, "unauthorized_client" | "unsupported_grant_type") => (
            "the application may not fetch tokens in this way",
            "have the application's owner allow it the client credentials grant at the provider",
        ),
        (_, "invalid_scope") => (
            "the provider does not know the scope, or not for this application",
            "correct auth.oauth.scope, or have the provider allow it to the application",
        ),
        (_, "temporarily_unavailable" | "server_error" | "slow_down") => {
            ("the provider has trouble of its own", AGAIN)
        }
        _ => (
            "the provider gives no token",
            "read its words, and ask whoever looks after the application there",
        ),
    };
    (cause.to_owned(), remedy.to_owned())
}

/// The same where a person logs in (RFC 6749 §4.1.2.1, RFC 8628 §3.5).
fn of_person(app: &App, error: &str, description: &str) -> Option<(&'static str, &'static str)> {
    Some(match error {
        "invalid_grant" if app.provider == Provider::Google && description.contains("expired or revoked") => {
            (
                "the login has ended: it was revoked or not used for six months, or the application is one in testing, whose logins end after 7 days",
                "set the application's publishing status to \"In production\" in the Google Cloud console (Google Auth Platform, Audience), then log in again",
            )
        }
        "invalid_grant" => ("the provider does not take the login, or does not take it any more", LOGIN),
        "authorization_declined" | "access_denied" => ("whoever was at the page has declined", LOGIN),
        "expired_token" => ("the code has ended before anybody typed it", LOGIN),
        "bad_verification_code" => ("the provider does not know the code", LOGIN),
        "unauthorized_client" | "unsupported_grant_type" => (
            "persons may not log in to the application in this way",
            "have the application's owner allow it at the provider, or take another flow",
        ),
        "interaction_required" | "consent_required" => ("the provider wants the person once more", LOGIN),
        _ => return None,
    })
}

/// Whether this host's clock and the server's differ too much for an assertion.
fn clock_off(answer: &Answer, now: u64) -> Option<(String, String)> {
    let off = i64::try_from(now).ok()? - answer.date?;
    if off.abs() <= CLOCK {
        return None;
    }
    let way = if off > 0 { "ahead" } else { "behind" };
    let cause = format!("this host's clock is {} s {way} of the provider's", off.abs());
    Some((cause, "set this host's clock (`timedatectl set-ntp true`, or start chronyd)".to_owned()))
}

/// Words from elsewhere for a sentence.
pub(super) fn shown(words: &str) -> String {
    text::plain(words.trim()).chars().take(SHOWN).collect()
}
