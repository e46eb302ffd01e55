//! `[[alarm]]`: the ways by which `relayhost watch` says what is wrong, none of which is mail through the relay.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::oauth::Refused;
use super::values::{Checked, duration, plain_text, refuse};
use super::{Answers, SecretSource, source};
use crate::error::{Complaint, Result};
use crate::model::alarm::template::Template;
use crate::model::alarm::{Command, Kind, Nagios, Way, Webhook};
use crate::model::secret::Secret;
use crate::model::text;

/// Most ways that answers may have.
const MOST: usize = 16;
/// Longest time for one attempt, and the one where none is written.
const LONGEST: Duration = Duration::from_secs(60);
const USUAL: Duration = Duration::from_secs(10);
/// Longest address of a webhook, in bytes.
const LONGEST_URL: usize = 2000;
/// Headers that relayhost writes itself (RFC 9110, RFC 9112).
const OWN_HEADERS: [&str; 4] = ["host", "content-length", "transfer-encoding", "connection"];

/// One `[[alarm]]` as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alarm {
    /// The kind of way.
    pub kind: Option<Spanned<Kind>>,
    /// Address of a webhook in the file itself: whoever knows it can send alarms, so it is a secret.
    pub url: Option<Spanned<Secret>>,
    /// File whose first line is the address.
    pub url_file: Option<Spanned<String>>,
    /// Environment variable that holds the address.
    pub url_env: Option<Spanned<String>>,
    /// systemd credential that holds the address.
    pub url_credential: Option<Spanned<String>>,
    /// What is posted.
    pub template: Option<Spanned<String>>,
    /// Further headers; their values may be secrets.
    pub headers: Option<Spanned<BTreeMap<String, Spanned<Secret>>>>,
    /// Program and arguments.
    pub argv: Option<Spanned<Vec<Spanned<String>>>>,
    /// Longest time for one attempt.
    pub limit: Option<Spanned<String>>,
    /// The command file of Nagios.
    pub file: Option<Spanned<String>>,
    /// The host, as Nagios names it.
    pub host: Option<Spanned<String>>,
    /// The service, as Nagios names it.
    pub service: Option<Spanned<String>>,
}

impl Alarm {
    /// Each way in which the address is given, with its place.
    fn urls(&self) -> impl Iterator<Item = (Range<usize>, SecretSource)> {
        let inline = self.url.as_ref();
        let inline = inline.map(|value| (value.span(), SecretSource::Inline(value.get_ref().clone())));
        let file = source(self.url_file.as_ref(), SecretSource::File);
        let environment = source(self.url_env.as_ref(), SecretSource::Environment);
        let credential = source(self.url_credential.as_ref(), SecretSource::Credential);
        [inline, file, environment, credential].into_iter().flatten()
    }

    /// The way. `url` comes from the source that the table names; `proxy` is that of the answers.
    pub(super) fn way(
        &self,
        url: Option<Secret>,
        proxy: Option<String>,
    ) -> std::result::Result<Way, Refused> {
        let Some(kind) = &self.kind else {
            let remedy = "add kind = \"webhook\", kind = \"command\" or kind = \"nagios\"";
            return Err((None, Complaint::new("an [[alarm]] has no `kind`", remedy)));
        };
        let kind = *kind.get_ref();
        self.refuse_others(kind)?;
        match kind {
            Kind::Webhook => self.webhook(url, proxy).map(Way::Webhook),
            Kind::Command => self.command().map(Way::Command),
            Kind::Nagios => self.nagios().map(Way::Nagios),
        }
    }

    /// Refuses a key that belongs to another kind: it would do nothing.
    fn refuse_others(&self, kind: Kind) -> std::result::Result<(), Refused> {
        let given = [
            ("url", self.urls().next().map(|(span, _)| span), Kind::Webhook),
            ("template", self.template.as_ref().map(Spanned::span), Kind::Webhook),
            ("headers", self.headers.as_ref().map(Spanned::span), Kind::Webhook),
            ("argv", self.argv.as_ref().map(Spanned::span), Kind::Command),
            ("file", self.file.as_ref().map(Spanned::span), Kind::Nagios),
            ("host", self.host.as_ref().map(Spanned::span), Kind::Nagios),
            ("service", self.service.as_ref().map(Spanned::span), Kind::Nagios),
        ];
        for (name, span, owner) in given {
            if span.is_some() && owner != kind {
                let problem = format!(
                    "`{name}` belongs to kind = \"{}\", and this is \"{}\"",
                    owner.word(),
                    kind.word()
                );
                return Err((span, Complaint::new(problem, "remove it, or correct `kind`")));
            }
        }
        if let (Some(limit), Kind::Nagios) = (&self.limit, kind) {
            let problem = "`limit` belongs to kind = \"webhook\" and kind = \"command\"";
            return Err((Some(limit.span()), Complaint::new(problem, "remove it")));
        }
        Ok(())
    }

