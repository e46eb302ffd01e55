//! Passwords that nobody here knows, found by what stands before them: in logs and messages of other programs.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The places where a secret stands. Of each, `head` stays, and `secret` is hidden; what is `loose` only if it looks like no word.
/// The program has no tables for upper and lower case of all alphabets, so only ASCII letters are read in both.
#[expect(clippy::unwrap_used, reason = "a test compiles it")]
static PLACES: LazyLock<[Regex; 6]> = LazyLock::new(|| {
    [
        // In the address of a server.
        r"(?P<head>://[^\s/:]*:)(?P<secret>[^\s/]+)(?P<end>@)",
        // The value of a name, in quotes or not: of an option, in JSON, in the environment; or of an element.
        concat!(
            r#"(?P<head>(?:(?i-u:[\w.-]*(?:pass(?:word|wd|phrase)?|passwort|kennwort|pwd|\bpw|secret|(?:api|access)[_-]?key|token))"#,
            r#"|[?&](?-u:sig|key|code))["'`]?(?:\s*(?:=>|->|:=|[:=])\s*|>))(?P<secret>"(?:[^"\\]|\\.)+"|'[^']+'|[^\s"'{}&<]+)"#
        ),
        // Behind an option of curl, swaks and sendEmail.
        r#"(?P<head>(?:^|\s)(?:--user|-u|--auth-password|-ap|-xp|--pass(?-u:word)?)[ =]["']?)(?P<secret>[^\s"']+)"#,
        // In a line of sasl_passwd, and in a table of one entry.
        r"(?P<head>\]:\d+\s+[^\s:]+@[^\s:]+:)(?P<secret>\S+)|(?P<before>\bstatic:)(?:[^\s:]+:\S+)",
        // In a conversation with a server.
        r"(?P<head>(?i-u:authorization:\s*\w+|auth\s+(?:plain|login|xoauth2)|334 UGFzc3dvcmQ6)\s+)(?P<secret>[A-Za-z0-9+/=._~-]{4,})",
        // Behind a name or a kind of login, with no sign between.
        r#"(?P<head>(?:^|[^-\w])(?i-u:(?:password|passwd|passphrase|passwort|kennwort|secret)(?:\s+is)?|bearer|basic)\s+["'`]?)(?P<loose>[^\s"'`]+)"#,
    ]
    .map(|place| Regex::new(place).unwrap())
});

/// A text without the secrets in it.
pub fn hide(text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, place| {
        place.replace_all(&text, |found: &Captures<'_>| masked(found, &text)).into_owned()
    })
}

fn masked(found: &Captures<'_>, text: &str) -> String {
    let of = |name: &str| found.name(name).map_or("", |part| part.as_str());
    if let Some(before) = found.name("before") {
        return format!("{}********", before.as_str());
    }
    let (head, secret, loose, end) = (of("head"), of("secret"), of("loose"), of("end"));
    let (all, after) = found.get(0).map_or(("", 0), |all| (all.as_str(), all.end()));
    let rest = text.get(after..).unwrap_or_default();
    // `wrong password: try again` is a sentence; `password: hunter` ends there, and of `password: hunter is wrong` the word is the
    // subject.
    let goes_on = rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    let is_of_sentence = head.ends_with(' ')
        && goes_on
        && secret.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (!is_judged(rest) || is_thing(secret));
    if is_state(secret) || is_of_sentence && !secret.is_empty() || is_word(loose) && !loose.is_empty() {
        return all.to_owned();
    }
    let quote = secret.chars().next().filter(|first| matches!(first, '"' | '\''));
    match (quote, secret.split_once(':')) {
        (Some(quote), _) => format!("{head}{quote}********{quote}"),
        // The user of `curl --user`.
        (None, Some((user, _))) if head.trim_start().starts_with('-') => format!("{head}{user}:********"),
        _ => format!("{head}********{}{end}", tail(if secret.is_empty() { loose } else { secret })),
    }
}

