//! Refusals of a token endpoint: the cause, and who must do what, which the catalogue of causes knows
//! (`causes/catalogue/identity.toml`). `error` decides, and Entra's number (AADSTS…) where there is one: Microsoft says that
//! its texts change (learn.microsoft.com, "Microsoft Entra authentication and authorization error codes").

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::Answer;
use super::{App, Proof};
use crate::model::causes::catalogue::{Entry, Fact, Subject, fitting};
use crate::model::text;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The cause's name in the catalogue; [`UNKNOWN`] if it has none.
    pub id: &'static str,
    /// The cause.
    pub cause: String,
    /// Who must do what.
    pub remedy: String,
    /// The endpoint's own words.
    pub evidence: String,
    /// Whether the same question may succeed later with nothing changed.
    pub passes: bool,
}

/// Name of a cause that the catalogue does not have.
pub const UNKNOWN: &str = "no-token";

/// Seconds by which two clocks may differ; Entra and Google allow some minutes.
const CLOCK: i64 = 240;

/// Longest text of the endpoint's that is shown, in characters.
const SHOWN: usize = 400;

const AGAIN: &str = "wait: nothing on this host or at the provider need change";

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
    let known = known(app, &bad, error, description).unwrap_or_else(|| Known {
        id: UNKNOWN,
        cause: "the provider gives no token".into(),
        remedy: "read its words, and ask whoever looks after the application there".into(),
        again: false,
    });
    let passes = known.again || answer.status >= 500 || answer.status == 429;
    match clock_off(answer, now).filter(|_| is_signed(app) && !passes) {
        Some((cause, remedy)) => Refusal { id: "oauth-clock", cause, remedy, evidence, passes },
        None => Refusal { id: known.id, cause: known.cause, remedy: known.remedy, evidence, passes },
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
    let cause = format!("{host} gave {what} (HTTP {status})");
    Refusal { id: UNKNOWN, cause, remedy, evidence, passes }
}

/// What the catalogue knows of a refusal.
struct Known {
    id: &'static str,
    cause: String,
    remedy: String,
    /// Whether it passes.
    again: bool,
}

/// The cause by the catalogue, which knows these words from mail logs too.
fn known(app: &App, bad: &Bad, error: &str, description: &str) -> Option<Known> {
    // As sasl-xoauth2 writes an answer into the log.
    let answer = json!({ "error": error, "error_description": description });
    let by_number = |number: &u32| format!("response=AADSTS{number}");
    let numbers = number_in(description).into_iter().chain(bad.error_codes.iter().copied());
    let numbers: Vec<u32> = numbers.collect();
    let lines: Vec<String> =
        std::iter::once(format!("response={answer}")).chain(numbers.iter().map(by_number)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let facts = facts(app);
    let is_it = |entry: &&Entry| entry.subject == Some(Subject::Token) && entry.holds(&facts);
    let entry = fitting(&lines).find(is_it)?;
    let is_its_own = |number: &&u32| entry.captures(by_number(number).as_str().into()).is_some();
    let number = numbers.iter().find(is_its_own).map(|number| format!(" [AADSTS{number}]"));
    let cause = format!("{}{}", entry.cause, number.unwrap_or_default());
    Some(Known { id: &entry.id, cause, remedy: entry.remedy_by(&app.login), again: entry.again })
}

/// What is known of the login that an application gets tokens for.
fn facts(app: &App) -> BTreeSet<Fact> {
    let person = app.person().map(|_| Fact::PersonLogsIn);
    person.into_iter().chain([Fact::LoginByToken]).collect()
}

/// Entra's number in a description.
fn number_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest.get(..digits)?.parse().ok()
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