    fn webhook(&self, url: Option<Secret>, proxy: Option<String>) -> std::result::Result<Webhook, Refused> {
        let place = self.urls().next().map(|(span, _)| span);
        let Some(url) = url else {
            let remedy = "set url_file to a file of root's with mode 0600 whose one line is the address (or url, url_env, \
                          url_credential)";
            return Err((None, Complaint::new("an [[alarm]] of kind = \"webhook\" has no address", remedy)));
        };
        let url = address(url).map_err(|complaint| (place, complaint))?;
        let template = match &self.template {
            Some(typed) => at(typed, Template::parse(typed.get_ref()))?,
            None => Template::whole(),
        };
        let headers = self.headers.as_ref().map(|headers| headers.get_ref().iter().map(header).collect());
        Ok(Webhook {
            url,
            template,
            headers: headers.transpose()?.unwrap_or_default(),
            limit: self.limit()?,
            proxy,
        })
    }

    fn command(&self) -> std::result::Result<Command, Refused> {
        let remedy = "write program and arguments as a list: argv = [\"/usr/local/bin/page\", \"ops\"]";
        let Some(argv) = &self.argv else {
            return Err((None, Complaint::new("an [[alarm]] of kind = \"command\" has no `argv`", remedy)));
        };
        let Some(program) = argv.get_ref().first() else {
            return Err((Some(argv.span()), Complaint::new("`argv` is empty", remedy)));
        };
        let path = at(program, whole_path(program.get_ref(), "the program", "/usr/local/bin/page"))?;
        let sound = |word: &Spanned<String>| {
            let is_good = !word.get_ref().chars().any(char::is_control);
            let checked = if is_good {
                Ok(word.get_ref().clone())
            } else {
                refuse("an argument has a control character in it", "remove it")
            };
            at(word, checked)
        };
        let arguments = argv.get_ref().iter().skip(1).map(sound).collect::<std::result::Result<_, _>>()?;
        Ok(Command { program: path, arguments, limit: self.limit()? })
    }

    fn nagios(&self) -> std::result::Result<Nagios, Refused> {
        let needed = |value: &Option<Spanned<String>>, name: &str, example: &str| {
            let problem = format!("an [[alarm]] of kind = \"nagios\" has no `{name}`");
            let remedy = format!("add it, such as {name} = \"{example}\"");
            value.clone().ok_or_else(|| (None, Complaint::new(problem, remedy)))
        };
        let file = needed(&self.file, "file", "/var/spool/nagios/cmd/nagios.cmd")?;
        let host = needed(&self.host, "host", "web1")?;
        let service = needed(&self.service, "service", "outgoing mail")?;
        let example = "/var/spool/nagios/cmd/nagios.cmd";
        Ok(Nagios {
            file: at(&file, whole_path(file.get_ref(), "the command file", example))?,
            host: at(&host, name_of(host.get_ref(), "host"))?,
            service: at(&service, name_of(service.get_ref(), "service"))?,
        })
    }

    fn limit(&self) -> std::result::Result<Duration, Refused> {
        let Some(typed) = &self.limit else { return Ok(USUAL) };
        let limit = at(typed, duration(typed.get_ref()))?;
        if limit > LONGEST {
            let problem =
                format!("an alarm may take {} s at most: the next look waits for its end", LONGEST.as_secs());
            return Err((
                Some(typed.span()),
                Complaint::new(problem, "write a shorter time, such as \"10s\""),
            ));
        }
        Ok(limit)
    }
}

