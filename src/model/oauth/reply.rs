//! The answer of a token endpoint (RFC 6749 §5): a token, or a refusal with its cause.

use serde::Deserialize;
use serde_json::Value;

use super::answer::Answer;
use super::refusal::{Refusal, refusal, shown, strange};
use super::token::Token;
use super::{App, claims};
use crate::model::secret::Secret;

/// Longest answer that is read, in bytes. A token of Entra has 2 KB, the longest some 16.
pub const LIMIT: u64 = 256 * 1024;

/// Longest token that Postfix's table and line take, in bytes.
const LONGEST: usize = 64 * 1024;

/// Longest life that is believed, in seconds: two days. A number of any size can come, and a token of Exchange's lives for
/// some hours.
const LONGEST_LIFE: u64 = 172_800;

/// Life of a token whose answer does not say it, in seconds (RFC 6749 §5.1 lets it out). Microsoft's and Google's have this.
const USUAL_LIFE: u64 = 3600;

#[derive(Deserialize)]
struct Good {
    access_token: Secret,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_token: Option<Secret>,
}

/// What a token endpoint gives.
#[derive(Debug)]
pub struct Granted {
    /// The access token.
    pub token: Token,
    /// The token by which others are fetched, if there is one, or another one.
    pub refresh: Option<Secret>,
}

/// Reads an answer that came at `now`, in seconds since 1970.
pub fn read(app: &App, answer: &Answer, now: u64) -> Result<Granted, Refusal> {
    if answer.status != 200 {
        return Err(refusal(app, answer, now));
    }
    let Ok(good) = serde_json::from_slice::<Good>(&answer.body) else {
        return Err(strange(app, answer, "an answer without an access token"));
    };
    let token = good.access_token.expose();
    let is_token = !token.is_empty()
        && token.len() <= LONGEST
        && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if !is_token {
        return Err(strange(app, answer, "an access token that cannot be sent (RFC 6750 §2.1)"));
    }
    if !good.token_type.is_empty() && !good.token_type.eq_ignore_ascii_case("bearer") {
        return Err(strange(app, answer, "a token of another type than Bearer"));
    }
    // Some servers send the number as a text.
    let life = good.expires_in.as_u64().or_else(|| good.expires_in.as_str()?.parse().ok());
    let life = life.filter(|life| *life > 0).unwrap_or(USUAL_LIFE).min(LONGEST_LIFE);
    let is_usable = |refresh: &Secret| {
        let text = refresh.expose();
        !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    Ok(Granted {
        token: Token::new(app, &good.access_token, now, life),
        refresh: good.refresh_token.filter(is_usable),
    })
}

/// Why a token of Microsoft's cannot log in to Exchange, as far as it shows; `None`: nothing speaks against it.
pub fn unfit(app: &App, token: &Token) -> Option<String> {
    let [_, claims] = claims::parts(token.secret().expose())?;
    let audience = claims.get("aud")?.as_str()?;
    let wanted = app.scope.strip_suffix("/.default")?;
    (audience.trim_end_matches('/') != wanted)
        .then(|| format!("its audience is {}, and not {wanted}", shown(audience)))
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
