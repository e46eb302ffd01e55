//! Puts one question at the terminal, until the answer can be taken.

use super::show::screen::Screen;
use super::show::terminal::Mark;
use crate::engine::init::not_written;
use crate::error::{Complaint, RUN_AGAIN, Result};
use crate::model::answers::interview::yes_or_no;
use crate::model::text;
use crate::sys::tty::{self, Typed};

/// A question as it is put.
#[derive(Debug, Clone)]
pub struct Put<'a> {
    /// The question in words.
    pub text: &'a str,
    /// What an empty line stands for.
    pub default: Option<String>,
    /// What stands below the question, in brackets.
    pub hint: Option<&'a str>,
    /// What `?` shows.
    pub help: &'a str,
    /// Whether the terminal shows nothing of the answer.
    pub hidden: bool,
}

impl<'a> Put<'a> {
    /// A question that an empty line answers.
    pub fn with_default(text: &'a str, default: &str, help: &'a str) -> Self {
        Self { text, default: Some(default.to_owned()), hint: None, help, hidden: false }
    }
}

/// An answer that cannot be taken.
#[derive(Debug)]
pub struct Refused {
    /// What is wrong with it.
    pub complaint: Complaint,
    /// What an empty line stands for from now on; `None`: what it stood for.
    pub default: Option<String>,
}

impl From<Complaint> for Refused {
    fn from(complaint: Complaint) -> Self {
        Self { complaint, default: None }
    }
}

/// Puts a question until `take` accepts the answer, however often: giving up would lose the answers before, and leave to the
/// shell what is pasted next. `?` shows the help.
pub fn put<T>(
    screen: &Screen,
    asked: Put,
    mut take: impl FnMut(&str) -> std::result::Result<T, Refused>,
) -> Result<T> {
    let Put { text, mut default, hint, help, hidden } = asked;
    screen.section(&if hidden { format!("{text} (it is not shown)") } else { text.to_owned() });
    if let Some(hint) = hint {
        screen.line("", &format!("({hint})"));
    }
    loop {
        let mut offered = None;
        let complaint = match read_line(screen, default.as_deref(), hidden)? {
            Typed::Line(line) if line.trim() == "?" => {
                screen.line("  ", help);
                continue;
            }
            Typed::Line(line) => match take(&line) {
                Ok(taken) => return Ok(taken),
                Err(refused) => {
                    offered = refused.default.clone().filter(|_| refused.default != default);
                    default = refused.default.or(default);
                    refused.complaint
                }
            },
            Typed::NotText => {
                Complaint::new("that is not UTF-8 text", "type it in a terminal that is set to UTF-8")
            }
            Typed::End => {
                return Err(not_written(
                    "the input ended",
                    format!("{RUN_AGAIN}; or give the answers as flags: relayhost init --help"),
                ));
            }
            Typed::Stop(stop) => {
                screen.line("", "stopped");
                stop.obey();
                return Err(not_written("stopped by a signal", RUN_AGAIN));
            }
        };
        screen.marked(Mark::Bad, &complaint.problem, 2);
        // A person at the terminal can answer again, and need not run the command again.
        let enter =
            offered.map_or(String::new(), |offer| format!("; Enter takes {}", text::one_line(&offer)));
        screen.remedy(&format!("{}{enter}", complaint.remedy.asked_again()));
    }
}

/// Reads a line at the prompt, which shows the default.
fn read_line(screen: &Screen, default: Option<&str>, hidden: bool) -> Result<Typed> {
    let offered = default.map_or(String::new(), |default| format!("[{}] ", text::one_line(default)));
    screen.write(&format!("{offered}> "));
    let typed = tty::read_line(hidden).inspect_err(|_| screen.write("\n"))?;
    if hidden || !matches!(typed, Typed::Line(_)) {
        // The terminal has not shown the end of the line.
        screen.write("\n");
    }
    Ok(typed)
}

/// Puts a question that is answered with yes or no. `help` is what `?` shows.
pub fn whether(screen: &Screen, text: &str, help: &str, default: bool) -> Result<bool> {
    let (word, shown) = if default { ("yes", "Y/n") } else { ("no", "y/N") };
    put(screen, Put::with_default(text, shown, help), |typed| {
        yes_or_no(if typed.trim().is_empty() { word } else { typed }).map_err(Refused::from)
    })
}