impl Answers {
    /// The source of each webhook's address, in the order of the alarms, with its place; an error if one has two.
    pub fn alarm_sources(&self) -> Result<Vec<(SecretSource, Option<Range<usize>>)>> {
        let each = self.tables.alarm.iter().map(|alarm| {
            let mut found = alarm.get_ref().urls();
            match (found.next(), found.next()) {
                (None, _) => Ok((SecretSource::Absent, None)),
                (Some((span, source)), None) => Ok((source, Some(span))),
                (_, Some((second, _))) => {
                    let remedy = "keep one of url, url_file, url_env and url_credential";
                    Err(self.error(Some(second), "the address of the webhook is given twice", remedy))
                }
            }
        });
        each.collect()
    }

    /// Whether a secret stands in the answers file itself.
    pub fn has_inline_secret(&self) -> Result<bool> {
        let has_headers = |alarm: &Spanned<Alarm>| alarm.get_ref().headers.is_some();
        Ok(self.sources()?.iter().any(SecretSource::is_inline) || self.tables.alarm.iter().any(has_headers))
    }

    /// The address of each webhook that stands in the answers; something in its place where it is elsewhere, for answers that
    /// are checked and not used.
    pub(super) fn alarm_stand_ins(&self) -> Result<Vec<Option<Secret>>> {
        let stand_in = |(source, _)| match source {
            SecretSource::Absent => None,
            SecretSource::Inline(secret) => Some(secret),
            SecretSource::File(_) | SecretSource::Environment(_) | SecretSource::Credential(_) => {
                Some(Secret::new("https://example.com/"))
            }
        };
        Ok(self.alarm_sources()?.into_iter().map(stand_in).collect())
    }

    /// Refuses more alarms than can be told within a look.
    pub(super) fn count_alarms(&self) -> Result<()> {
        let Some(beyond) = self.tables.alarm.get(MOST) else { return Ok(()) };
        let problem = format!("there are more than {MOST} alarms");
        Err(self.error(Some(beyond.span()), &problem, "remove some, or have one command tell several people"))
    }
}

/// The result of the check of one value, with its place.
fn at<T, U>(value: &Spanned<T>, checked: Checked<U>) -> std::result::Result<U, Refused> {
    checked.map_err(|complaint| (Some(value.span()), complaint))
}

/// An address that is posted to. What was typed is never quoted: it is a secret.
fn address(url: Secret) -> Checked<Secret> {
    let typed = url.expose();
    let rest = typed.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_good = !host.is_empty()
        && !host.contains('@')
        && typed.len() <= LONGEST_URL
        && typed.bytes().all(|byte| byte.is_ascii_graphic());
    if is_good {
        return Ok(url);
    }
    let problem = if typed.starts_with("http://") {
        "the address of the webhook is without TLS, so that others could read it on the way"
    } else if host.contains('@') {
        "the address of the webhook has a user name in it"
    } else {
        "the address of the webhook is none that can be posted to"
    };
    let remedy = "write the whole address on one line, https://HOST/…; a name and password belong into a header: \
                  headers = { Authorization = \"…\" }";
    refuse(problem, remedy)
}

fn header((name, value): (&String, &Spanned<Secret>)) -> std::result::Result<(String, Secret), Refused> {
    let is_token = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let text = value.get_ref().expose();
    let checked = if !is_token(name) {
        refuse(
            format!("`{}` is not the name of a header", text::one_line(name)),
            "write it as the receiver names it, such as X-Priority",
        )
    } else if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        refuse(format!("the header {name} is written by relayhost itself"), "remove it")
    } else if text.trim() != text || !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        refuse(
            format!("the value of the header {name} has characters that no header can have"),
            "write it in ASCII, on one line",
        )
    } else {
        Ok((name.clone(), value.get_ref().clone()))
    };
    at(value, checked)
}

fn whole_path(typed: &str, what: &str, example: &str) -> Checked<PathBuf> {
    let path = plain_text(typed, what)?;
    if path.starts_with('/') {
        return Ok(path.into());
    }
    let problem = format!("`{}` is not the whole path of {what}", text::one_line(path));
    refuse(problem, format!("write it from the root on, such as \"{example}\""))
}

/// A name in a line of Nagios' command file, whose fields end at semicolons.
fn name_of(typed: &str, what: &str) -> Checked<String> {
    let name = plain_text(typed, what)?;
    if name.contains([';', '|', '\\', '`', '"']) || name.len() > 200 {
        let problem = format!(
            "`{}` is not a name that Nagios gives a {what}",
            text::one_line(text::clipped(name, 200))
        );
        return refuse(problem, format!("write the name as in Nagios' definition of the {what}"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
#[path = "alarm_tests.rs"]
mod tests;
