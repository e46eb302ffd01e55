//! Passwords that nobody here knows, found by the name that stands before them: in logs and messages of other programs.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What follows a secret's name, or stands where one does: in the address of a server, as the value of an option, in JSON. The
/// program has no tables for upper and lower case of all alphabets, so only ASCII letters are read in both.
#[expect(clippy::unwrap_used, reason = "a test compiles it")]
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?P<user>://[^\s/:]+:)[^\s@/]+@",
        r#"|(?P<head>\b(?i-u:(?:(?:access|refresh|id|client)_)?(?:pass(?:word|wd|phrase)?|pwd|secret|api_?key|token))["']?\s*[:=]\s*["']?"#,
        r#"|\b(?i-u:password|secret|bearer|basic)\s+|\b(?i-u:static:))"#,
        r#"(?P<secret>[^\s"',;}&@]+)"#,
    ))
    .unwrap()
});

/// A text without the secrets in it. A word of letters alone behind `password` is one of a sentence: always where no sign
/// stands between, and after `: ` where another word follows.
pub fn hide(text: &str) -> String {
    let masked = |found: &Captures<'_>| {
        if let Some(user) = found.name("user") {
            return format!("{}********@", user.as_str());
        }
        let (head, secret) = (&found["head"], &found["secret"]);
        let rest = found.get(0).and_then(|all| text.get(all.end()..)).unwrap_or_default();
        let goes_on = rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
        let is_word = head.ends_with(char::is_whitespace) && (goes_on || !head.contains([':', '=']));
        let has_letters_alone =
            secret.trim_end_matches(['.', ')']).bytes().all(|byte| byte.is_ascii_alphabetic());
        if is_word && has_letters_alone { found[0].to_owned() } else { format!("{head}********") }
    };
    SECRET.replace_all(text, masked).into_owned()
}

#[cfg(test)]
mod tests {
    use super::hide;

    #[test]
    fn what_stands_behind_the_name_of_a_secret_is_hidden_and_a_sentence_is_not() {
        for (text, shown) in [
            ("smtp://u@e.com:hunter2@r:587 refused", "smtp://u@e.com:********@r:587 refused"),
            ("smtp://u:hunter2@r:587 refused", "smtp://u:********@r:587 refused"),
            ("see https://e.com:8443/page", "see https://e.com:8443/page"),
            ("refused, password=hunter2, x", "refused, password=********, x"),
            ("{\"auth\": {\"pass\": \"hunter2\"}} refused", "{\"auth\": {\"pass\": \"********\"}} refused"),
            ("wrong password: try again", "wrong password: try again"),
            ("password: hunter", "password: ********"),
            ("password: hunter2 of alerts", "password: ******** of alerts"),
            ("535 bad password hunter2", "535 bad password ********"),
            (
                "535 5.7.8 Username and Password not accepted.",
                "535 5.7.8 Username and Password not accepted.",
            ),
            ("spf pass smtp.mailfrom=example.com", "spf pass smtp.mailfrom=example.com"),
            ("client_secret=abc-1&x", "client_secret=********&x"),
            ("Basic authentication is off", "Basic authentication is off"),
            ("Authorization: Bearer abc.def-1", "Authorization: Bearer ********"),
            ("static:alerts:hunter2 is no table", "static:******** is no table"),
        ] {
            assert_eq!(hide(text), shown);
        }
    }
}