/// Whether the first word of this says something of what stands before it.
fn is_judged(rest: &str) -> bool {
    const WORDS: [&str; 13] = [
        "did",
        "does",
        "failed",
        "has",
        "incorrect",
        "invalid",
        "is",
        "not",
        "refused",
        "rejected",
        "was",
        "worked",
        "wrong",
    ];
    let first = rest.trim_start().split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    WORDS.contains(&first.to_ascii_lowercase().as_str())
}

/// Whether this is a thing of which a sentence about logins says something.
fn is_thing(word: &str) -> bool {
    const THINGS: [&str; 20] = [
        "access",
        "account",
        "authentication",
        "client",
        "command",
        "connection",
        "credentials",
        "it",
        "login",
        "mechanism",
        "password",
        "request",
        "server",
        "service",
        "that",
        "there",
        "this",
        "token",
        "user",
        "which",
    ];
    THINGS.contains(&word.to_ascii_lowercase().as_str())
}

/// Whether this says of a secret how it is, or what became of it: a word for that, a code of a reply, the name of a file.
fn is_state(text: &str) -> bool {
    const STATES: [&str; 12] = [
        "disabled", "empty", "expired", "false", "invalid", "missing", "no", "none", "null", "required",
        "true", "yes",
    ];
    let inner = text.trim_end_matches([',', ';', '.', ')', ']']);
    let is_code = inner.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
        && inner.contains(['.', '-']);
    is_code || text.starts_with('/') || STATES.contains(&inner.to_ascii_lowercase().as_str())
}

/// Whether this is a word of a sentence: letters alone, a code, or what no password begins with.
fn is_word(text: &str) -> bool {
    let inner = text.trim_matches(|c: char| !c.is_alphanumeric());
    let has_letters_alone = inner.chars().all(|c| c.is_alphabetic() || matches!(c, '/' | '-' | '\''));
    !text.starts_with(char::is_alphanumeric) || has_letters_alone || is_state(text)
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
            ("password: hunter is wrong", "password: ******** is wrong"),
            ("535 Password: hunter rejected", "535 Password: ******** rejected"),
            ("password: hunter2 of alerts", "password: ******** of alerts"),
            ("535 bad password hunter2", "535 bad password ********"),
            ("Authorization: Bearer abc.def-1", "Authorization: Bearer ********"),
            ("static:alerts:hunter2 is no table", "static:******** is no table"),
            ("client_secret=abc-1&x", "client_secret=********&x"),
            ("https://h/x?a=b&sig=Ab%2F1 failed", "https://h/x?a=b&sig=******** failed"),
            ("curl --user a:b2 smtp://h", "curl --user a:******** smtp://h"),
            ("smtp://u:p@q@h:25 refused", "smtp://u:********@h:25 refused"),
            ("smtp://:hunter2@h", "smtp://:********@h"),
            ("'password' => geheim, x", "'password' => ********, x"),
            ("AWS_SECRET_ACCESS_KEY = Ab/1", "AWS_SECRET_ACCESS_KEY = ********"),
            ("X-Api-Key: Ab1, pw=Ab1", "X-Api-Key: ********, pw=********"),
            ("<password>hunter2</password>", "<password>********</password>"),
            ("Authorization: token abc1", "Authorization: token ********"),
            ("AUTH LOGIN aHVudGVy", "AUTH LOGIN ********"),
            ("[smtp.example.com]:587 a@b.test:hunter2", "[smtp.example.com]:587 a@b.test:********"),
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
            "wrong password: access was denied",
            "password: this is not allowed",
            "535 5.7.8 Username and Password not accepted.",
            "Basic authentication is off",
            "spf pass smtp.mailfrom=example.com",
            "1 message waits: wrong-password (1)",
            "bad password 5.7.8 rejected, Password: 535-5.7.8 error",
            "token=expired, secret=missing",
            "basic authentication/SMTP AUTH disabled",
            "password: /etc/relayhost/password: No such file",
            "static:alias",
            "relay=r[192.0.2.1]:587, delay=1",
            "password (3 tries left)",
            "Use an app password. 534-5.7.9 https://support.google.com/x",
            "correct username and password in the answers",
        ] {
            assert_eq!(hide(text), text);
        }
    }
}
