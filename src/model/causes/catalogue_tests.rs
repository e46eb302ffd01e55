use super::needed::needed;
use super::*;
use crate::model::providers::providers;

/// A file of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    cause: Vec<Entry>,
}

fn is(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text.as_bytes())
}

/// A pattern is tried only where its words are, so each line that it matches must have them.
#[test]
fn a_line_that_a_pattern_matches_has_the_words_that_it_needs() {
    let lines = include_str!("../../../tests/corpus/lines.tsv");
    let (mut with, mut without) = (0, Vec::new());
    for entry in catalogue() {
        let patterns = entry.patterns().into_iter().flat_map(|(_, patterns)| patterns);
        for pattern in patterns.chain(entry.at.values().flatten()).chain(&entry.also).chain(&entry.unless) {
            let parts = needed(pattern.as_str());
            if parts.is_empty() {
                without.push(pattern.as_str());
                continue;
            }
            with += 1;
            for line in lines.lines().filter(|line| pattern.is_match(line.as_bytes())) {
                let has_all = parts.iter().all(|words| words.iter().any(|word| line.contains(word)));
                assert!(has_all, "{pattern:?} {parts:?} {line}");
            }
        }
    }
    assert!(without.len() * 20 < with, "many patterns are tried at each line: {without:?}");
}

/// The first fault of an entry.
fn complaint(entry: &Entry) -> Option<&'static str> {
    let patterns = || entry.patterns().into_iter().flat_map(|(_, patterns)| patterns);
    let at = || entry.at.values().flatten();
    let all = || patterns().chain(at()).chain(&entry.also).chain(&entry.unless);
    let texts = || [&entry.cause, &entry.remedy].into_iter().chain(entry.provider.values());
    let speakers = entry.patterns().iter().filter(|(_, patterns)| !patterns.is_empty()).count();
    let has_group = patterns().all(|one| one.captures_len() > 1);
    let must_fill = entry.remedy.contains("{1}") || entry.cause.trim_end_matches("{1}").contains("{1}");
    let word = regex::Regex::new(r"\{[a-z0-9_]+\}").unwrap();
    let known = [
        "{relayhost}",
        "{host}",
        "{address}",
        "{port}",
        "{user}",
        "{package}",
        "{to}",
        "{sender}",
        "{login}",
        "{1}",
    ];
    let is_known = |text: &String| word.find_iter(text).all(|found| known.contains(&found.as_str()));
    let sound = [
        (is("^[a-z0-9]+(-[a-z0-9]+)*$", &entry.id), "the name is not in kebab case"),
        (speakers > 0, "no pattern says whose words it reads"),
        (
            speakers == 1 || entry.also.is_empty() && entry.unless.is_empty() && entry.at.is_empty(),
            "whose words do `also`, `unless` and `at` read?",
        ),
        (!entry.source.is_empty() && entry.also.len() < 32, "source or also"),
        (!is(r"^$|\.$", &entry.cause), "cause ends with a full stop, or is empty"),
        (!is(r"^$|\.$", &entry.remedy), "remedy ends with a full stop, or is empty"),
        (!must_fill || has_group, "a {1} may be empty"),
        (
            texts().any(|text| text.contains("{1}")) == entry.form.is_some(),
            "{1} without a form, or a form without {1}",
        ),
        (
            !entry.remedy.contains("{1}") || entry.form.is_some_and(Form::is_for_commands),
            "the form is none for a remedy",
        ),
        (entry.provider.values().all(|text| !text.contains("{1}")), "a {1} in a note for a preset"),
        (entry.at.keys().all(|port| port.parse::<u16>().is_ok()), "no port"),
        (
            !entry.of_recipient || has_group && entry.form == Some(Form::Host),
            "of_recipient without a host to compare",
        ),
        (
            entry.others().count() == entry.or.len()
                && entry.others().all(|other| !other.cause.contains("{1}")),
            "another cause that is not known, or has a {1}",
        ),
        (texts().all(|text| text.matches('`').count() % 2 == 0), "a backquote stands alone"),
        (texts().all(is_known), "what is filled in is not known"),
        (all().all(|pattern| !pattern.is_match(b"")), "a pattern matches everything"),
        (
            if entry.subject == Some(Subject::Token) {
                word.find_iter(&entry.remedy).all(|found| found.as_str() == "{login}")
                    && !entry.cause.contains('{')
            } else {
                !texts().any(|text| text.contains("{login}"))
            },
            "`relayhost token` fills in how a person logs in, and nothing else does",
        ),
        (
            texts().all(|text| !text.contains("relayhost login")),
            "the answers may be another file's: `{login}` names it",
        ),
        (
            entry.stage != Stage::Login
                || entry.subject == Some(Subject::Password)
                || !is("password", &entry.remedy)
                || is("token", &entry.remedy)
                || entry.facts.contains(&Fact::AnswersHaveNoLogin),
            "a remedy for passwords alone, and no `subject`",
        ),
        // The daemon's words end at the first of these marks.
        (
            entry.stranger.iter().all(|one| {
                !is("said:|talk to me|name=|SASL auth", one.as_str()) || one.as_str().starts_with('^')
            }),
            "a stranger may write what this pattern takes for the daemon's",
        ),
        (
            entry.postfix.as_ref().is_none_or(|text| is(r"^\d+\.\d+(-(\d+\.\d+)?)?$", text)),
            "versions of Postfix",
        ),
        (entry.provider.keys().all(|name| providers().contains_key(name)), "no such preset"),
        (
            match entry.fix {
                None => true,
                Some(Fix::Apply) => entry.remedy.contains("relayhost apply"),
                Some(Fix::Repair) => entry.remedy.contains("relayhost repair"),
            },
            "the remedy does not name the command that mends it",
        ),
    ];
    sound.into_iter().find(|(sound, _)| !sound).map(|(_, problem)| problem)
}

