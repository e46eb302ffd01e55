//! The provider that a person means: by a number of the list, by its name in any case, by its title or another name, or by a
//! part of these.

use super::{Part, Provider, providers};
use crate::model::text::by_number;

/// The providers that most people look for, the relay of one's own first: `init` lists these by number and title.
pub const USUAL: [&str; 11] = [
    "smarthost",
    "office365",
    "gmail",
    "ses",
    "sendgrid",
    "mailgun",
    "postmark",
    "brevo",
    "mailjet",
    "workspace-relay",
    "office365-connector",
];

/// Fewest letters and digits that are taken for a part of a name.
const PART: usize = 3;
/// Most providers that are named where several may be meant.
const NAMED: usize = 5;

/// All providers in the order of their numbers: the usual ones, and then the others by name.
pub fn numbered() -> Vec<(&'static str, &'static Provider)> {
    let usual = USUAL.iter().filter_map(|name| providers().get_key_value(*name));
    let others = providers().iter().filter(|(name, _)| !USUAL.contains(&name.as_str()));
    usual.chain(others).map(|(name, provider)| (name.as_str(), provider)).collect()
}

/// The provider, with its part, that alone has this host.
pub fn of_host(host: &str) -> Option<String> {
    let mut found = Vec::new();
    for (name, provider) in super::with_host(host) {
        let parts = provider.parts.iter().filter(|part| part.host.eq_ignore_ascii_case(host));
        let named =
            parts.filter(|part| provider.standard.as_ref() != Some(&part.name)).map(|part| &part.name);
        let named = named.map(|part| format!("{name}/{part}")).next().unwrap_or_else(|| name.to_owned());
        let is_it = super::find(&named).is_ok_and(|preset| preset.host.is_some_and(|its| its == host));
        found.extend(is_it.then_some(named));
    }
    if found.len() == 1 { found.pop() } else { None }
}

/// What a person means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// This provider.
    One(&'static str),
    /// This provider, as a rule: the name has a slip of the keyboard.
    Likely(&'static str),
    /// One of these.
    Several(Vec<&'static str>),
    /// None that is known.
    Nobody,
}

/// The provider that is meant by what was typed, without its part.
pub fn meant(typed: &str) -> Meant {
    let all = numbered();
    if let Some((name, _)) = by_number(&all, typed) {
        return Meant::One(name);
    }
    let wanted = folded(typed);
    if wanted.is_empty() {
        return Meant::Nobody;
    }
    // A name counts more than another provider's title.
    let exact = |is_it: &dyn Fn(&str, &Provider) -> bool| all.iter().find(|(name, known)| is_it(name, known));
    let by_name = exact(&|name, _| folded(name) == wanted);
    let by_other = || exact(&|_, known| others(known).any(|other| other == wanted));
    if let Some((name, _)) = by_name.or_else(by_other) {
        return Meant::One(name);
    }
    let has_part =
        |name: &str, known: &Provider| words(name, known).into_iter().any(|word| word.contains(&wanted));
    let parts: Vec<&str> =
        all.iter().filter(|(name, known)| has_part(name, known)).map(|(name, _)| *name).collect();
    if wanted.len() >= PART && !parts.is_empty() {
        return among(parts);
    }
    slip(&all, &wanted)
}

/// The provider's part that is meant: by its name in any case, by its title (`Frankfurt`), or by a word of these that no other
/// part has.
pub fn part<'a>(provider: &'a Provider, typed: &str) -> Option<&'a Part> {
    let wanted = folded(typed);
    let words = |part: &Part| [folded(&part.name), folded(&part.title)];
    let exact = provider.parts.iter().find(|part| words(part).contains(&wanted));
    exact.or_else(|| {
        let mut near =
            provider.parts.iter().filter(|part| words(part).iter().any(|word| word.contains(&wanted)));
        near.next().filter(|_| near.next().is_none() && wanted.len() >= PART)
    })
}

/// The provider of which all of these are kinds, such as office365 of office365-direct.
fn among(mut names: Vec<&'static str>) -> Meant {
    if let Some(name) = names.iter().find(|name| names.iter().all(|other| other.starts_with(*name))) {
        return Meant::One(name);
    }
    names.truncate(NAMED);
    Meant::Several(names)
}

