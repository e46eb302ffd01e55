//! What a generation records of a table's entry that a run wrote: a digest, by which a later edit is seen. An access token is
//! renewed without a run, so of an entry with one only the user's name counts.

use super::generation::{LastRun, sha256};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;

/// Beginning of the mark of an entry whose password is renewed.
const RENEWED: &str = "user:";

/// The mark of an entry `user:password`.
pub fn mark(value: &str, renewed: bool) -> String {
    if renewed { format!("{RENEWED}{}", sha256(user(value).as_bytes())) } else { sha256(value.as_bytes()) }
}

/// Whether an entry is the one that this mark was made of, or a renewed one.
pub fn fits(found: &str, value: &str) -> bool {
    found == mark(value, found.starts_with(RENEWED))
}

fn user(value: &str) -> &str {
    value.split_once(':').map_or(value, |(user, _)| user)
}

/// The bytes of a table without the tokens in it: what is left is compared with what the last run wrote.
pub fn without_tokens(bytes: &[u8], file: Managed, last: &LastRun) -> Vec<u8> {
    let mut source = MapSource::new(bytes.to_vec());
    for (key, found) in last.entries(file).filter(|(_, found)| found.starts_with(RENEWED)) {
        if let Some(value) = source.get(key).filter(|value| fits(found, value)) {
            source.set(key, user(&value));
        }
    }
    source.bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_token_is_no_edit_and_anything_else_is() {
        let last = |value: &str, renewed| {
            let wrote = [("sasl_passwd [r]:587".to_owned(), mark(value, renewed))].into();
            LastRun { wrote, ..LastRun::default() }
        };
        let same = |last: &LastRun, one: &str, other: &str| {
            let [one, other] =
                [one, other].map(|text| without_tokens(text.as_bytes(), Managed::SaslPasswd, last));
            one == other
        };
        let token = last("me@x:aaa", true);
        assert!(same(&token, "# c\n[r]:587 me@x:aaa\n", "# c\n[r]:587 me@x:bbb\n"));
        assert!(!same(&token, "[r]:587 me@x:aaa\n", "[r]:587 you@x:aaa\n"));
        assert!(!same(&token, "[r]:587 me@x:aaa\n", "[r]:587 me@x:aaa\n[s] u:p\n"));
        assert!(!same(&last("me@x:aaa", false), "[r]:587 me@x:aaa\n", "[r]:587 me@x:bbb\n"));
    }

    #[test]
    fn a_mark_fits_what_it_was_made_of() {
        assert!(fits(&mark("u:p", false), "u:p") && !fits(&mark("u:p", false), "u:q"));
        assert!(fits(&mark("u:p", true), "u:q") && !fits(&mark("u:p", true), "v:p"));
    }
}