#[test]
fn every_entry_is_sound() {
    for entry in catalogue() {
        assert_eq!(complaint(entry), None, "{}", entry.id);
    }
}

#[test]
fn an_entry_that_is_not_sound_is_found() {
    let entry = |from: &str, to: &str| {
        let good = "[[cause]]\nid = \"a-b\"\nverdict = \"unreached\"\nstage = \"host\"\ndaemon = ['x (y)']\n\
                    form = \"plugin\"\nsource = \"s\"\ncause = \"c {1}\"\nremedy = \"`r {1}`\"\n";
        assert!(good.contains(from));
        toml::from_str::<Catalogue>(&good.replace(from, to))
    };
    let complaint = |from, to| complaint(&entry(from, to).unwrap().cause[0]);
    assert_eq!(complaint("x", "z"), None);
    for (from, to, problem) in [
        ("form = \"plugin\"\n", "", "{1} without a form, or a form without {1}"),
        ("plugin", "text", "the form is none for a remedy"),
        ("daemon = ['x (y)']\n", "", "no pattern says whose words it reads"),
        ("(y)", "y", "a {1} may be empty"),
        ("`r {1}`", "`r {1}", "a backquote stands alone"),
        ("`r {1}`", "`r {2} {1}`", "what is filled in is not known"),
        (
            "daemon = ['x (y)']",
            "stranger = [' said: (y)']",
            "a stranger may write what this pattern takes for the daemon's",
        ),
    ] {
        assert_eq!(complaint(from, to), Some(problem), "{to}");
    }
    for (from, to) in [("plugin", "anything"), ("daemon", "patterns"), ("source = \"s\"\n", "")] {
        assert!(entry(from, to).is_err(), "{to}");
    }
}

#[test]
fn ids_are_unique_and_an_overlap_is_with_an_entry_further_down() {
    let ids: Vec<&str> = catalogue().iter().map(|entry| entry.id.as_str()).collect();
    for (at, entry) in catalogue().iter().enumerate() {
        assert!(!ids[..at].contains(&entry.id.as_str()), "{} is there twice", entry.id);
        for over in &entry.over {
            assert!(ids[at + 1..].contains(&over.as_str()), "{}: {over} is not further down", entry.id);
        }
    }
}
