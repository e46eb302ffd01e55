//! The table `[recipients]`: who gets the mail of this host's own users.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::oauth::Refused;
use super::values::recipient;
use crate::error::Complaint;
use crate::model::desired::Rewrite;

/// The most addresses that root may stand for.
const MOST: usize = 20;

/// `[recipients]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipients {
    /// Whoever gets root's mail.
    pub root: Option<Spanned<Addresses>>,
}

/// One address, or several: each with its place, where it has one of its own.
#[derive(Debug, Default)]
pub struct Addresses(pub Vec<(Option<Range<usize>>, String)>);

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;
        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Addresses;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or several: \"ops@example.com\" or [\"ops@example.com\", \"it@example.com\"]")
            }
            fn visit_str<E>(self, one: &str) -> Result<Addresses, E> {
                Ok(Addresses(vec![(None, one.to_owned())]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Addresses, A::Error> {
                let mut found = Vec::new();
                while let Some(one) = all.next_element::<Spanned<String>>()? {
                    found.push((Some(one.span()), one.into_inner()));
                }
                Ok(Addresses(found))
            }
        }
        deserializer.deserialize_any(OneOrSeveral)
    }
}

impl Addresses {
    /// The addresses as typed.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|(_, text)| text.clone())
    }

    /// The addresses, each once and able to stand in aliases(5); else the complaint, and its place.
    pub(super) fn checked(&self, rewrites: &[Rewrite]) -> Result<Vec<String>, Refused> {
        let remedy =
            "write one complete address, such as root = \"ops@example.com\", or up to 20 in brackets";
        if self.0.is_empty() || self.0.len() > MOST {
            let problem = format!("`recipients.root` has {} addresses", self.0.len());
            return Err((None, Complaint::new(problem, remedy)));
        }
        let mut all: Vec<String> = Vec::new();
        for (place, typed) in &self.0 {
            let address = recipient(typed, rewrites).map_err(|complaint| (place.clone(), complaint))?;
            if all.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
                let twice = Complaint::new(format!("`{address}` is there twice"), "keep one of the two");
                return Err((place.clone(), twice));
            }
            all.push(address);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;
    use crate::model::desired::Desired;
    use crate::model::postfix::managed::Managed;
    use crate::model::postfix::settings::Settings;

    const HEAD: &str = "version = 1\n[relay]\nhost = \"r.example.com\"\n[sender]\nrewrite = { \"@h.lan\" = \"a@b.example\" }\n";

    fn desired(root: &str) -> Result<Desired, String> {
        let text = format!("{HEAD}[recipients]\nroot = {root}\n");
        let answers = Answers::parse("answers", text.as_bytes()).map_err(|error| error.to_string())?;
        complete(&answers, None).map_err(|error| error.to_string())
    }

    #[test]
    fn root_is_one_address_or_several() {
        let entries = |root: &str| desired(root).unwrap().entries(Managed::Aliases, &Settings::new());
        assert_eq!(entries("\"ops@example.com\""), [("root".into(), "ops@example.com".into())]);
        assert_eq!(
            entries("[\"ops@example.com\", \"it@example.com\"]"),
            [("root".into(), "ops@example.com, it@example.com".into())]
        );
        let none = Answers::parse("answers", HEAD.as_bytes()).unwrap();
        assert!(complete(&none, None).unwrap().entries(Managed::Aliases, &Settings::new()).is_empty());
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        for (root, place, words) in [
            ("\"ops\"", "line 7, column 8", "`ops` is not a mail address"),
            ("\"|/bin/x\"", "line 7, column 8", "is not a mail address"),
            ("\"a@b.c, d@e.f\"", "line 7, column 8", "is not a mail address"),
            ("\"a@b.c\\nx: y\"", "line 7, column 8", "is not a mail address"),
            ("[]", "line 7, column 8", "has 0 addresses"),
            ("[\"a@b.c\", \"x\"]", "line 7, column 18", "`x` is not a mail address"),
            ("[\"a@b.c\", \"A@b.c\"]", "line 7, column 18", "is there twice"),
            ("\"x@h.lan\"", "line 7, column 8", "would rewrite this recipient too"),
            ("7", "line 7, column 8", "wants another kind of value"),
        ] {
            let said = desired(root).unwrap_err();
            assert!(said.contains(place) && said.contains(words), "{root}: {said}");
        }
    }
}
