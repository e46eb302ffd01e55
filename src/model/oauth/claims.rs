//! The claims of an access token, for a person: what it is for, whose it is, until when. A token need not be a JWT (RFC
//! 7519), and only its receiver can check its signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::model::text;

/// Claims that are shown, and what they are for a person. Names of RFC 7519 §4.1, RFC 9068 §2.2, and Entra's.
const SHOWN: [(&str, &str); 9] = [
    ("aud", "audience"),
    ("appid", "app"),
    ("azp", "app"),
    ("client_id", "app"),
    ("roles", "roles"),
    ("scp", "scopes"),
    ("scope", "scopes"),
    ("tid", "tenant"),
    ("upn", "user"),
];

/// Header and claims of a JWT; `None` if the text is none.
pub fn parts(token: &str) -> Option<[Value; 2]> {
    let mut parts = token.split('.');
    let mut part = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok();
    let both = [part()?, part()?];
    both.iter().all(Value::is_object).then_some(both)
}

/// The account that a token is of, if it says so; Entra's `upn` (or that of its older tokens), OpenID Connect's names.
pub fn user(token: &str) -> Option<String> {
    let [_, claims] = parts(token)?;
    let named = ["upn", "unique_name", "preferred_username", "email"].into_iter();
    named.filter_map(|name| claims.get(name)?.as_str()).find(|name| name.contains('@')).map(text::one_line)
}

/// What the claims of a token say, as names and values; empty if the token is no JWT.
pub fn shown(token: &str) -> Vec<(&'static str, String)> {
    let Some([_, claims]) = parts(token) else { return Vec::new() };
    SHOWN.iter().filter_map(|(claim, name)| Some((*name, words(claims.get(claim)?)))).collect()
}

/// A claim in words: a list with spaces between.
fn words(value: &Value) -> String {
    let one = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let all = value
        .as_array()
        .map_or_else(|| one(value), |list| list.iter().map(one).collect::<Vec<_>>().join(" "));
    text::one_line(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("{}.{}.sig", URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn claims_are_shown_in_a_persons_words() {
        let token = token(
            r#"{"aud":"https://outlook.office365.com","appid":"a","roles":["SMTP.SendAsApp","Mail.Read"],"tid":"t\u001b[2J","exp":1}"#,
        );
        let shown = shown(&token);
        assert_eq!(shown[0], ("audience", "https://outlook.office365.com".to_owned()));
        assert_eq!(shown[2], ("roles", "SMTP.SendAsApp Mail.Read".to_owned()));
        assert!(!shown[3].1.contains('\u{1b}'), "{shown:?}");
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for odd in ["", ".", "ya29.a0Af", "a.b.c", &token("[]"), &token("{")] {
            assert!(shown(odd).is_empty(), "{odd}");
        }
    }
}
