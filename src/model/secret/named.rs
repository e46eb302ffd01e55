//! Passwords that nobody here knows, found by what stands before them: in logs and messages of other programs.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The places where a secret stands. Of each, `head` stays, and `secret` is hidden; of the loose one only if it looks like no
/// word. The program has no tables for upper and lower case of all alphabets, so only ASCII letters are read in both.
#[expect(clippy::unwrap_used, reason = "a test compiles it")]
static PLACES: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    let regex = |text: &str| Regex::new(text).unwrap();
    [
        // In the address of a server.
        regex(r"(?P<head>://[^\s/:]+:)(?P<secret>[^\s@/]+)@"),
        // The value of a name, in quotes or not: of an option, in JSON, in the environment.
        regex(&format!(
            r#"(?P<head>(?:{NAME}|[?&](?-u:sig|key|code))["'`]?\s*(?:=>|[:=])\s*)(?P<secret>"(?:[^"\\]|\\.)+"|'[^']+'|[^\s"'{{}}&]+)"#
        )),
        // Behind an option of curl, swaks and sendEmail.
        regex(
            r#"(?P<head>(?:^|\s)(?:--user|-u|--auth-password|-ap|-xp|--pass(?-u:word)?)[ =]["']?)(?P<secret>[^\s"']+)"#,
        ),
        // Behind a name or a kind of login, with no sign between.
        regex(&format!(
            r#"(?P<head>(?:^|[^-\w])(?:(?i-u:password|passwort|kennwort|secret)(?:\s+is)?|(?i-u:bearer|basic))\s+["'`]?)(?P<loose>[^\s"'`]+)|(?P<bare>\bstatic:)(?P<rest>\S+)"#
        )),
    ]
});

/// Names of secrets, at the end of longer ones too: `SMTP_PASS`, `AuthPass`, `client_secret`.
const NAME: &str =
    r"(?i-u:[\w.-]*(?:pass(?:word|wd|phrase)?|passwort|kennwort|pwd|secret|api[_-]?key|token))";

/// A text without the secrets in it.
pub fn hide(text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, place| {
        place.replace_all(&text, |found: &Captures<'_>| masked(found, &text)).into_owned()
    })
}

fn masked(found: &Captures<'_>, text: &str) -> String {
    let (all, end) = found.get(0).map_or(("", 0), |all| (all.as_str(), all.end()));
    if let Some(bare) = found.name("bare") {
        return format!("{}********{}", bare.as_str(), tail(&found["rest"]));
    }
    let head = found.name("head").map_or("", |head| head.as_str());
    if let Some(loose) = found.name("loose") {
        return if is_word(loose.as_str()) {
            all.to_owned()
        } else {
            format!("{head}********{}", tail(loose.as_str()))
        };
    }
    let secret = found.name("secret").map_or("", |secret| secret.as_str());
    // `wrong password: try again` is a sentence, and so is `token: expired for …`; `password: hunter` ends there.
    let rest = text.get(end..).unwrap_or_default();
    let goes_on = rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    if goes_on && head.ends_with(' ') && secret.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return all.to_owned();
    }
    let quote = secret.chars().next().filter(|first| matches!(first, '"' | '\''));
    let shown = match (quote, secret.split_once(':')) {
        (Some(quote), _) => format!("{quote}********{quote}"),
        // The user of `curl --user`.
        (None, Some((user, _))) if head.trim_start().starts_with(['-']) => format!("{user}:********"),
        _ => format!("********{}", tail(secret)),
    };
    let at = if all.ends_with('@') { "@" } else { "" };
    format!("{head}{shown}{at}")
}

/// Whether this is a word of a sentence: letters alone, or nothing that a password would be.
fn is_word(text: &str) -> bool {
    let inner = text.trim_matches(|c: char| !c.is_alphanumeric());
    inner.is_empty()
        || !text.starts_with(|c: char| c.is_alphanumeric())
        || inner.chars().all(char::is_alphabetic)
}

/// The sign of a sentence behind a secret.
fn tail(secret: &str) -> &str {
    let inner = secret.trim_end_matches([',', ';', '.', ')', ']']);
    secret.get(inner.len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn what_stands_behind_the_name_of_a_secret_is_hidden() {
        for (text, shown) in [
            ("smtp://u@e.com:hunter2@r:587 refused", "smtp://u@e.com:********@r:587 refused"),
            ("smtp://u:hunter2@r:587 refused", "smtp://u:********@r:587 refused"),
            ("refused, password=hunter2, x", "refused, password=********, x"),
            ("password: abc,def;ghi", "password: ********"),
            ("{\"auth\": {\"pass\": \"hunter2\"}} refused", "{\"auth\": {\"pass\": \"********\"}} refused"),
            ("\"password\": \"two words\", x", "\"password\": \"********\", x"),
            ("smtp_password=\"hello world 42\"", "smtp_password=\"********\""),
            ("SMTP_PASS: 'k8s-Secret-1'", "SMTP_PASS: '********'"),
            (":password=>\"x y\", :domain", ":password=>\"********\", :domain"),
            ("AuthPass=mYpAss99", "AuthPass=********"),
            ("PGPASSWORD=bar psql", "PGPASSWORD=******** psql"),
            ("Passwort: geheim", "Passwort: ********"),
            ("the password is hunter2.", "the password is ********."),
            ("password: hunter", "password: ********"),
            ("password: hunter2 of alerts", "password: ******** of alerts"),
            ("535 bad password hunter2", "535 bad password ********"),
            ("Authorization: Bearer abc.def-1", "Authorization: Bearer ********"),
            ("static:alerts:hunter2 is no table", "static:******** is no table"),
            ("client_secret=abc-1&x", "client_secret=********&x"),
            ("https://h/x?a=b&sig=Ab%2F1 failed", "https://h/x?a=b&sig=******** failed"),
            ("curl --user a:b2 smtp://h", "curl --user a:******** smtp://h"),
            ("sendEmail -xp hunter -s h", "sendEmail -xp ******** -s h"),
        ] {
            assert_eq!(hide(text), shown);
        }
    }

    #[test]
    fn a_sentence_stays_as_it_is() {
        for text in [
            "see https://e.com:8443/page",
            "wrong password: try again",
            "535 5.7.8 Username and Password not accepted.",
            "Basic authentication is off",
            "spf pass smtp.mailfrom=example.com",
            "1 message waits: wrong-password (1)",
            "password (3 tries left)",
            "Use an app password. 534-5.7.9 https://support.google.com/x",
            "correct username and password in the answers",
        ] {
            assert_eq!(hide(text), text);
        }
    }
}