/// The provider whose name differs by a slip of the keyboard: one letter, or two of a long name. `mailhub` is not mailgun.
fn slip(all: &[(&'static str, &'static Provider)], wanted: &str) -> Meant {
    let most = match wanted.chars().count() {
        0..=3 => return Meant::Nobody,
        4..=8 => 1,
        _ => 2,
    };
    let distance = |name: &str, known: &Provider| {
        let words = std::iter::once(folded(name)).chain(others(known));
        words.map(|word| strsim::damerau_levenshtein(&word, wanted)).min().unwrap_or(usize::MAX)
    };
    let near: Vec<_> = all.iter().map(|(name, known)| (distance(name, known), *name)).collect();
    let least = near.iter().map(|(distance, _)| *distance).min().unwrap_or(usize::MAX);
    let nearest: Vec<_> =
        near.into_iter().filter(|(found, _)| *found == least).map(|(_, name)| name).collect();
    match nearest.as_slice() {
        _ if least > most => Meant::Nobody,
        [name] => Meant::Likely(name),
        _ => Meant::Several(nearest),
    }
}

/// A provider's name, its other names and its title, folded.
fn words(name: &str, known: &Provider) -> Vec<String> {
    std::iter::once(folded(name)).chain(others(known)).collect()
}

/// Its other names and its title.
fn others(known: &Provider) -> impl Iterator<Item = String> {
    known.also.iter().chain([&known.title]).map(|name| folded(name))
}

/// The letters and digits of a name, in lower case: `Microsoft 365` and `microsoft365` are the same.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_meant_by_number_case_title_other_name_and_part() {
        for (typed, name) in [
            ("1", "smarthost"),
            ("2", "office365"),
            (" 3 ", "gmail"),
            ("OFFICE365", "office365"),
            ("Gmail", "gmail"),
            ("o365", "office365"),
            ("365", "office365"),
            ("office", "office365"),
            ("Microsoft 365", "office365"),
            ("microsoft", "office365"),
            ("connector", "office365-connector"),
            ("Amazon SES", "ses"),
            ("aws", "ses"),
            ("Google Workspace", "workspace-relay"),
            ("sendin", "brevo"),
            ("Zoho", "zoho"),
            ("exchange", "exchange"),
            ("Exchange Server in your own network", "exchange"),
        ] {
            assert_eq!(meant(typed), Meant::One(name), "{typed}");
        }
    }

    #[test]
    fn a_part_is_meant_by_its_name_its_title_and_a_word_that_it_alone_has() {
        for (provider, typed, name) in [
            ("ses", "eu-central-1", Some("eu-central-1")),
            ("ses", "EU-Central-1", Some("eu-central-1")),
            ("ses", "Frankfurt", Some("eu-central-1")),
            ("ses", "frankfurt", Some("eu-central-1")),
            ("ses", "virginia", Some("us-east-1")),
            ("ses", "eu", None),
            ("ses", "west-1", None),
            ("ses", "", None),
            ("ses", "hunter2", None),
        ] {
            let found = part(&providers()[provider], typed).map(|part| part.name.as_str());
            assert_eq!(found, name, "{provider}/{typed}");
        }
    }

    #[test]
    fn a_host_belongs_to_the_provider_that_alone_has_it() {
        for (host, name) in [
            ("smtp.gmail.com", Some("gmail")),
            ("email-smtp.eu-west-1.amazonaws.com", Some("ses/eu-west-1")),
            ("smtp.sendgrid.net", Some("sendgrid")),
            ("smtp.example.com", None),
        ] {
            assert_eq!(of_host(host).as_deref(), name, "{host}");
        }
    }

    #[test]
    fn a_slip_is_likely_one_and_another_word_is_not() {
        for (typed, name) in [
            ("office356", "office365"),
            ("offic365", "office365"),
            ("gmial", "gmail"),
            ("sendgird", "sendgrid"),
        ] {
            assert_eq!(meant(typed), Meant::Likely(name), "{typed}");
        }
        for typed in ["mailhub", "localhost", "", "\u{1b}[D", "0", "99", "qqqqqq", "xy"] {
            assert_eq!(meant(typed), Meant::Nobody, "{typed}");
        }
        assert!(matches!(meant("mail"), Meant::Several(names) if names.len() == NAMED));
    }

    #[test]
    fn every_provider_has_a_number_and_is_meant_by_it_by_its_name_and_by_its_title() {
        let all = numbered();
        assert_eq!(all.len(), providers().len());
        assert_eq!(all.iter().filter(|(name, _)| USUAL.contains(name)).count(), USUAL.len());
        for (place, (name, provider)) in all.into_iter().enumerate() {
            for typed in [&(place + 1).to_string(), &name.to_uppercase(), &provider.title] {
                assert_eq!(meant(typed), Meant::One(name), "{typed}");
            }
        }
    }
}
