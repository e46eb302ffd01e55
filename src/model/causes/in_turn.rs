//! Sentences about a message that several relays were to take in turn, and none did: what each of them did, the first one first.

use crate::error::Advice;

/// What stands after a relay's name: why it does not take a message, if anything tells.
pub fn why(why: Option<&str>) -> String {
    why.map_or_else(|| ", and the log does not say why".to_owned(), |why| format!(": {why}"))
}

/// What each relay did, after a sentence of its own for the first: its name and why.
pub fn takes_none<'a>(
    first: (&str, Option<&str>),
    others: impl Iterator<Item = (&'a str, String)>,
) -> String {
    let mut text = format!("{} does not take it{}", first.0, why(first.1));
    for (place, other) in others {
        text += &format!(
            "; and {place} does not take it either{}",
            why(Some(&other).filter(|why| !why.is_empty()).map(String::as_str))
        );
    }
    text
}

/// What stands after `does not leave through` and the first relay's name.
pub fn nor_through(first: Option<&str>, (place, other): (&str, &str)) -> String {
    format!("{}; nor through {place}{}", why(first), why(Some(other).filter(|why| !why.is_empty())))
}

/// The remedy for the first, with that for another one, if it has another.
pub fn mending(first: Advice, place: &str, other: Option<&Advice>) -> Advice {
    match other {
        Some(other) if !other.is_empty() && *other != first => {
            first.and(format!("; and for {place}: {}", other.text()))
        }
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_relay_is_named_with_what_it_did() {
        let others = || [("[b]:25", "it is away".to_owned()), ("[c]:25", String::new())].into_iter();
        assert_eq!(
            takes_none(("[a]:25", None), others()),
            "[a]:25 does not take it, and the log does not say why; and [b]:25 does not take it either: it is away; and [c]:25 does \
             not take it either, and the log does not say why"
        );
        assert_eq!(nor_through(Some("no"), ("[b]:25", "away")), ": no; nor through [b]:25: away");
        let mend = |first: &str, other: &str| mending(first.into(), "[b]:25", Some(&other.into())).text();
        assert_eq!(mend("x", "y"), "x; and for [b]:25: y");
        assert_eq!((mend("x", "x"), mend("x", "")), ("x".into(), "x".into()));
    }
}
