//! A sheet of answers, given all at once by a program that has asked a person itself: what `init --from` takes, and of what
//! `init --describe` says what is still open. The questions and the judgement are those of the interview.

use std::collections::BTreeMap;

use serde_json::Value;

use super::prompts::ALL;
use super::{Interview, Prompt, Question};
use crate::error::Complaint;
use crate::model::answers::access::PASSWORD;
use crate::model::answers::choices::meaning;
use crate::model::oauth::steps::texts;
use crate::model::providers::choose::numbered;
use crate::model::secret::Secret;
use crate::model::text::{clipped, one_line};
use crate::model::way_out::Tls;

/// Longest answer, in bytes: none of the values is longer, a certificate is in a file.
const LONGEST: usize = 64 * 1024;
/// Bytes of a wrong name or value that a complaint shows.
const SHOWN: usize = 60;

/// Answers by the words of their questions. Any may be a password.
#[derive(Debug, Default, Clone)]
pub struct Sheet(BTreeMap<Question, Secret>);

/// A question that is answered, by the sheet or by its default.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The question as it was put.
    pub prompt: Prompt,
    /// Whether the sheet has the answer.
    pub given: bool,
    /// The answer; `None` for a password.
    pub answer: Option<String>,
    /// What was made of the answer, where it was not taken as it was given.
    pub said: Option<String>,
}

/// An interview that a sheet has gone through.
#[derive(Debug, Clone, Default)]
pub struct Filled {
    /// The questions that are answered, in the order in which they were asked.
    pub asked: Vec<Asked>,
    /// The question that waits for an answer; `None`: all is known, or an answer was refused.
    pub open: Option<Prompt>,
    /// The answer that was refused, and why. What comes after it was not asked.
    pub refused: Option<(Question, Complaint)>,
    /// The questions that are only asked if a sheet answers them, with what holds without: the port and the level of TLS of a
    /// known provider.
    pub more: Vec<Prompt>,
}

impl Filled {
    /// Whether everything is known that the answers file needs.
    pub fn is_complete(&self) -> bool {
        self.open.is_none() && self.refused.is_none()
    }
}

impl Sheet {
    /// Reads an object in JSON: the word of each question, and its answer as a person would type it, a number, or true and false
    /// for yes and no. A complaint names the word.
    pub fn parse(bytes: &[u8]) -> Result<Self, Complaint> {
        let form = "give an object such as {\"relay\": \"gmail\", \"user\": \"alerts@example.com\"}; `relayhost init --describe` has the words";
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| Complaint::new(format!("this is no JSON: {error}"), form))?;
        let Value::Object(object) = value else {
            return Err(Complaint::new("this is JSON, but no object", form));
        };
        let mut sheet = Self::default();
        for (word, value) in object {
            let shown = one_line(clipped(&word, SHOWN));
            let Some(question) = Question::of_word(&word) else {
                let words = Question::ALL.map(Question::word).join(", ");
                return Err(Complaint::new(
                    format!("`{shown}` is no question"),
                    format!("these are: {words}"),
                ));
            };
            let answer = match value {
                Value::String(text) => text,
                // A number may be another one when it is written again.
                _ if question.is_secret() && !value.is_null() => {
                    let problem = format!("`{shown}` is not a text");
                    return Err(Complaint::new(problem, "put it in quotation marks"));
                }
                Value::Number(number) => number.to_string(),
                Value::Bool(is) => if is { "yes" } else { "no" }.to_owned(),
                // The default, as an empty line at a terminal.
                Value::Null => continue,
                Value::Array(_) | Value::Object(_) => {
                    let problem = format!("`{shown}` is a list or an object");
                    return Err(Complaint::new(problem, "give its answer as a text"));
                }
            };
            if answer.len() > LONGEST {
                let problem = format!("`{shown}` is longer than {LONGEST} bytes");
                return Err(Complaint::new(problem, "give one value, not a file"));
            }
            sheet.0.insert(question, Secret::new(answer));
        }
        Ok(sheet)
    }

    /// Whether a password is in it.
    pub fn has_secret(&self) -> bool {
        self.0.keys().any(|question| question.is_secret())
    }
}

impl Interview {
    /// Goes through all questions with the answers of a sheet, and the defaults of those that it leaves out, up to the first
    /// that has neither, or whose answer is refused.
    pub fn fill(&mut self, sheet: Sheet) -> Filled {
        let (mut left, mut filled) = (sheet.0, Filled::default());
        loop {
            let Some(prompt) = self.next() else {
                let corrected = self.words().into_iter().find(|(_, question)| left.contains_key(question));
                let Some((_, question)) = corrected else { break };
                self.reopen(question);
                continue;
            };
            let question = prompt.question;
            let typed = left.remove(&question);
            if typed.is_none() && prompt.default.is_none() {
                filled.open = Some(prompt);
                return filled;
            }
            let text = typed.as_ref().map_or("", Secret::expose);
            if let Err(complaint) = self.answer(question, text) {
                filled.refused = Some((question, complaint));
                return filled;
            }
            let answer =
                if text.trim().is_empty() { prompt.default.clone() } else { Some(text.trim().to_owned()) };
            filled.asked.retain(|asked| asked.prompt.question != question);
            filled.asked.push(Asked {
                given: typed.is_some(),
                answer: answer.filter(|_| !question.is_secret()),
                said: self.said().map(str::to_owned),
                prompt,
            });
        }
        if let Some(question) = left.into_keys().next() {
            let problem = format!("with these answers there is no question `{}`", question.word());
            filled.refused = Some((question, Complaint::new(problem, "leave it out")));
        }
        let is_asked = |question| filled.asked.iter().any(|asked| asked.prompt.question == question);
        let optional = [Question::Port, Question::Tls].into_iter().filter(|question| !is_asked(*question));
        filled.more = optional.map(|question| self.prompt(question)).collect();
        filled
    }
}

