//! What a generation records of a table's entry that a run wrote: a digest, by which a later edit is seen. An access token
//! is renewed without a run, so of an entry with one the user's name is recorded, and the record of the tokens tells which
//! passwords are tokens of relayhost's. Any other password is one that a person wrote.

use std::collections::BTreeSet;

use super::generation::{LastRun, sha256};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;

/// Beginning of the mark of an entry whose password is renewed.
const RENEWED: &str = "user:";

/// The mark of an entry `user:password`.
pub fn mark(value: &str, renewed: bool) -> String {
    if renewed { format!("{RENEWED}{}", sha256(user(value).as_bytes())) } else { sha256(value.as_bytes()) }
}

/// Whether a mark is that of an entry with a token.
pub fn is_of_token(mark: &str) -> bool {
    mark.starts_with(RENEWED)
}

/// Whether an entry is the one that this mark was made of, or a renewed one. `tokens`: digests of the tokens that relayhost
/// fetched. `None`: that record is lost, so nobody is said to have changed one.
pub fn fits(found: &str, value: &str, tokens: Option<&BTreeSet<String>>) -> bool {
    let is_renewed = is_of_token(found);
    found == mark(value, is_renewed)
        && (!is_renewed
            || is_without_password(value)
            || tokens.is_none_or(|tokens| tokens.contains(&digest_of_password(value))))
}

/// Whether an entry has no password: it waits for its first token.
pub fn is_without_password(value: &str) -> bool {
    value.split_once(':').is_some_and(|(_, password)| password.is_empty())
}

/// The digest of an entry's password, as the record of the tokens has it.
pub fn digest_of_password(value: &str) -> String {
    sha256(value.split_once(':').map_or("", |(_, password)| password).as_bytes())
}

fn user(value: &str) -> &str {
    value.split_once(':').map_or(value, |(user, _)| user)
}

/// The bytes of a table without the tokens in it: what is left is compared with what the last run wrote.
pub fn without_tokens(bytes: &[u8], file: Managed, last: &LastRun) -> Vec<u8> {
    let mut source = MapSource::new(bytes.to_vec());
    let there = source.entries();
    let of_tokens = last.entries(file).filter(|(_, found)| is_of_token(found));
    source.set_all(of_tokens.filter_map(|(key, found)| {
        let value =
            there.get(&key.to_lowercase()).filter(|value| fits(found, value, last.tokens.as_ref()))?;
        Some((key, user(value)))
    }));
    source.bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(tokens: &[&str]) -> BTreeSet<String> {
        tokens.iter().map(|token| sha256(token.as_bytes())).collect()
    }

    #[test]
    fn a_renewed_token_is_no_edit_and_anything_else_is() {
        let last = |value: &str, renewed| {
            let wrote = [("sasl_passwd [r]:587".to_owned(), mark(value, renewed))].into();
            LastRun { wrote, tokens: Some(known(&["aaa", "bbb"])), ..LastRun::default() }
        };
        let same = |last: &LastRun, one: &str, other: &str| {
            let [one, other] =
                [one, other].map(|text| without_tokens(text.as_bytes(), Managed::SaslPasswd, last));
            one == other
        };
        let token = last("me@x:aaa", true);
        assert!(same(&token, "# c\n[r]:587 me@x:aaa\n", "# c\n[r]:587 me@x:bbb\n"));
        assert!(!same(&token, "[r]:587 me@x:aaa\n", "[r]:587 me@x:by-hand\n"));
        assert!(!same(&token, "[r]:587 me@x:aaa\n", "[r]:587 you@x:aaa\n"));
        assert!(!same(&token, "[r]:587 me@x:aaa\n", "[r]:587 me@x:aaa\n[s] u:p\n"));
        assert!(!same(&last("me@x:aaa", false), "[r]:587 me@x:aaa\n", "[r]:587 me@x:bbb\n"));
    }

    #[test]
    fn a_mark_fits_what_it_was_made_of() {
        let tokens = known(&["p", "q"]);
        let tokens = Some(&tokens);
        assert!(fits(&mark("u:p", false), "u:p", tokens) && !fits(&mark("u:p", false), "u:q", tokens));
        assert!(fits(&mark("u:p", true), "u:q", tokens) && !fits(&mark("u:p", true), "v:p", tokens));
        assert!(!fits(&mark("u:p", true), "u:by-hand", tokens) && !fits(&mark("u:p", true), "u", tokens));
        assert!(fits(&mark("u:p", true), "u:", tokens), "it waits for its first token");
        assert!(fits(&mark("u:p", true), "u:by-hand", None), "nobody knows what was fetched");
        assert!(is_of_token(&mark("u:p", true)) && !is_of_token(&mark("u:p", false)));
    }
}