impl Interview {
    /// The words that answer a question, with what each stands for; none for a question that any text may answer. A relay may be
    /// named by its host, too, and a sender by its address.
    pub fn options(&self, question: Question) -> Vec<(String, String)> {
        let of = |word: &str, title: &str| (word.to_owned(), title.to_owned());
        match question {
            Question::Relay => {
                let usable = numbered().into_iter().filter(|(_, provider)| provider.unusable.is_none());
                usable.map(|(name, provider)| of(name, &provider.title)).collect()
            }
            Question::Part => {
                let parts = self.provider().map(|provider| provider.parts.as_slice()).unwrap_or_default();
                parts.iter().map(|part| of(&part.name, &part.title)).collect()
            }
            Question::Login => vec![
                of("yes", "by user name and password"),
                of("no", "the relay knows this host by its address"),
            ],
            Question::Tls => {
                let levels = [Tls::None, Tls::May, Tls::Encrypt, Tls::Secure];
                levels.map(|level| of(level.word(), meaning(level))).into()
            }
            Question::Way => {
                let ways = self.choices.identity().map(texts).unwrap_or_default().into_iter();
                ways.chain([(PASSWORD, "by a password")]).map(|(word, text)| of(word, text)).collect()
            }
            Question::Local => vec![
                of(ALL, "everybody who sends on this host"),
                of("none", "nobody: senders stay as they are"),
            ],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::choices::Choices;

    fn filled(sheet: &str) -> (Interview, Filled) {
        let mut interview = Interview::new(Choices::default(), "h.localdomain");
        let filled = interview.fill(Sheet::parse(sheet.as_bytes()).unwrap());
        (interview, filled)
    }

    fn words(filled: &Filled) -> Vec<&str> {
        filled.asked.iter().map(|asked| asked.prompt.question.word()).collect()
    }

    #[test]
    fn a_sheet_goes_through_the_questions_as_a_person_does() {
        let (_, nothing) = filled("{}");
        assert_eq!(nothing.open.map(|prompt| prompt.question), Some(Question::Relay));
        let (_, begun) = filled(r#"{"relay": "smtp.example.com"}"#);
        assert_eq!(words(&begun), ["relay", "login", "port"]);
        assert_eq!(begun.open.map(|prompt| prompt.question), Some(Question::Username));
        let whole = r#"{"relay": "smtp.example.com", "user": "a@example.com", "password": "correct horse", "port": 2525, "recipient": "ops@example.com"}"#;
        let (interview, whole) = filled(whole);
        assert!(whole.is_complete(), "{whole:?}");
        assert_eq!(
            words(&whole),
            ["relay", "login", "port", "user", "password", "sender", "public", "recipient"]
        );
        let given: Vec<bool> = whole.asked.iter().map(|asked| asked.given).collect();
        assert_eq!(given, [true, false, true, true, true, false, false, true]);
        assert_eq!(interview.choices().port, Some(2525));
        let shown = format!("{whole:?}");
        assert!(!shown.contains("horse"), "{shown}");
    }

    /// The port and the level of TLS of a known provider are no questions, and may be given all the same.
    #[test]
    fn what_is_not_asked_as_a_rule_may_be_given() {
        let sheet = r#"{"relay": "gmail", "way": "password", "user": "a@gmail.com", "password": "abcdabcdabcdabcd", "recipient": "a@gmail.com""#;
        let (interview, plain) = filled(&format!("{sheet}}}"));
        assert!(plain.is_complete(), "{plain:?}");
        assert_eq!(
            plain.more.iter().map(|prompt| prompt.question).collect::<Vec<_>>(),
            [Question::Port, Question::Tls]
        );
        assert_eq!(interview.choices().port, None);
        let (interview, given) = filled(&format!("{sheet}, \"port\": 465, \"tls\": \"secure\"}}"));
        assert!(given.is_complete(), "{given:?}");
        assert_eq!(interview.choices().port, Some(465));
        assert!(given.more.is_empty());
    }

    #[test]
    fn what_cannot_be_taken_is_named() {
        for (sheet, problem) in [
            ("[]", "no object"),
            ("{", "no JSON"),
            (r#"{"relais": "x"}"#, "`relais` is no question"),
            (r#"{"relay": ["x"]}"#, "`relay` is a list"),
            (r#"{"password": 12345678901234567890123}"#, "`password` is not a text"),
            (r#"{"password": true}"#, "`password` is not a text"),
        ] {
            let complaint = Sheet::parse(sheet.as_bytes()).unwrap_err();
            assert!(complaint.problem.contains(problem), "{complaint:?}");
        }
        for (sheet, question) in [
            (r#"{"relay": "smtp.example.com", "login": "maybe"}"#, Question::Login),
            (r#"{"relay": "smtp.example.com", "port": 0}"#, Question::Port),
            (
                r#"{"relay": "smtp.example.com", "login": false, "sender": "none", "recipient": "ops"}"#,
                Question::To,
            ),
            (
                r#"{"relay": "smtp.example.com", "login": false, "sender": "none", "recipient": "o@example.com", "tenant": "x"}"#,
                Question::Tenant,
            ),
        ] {
            let (_, filled) = filled(sheet);
            assert_eq!(filled.refused.as_ref().map(|(question, _)| *question), Some(question), "{filled:?}");
            assert!(!filled.is_complete());
        }
    }
}
